// Holdfast's own recovery: the plan and the journal go into every vault that can be reached, with each run, so that a
// vault and its key suffice to know what was intended and what happened.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/plan_file.h"
#include "journal/journal.h"

namespace hf::cli {

// Attachments "plan"/<hash>, "journal"/<origin> (the exact leaves, one a line) and "journal-key"/<origin>. Vaults that
// cannot be reached are skipped and named in what is returned.
std::vector<std::string> attach_state(Context& context, const PlanFile& file, journal::Journal& journal);

}  // namespace hf::cli
