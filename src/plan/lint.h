// Rules with the semantics of disaster recovery: will this plan survive its own disaster?
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plan/load.h"

namespace hf::plan {

// One rule of reading or linting: what it says, why it matters, how to mend it.
struct Rule {
  std::string_view id;    // "HF2104"
  std::string_view slug;  // "promotion-without-fence"
  FindingSeverity severity;
  std::string_view what;
  std::string_view why;
  std::string_view fix;
};

const std::vector<Rule>& rules();
const Rule* find_rule(std::string_view id_or_slug);

// All findings of the plan: those of loading, then those of the rules, sorted by place, waivers applied at `now`.
// Where something of the plan could not be read, no rules, since they would judge what is not there.
std::vector<Finding> lint(const Loaded& loaded, WallTime now);

// Could all of the plan be read? An unknown key takes nothing away from the rest.
bool is_whole(const std::vector<Finding>& findings);

// Loads, lints, and puts the result into Loaded::findings.
Loaded load_and_lint(const std::vector<Source>& sources, WallTime now);

}  // namespace hf::plan
