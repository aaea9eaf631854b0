#include "io/child.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace hf {
namespace {

constexpr std::size_t kInputLimitBytes = 1 << 20;
constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

void put_env(std::vector<std::string>& environment, const std::string& name, const std::string& value) {
  const std::string start = name + "=";
  auto same = [&](const std::string& e) { return e.starts_with(start); };
  if (auto at = std::ranges::find_if(environment, same); at != environment.end()) {
    *at = start + value;
  } else {
    environment.push_back(start + value);
  }
}

std::vector<std::string> environment_for(const ProcessSpec& spec) {
  std::vector<std::string> out;
  for (char** e = environ; e != nullptr && *e != nullptr; ++e) out.emplace_back(*e);
  if (spec.user && spec.user->uid != ::geteuid()) {
    put_env(out, "HOME", spec.user->home);
    put_env(out, "USER", spec.user->name);
    put_env(out, "LOGNAME", spec.user->name);
  }
  for (const auto& [name, value] : spec.env) put_env(out, name, value);
  return out;
}

std::vector<std::string> programs_for(const std::string& program, const std::vector<std::string>& environment) {
  if (program.find('/') != std::string::npos) return {program};
  std::string_view path = kDefaultPath;
  for (const std::string& e : environment) {
    if (e.starts_with("PATH=")) path = std::string_view(e).substr(5);
  }
  std::vector<std::string> out;
  while (true) {
    const std::size_t colon = path.find(':');
    const std::string_view folder = path.substr(0, colon);
    if (!folder.empty()) out.push_back(std::string(folder) + "/" + program);
    if (colon == std::string_view::npos) return out;
    path.remove_prefix(colon + 1);
  }
}

Result<std::vector<gid_t>> groups_of(const UserIds& user) {
  int count = 64;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  while (::getgrouplist(user.name.c_str(), user.gid, groups.data(), &count) < 0) {
    if (static_cast<std::size_t>(count) <= groups.size()) return errno_error(EINVAL, "listing the groups of", user.name);
    groups.resize(static_cast<std::size_t>(count));
  }
  groups.resize(static_cast<std::size_t>(count));
  return groups;
}

Status open_pipe(Descriptor& read_end, Descriptor& write_end) {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) < 0) return errno_error(errno, "making", "a pipe");
  read_end = Descriptor(fds[0]);
  write_end = Descriptor(fds[1]);
  return ok();
}

// A memory file, not a pipe: a child that does not read cannot block us.
Result<Descriptor> open_input(const Bytes& input) {
  if (input.empty()) {
    Descriptor fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!fd) return errno_error(errno, "opening", "/dev/null");
    return fd;
  }
  if (input.size() > kInputLimitBytes) {
    return make_error(ErrorKind::kUsage, "the standard input given to a process is larger than 1 MiB");
  }
  Descriptor fd(::memfd_create("input", MFD_CLOEXEC));
  if (!fd) return errno_error(errno, "making", "a memory file");
  for (std::size_t done = 0; done < input.size();) {
    const ssize_t n = retry([&] { return ::write(fd.get(), input.data() + done, input.size() - done); });
    if (n < 0) return errno_error(errno, "writing", "a memory file");
    done += static_cast<std::size_t>(n);
  }
  if (::lseek(fd.get(), 0, SEEK_SET) < 0) return errno_error(errno, "rewinding", "a memory file");
  return fd;
}

Status open_output(ChildPlan& plan) {
  const std::string& path = plan.spec->output_file;
  if (path.empty()) {
    HF_TRY(open_pipe(plan.out_read, plan.out_write));
    return open_pipe(plan.err_read, plan.err_write);
  }
  plan.out_write = Descriptor(retry([&] { return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600); }));
  if (!plan.out_write) return errno_error(errno, "opening the output file", path);
  plan.err_write = Descriptor(::fcntl(plan.out_write.get(), F_DUPFD_CLOEXEC, 3));
  if (!plan.err_write) return errno_error(errno, "duplicating", path);
  return ok();
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (std::string& s : strings) out.push_back(s.data());
  out.push_back(nullptr);
  return out;
}

// --- in the child: system calls only ---------------------------------------------------------------------------------

[[noreturn]] void give_up(int status_fd, ChildStage stage) {
  const ChildFailure f{stage, errno};
  [[maybe_unused]] ssize_t n = ::write(status_fd, &f, sizeof f);
  ::_exit(127);
}

bool take_descriptors(const ChildPlan& plan) {
  if (::dup2(plan.input.get(), 0) < 0 || ::dup2(plan.out_write.get(), 1) < 0 || ::dup2(plan.err_write.get(), 2) < 0) {
    return false;
  }
  // Also what a library opened without O_CLOEXEC.
  return ::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

// An ignored signal is inherited through execve. The bare system call: glibc's function leaves 32 and 33, its own, as
// whoever started us left them. The kernel's structure for the default action is all zero; its last field is a set of
// 8 bytes (signal(7), "rt_sigaction").
void reset_signals() {
  constexpr std::array<unsigned long, 4> kByDefault{};
  for (int s = 1; s < NSIG; ++s) ::syscall(SYS_rt_sigaction, s, kByDefault.data(), nullptr, sizeof(unsigned long));
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// The bare system calls: glibc's functions would try to tell threads that do not exist here.
bool become(const UserIds& user, const std::vector<gid_t>& groups) {
  if (user.uid == ::geteuid() && user.gid == ::getegid() && user.uid != 0) return true;
  return ::syscall(SYS_setgroups, groups.size(), groups.data()) == 0 &&
         ::syscall(SYS_setresgid, user.gid, user.gid, user.gid) == 0 &&
         ::syscall(SYS_setresuid, user.uid, user.uid, user.uid) == 0;
}

[[noreturn]] void child_main(const ChildPlan& plan, pid_t parent) {
  const ProcessSpec& spec = *plan.spec;
  const int status = plan.status_write.get();
  if ((spec.die_with_parent ? ::setpgid(0, 0) : ::setsid()) < 0) give_up(status, ChildStage::kSetUp);
  if (!take_descriptors(plan)) give_up(status, ChildStage::kSetUp);
  if (spec.user && !become(*spec.user, plan.groups)) give_up(status, ChildStage::kUser);
  if (spec.die_with_parent) {  // after the change of user, which clears it
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) give_up(status, ChildStage::kSetUp);
    if (::getppid() != parent) ::_exit(127);  // the parent died before the line above
  }
  if (!spec.cwd.empty() && ::chdir(spec.cwd.c_str()) < 0) give_up(status, ChildStage::kFolder);
  reset_signals();
  int err = ENOENT;
  for (const std::string& program : plan.programs) {
    ::execve(program.c_str(), plan.argv.data(), plan.envp.data());
    if (errno != ENOENT && errno != ENOTDIR) err = errno;
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) break;
  }
  errno = err;
  give_up(status, ChildStage::kExec);
}

}  // namespace

Result<ChildPlan> ChildPlan::prepare(const ProcessSpec& spec) {
  if (spec.argv.empty() || spec.argv[0].empty()) return make_error(ErrorKind::kUsage, "no program to start was given");
  ChildPlan plan;
  plan.spec = &spec;
  plan.arguments = spec.argv;
  plan.environment = environment_for(spec);
  plan.programs = programs_for(spec.argv[0], plan.environment);
  plan.argv = pointers(plan.arguments);
  plan.envp = pointers(plan.environment);
  if (spec.user) {
    HF_ASSIGN(plan.groups, groups_of(*spec.user));
  }
  HF_ASSIGN(plan.input, open_input(spec.input));
  HF_TRY(open_output(plan));
  HF_TRY(open_pipe(plan.status_read, plan.status_write));
  return plan;
}

pid_t ChildPlan::start() {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) child_main(*this, parent);
  return pid;
}

Error ChildPlan::failure(const ChildFailure& f) const {
  const std::string& program = arguments[0];
  switch (f.stage) {
    case ChildStage::kSetUp: return errno_error(f.err, "setting up the process for", program);
    case ChildStage::kFolder: return errno_error(f.err, "starting " + program + " in the folder", spec->cwd);
    case ChildStage::kUser: {
      Error e = errno_error(f.err, "starting " + program + " as user", spec->user->name);
      if (f.err == EPERM) e.hint = "Run as root, or as the user " + spec->user->name + " itself.";
      return e;
    }
    case ChildStage::kExec: break;
  }
  Error e = errno_error(f.err, "starting", program);
  if (f.err == ENOENT) e.hint = "Install the program " + program + ", or give its full path.";
  if (f.err == EACCES) e.hint = "Check that " + program + " is executable and that every folder above it may be entered.";
  return e;
}

}  // namespace hf
