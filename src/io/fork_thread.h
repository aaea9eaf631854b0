// The thread that forks. PR_SET_PDEATHSIG ends a child when the thread that forked it ends, so children must not be
// forked by threads that come and go. The same thread reaps the children that were released, so none stays a zombie.
#pragma once

#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "io/descriptor.h"

namespace hf {

class ForkThread {
 public:
  ForkThread();
  ~ForkThread();
  ForkThread(const ForkThread&) = delete;
  ForkThread& operator=(const ForkThread&) = delete;

  void run(const std::function<void()>& work);        // runs it in the thread, returns when it is done
  void reap_when_ended(Descriptor pidfd);             // takes over a child that nobody will wait for

 private:
  void loop();
  void poll_once();
  void take_requests();

  std::mutex mutex_;                                  // guards the two below
  std::vector<std::move_only_function<void()>> work_;
  bool stopping_ = false;
  std::vector<Descriptor> released_;                  // this thread's own
  WakeUp wake_;
  std::thread thread_;                                // last: it uses all of the above
};

}  // namespace hf
