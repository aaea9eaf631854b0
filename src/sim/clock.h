// Simulated time: it moves only when somebody waits, and then at once.
#pragma once

#include "base/time.h"

namespace hf::sim {

class SimClock final : public Clock {
 public:
  explicit SimClock(WallTime start) : start_(start) {}
  MonoTime mono() override { return MonoTime(elapsed_); }
  WallTime wall() override { return start_ + std::chrono::duration_cast<Micros>(elapsed_); }
  bool sleep_until(MonoTime when, std::stop_token stop) override {
    advance_to(when);
    return !stop.stop_requested();
  }
  void advance_to(MonoTime when) {
    if (when.time_since_epoch() > elapsed_) elapsed_ = when.time_since_epoch();
  }
  void advance(Micros by) { elapsed_ += by; }
  void set_wall(Micros by) { start_ += by; }  // somebody, or NTP, sets the wall clock

 private:
  WallTime start_;
  std::chrono::nanoseconds elapsed_{0};
};

}  // namespace hf::sim
