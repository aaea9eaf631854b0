// What a run needs around the engine: the plan that it was started with, its history, its report as machine output.
#pragma once

#include <memory>
#include <string>

#include "cli/command.h"
#include "journal/journal.h"
#include "plan/plan.h"
#include "runbook/decide.h"
#include "runbook/history.h"
#include "runbook/run_spec.h"

namespace hf::cli {

// The canonical text of the plan is kept by its hash in the state folder, so that a run can be proven against it later.
Status keep_plan_text(Context& context, const std::string& hash, const std::string& canonical);
// Of the plan that this run was started with; empty if the run names none. kNotFound if the text is not there any more.
Result<std::string> plan_text_of_run(Context& context, journal::Journal& journal, const std::string& run);

// The history of runs in a journal, stamped with who and where.
runbook::History history_of(Context& context, journal::Journal& journal, const std::string& region);
// The specification that a run was started with. kNotFound.
Result<runbook::RunSpec> spec_of_run(runbook::History& history, const std::string& run);

// `data` of `failover apply`, `run resume` and `run show`.
Json report_json(const runbook::RunSpec& spec, const runbook::RunReport& report);
void print_report(Context& context, const runbook::RunSpec& spec, const runbook::RunReport& report);
// The command that comes next for a run that is not finished.
void print_next(Context& context, const std::string& run, const runbook::RunReport& report);
std::string_view state_word(const runbook::RunReport& report);  // "running", "waiting", "succeeded", "failed", ...

}  // namespace hf::cli
