// From single looks to a state that does not flap: `fall` failures in a row make it down, `rise` successes make it up
// again. Pure. The first success after the start is enough for up, because there is nothing yet to come back from.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "health/probe.h"

namespace hf::health {

enum class State : std::uint8_t { kUnknown, kUp, kDown };
std::string_view to_string(State v);
std::optional<State> parse_state(std::string_view text);

class Hysteresis {
 public:
  Hysteresis(int fall, int rise) : fall_(fall), rise_(rise) {}

  // An unknown look changes no count; `fall` of them in a row make the state unknown.
  void observe(Outcome outcome, MonoTime now, WallTime wall);

  State state() const { return state_; }
  MonoTime since() const { return since_; }                                 // of the last change of state
  int failures() const { return failures_; }                                // in a row
  std::optional<WallTime> first_failure_at() const { return first_failure_at_; }  // of the failures in a row

 private:
  void change(State to, MonoTime now);

  int fall_;
  int rise_;
  State state_ = State::kUnknown;
  MonoTime since_{};
  int failures_ = 0;
  int successes_ = 0;
  int unknowns_ = 0;
  std::optional<WallTime> first_failure_at_;
};

}  // namespace hf::health
