// SIGINT, SIGTERM and SIGHUP become a stop request; the second one ends the process at once with exit code 130.
// Construct it in main before any other thread, because the signals are blocked in the threads started afterwards.
#pragma once

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

#include "base/result.h"
#include "io/descriptor.h"

namespace hf {

class SignalStop {
 public:
  SignalStop();
  ~SignalStop();
  SignalStop(const SignalStop&) = delete;
  SignalStop& operator=(const SignalStop&) = delete;

  std::stop_token token() const { return source_.get_token(); }
  // Done by the signal thread when the second one comes, just before the end: what must not be left behind. Empty: nothing.
  void before_forced_end(std::function<void()> last);
  // From now on the first signal ends the process, too, if it has not ended by itself so long after it: for work that may be cut
  // off at any instant. Zero: never.
  void force_end_after(std::chrono::milliseconds grace);

 private:
  void loop();

  std::stop_source source_;
  void end_now();
  std::atomic<std::int64_t> grace_ms_ = 0;
  std::mutex mutex_;            // guards last_
  std::function<void()> last_;
  sigset_t before_{};
  Descriptor signals_;
  WakeUp end_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace hf
