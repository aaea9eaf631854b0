// Child processes: started in a process group of their own, watched by pidfd, never left as zombies, and ended as a
// whole group: what is left of the group when its first process ends is ended too, except where die_with_parent is
// false. A process is named across our own crash by pid and start time, because pids are used again.
#pragma once

#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"

namespace hf {

struct UserIds {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;
  std::string home;
};
Result<UserIds> find_user(const std::string& name);

struct ProcessSpec {
  std::vector<std::string> argv;                            // argv[0] is looked up in PATH where it has no slash
  std::vector<std::pair<std::string, std::string>> env;     // added to, or replacing in, our own environment
  std::string cwd;                                          // empty: ours
  std::optional<UserIds> user;                              // privileges are dropped to this user, groups too
  Bytes input;                                              // given on standard input (at most 1 MiB), else /dev/null
  std::string output_file;                                  // stdout and stderr appended there; empty: captured
  bool die_with_parent = true;                              // SIGKILL when we die; false: a session of its own, outlives us
  std::size_t capture_limit = 1 << 20;                      // bytes kept of each captured stream
};

struct ProcessIdentity {
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;                            // field 22 of /proc/<pid>/stat
};

struct ProcessExit {
  int code = 0;          // exit status, or 128 + signal
  int signal = 0;        // 0 if it exited by itself
  std::string output;    // captured stdout
  std::string errors;    // captured stderr
};

// A running child. Its destructor kills the group and reaps, unless release() was called.
class Process {
 public:
  virtual ~Process() = default;
  virtual ProcessIdentity identity() const = 0;
  virtual std::optional<ProcessExit> poll() = 0;                                  // does not wait
  virtual Result<ProcessExit> wait(MonoTime deadline, std::stop_token stop) = 0;  // kTimeout / kCancelled leave it running
  virtual Status signal(int number) = 0;                                          // to the whole group
  virtual void release() = 0;                                                     // leave it running, give up ownership
};

class Processes {
 public:
  virtual ~Processes() = default;
  virtual Result<std::unique_ptr<Process>> spawn(const ProcessSpec& spec) = 0;
  virtual bool alive(const ProcessIdentity& id) = 0;
  virtual Status signal_group(const ProcessIdentity& id, int number) = 0;         // kNotFound if it is another process by now
};

class ForkThread;

// The real one. Forks in one thread of its own, because the kernel ends a child with the *thread* that forked it.
class PosixProcesses final : public Processes {
 public:
  explicit PosixProcesses(Clock& clock);
  ~PosixProcesses() override;
  Result<std::unique_ptr<Process>> spawn(const ProcessSpec& spec) override;
  bool alive(const ProcessIdentity& id) override;
  Status signal_group(const ProcessIdentity& id, int number) override;

 private:
  Clock& clock_;
  std::unique_ptr<ForkThread> forks_;
};

// Starts, waits, and ends the group at the deadline (SIGTERM, then SIGKILL after 2 s): kTimeout or kCancelled, `maybe`.
// An exit code other than 0 is not an error here.
Result<ProcessExit> run_process(Processes& processes, Clock& clock, const ProcessSpec& spec, Micros timeout,
                                std::stop_token stop = {});
// "pg_ctl exited with 1: <last line of its errors>", for error texts.
std::string describe_exit(const ProcessSpec& spec, const ProcessExit& exit);

}  // namespace hf
