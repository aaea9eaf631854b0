#include "cli/failover.h"

#include <algorithm>

#include "base/hex.h"
#include "cli/attach.h"
#include "cli/exit_codes.h"
#include "cli/journal_access.h"
#include "cli/loss.h"
#include "cli/measure.h"
#include "cli/postgres_access.h"
#include "cli/run_access.h"
#include "crypto/hash.h"
#include "plan/objective.h"
#include "record/proof_events.h"
#include "runbook/spec_from_plan.h"

namespace hf::cli {

namespace {

Result<std::optional<WallTime>> impact_of(Context& context) {
  auto journal = read_journal(context);
  if (!journal) return std::optional<WallTime>();
  std::optional<WallTime> out;
  HF_TRY((*journal)->read(0, [&](const journal::Entry& e) {
    if (auto d = record::body_of<record::Detection>(e.event)) out = d->first_failure_at;
    return true;
  }));
  return out;
}

}  // namespace

std::string digest_text(std::string_view text) { return to_hex(crypto::sha256(as_bytes(text))); }

Result<runbook::FailoverPlan> plan_failover(Context& context, const PlanFile& file, const World& world,
                                            const std::string& run_id) {
  const plan::Plan& plan = file.loaded.plan;
  if (!plan.failover)
    return make_error(ErrorKind::kInvalid, "the plan has no failover runbook").with_hint("Write the section failover.");
  runbook::SpecOptions options;
  options.run_id = run_id;
  options.plan_hash = file.hash;
  options.now = context.env.clock.wall();
  HF_ASSIGN(options.impact_at, impact_of(context));
  for (const plan::Component& c : plan.components) {
    HF_ASSIGN(std::optional<runbook::ObservedReplication> seen, observed_replication(context, c.name));
    if (seen) options.observed.push_back(*seen);
  }
  HF_ASSIGN(runbook::RunSpec spec, runbook::make_run_spec(plan, *plan.failover, options));
  runbook::Risk risk;
  HF_ASSIGN(std::optional<runbook::Risk> seen, look_at_risk(context, plan, spec, options));
  if (seen) {
    risk = std::move(*seen);
    if (risk.fence_possible) spec.planned_loss_bytes = 0;  // else nobody knows
    spec.planned_loss = risk.text;
  }
  return runbook::make_failover_plan(spec, world.actions(), risk, plan.failover->confirm, options.now, digest_text);
}

namespace {

bool is_allowed(const plan::Plan& plan, const std::string& name, plan::Permission wanted) {
  for (const plan::Group& g : plan.groups)
    for (plan::Permission permission : g.may)
      if ((g.name == name || g.email == name) && permission == wanted) return true;
  return false;
}

// A run of the journal that is not finished and works on what this one would work on.
Status refuse_beside_open_run(runbook::History& history, const runbook::RunSpec& spec) {
  HF_ASSIGN(std::vector<runbook::RunSpec> open, history.open_runs());
  for (const runbook::RunSpec& other : open) {
    const auto shared = std::ranges::find_first_of(spec.locks, other.locks);
    if (shared == spec.locks.end()) continue;
    return make_error(ErrorKind::kBusy,
                      "run " + other.id + " (" + other.runbook + ") works on '" + *shared + "' and is not finished")
        .with_hint("Go on with it by 'holdfast run resume " + other.id + "', or end it by 'holdfast run cancel " +
                   other.id + "'.");
  }
  return ok();
}

class CrashPoint {
 public:
  // Kills this process right after an event of the run was made durable. For rehearsals. "step.intent:promote": such an
  // event of that step; "seq:17": the event with that number in the journal; "append:3": the third one of this process.
  explicit CrashPoint(const Context& context) {
    auto it = context.environment.find("HOLDFAST_CRASH_AFTER");
    if (it != context.environment.end()) where_ = it->second;
  }
  void operator()(std::uint64_t seq, std::string_view type, const runbook::Fact& fact) {
    ++appends_;
    if (where_.empty()) return;
    if (where_ == std::string(type) + ":" + fact.step || where_ == "seq:" + std::to_string(seq) ||
        where_ == "append:" + std::to_string(appends_))
      raise(SIGKILL);
  }

 private:
  std::string where_;
  std::uint64_t appends_ = 0;
};

void show_progress(Context& context, const runbook::Fact& fact) {
  std::string what = std::string(runbook::to_string(fact.kind)) + (fact.step.empty() ? "" : " " + fact.step);
  context.out.progress(what);
  context.out.event(
      runbook::to_string(fact.kind),
      Json::object().set("step", fact.step).set("attempt", std::int64_t{fact.attempt}).set("detail", fact.reason));
}

// A run that ended without success leaves the world between two states: which steps changed it, and which did not come.
Error unfinished(const runbook::RunSpec& spec, const runbook::RunReport& report) {
  std::string changed, already, open, uncertain;
  const auto add = [](std::string& list, const std::string& name) { list += (list.empty() ? "" : ", ") + name; };
  for (const std::string& s : report.changed) add(changed, s);
  for (const std::string& s : report.uncertain) add(uncertain, s);
  for (const runbook::StepReport& s : report.steps) {
    if (s.state != "done")
      add(open, s.name);
    else if (std::ranges::find(report.changed, s.name) == report.changed.end())
      add(already, s.name);
  }
  return make_error(ErrorKind::kFailed, "run " + spec.id + " ended " + std::string(state_word(report)) +
                                            "; changed: " + (changed.empty() ? "nothing" : changed) +
                                            (already.empty() ? "" : "; as wanted already: " + already) +
                                            "; not done: " + open +
                                            (uncertain.empty() ? "" : "; not known: " + uncertain))
      .with_hint(changed.empty() && uncertain.empty()
                     ? "Mend what failed, then make a new plan by 'holdfast failover plan'."
                     : "What is changed stays so. Mend what failed, then make a new plan by 'holdfast failover plan' "
                       "and apply "
                       "it: what is done already is seen, and not done again.");
}

Outcome outcome_of(Context& context, const runbook::RunSpec& spec, const runbook::RunReport& report,
                   const Measured& measured) {
  print_report(context, spec, report);
  for (const ObjectiveMeasured& o : measured.objectives) {
    context.out.line(
        o.name + " " + format_duration(std::chrono::round<Millis>(o.actual)) +
        (o.target ? " (objective " + format_duration(*o.target) + (o.met() ? ", met)" : ", MISSED)") : ""));
  }
  // What nobody could rule out before is not proven to be there now: heartbeats come only once in an interval.
  if (!spec.planned_loss_bytes && !spec.planned_loss.empty()) context.out.line("stated before it: " + spec.planned_loss);
  Json data = report_json(spec, report);
  measured.add_to(data);
  int code = report.exit_code;
  if (code == kExitOk && !measured.met()) code = kExitObjectiveMissed;
  Outcome out = finished(data, code);
  for (const runbook::StepReport& s : report.steps)
    if (s.failure) out.errors.push_back(s.failure->error().with_context("step '" + s.name + "'"));
  print_next(context, spec.id, report);
  if (report.state == runbook::RunState::kFinished && report.verdict != runbook::Verdict::kSucceeded)
    out.errors.push_back(unfinished(spec, report));
  return out;
}

Status approve_all(Context& context, runbook::History& history, const RunRequest& request, const std::string& run) {
  for (const std::string& name : request.approvers) HF_TRY(runbook::approve_run(history, context.env.clock, run, name));
  return ok();
}

Result<runbook::RunReport> drive(Context& context, runbook::Runner& runner, runbook::History& history,
                                 const RunRequest& request, const std::string& run) {
  bool resume = !request.resume.empty();
  HF_ASSIGN(runbook::RunReport report,
            resume ? runner.resume(run, context.stop) : runner.start(request.spec, context.stop));
  if (report.state == runbook::RunState::kWaitsForApproval && !request.approvers.empty()) {
    HF_TRY(approve_all(context, history, request, run));
    return runner.resume(run, context.stop);
  }
  return report;
}

// Nothing came back, but what was done until then stands in the journal.
Outcome unreported(runbook::History& history, const runbook::RunSpec& spec, const std::string& run, Error error) {
  Outcome out = failed(std::move(error).with_context("run " + run));
  auto facts = history.read(run);
  if (!facts) return out;
  out.data = report_json(spec, runbook::report_of(spec, *facts));
  Measured().add_to(out.data);
  return out;
}

}  // namespace

Status check_approvers(const plan::Plan& plan, const std::vector<std::string>& approvers) {
  for (const std::string& name : approvers) {
    if (is_allowed(plan, name, plan::Permission::kApprove)) continue;
    return make_error(ErrorKind::kDenied, "'" + name + "' may not approve")
        .with_hint("Approvers are the groups and addresses with `may: [approve]` under `groups` in the plan.");
  }
  return ok();
}

Status check_waiver(const plan::Plan& plan, const std::string& component, const std::string& by,
                    const std::string& reason) {
  if (plan.find_component(component) == nullptr)
    return make_error(ErrorKind::kUsage, "the plan has no component '" + component + "'");
  if (by.empty() || reason.empty()) {
    return make_error(ErrorKind::kUsage, "waiving the fence of '" + component + "' needs a person's name and a reason")
        .with_hint("Both stand in the journal, and in the evidence, for good.");
  }
  if (is_allowed(plan, by, plan::Permission::kWaive)) return ok();
  return make_error(ErrorKind::kDenied, "'" + by + "' may not waive a fence")
      .with_hint("Those who may are the groups and addresses with `may: [waive]` under `groups` in the plan.");
}

namespace {

Error needs_journal(Error why) {
  return std::move(why).with_context(why.kind == ErrorKind::kBusy
                                         ? "another command has the journal; a run needs it alone"
                                         : "a run needs a journal that can be written; nothing was started");
}

}  // namespace

Status refuse_if_busy(Context& context, const runbook::RunSpec& spec) {
  auto journal = open_journal(context, spec.target, kWaitForRun);
  if (!journal) return needs_journal(std::move(journal).error());
  runbook::History history = history_of(context, **journal, spec.target);
  HF_TRY(runbook::refuse_known(history, spec.id));
  return refuse_beside_open_run(history, spec);
}

Outcome execute_run(Context& context, const PlanFile& file, const RunRequest& request) {
  if (auto may = check_approvers(file.loaded.plan, request.approvers); !may) return failed(std::move(may).error());
  if (!request.resume.empty()) {
    if (auto there = read_journal(context); !there) return failed(std::move(there).error());  // opening makes one
  }
  auto world = World::make(context, file.loaded.plan);
  if (!world) return failed(std::move(world).error());
  const std::string region = file.loaded.plan.failover ? file.loaded.plan.failover->target : "";
  auto journal = open_journal(context, region, kWaitForRun);
  if (!journal)
    return failed(needs_journal(std::move(journal).error()));
  if (auto kept = keep_plan_text(context, file.hash, file.loaded.canonical); !kept)
    return failed(std::move(kept).error());
  runbook::History history = history_of(context, **journal, region);
  std::string run = request.spec.id;
  runbook::RunSpec spec = request.spec;
  if (!request.resume.empty()) {
    auto full = journal::find_run(**journal, request.resume);
    if (!full) return failed(std::move(full).error());
    run = *full;
    auto stored = spec_of_run(history, run);
    if (!stored) return failed(std::move(stored).error());
    spec = *stored;
  }
  runbook::PoolExecutor executor;
  runbook::RunnerOptions options;
  options.lock_dir = context.state_dir;
  options.after_append = CrashPoint(context);
  options.progress = [&](const runbook::Fact& f) { show_progress(context, f); };
  runbook::Runner runner(context.env.clock, context.env.log, history, (*world)->actions(), executor, options);
  auto report = drive(context, runner, history, request, run);
  if (!report) return unreported(history, spec, run, std::move(report).error());
  Measured measured;
  std::vector<std::string> warnings;
  if (report->state == runbook::RunState::kFinished) {
    auto found = measure_run(context, file.loaded.plan, **journal, spec, *report);
    if (found)
      measured = std::move(*found);
    else
      warnings.push_back("the run's measurements are not in the journal: " + found.error().text);
  }
  for (std::string& skipped : attach_state(context, file, **journal)) warnings.push_back(std::move(skipped));
  Outcome out = outcome_of(context, spec, *report, measured);
  out.warnings = std::move(warnings);
  return out;
}

}  // namespace hf::cli
