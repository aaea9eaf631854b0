// Facts to event data and back. A member is written only where the kind of fact has it.
#include "runbook/fact.h"

#include "runbook/words.h"

namespace hf::runbook {
namespace {

constexpr Words<FactKind, 15> kTypes{{"run.started", "run.resumed", "approval.requested", "approval.given", "waiver.recorded",
                                      "step.observed", "step.intent", "step.running", "step.doubt", "timer.set",
                                      "step.cancelled", "fence.proof", "step.outcome", "run.cancel_requested", "run.finished"}};
constexpr Words<Phase, 3> kPhases{{"before", "recover", "after"}};
constexpr Words<StepResult, 3> kResults{{"done", "failed", "cancelled"}};
constexpr Words<Changed, 4> kChanged{{"no", "yes", "observed", "maybe"}};
constexpr Words<Verdict, 4> kVerdicts{{"succeeded", "failed", "blocked", "cancelled"}};
constexpr Words<ObservedState, 3> kStates{{"done", "not_done", "unknown"}};
constexpr Words<Effect, 2> kEffects{{"none", "maybe"}};
constexpr int kErrorKinds = static_cast<int>(ErrorKind::kCancelled) + 1;

Error malformed(FactKind kind, std::string_view member) {
  return make_error(ErrorKind::kCorrupt, "an event " + std::string(to_string(kind)) + " has no valid '" + std::string(member) + "'");
}

Json failure_json(const Failure& f) {
  Json j = Json::object();
  j.set("kind", to_string(f.kind)).set("effect", kEffects.of(f.effect)).set("text", f.text);
  if (!f.hint.empty()) j.set("hint", f.hint);
  if (!f.id.empty()) j.set("id", f.id);
  return j;
}

Failure failure_from(const Json& j) {
  Failure f;
  for (int i = 0; i < kErrorKinds; ++i)
    if (to_string(static_cast<ErrorKind>(i)) == j["kind"].as_string()) f.kind = static_cast<ErrorKind>(i);
  f.effect = kEffects.value(j["effect"].as_string()).value_or(Effect::kMaybe);
  f.text = j["text"].as_string();
  f.hint = j["hint"].as_string();
  f.id = j["id"].as_string();
  return f;
}

Result<plan::FenceLevel> level_from(std::string_view word) {
  for (int i = 0; i <= static_cast<int>(plan::FenceLevel::kPower); ++i)
    if (to_string(static_cast<plan::FenceLevel>(i)) == word) return static_cast<plan::FenceLevel>(i);
  return malformed(FactKind::kFenceProven, "level");
}

// Sets a text member unless it is empty.
void put(Json& j, std::string_view name, const std::string& value) {
  if (!value.empty()) j.set(name, value);
}

Status read_words(Fact& f, const Json& d) {
  const auto pick = [&](auto& out, const auto& words, std::string_view name) -> Status {
    const Json* member = d.find(name);
    if (!member) return ok();
    const auto value = words.value(member->as_string());
    if (!value) return malformed(f.kind, name);
    out = *value;
    return ok();
  };
  HF_TRY(pick(f.phase, kPhases, "phase"));
  HF_TRY(pick(f.state, kStates, "state"));
  HF_TRY(pick(f.result, kResults, "result"));
  HF_TRY(pick(f.changed, kChanged, "changed"));
  return pick(f.verdict, kVerdicts, "verdict");
}

void write_words(Json& j, const Fact& f) {
  if (f.kind == FactKind::kStepObserved) j.set("phase", to_string(f.phase)).set("state", to_string(f.state));
  if (f.kind == FactKind::kStepOutcome) j.set("result", to_string(f.result)).set("changed", to_string(f.changed));
  if (f.kind == FactKind::kRunFinished) j.set("verdict", to_string(f.verdict));
  if (f.kind == FactKind::kFenceProven) j.set("level", to_string(f.level));
}

}  // namespace

std::string_view to_string(FactKind v) { return kTypes.of(v); }
std::string_view to_string(Phase v) { return kPhases.of(v); }
std::string_view to_string(StepResult v) { return kResults.of(v); }
std::string_view to_string(Changed v) { return kChanged.of(v); }
std::string_view to_string(Verdict v) { return kVerdicts.of(v); }
std::optional<FactKind> fact_kind(std::string_view type) { return kTypes.value(type); }

Failure Failure::of(const Error& error) { return {error.kind, error.effect, error.text, error.hint, error.id}; }

Error Failure::error() const {
  Error e = make_error(kind, text).with_hint(hint).with_id(id);
  e.effect = effect;
  return e;
}

Json fact_data(const Fact& f) {
  Json j = Json::object();
  put(j, "step", f.step);
  if (f.attempt > 0) j.set("attempt", f.attempt);
  put(j, "key", f.key);
  write_words(j, f);
  put(j, "by", f.by);
  put(j, "rule", f.rule);
  put(j, "object", f.object);
  put(j, "reason", f.reason);
  if (f.kind == FactKind::kTimerSet) j.set("until", format_time(f.until));
  if (f.kind == FactKind::kStepRunning) j.set("poll_after_us", f.poll_after.count()).set("handle", f.handle);
  if (!f.facts.members().empty()) j.set("facts", f.facts);
  if (f.failure) j.set("error", failure_json(*f.failure));
  if (f.spec) j.set("spec", to_json(*f.spec));
  return j;
}

Result<Fact> fact_from(FactKind kind, const Json& d) {
  Fact f;
  f.kind = kind;
  f.step = d["step"].as_string();
  f.attempt = static_cast<int>(d["attempt"].as_int());
  f.key = d["key"].as_string();
  HF_TRY(read_words(f, d));
  f.by = d["by"].as_string();
  f.rule = d["rule"].as_string();
  f.object = d["object"].as_string();
  f.reason = d["reason"].as_string();
  if (kind == FactKind::kTimerSet) {
    HF_ASSIGN(f.until, parse_time(d["until"].as_string()));
  }
  if (kind == FactKind::kFenceProven) {
    HF_ASSIGN(f.level, level_from(d["level"].as_string()));
  }
  f.poll_after = Micros(d["poll_after_us"].as_int());
  if (const Json* h = d.find("handle")) f.handle = *h;
  if (const Json* x = d.find("facts")) f.facts = *x;
  if (const Json* e = d.find("error")) f.failure = failure_from(*e);
  if (kind == FactKind::kRunStarted) {
    HF_ASSIGN(f.spec, run_spec_from_json(d["spec"]));
  }
  return f;
}

}  // namespace hf::runbook
