// Time: instants, text forms, and the one seam through which the program reads clocks or waits.
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hf {

using namespace std::chrono_literals;

using Micros = std::chrono::microseconds;
using Millis = std::chrono::milliseconds;
using Seconds = std::chrono::seconds;

using WallTime = std::chrono::sys_time<std::chrono::microseconds>;                              // UTC
using MonoTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;  // this boot only

// The only place where time comes from. Implementations: SystemClock, and the simulator's.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonoTime mono() = 0;
  virtual WallTime wall() = 0;
  // Waits until `when` or until a stop is asked for; false if stopped. Only io's and remote's waiters call this.
  virtual bool sleep_until(MonoTime when, std::stop_token stop) = 0;
};

class SystemClock final : public Clock {
 public:
  MonoTime mono() override;
  WallTime wall() override;
  bool sleep_until(MonoTime when, std::stop_token stop) override;
};

// RFC 3339 in UTC with microseconds where they are not zero: "2026-05-01T10:02:31.417204Z".
std::string format_time(WallTime t);
// Accepts RFC 3339 with "Z" or an offset, 'T' or a blank, up to 6 fractional digits used.
Result<WallTime> parse_time(std::string_view text);

// "90s", "4h", "1d12h"; units us ms s m h d w mo(30d) y(365d). A bare number is an error.
Result<Micros> parse_duration(std::string_view text);
// The shortest exact form with at most two units, or decimals below a minute: "4h", "1h30m", "2.317s", "12ms".
std::string format_duration(Micros d);

double seconds_of(Micros d);

}  // namespace hf
