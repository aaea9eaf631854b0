#include "health/hysteresis.h"

namespace hf::health {

std::string_view to_string(State v) {
  switch (v) {
    case State::kUp: return "up";
    case State::kDown: return "down";
    case State::kUnknown: break;
  }
  return "unknown";
}

std::optional<State> parse_state(std::string_view text) {
  for (const State s : {State::kUnknown, State::kUp, State::kDown}) {
    if (text == to_string(s)) return s;
  }
  return std::nullopt;
}

void Hysteresis::observe(Outcome outcome, MonoTime now, WallTime wall) {
  if (outcome == Outcome::kUnknown) {
    if (++unknowns_ < fall_) return;
    failures_ = successes_ = 0;
    first_failure_at_.reset();
    change(State::kUnknown, now);
    return;
  }
  unknowns_ = 0;
  if (outcome == Outcome::kHealthy) {
    ++successes_;
    failures_ = 0;
    if (state_ == State::kDown && successes_ < rise_) return;
    first_failure_at_.reset();
    change(State::kUp, now);
    return;
  }
  successes_ = 0;
  if (failures_++ == 0 && state_ != State::kDown) first_failure_at_ = wall;
  if (failures_ >= fall_) change(State::kDown, now);
}

void Hysteresis::change(State to, MonoTime now) {
  if (state_ == to) return;
  state_ = to;
  since_ = now;
}

}  // namespace hf::health
