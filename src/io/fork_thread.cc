#include "io/fork_thread.h"

#include <csignal>
#include <future>

#include <poll.h>
#include <sys/wait.h>

#include "base/check.h"

namespace hf {

ForkThread::ForkThread() {
  HF_CHECK(static_cast<bool>(wake_));
  thread_ = std::thread([this] { loop(); });
}

ForkThread::~ForkThread() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.raise();
  thread_.join();
}

void ForkThread::run(const std::function<void()>& work) {
  std::promise<void> done;
  {
    std::lock_guard lock(mutex_);
    work_.emplace_back([&] {
      work();
      done.set_value();
    });
  }
  wake_.raise();
  done.get_future().wait();
}

void ForkThread::reap_when_ended(Descriptor pidfd) {
  std::lock_guard lock(mutex_);
  work_.emplace_back([this, fd = std::move(pidfd)]() mutable { released_.push_back(std::move(fd)); });
  wake_.raise();
}

void ForkThread::loop() {
  sigset_t all;
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);  // signals are for other threads; a child resets its own mask
  while (true) {
    poll_once();
    take_requests();
    std::lock_guard lock(mutex_);
    if (stopping_ && work_.empty()) return;
  }
}

void ForkThread::poll_once() {
  std::vector<pollfd> fds = {{wake_.fd(), POLLIN, 0}};
  for (const Descriptor& d : released_) fds.push_back({d.get(), POLLIN, 0});
  if (::poll(fds.data(), fds.size(), -1) < 0) return;
  if (fds[0].revents != 0) wake_.clear();
  for (std::size_t i = fds.size(); i-- > 1;) {
    if (fds[i].revents == 0) continue;
    siginfo_t info{};
    ::waitid(P_PIDFD, static_cast<id_t>(fds[i].fd), &info, WEXITED | WNOHANG);
    released_.erase(released_.begin() + static_cast<std::ptrdiff_t>(i) - 1);
  }
}

void ForkThread::take_requests() {
  std::vector<std::move_only_function<void()>> work;
  {
    std::lock_guard lock(mutex_);
    work.swap(work_);
  }
  for (auto& w : work) w();
}

}  // namespace hf
