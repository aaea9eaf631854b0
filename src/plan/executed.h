// What this version executes of a runbook's steps. The plan may say more than that: lint tells it, and a run refuses it
// before it starts; both ask here.
#pragma once

#include <string>
#include <vector>

#include "plan/runbook.h"

namespace hf::plan {

// The words of check steps that are looked at (actions/check.h says how).
const std::vector<std::string>& executed_checks();

// What of the step is not executed, in words such as "the action scale"; empty: all of it is.
std::string not_executed(const Step& step);

}  // namespace hf::plan
