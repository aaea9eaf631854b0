#include "cli/run_access.h"

#include "cli/journal_access.h"
#include "record/run_events.h"

namespace hf::cli {

namespace {

constexpr std::size_t kMaxPlanBytes = 16 << 20;

std::string plan_path(const Context& context, const std::string& hash) {
  return join_path(context.state_dir, "plans/" + hash);
}

Json step_json(const runbook::StepReport& s) {
  Json out = Json::object();
  out.set("name", s.name).set("state", s.state);
  out.set("started_at", s.started_at ? Json(format_time(*s.started_at)) : Json());
  out.set("finished_at", s.finished_at ? Json(format_time(*s.finished_at)) : Json());
  out.set("changed", runbook::to_string(s.changed)).set("detail", s.detail);
  if (s.failure)
    out.set("error", Json::object()
                         .set("kind", to_string(s.failure->kind))
                         .set("message", s.failure->text)
                         .set("hint", s.failure->hint));
  return out;
}

// The proof of the fence stands in the facts of the step that made it; one that was waived has none, so its level is
// none.
Json fence_json(const runbook::RunSpec& spec, const runbook::RunReport& report) {
  Json out = Json::object();
  out.set("level", "none").set("proof", Json());
  for (const runbook::StepReport& s : report.steps) {
    const runbook::StepSpec* step = spec.find_step(s.name);
    if (step == nullptr || step->action != "fence" || s.state != "done") continue;
    if (const Json& proof = s.facts["fence_proof"]; proof.is_object())
      out.set("level", proof["level"]).set("proof", proof);
  }
  return out;
}

}  // namespace

Status keep_plan_text(Context& context, const std::string& hash, const std::string& canonical) {
  HF_TRY(context.env.files.make_dirs(join_path(context.state_dir, "plans")));
  if (file_exists(context.env.files, plan_path(context, hash))) return ok();
  return write_file_atomic(context.env.files, plan_path(context, hash), as_bytes(canonical));
}

Result<std::string> plan_text_of_run(Context& context, journal::Journal& journal, const std::string& run) {
  HF_ASSIGN(std::vector<journal::Entry> entries, journal::events_of_run(journal, run));
  for (const journal::Entry& e : entries) {
    if (!record::is<record::RunStarted>(e.event)) continue;
    HF_ASSIGN(record::RunStarted started, record::body_of<record::RunStarted>(e.event));
    if (started.plan_hash.empty()) return std::string();
    auto text = read_file(context.env.files, plan_path(context, started.plan_hash), kMaxPlanBytes);
    if (!text) return std::move(text).error().with_context("the plan that run " + run + " was started with");
    return to_text(*text);
  }
  return make_error(ErrorKind::kNotFound, "the journal has no start of run " + run);
}

runbook::History history_of(Context& context, journal::Journal& journal, const std::string& region) {
  return runbook::History(journal, actor_of(context), origin_of(region));
}

Result<runbook::RunSpec> spec_of_run(runbook::History& history, const std::string& run) {
  HF_ASSIGN(std::vector<runbook::Fact> facts, history.read(run));
  for (const runbook::Fact& f : facts)
    if (f.spec) return *f.spec;
  return make_error(ErrorKind::kNotFound,
                    "run " + run + " was not made by the engine, so there is nothing to go on with");
}

std::string_view state_word(const runbook::RunReport& report) {
  if (report.state == runbook::RunState::kRunning) return "running";
  if (report.state == runbook::RunState::kWaitsForApproval) return "waits for approval";
  return runbook::to_string(report.verdict);
}

Json report_json(const runbook::RunSpec& spec, const runbook::RunReport& report) {
  Json steps = Json::array(), uncertain = Json::array();
  for (const runbook::StepReport& s : report.steps) steps.push(step_json(s));
  for (const std::string& s : report.uncertain) uncertain.push(s);
  Json out = Json::object();
  out.set("run", spec.id)
      .set("component", spec.locks.empty() ? "" : spec.locks.front())
      .set("state", state_word(report));
  out.set("verdict", report.reason)
      .set("steps", steps)
      .set("uncertain", uncertain)
      .set("fence", fence_json(spec, report));
  return out;
}

void print_report(Context& context, const runbook::RunSpec& spec, const runbook::RunReport& report) {
  std::vector<std::vector<std::string>> rows = {{"STEP", "STATE", "TOOK", "CHANGED", "DETAIL"}};
  for (const runbook::StepReport& s : report.steps) {
    std::string took = s.started_at && s.finished_at
                           ? format_duration(std::chrono::round<Millis>(*s.finished_at - *s.started_at))
                           : "";
    rows.push_back(
        {s.name, s.state, took, std::string(runbook::to_string(s.changed)), s.failure ? s.failure->text : s.detail});
  }
  context.out.table(rows);
  context.out.line("run " + spec.id + ": " + std::string(state_word(report)) +
                   (report.reason.empty() ? "" : " - " + report.reason));
}

void print_next(Context& context, const std::string& run, const runbook::RunReport& report) {
  if (report.state == runbook::RunState::kRunning) context.out.line("Next: holdfast run resume " + run);
  if (report.state == runbook::RunState::kWaitsForApproval)
    context.out.line("Next: holdfast run approve " + run + " --by NAME, then holdfast run resume " + run);
}

}  // namespace hf::cli
