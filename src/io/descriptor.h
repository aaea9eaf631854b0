// A file descriptor that closes itself, the EINTR loop, and a wake-up for poll(2) when a stop is asked for.
#pragma once

#include <cerrno>
#include <cstdint>
#include <stop_token>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/time.h"

namespace hf {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Descriptor() { close(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));  // Linux frees the number even when it reports EINTR
  }

 private:
  int fd_ = -1;
};

template <class Call>
auto retry(Call call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

// An event descriptor: readable for ever once raised.
class WakeUp {
 public:
  WakeUp() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  explicit operator bool() const { return static_cast<bool>(fd_); }
  int fd() const { return fd_.get(); }
  void raise() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] ssize_t n = ::write(fd_.get(), &one, sizeof one);  // a full counter is raised already
  }
  void clear() const {
    std::uint64_t count = 0;
    [[maybe_unused]] ssize_t n = ::read(fd_.get(), &count, sizeof count);
  }

 private:
  Descriptor fd_;
};

// Readable once `stop` is asked to stop. No descriptor where no stop is possible.
class StopWake {
 public:
  explicit StopWake(std::stop_token stop)
      : possible_(stop.stop_possible()), callback_(std::move(stop), Raise{&wake_}) {}
  int fd() const { return possible_ ? wake_.fd() : -1; }  // poll(2) passes over -1

 private:
  struct Raise {
    const WakeUp* wake;
    void operator()() const { wake->raise(); }
  };
  WakeUp wake_;
  bool possible_;
  std::stop_callback<Raise> callback_;
};

// What poll(2) wants: whole milliseconds, rounded up, 0 once `deadline` passed, at most a minute at a time.
int poll_millis(MonoTime now, MonoTime deadline);

}  // namespace hf
