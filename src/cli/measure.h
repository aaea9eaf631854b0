// What a finished failover is measured by, written into the journal as events of its run.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "journal/journal.h"
#include "plan/plan.h"
#include "runbook/decide.h"

namespace hf::cli {

struct ObjectiveMeasured {
  std::string name;  // "rto", "rpo"
  Micros actual{0};
  std::optional<Micros> target;
  bool met() const { return !target || actual <= *target; }
};

struct Measured {
  std::vector<ObjectiveMeasured> objectives;
  std::optional<std::uint64_t> canary_written, canary_found, canary_lost;
  bool met() const;
  void add_to(Json& data) const;  // rto_seconds, rpo_seconds, objectives[], canary{}
};

// RTO: from the first failure that a probe saw (or the start of the run) to the end of the last step. RPO: from the
// newest canary found on the new primary to the newest that was acknowledged to us; zero if they are the same.
// A run that was measured before is not measured again.
Result<Measured> measure_run(Context& context, const plan::Plan& plan, journal::Journal& journal,
                             const runbook::RunSpec& spec, const runbook::RunReport& report);

}  // namespace hf::cli
