// `failover plan`: exactly what would be done, against the world as it is now, and what is at risk. A person confirms
// its hash; `failover apply` looks at the world again and refuses (kBlocked, exit 4) if it is not the one that was
// shown.
#pragma once

#include <functional>

#include "runbook/action.h"
#include "runbook/risk.h"

namespace hf::runbook {

using DigestText = std::function<std::string(std::string_view)>;  // hex SHA-256

struct PlannedStepState {
  std::string name;
  ObservedState state = ObservedState::kUnknown;
  std::string detail;
  Json facts = Json::object();
};

struct FailoverPlan {
  RunSpec spec;
  WallTime created_at{};
  Risk risk;
  std::vector<PlannedStepState> steps;  // as observed
  std::string confirm;                  // "FAILOVER us-west-2"; empty: no word was asked for
  std::string hash;                     // over the canonical JSON of all else
};

// Observes every step; changes nothing. An observation that fails is unknown, with its error as detail.
FailoverPlan make_failover_plan(const RunSpec& spec, const ActionTable& actions, const Risk& risk,
                                std::string_view confirm_word, WallTime now, const DigestText& digest);
// With steps[{name,action,summary,plane,region,irreversible,state,...}], risk{text,...}, waivers[], spec, hash.
Json to_json(const FailoverPlan& plan);
// kCorrupt if the text is not what its hash was made of.
Result<FailoverPlan> failover_plan_from_json(const Json& json, const DigestText& digest);

// What differs between the world that was shown and the one that is: another plan file, other steps, a step in
// another state, a name pointing elsewhere, another cluster, an LSN that went back. kBlocked with all differences; ok
// if there are none.
Status check_drift(const FailoverPlan& shown, const FailoverPlan& now);
// The word and the target as they were asked for, or the plan's hash. kBlocked otherwise.
Status check_confirmation(const FailoverPlan& plan, std::string_view typed);

}  // namespace hf::runbook
