// What a failover could lose now: the standby, the receivers' spools and, where one of those is lost, the vaults are looked
// at; runbook/risk.h makes the statement of it.
#pragma once

#include <optional>

#include "cli/command.h"
#include "plan/plan.h"
#include "runbook/risk.h"
#include "runbook/spec_from_plan.h"

namespace hf::cli {

// Empty where the runbook promotes no PostgreSQL component. kBlocked: the standby that would be promoted cannot be asked.
Result<std::optional<runbook::Risk>> look_at_risk(Context& context, const plan::Plan& plan, const runbook::RunSpec& spec,
                                                  const runbook::SpecOptions& options);

}  // namespace hf::cli
