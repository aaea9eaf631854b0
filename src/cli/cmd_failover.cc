// failover plan, apply: what will be done is shown, confirmed by its hash or by typing, and then exactly that is done.
#include <unistd.h>

#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/failover.h"
#include "cli/journal_access.h"

namespace hf::cli {

namespace {

constexpr std::size_t kMaxSavedPlanBytes = 16 << 20;
constexpr unsigned kSavedMode = 0600;

std::string one_part_a_line(std::string text) {
  for (std::size_t at = text.find("; "); at != std::string::npos; at = text.find("; ", at)) text.replace(at, 2, "\n  ");
  return text;
}

void print_plan(Context& context, const runbook::FailoverPlan& plan) {
  context.out.line("Failover to " + plan.spec.target +
                   (plan.spec.disaster_class.empty() ? "" : ", class " + plan.spec.disaster_class) + ":");
  std::vector<std::vector<std::string>> rows = {{"STEP", "NOW", "EXPECTED", "DOES"}};
  for (std::size_t i = 0; i < plan.spec.steps.size(); ++i) {
    const runbook::StepSpec& s = plan.spec.steps[i];
    rows.push_back({s.name, std::string(runbook::to_string(plan.steps[i].state)),
                    s.expected.count() > 0 ? format_duration(s.expected) : "",
                    s.summary + (s.irreversible ? " [irreversible]" : "")});
  }
  context.out.table(rows);
  if (plan.risk.text.empty()) context.out.line("At risk: nothing, because no database is promoted");
  else context.out.line("At risk:\n  " + one_part_a_line(plan.risk.text));
  for (const runbook::RunWaiver& w : plan.spec.waivers)
    context.out.line("Relies on a waiver: " + w.rule + " at " + w.at + ", by " + w.by +
                     (w.until ? ", until " + format_time(*w.until) : "") + ": " + w.reason);
  context.out.line("Approvals needed: " + std::to_string(plan.spec.approvals) + ". Plan " + plan.hash);
}

Outcome run_plan(Context& context, const Arguments& args) {
  auto file = read_valid_plan(context);
  if (!file) return failed(std::move(file).error());
  auto world = World::make(context, file->loaded.plan);
  if (!world) return failed(std::move(world).error());
  auto plan = plan_failover(context, *file, **world, new_run_id(context, 'f'));
  if (!plan) return failed(std::move(plan).error());
  print_plan(context, *plan);
  if (auto path = args.get("--save")) {
    std::string text = dump_json_pretty(runbook::to_json(*plan)) + "\n";
    if (auto wrote = write_file_atomic(context.env.files, *path, as_bytes(text), kSavedMode); !wrote)
      return failed(std::move(wrote).error());
    context.out.line("Saved. Next: holdfast failover apply " + *path);
  }
  return finished(runbook::to_json(*plan).set("run", plan->spec.id));
}

Result<runbook::FailoverPlan> read_saved(Context& context, const std::string& path) {
  HF_ASSIGN(Bytes bytes, read_file(context.env.files, path, kMaxSavedPlanBytes));
  HF_ASSIGN(Json json, parse_json(as_text(bytes)));
  auto plan = runbook::failover_plan_from_json(json, digest_text);
  if (!plan) return std::move(plan).error().with_object(path);
  return plan;
}

std::string read_line() {
  std::string out;
  for (char c = 0; out.size() < 256 && ::read(STDIN_FILENO, &c, 1) == 1 && c != '\n';) out.push_back(c);
  return out;
}

// The operator types the word and the target under the stated loss; scripts give the hash of what was shown.
Status confirm(Context& context, const Arguments& args, const runbook::FailoverPlan& plan) {
  if (auto given = args.get("--confirm")) return runbook::check_confirmation(plan, *given);
  if (isatty(STDIN_FILENO) == 0) return runbook::check_confirmation(plan, "");
  print_plan(context, plan);
  context.out.note("Type '" + plan.confirm + "' to do this:");
  return runbook::check_confirmation(plan, read_line());
}

Outcome run_apply(Context& context, const Arguments& args) {
  auto file = read_valid_plan(context);
  if (!file) return failed(std::move(file).error());
  auto shown = read_saved(context, args.positional()[0]);
  if (!shown) return failed(std::move(shown).error());
  if (auto confirmed = confirm(context, args, *shown); !confirmed) return failed(std::move(confirmed).error());
  if (auto alone = refuse_if_busy(context, shown->spec); !alone) return failed(std::move(alone).error());
  auto world = World::make(context, file->loaded.plan);
  if (!world) return failed(std::move(world).error());
  auto now = plan_failover(context, *file, **world, shown->spec.id);
  if (!now) return failed(std::move(now).error());
  if (auto same = runbook::check_drift(*shown, *now); !same) return failed(std::move(same).error());
  RunRequest request;
  request.spec = shown->spec;
  request.spec.confirmed_hash = shown->hash;
  request.approvers = args.all("--approve");
  if (auto component = args.get("--waive-fence")) {
    const std::string by = args.get_or("--waived-by", ""), reason = args.get_or("--reason", "");
    if (auto may = check_waiver(file->loaded.plan, *component, by, reason); !may) return failed(std::move(may).error());
    request.spec.waivers.push_back({std::string(runbook::kFenceRule), *component, by, reason, {}});
  }
  return execute_run(context, *file, request);
}

}  // namespace

std::vector<Command> failover_commands() {
  return {
      {{"failover", "plan"},
       "what a failover would do now, and what it would lose; changes nothing",
       {"holdfast failover plan", "holdfast failover plan --save failover.json",
        "holdfast failover plan -o json | jq .data.risk"},
       {{"--save", "FILE", "keep exactly this for `failover apply` (also: -o FILE)", false, false}},
       "",
       0,
       0,
       run_plan},
      {{"failover", "apply"},
       "do exactly what a saved plan says, or refuse because the world drifted",
       {"holdfast failover apply failover.json",
        "holdfast failover apply failover.json --confirm HASH --approve dana --approve kim",
        "holdfast run resume f-20260501-100231-4f2a"},
       {{"--confirm", "HASH", "of the plan that was shown, instead of typing", false, false},
        {"--approve", "NAME", "somebody whom the plan lets approve", false, true},
        {"--waive-fence", "COMPONENT", "promote it without a proven fence; what the receivers have is still replayed",
         false, false},
        {"--waived-by", "NAME", "who answers for that; recorded", false, false},
        {"--reason", "TEXT", "why it is safe; recorded", false, false}},
       "FILE",
       1,
       1,
       run_apply},
  };
}

}  // namespace hf::cli
