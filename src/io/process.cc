// PosixProcesses. A child is reaped only under its Process' lock, after what is left of its group was ended: until then
// the zombie keeps the pid, so a signal to the group can never reach a stranger.
#include "io/process.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstring>
#include <mutex>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/check.h"
#include "io/child.h"
#include "io/fork_thread.h"

namespace hf {
namespace {

constexpr Micros kTermGrace = 2s;                        // between SIGTERM and SIGKILL
constexpr std::size_t kLastDrainBytes = 1 << 20;         // the largest pipe buffer an unprivileged process may have

struct StatLine {
  char state = '?';
  std::uint64_t start_ticks = 0;
};

// proc(5): the name in field 2 may hold blanks and brackets, so fields are counted from the last ')'.
std::optional<StatLine> read_stat(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  std::array<char, 1024> text{};
  const ssize_t n = retry([&] { return ::read(fd.get(), text.data(), text.size() - 1); });
  if (n <= 0) return std::nullopt;
  const char* p = std::strrchr(text.data(), ')');
  if (p == nullptr || p[1] != ' ') return std::nullopt;
  StatLine out;
  out.state = p[2];
  p += 2;
  for (int field = 3; field < 22 && p != nullptr; ++field) p = std::strchr(p + 1, ' ');
  if (p == nullptr) return std::nullopt;
  const auto read = std::from_chars(p + 1, text.data() + n, out.start_ticks);
  if (read.ec != std::errc()) return std::nullopt;
  return out;
}

// Empties the two pipes of a child in a thread of its own, so that a child that floods them never waits for us.
class Drain {
 public:
  Drain(Descriptor out, Descriptor err, int pidfd, std::size_t limit) : limit_(limit) {
    streams_[0].fd = std::move(out);
    streams_[1].fd = std::move(err);
    for (Stream& s : streams_) ::fcntl(s.fd.get(), F_SETFL, O_NONBLOCK);
    thread_ = std::thread([this, pidfd] { loop(pidfd); });
  }
  ~Drain() { stop(); }

  // After the child ended, or when nobody wants the rest.
  void stop() {
    stop_.raise();
    if (thread_.joinable()) thread_.join();
  }
  std::string take(int stream) { return std::move(streams_[static_cast<std::size_t>(stream)].text); }

 private:
  struct Stream {
    Descriptor fd;
    std::string text;
  };

  void loop(int pidfd) {
    while (streams_[0].fd || streams_[1].fd) {
      pollfd fds[] = {{streams_[0].fd.get(), POLLIN, 0}, {streams_[1].fd.get(), POLLIN, 0},
                      {pidfd, POLLIN, 0}, {stop_.fd(), POLLIN, 0}};
      if (::poll(fds, 4, -1) < 0) continue;
      if (fds[2].revents != 0 || fds[3].revents != 0) break;
      for (std::size_t i = 0; i < 2; ++i) {
        if (fds[i].revents != 0) read_some(streams_[i]);
      }
    }
    for (Stream& s : streams_) {  // what the child had written when it ended; a grandchild may go on writing for ever
      for (std::size_t n = 0, got = 1; s.fd && got > 0 && n < kLastDrainBytes; n += got) got = read_some(s);
      s.fd.close();
    }
  }

  std::size_t read_some(Stream& s) {
    std::array<char, 64 * 1024> buffer;
    const ssize_t n = ::read(s.fd.get(), buffer.data(), buffer.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return 0;
    if (n <= 0) {
      s.fd.close();
      return 0;
    }
    const std::size_t room = limit_ - std::min(limit_, s.text.size());
    s.text.append(buffer.data(), std::min(room, static_cast<std::size_t>(n)));
    return static_cast<std::size_t>(n);
  }

  std::size_t limit_;
  std::array<Stream, 2> streams_;
  WakeUp stop_;
  std::thread thread_;
};

class PosixProcess final : public Process {
 public:
  PosixProcess(Clock& clock, ForkThread& forks, ProcessIdentity id, Descriptor pidfd, bool end_group)
      : clock_(clock), forks_(forks), id_(id), pidfd_(std::move(pidfd)), end_group_(end_group) {}

  ~PosixProcess() override {
    std::lock_guard lock(mutex_);
    if (released_ || exit_) return;
    ::kill(-id_.pid, SIGKILL);
    reap(0);
  }

  void capture(Descriptor out, Descriptor err, std::size_t limit) {
    drain_ = std::make_unique<Drain>(std::move(out), std::move(err), pidfd_.get(), limit);
  }

  ProcessIdentity identity() const override { return id_; }

  std::optional<ProcessExit> poll() override {
    std::lock_guard lock(mutex_);
    if (!exit_ && !released_) reap(WNOHANG);
    return exit_;
  }

  Result<ProcessExit> wait(MonoTime deadline, std::stop_token stop) override {
    const StopWake stopped(stop);
    while (true) {
      if (auto exit = poll()) return std::move(*exit);
      if (released_) return make_error(ErrorKind::kUsage, "waiting for a process that was released");
      if (stop.stop_requested()) return make_error(ErrorKind::kCancelled, "waiting for " + name() + ": stopped");
      const int millis = poll_millis(clock_.mono(), deadline);
      if (millis == 0) return make_error(ErrorKind::kTimeout, "waiting for " + name() + ": still running");
      pollfd fds[] = {{pidfd_.get(), POLLIN, 0}, {stopped.fd(), POLLIN, 0}};
      ::poll(fds, 2, millis);
    }
  }

  Status signal(int number) override {
    std::lock_guard lock(mutex_);
    if (exit_ || released_) return make_error(ErrorKind::kNotFound, "signalling " + name() + ": it has ended");
    if (::kill(-id_.pid, number) < 0) return errno_error(errno, "signalling", name());
    return ok();
  }

  void release() override {
    std::lock_guard lock(mutex_);
    if (released_ || exit_) return;
    released_ = true;
    drain_.reset();
    forks_.reap_when_ended(std::move(pidfd_));
  }

 private:
  std::string name() const { return "process " + std::to_string(id_.pid); }

  // REQUIRES: mutex_ held, not reaped. `flags` 0 waits.
  void reap(int flags) {
    siginfo_t info{};
    const id_t fd = static_cast<id_t>(pidfd_.get());
    if (retry([&] { return ::waitid(P_PIDFD, fd, &info, WEXITED | WNOWAIT | flags); }) < 0 || info.si_pid == 0) return;
    if (end_group_) ::kill(-id_.pid, SIGKILL);
    if (drain_) drain_->stop();
    HF_CHECK(retry([&] { return ::waitid(P_PIDFD, fd, &info, WEXITED); }) == 0);
    ProcessExit exit;
    exit.signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
    exit.code = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    if (drain_) {
      exit.output = drain_->take(0);
      exit.errors = drain_->take(1);
    }
    exit_ = std::move(exit);
  }

  Clock& clock_;
  ForkThread& forks_;
  const ProcessIdentity id_;
  Descriptor pidfd_;
  const bool end_group_;
  std::mutex mutex_;  // guards the rest
  std::unique_ptr<Drain> drain_;
  std::optional<ProcessExit> exit_;
  std::atomic<bool> released_ = false;
};

Error not_the_process(const ProcessIdentity& id) {
  return make_error(ErrorKind::kNotFound, "process " + std::to_string(id.pid) + " has ended");
}

struct Started {
  pid_t pid = -1;
  int err = 0;
};

// Reads what the child says before exec closes the pipe: nothing when all went well.
std::optional<ChildFailure> read_failure(ChildPlan& plan) {
  plan.status_write.close();
  ChildFailure f{};
  const ssize_t n = retry([&] { return ::read(plan.status_read.get(), &f, sizeof f); });
  if (n == static_cast<ssize_t>(sizeof f)) return f;
  return std::nullopt;
}

}  // namespace

Result<UserIds> find_user(const std::string& name) {
  std::vector<char> buffer(16 * 1024);
  passwd entry{};
  passwd* found = nullptr;
  const int err = ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (err != 0) return errno_error(err, "looking up the user", name);
  if (found == nullptr) {
    return make_error(ErrorKind::kNotFound, "there is no user " + name + " on this machine").with_object(name);
  }
  return UserIds{entry.pw_uid, entry.pw_gid, name, entry.pw_dir};
}

// While SIGCHLD is ignored the kernel reaps children itself and their exit codes are lost (waitpid(2), NOTES); whoever
// started us may have left it so.
PosixProcesses::PosixProcesses(Clock& clock) : clock_(clock), forks_(std::make_unique<ForkThread>()) {
  struct sigaction now{};
  if (::sigaction(SIGCHLD, nullptr, &now) == 0 && now.sa_handler == SIG_IGN) ::signal(SIGCHLD, SIG_DFL);
}
PosixProcesses::~PosixProcesses() = default;

Result<std::unique_ptr<Process>> PosixProcesses::spawn(const ProcessSpec& spec) {
  HF_ASSIGN(ChildPlan plan, ChildPlan::prepare(spec));
  Started started;
  forks_->run([&] {
    started.pid = plan.start();
    started.err = errno;
  });
  if (started.pid < 0) return errno_error(started.err, "forking for", spec.argv[0]);
  plan.out_write.close();
  plan.err_write.close();
  const auto failure = read_failure(plan);
  Descriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, started.pid, 0)));  // its zombie keeps the pid for us
  const int pidfd_err = errno;
  if (failure || !pidfd) {
    if (!failure) ::kill(-started.pid, SIGKILL);
    retry([&] { return ::waitpid(started.pid, nullptr, 0); });
    if (failure) return plan.failure(*failure);
    return errno_error(pidfd_err, "opening a descriptor for the process of", spec.argv[0]);
  }
  const auto stat = read_stat(started.pid);
  const ProcessIdentity id{started.pid, stat ? stat->start_ticks : 0};
  auto process = std::make_unique<PosixProcess>(clock_, *forks_, id, std::move(pidfd), spec.die_with_parent);
  if (!stat) return make_error(ErrorKind::kFailed, "reading /proc of the process of " + spec.argv[0]);
  if (plan.out_read) process->capture(std::move(plan.out_read), std::move(plan.err_read), spec.capture_limit);
  return std::unique_ptr<Process>(std::move(process));
}

bool PosixProcesses::alive(const ProcessIdentity& id) {
  if (id.pid <= 0) return false;
  const auto stat = read_stat(id.pid);
  return stat && stat->start_ticks == id.start_ticks && stat->state != 'Z' && stat->state != 'X';
}

Status PosixProcesses::signal_group(const ProcessIdentity& id, int number) {
  if (id.pid <= 1) return not_the_process(id);
  const auto stat = read_stat(id.pid);
  if (!stat || stat->start_ticks != id.start_ticks) return not_the_process(id);
  if (::kill(-id.pid, number) == 0) return ok();
  if (errno == ESRCH) return not_the_process(id);
  return errno_error(errno, "signalling", "process group " + std::to_string(id.pid));
}

Result<ProcessExit> run_process(Processes& processes, Clock& clock, const ProcessSpec& spec, Micros timeout,
                                std::stop_token stop) {
  HF_ASSIGN(std::unique_ptr<Process> process, processes.spawn(spec));
  auto exit = process->wait(clock.mono() + timeout, stop);
  if (exit) return exit;
  if (process->signal(SIGTERM)) {
    auto ended = process->wait(clock.mono() + kTermGrace, {});
    if (!ended) (void)process->signal(SIGKILL);  // and the destructor waits for it
  }
  const ErrorKind kind = exit.error().kind;
  const std::string why = kind == ErrorKind::kTimeout ? "not done after " + format_duration(timeout) : "stopped";
  return make_error(kind, "running " + spec.argv[0] + ": " + why + ", so it was ended").maybe_happened();
}

std::string describe_exit(const ProcessSpec& spec, const ProcessExit& exit) {
  std::string out = spec.argv.empty() ? "process" : spec.argv[0];
  out += exit.signal != 0 ? " was ended by signal " + std::to_string(exit.signal)
                          : " exited with " + std::to_string(exit.code);
  std::string_view errors = exit.errors;
  while (!errors.empty() && (errors.back() == '\n' || errors.back() == '\r')) errors.remove_suffix(1);
  if (const std::size_t line = errors.rfind('\n'); line != std::string_view::npos) errors.remove_prefix(line + 1);
  if (!errors.empty()) out += ": " + std::string(errors);
  return out;
}

}  // namespace hf
