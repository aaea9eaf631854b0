#include "io/signals.h"

#include <poll.h>
#include <sys/signalfd.h>

#include "base/check.h"

namespace hf {
namespace {

constexpr int kExitInterrupted = 130;
constexpr int kLookMs = 200;

}  // namespace

SignalStop::SignalStop() {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGINT);
  sigaddset(&wanted, SIGTERM);
  struct sigaction hangup{};
  ::sigaction(SIGHUP, nullptr, &hangup);
  if (hangup.sa_handler != SIG_IGN) sigaddset(&wanted, SIGHUP);  // nohup(1) asks to live on
  HF_CHECK(::pthread_sigmask(SIG_BLOCK, &wanted, &before_) == 0);
  signals_ = Descriptor(::signalfd(-1, &wanted, SFD_CLOEXEC));
  HF_CHECK(static_cast<bool>(signals_) && static_cast<bool>(end_));
  thread_ = std::thread([this] { loop(); });
}

SignalStop::~SignalStop() {
  end_.raise();
  thread_.join();
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void SignalStop::before_forced_end(std::function<void()> last) {
  std::lock_guard lock(mutex_);
  last_ = std::move(last);
}

void SignalStop::force_end_after(std::chrono::milliseconds grace) { grace_ms_ = grace.count(); }

void SignalStop::end_now() {
  std::lock_guard lock(mutex_);
  if (last_) last_();
  ::_exit(kExitInterrupted);
}

void SignalStop::loop() {
  while (true) {
    pollfd fds[] = {{signals_.get(), POLLIN, 0}, {end_.fd(), POLLIN, 0}};
    const std::int64_t grace = source_.stop_requested() ? grace_ms_.load() : 0;
    const int ready = ::poll(fds, 2, grace > 0 ? static_cast<int>(grace) : source_.stop_requested() ? kLookMs : -1);
    if (ready < 0) continue;
    if (fds[1].revents != 0) return;
    if (ready == 0 && grace > 0) end_now();
    if (ready == 0) continue;            // who works may yet set its grace
    signalfd_siginfo info{};
    if (retry([&] { return ::read(signals_.get(), &info, sizeof info); }) != sizeof info) continue;
    if (source_.stop_requested()) end_now();
    source_.request_stop();
  }
}

}  // namespace hf
