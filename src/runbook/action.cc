// The small constructors of what actions return.
#include "runbook/action.h"

#include "runbook/words.h"

namespace hf::runbook {
namespace {

constexpr Words<ObservedState, 3> kStates{{"done", "not_done", "unknown"}};

}  // namespace

std::string_view to_string(ObservedState v) { return kStates.of(v); }

Observation Observation::done(std::string detail, Json facts) {
  return {ObservedState::kDone, std::move(detail), std::move(facts)};
}

Observation Observation::not_done(std::string detail, Json facts) {
  return {ObservedState::kNotDone, std::move(detail), std::move(facts)};
}

Observation Observation::unknown(std::string detail) {
  return {ObservedState::kUnknown, std::move(detail), Json::object()};
}

Progress Progress::done(std::string detail, Json facts, bool changed) {
  Progress p;
  p.finished = true;
  p.changed = changed;
  p.detail = std::move(detail);
  p.facts = std::move(facts);
  return p;
}

Progress Progress::running(Json handle, Micros poll_after, std::string detail) {
  Progress p;
  p.handle = std::move(handle);
  p.poll_after = poll_after;
  p.detail = std::move(detail);
  return p;
}

Result<Progress> Action::poll(const StepContext& context, const Json&) {
  return make_error(ErrorKind::kFailed, "polling step '" + context.step.name + "': its action never runs on");
}

Status Action::cancel(const StepContext&, const Json&) { return ok(); }

}  // namespace hf::runbook
