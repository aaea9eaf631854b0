// PostgreSQL as the commands find it: the server programs of this machine, and what was last seen on a component's
// primary: which standbys its commits wait for. A fence is judged by this, because a primary that is lost cannot be asked
// any more.
#pragma once

#include <optional>
#include <string>

#include "cli/command.h"
#include "runbook/spec_from_plan.h"

namespace hf::cli {

// The folder that holds MAJOR/bin: HOLDFAST_POSTGRES, else Debian's.
std::string postgres_root(const Context& context);

// Asks the primary, and keeps the answer in the state folder with the time.
Status observe_replication(Context& context, const std::string& component, const std::string& dsn);
// The last answer; empty if the primary was never seen.
Result<std::optional<runbook::ObservedReplication>> observed_replication(Context& context,
                                                                         const std::string& component);

}  // namespace hf::cli
