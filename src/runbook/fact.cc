// Facts to events of record/ and back, so that reports and evidence read the same journal as the engine.
#include "runbook/fact.h"

#include "record/proof_events.h"
#include "record/run_events.h"
#include "record/step_events.h"
#include "runbook/words.h"

namespace hf::runbook {
namespace {

constexpr Words<FactKind, 15> kTypes{{"run.started", "run.resumed", "approval.requested", "approval.given",
                                      "waiver.used", "step.observed", "step.intent", "step.running", "step.doubt",
                                      "timer.set", "step.cancelled", "fence.proof", "step.outcome",
                                      "run.cancel_requested", "run.finished"}};
constexpr Words<Phase, 3> kPhases{{"before", "recover", "after"}};
constexpr Words<StepResult, 3> kResults{{"done", "failed", "cancelled"}};
constexpr Words<Changed, 4> kChanged{{"no", "yes", "observed", "maybe"}};
constexpr Words<ObservedState, 3> kObservedWords{{"done", "not_done", "unknown"}};
constexpr Words<Effect, 2> kEffects{{"none", "maybe"}};
constexpr int kErrorKinds = static_cast<int>(ErrorKind::kCancelled) + 1;

Error malformed(const record::Event& e, std::string_view member) {
  return make_error(ErrorKind::kCorrupt,
                    "event '" + e.type + "' of run " + e.run + " has no valid '" + std::string(member) + "'");
}

record::StepError step_error_of(const Failure& f) {
  return {std::string(to_string(f.kind)), f.text, f.hint, std::string(kEffects.of(f.effect))};
}

Failure failure_of(const record::StepError& e) {
  Failure f;
  for (int i = 0; i < kErrorKinds; ++i)
    if (to_string(static_cast<ErrorKind>(i)) == e.kind) f.kind = static_cast<ErrorKind>(i);
  f.effect = kEffects.value(e.effect).value_or(Effect::kMaybe);
  f.text = e.text;
  f.hint = e.hint;
  return f;
}

Json started_body(const RunSpec& spec) {
  record::RunStarted b;
  b.kind = spec.kind;
  b.runbook = spec.runbook;
  b.component = spec.locks.size() == 1 ? spec.locks.front() : "";
  b.source_region = spec.source;
  b.target_region = spec.target;
  b.disaster_class = spec.disaster_class;
  b.plan_hash = spec.plan_hash;
  for (const StepSpec& s : spec.steps) b.steps.push_back({s.name, s.action, s.needs, s.irreversible});
  b.objectives = {spec.rto, spec.rpo};
  b.planned_loss_bytes = spec.planned_loss_bytes;
  b.planned_loss = spec.planned_loss;
  b.impact_started_at = spec.impact_at;
  b.parameters = to_json(spec);
  return record::to_body(b);
}

Json outcome_body(const Fact& f) {
  record::StepOutcome b;
  const bool maybe = f.changed == Changed::kMaybe;
  b.state = f.result == StepResult::kDone        ? record::StepState::kDone
            : f.result == StepResult::kCancelled ? record::StepState::kCancelled
            : maybe                              ? record::StepState::kMaybe
                                                 : record::StepState::kFailed;
  b.changed = f.changed != Changed::kNo;
  b.detail = f.reason;
  if (f.failure) b.error = step_error_of(*f.failure);
  b.facts = f.facts;
  Json body = record::to_body(b).set("result", to_string(f.result)).set("effect", to_string(f.changed));
  return f.final ? body.set("final", true) : body;
}

Json finished_body(const Fact& f) {
  static constexpr std::array kStatesOf{record::RunState::kSucceeded, record::RunState::kFailed,
                                        record::RunState::kBlocked, record::RunState::kCancelled};
  record::RunFinished b;
  b.state = kStatesOf[static_cast<std::size_t>(f.verdict)];
  b.verdict = f.reason;
  return record::to_body(b).set("facts", f.facts);
}

Json running_body(const Fact& f) {
  Json j = Json::object();
  return j.set("key", f.key)
      .set("poll_after_us", f.poll_after.count())
      .set("handle", f.handle)
      .set("detail", f.reason);
}

Json doubt_body(const Fact& f) {
  Json j = Json::object();
  j.set("error", record::to_body(step_error_of(f.failure.value_or(Failure{}))));
  return j;
}

Json reason_body(const Fact& f) {
  Json j = Json::object();
  return j.set("reason", f.reason);
}

Json observed_body(const Fact& f) {
  return record::to_body(record::StepObserved{std::string(to_string(f.state)), f.reason, f.facts})
      .set("phase", to_string(f.phase));
}

Json timer_body(const Fact& f) {
  return record::to_body(record::TimerSet{f.step + "/" + std::to_string(f.attempt), f.until}).set("reason", f.reason);
}

std::optional<WallTime> end_of(const Fact& waiver) {
  return waiver.until == WallTime{} ? std::nullopt : std::optional(waiver.until);
}

Json body_of_fact(const Fact& f) {
  switch (f.kind) {
    case FactKind::kRunStarted: return started_body(*f.spec);
    case FactKind::kRunResumed: return record::to_body(record::RunResumed{f.reason, ""});
    case FactKind::kApprovalRequested:
      return record::to_body(record::ApprovalRequested{f.attempt, f.reason, f.object});
    case FactKind::kApprovalGiven: return record::to_body(record::ApprovalGiven{f.by, f.object});
    case FactKind::kWaiverRecorded:
      return record::to_body(record::WaiverUsed{f.rule, f.object, f.by, end_of(f), f.reason})
          .set("level", to_string(f.level));
    case FactKind::kStepObserved: return observed_body(f);
    case FactKind::kStepIntent: return record::to_body(record::StepIntent{f.key, f.object, f.irreversible, f.reason});
    case FactKind::kStepRunning: return running_body(f);
    case FactKind::kStepDoubt: return doubt_body(f);
    case FactKind::kTimerSet: return timer_body(f);
    case FactKind::kStepCancelled: return reason_body(f);
    case FactKind::kFenceProven: return f.facts;  // a record::FenceProof, made by the fence action
    case FactKind::kStepOutcome: return outcome_body(f);
    case FactKind::kCancelRequested: return reason_body(f).set("by", f.by);
    case FactKind::kRunFinished: return finished_body(f);
  }
  return Json::object();
}

Status read_level(const record::Event& e, Fact& f) {
  for (int i = 0; i <= static_cast<int>(plan::FenceLevel::kPower); ++i) {
    f.level = static_cast<plan::FenceLevel>(i);
    if (to_string(f.level) == e.body["level"].as_string()) return ok();
  }
  return malformed(e, "level");
}

Status read_started(const record::Event& e, Fact& f) {
  auto spec = run_spec_from_json(e.body["parameters"]);
  if (!spec) return std::move(spec).error().with_context("reading run " + e.run + " from the journal");
  f.spec = std::move(*spec);
  return ok();
}

Status read_outcome(const record::Event& e, Fact& f) {
  HF_ASSIGN(const record::StepOutcome b, record::body_of<record::StepOutcome>(e));
  const auto result = kResults.value(e.body["result"].as_string());
  const auto changed = kChanged.value(e.body["effect"].as_string());
  if (!result) return malformed(e, "result");
  if (!changed) return malformed(e, "effect");
  f.result = *result;
  f.changed = *changed;
  f.final = e.body["final"].as_bool();
  f.reason = b.detail;
  f.facts = b.facts;
  if (b.error) f.failure = failure_of(*b.error);
  return ok();
}

Status read_observed(const record::Event& e, Fact& f) {
  HF_ASSIGN(const record::StepObserved b, record::body_of<record::StepObserved>(e));
  const auto state = kObservedWords.value(b.state);
  const auto phase = kPhases.value(e.body["phase"].as_string());
  if (!state) return malformed(e, "state");
  if (!phase) return malformed(e, "phase");
  f.state = *state;
  f.phase = *phase;
  f.reason = b.detail;
  f.facts = b.facts;
  return ok();
}

Status read_finished(const record::Event& e, Fact& f) {
  HF_ASSIGN(const record::RunFinished b, record::body_of<record::RunFinished>(e));
  f.verdict = b.state == record::RunState::kSucceeded   ? Verdict::kSucceeded
              : b.state == record::RunState::kBlocked   ? Verdict::kBlocked
              : b.state == record::RunState::kCancelled ? Verdict::kCancelled
                                                        : Verdict::kFailed;
  f.reason = b.verdict;
  f.facts = e.body["facts"];
  return ok();
}

Status read_waiver(const record::Event& e, Fact& f) {
  HF_ASSIGN(const record::WaiverUsed b, record::body_of<record::WaiverUsed>(e));
  f.rule = b.rule;
  f.object = b.place;
  f.by = b.by;
  f.reason = b.reason;
  f.until = b.until.value_or(WallTime{});
  return read_level(e, f);
}

Status read_doubt(const record::Event& e, Fact& f) {
  HF_ASSIGN(const record::StepError error, record::from_body<record::StepError>(e.body["error"]));
  f.failure = failure_of(error);
  return ok();
}

Status read_proof(const record::Event& e, Fact& f) {
  f.object = e.body["component"].as_string();
  f.facts = e.body;
  return read_level(e, f);
}

Status read_body(const record::Event& e, Fact& f) {
  switch (f.kind) {
    case FactKind::kRunStarted: return read_started(e, f);
    case FactKind::kWaiverRecorded: return read_waiver(e, f);
    case FactKind::kStepObserved: return read_observed(e, f);
    case FactKind::kStepDoubt: return read_doubt(e, f);
    case FactKind::kFenceProven: return read_proof(e, f);
    case FactKind::kStepOutcome: return read_outcome(e, f);
    case FactKind::kRunFinished: return read_finished(e, f);
    case FactKind::kApprovalGiven:
      f.by = e.body["by"].as_string();
      f.object = e.body["plan_hash"].as_string();
      return ok();
    case FactKind::kApprovalRequested:
      f.attempt = static_cast<int>(e.body["needed"].as_int());
      f.reason = e.body["question"].as_string();
      f.object = e.body["plan_hash"].as_string();
      return ok();
    case FactKind::kRunResumed: f.reason = e.body["reason"].as_string(); return ok();
    case FactKind::kStepCancelled: f.reason = e.body["reason"].as_string(); return ok();
    case FactKind::kCancelRequested:
      f.by = e.body["by"].as_string();
      f.reason = e.body["reason"].as_string();
      return ok();
    case FactKind::kStepIntent:
      f.key = e.body["key"].as_string();
      f.object = e.body["action"].as_string();
      f.irreversible = e.body["irreversible"].as_bool();
      f.reason = e.body["summary"].as_string();
      return f.key.empty() ? Status(malformed(e, "key")) : ok();
    case FactKind::kStepRunning:
      f.key = e.body["key"].as_string();
      f.poll_after = Micros(e.body["poll_after_us"].as_int());
      f.handle = e.body["handle"];
      f.reason = e.body["detail"].as_string();
      return ok();
    case FactKind::kTimerSet: {
      HF_ASSIGN(const record::TimerSet b, record::body_of<record::TimerSet>(e));
      f.until = b.due;
      f.reason = e.body["reason"].as_string();
      return ok();
    }
  }
  return malformed(e, "type");
}

}  // namespace

std::string_view to_string(FactKind v) { return kTypes.of(v); }
std::string_view to_string(Phase v) { return kPhases.of(v); }
std::string_view to_string(StepResult v) { return kResults.of(v); }
std::string_view to_string(Changed v) { return kChanged.of(v); }
std::string_view to_string(Verdict v) {
  static constexpr Words<Verdict, 4> kVerdicts{{"succeeded", "failed", "blocked", "cancelled"}};
  return kVerdicts.of(v);
}

Failure Failure::of(const Error& error) { return {error.kind, error.effect, error.text, error.hint}; }

Error Failure::error() const {
  Error e = make_error(kind, text).with_hint(hint);
  e.effect = effect;
  return e;
}

record::Event event_of_fact(const Fact& f) {
  record::Event e;
  e.type = std::string(to_string(f.kind));
  e.time = f.time;
  e.run = f.run;
  e.step = f.step;
  if (!f.step.empty()) e.attempt = f.attempt;
  e.body = body_of_fact(f);
  return e;
}

Result<Fact> fact_of_event(const record::Event& e) {
  const auto kind = kTypes.value(e.type);
  if (!kind) return make_error(ErrorKind::kNotFound, "event '" + e.type + "' is none of the engine's");
  Fact f;
  f.kind = *kind;
  f.time = e.time;
  f.run = e.run;
  f.step = e.step;
  f.attempt = static_cast<int>(e.attempt);
  HF_TRY(read_body(e, f));
  return f;
}

}  // namespace hf::runbook
