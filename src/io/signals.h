// SIGINT, SIGTERM and SIGHUP become a stop request; the second one ends the process at once with exit code 130.
// Construct it in main before any other thread, because the signals are blocked in the threads started afterwards.
#pragma once

#include <csignal>
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

 private:
  void loop();

  std::stop_source source_;
  sigset_t before_{};
  Descriptor signals_;
  WakeUp end_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace hf
