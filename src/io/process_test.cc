// Real processes: what a shell does when it exits, is killed, floods, forks, or drops privileges.
#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/descriptor.h"
#include "io/files.h"
#include "io/process.h"
#include "io/testing_folder.h"

namespace hf {
namespace {

struct ProcessTest : ::testing::Test {
  SystemClock clock;
  PosixProcesses processes{clock};
  TestFolder folder;

  static ProcessSpec shell(const std::string& script) {
    ProcessSpec spec;
    spec.argv = {"sh", "-c", script};
    return spec;
  }
  Result<ProcessExit> run(const ProcessSpec& spec, Micros timeout = 30s) {
    return run_process(processes, clock, spec, timeout);
  }
  // Until `file` has a line: its number.
  pid_t pid_in(const std::string& file) {
    for (;; std::this_thread::sleep_for(2ms)) {
      std::ifstream in(file);
      std::string line;
      if (std::getline(in, line) && !in.eof()) return std::stoi(line);
    }
  }
  static bool running(pid_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
    std::string text;
    return std::getline(in, text) && text.substr(text.rfind(')') + 2, 1) != "Z";
  }
  static bool gone_soon(pid_t pid) {
    for (int i = 0; i < 5000 && running(pid); ++i) std::this_thread::sleep_for(2ms);
    return !running(pid);
  }
};

TEST_F(ProcessTest, ExitCodeAndBothStreamsAndInput) {
  ProcessSpec spec = shell("cat; echo out; echo err >&2; exit 7");
  spec.input = to_bytes("in\n");
  auto exit = run(spec);
  ASSERT_TRUE(exit) << exit.error().text;
  EXPECT_EQ(exit->code, 7);
  EXPECT_EQ(exit->signal, 0);
  EXPECT_EQ(exit->output, "in\nout\n");
  EXPECT_EQ(exit->errors, "err\n");
  EXPECT_EQ(describe_exit(spec, *exit), "sh exited with 7: err");
}

TEST_F(ProcessTest, EndBySignalIsTold) {
  auto exit = run(shell("kill -KILL $$"));
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->signal, SIGKILL);
  EXPECT_EQ(exit->code, 137);
}

TEST_F(ProcessTest, EnvironmentAndFolder) {
  ProcessSpec spec = shell("echo $HF_TEST; pwd; echo $PATH");
  spec.env = {{"HF_TEST", "a b"}};
  spec.cwd = folder.path();
  auto exit = run(spec);
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->output.find("a b\n" + folder.path() + "\n/"), 0U) << exit->output;
}

TEST_F(ProcessTest, MissingProgramAndMissingFolderAreErrorsOfStarting) {
  ProcessSpec spec;
  spec.argv = {"no-such-program-here"};
  auto missing = processes.spawn(spec);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::kNotFound);
  EXPECT_NE(missing.error().text.find("no-such-program-here"), std::string::npos);
  EXPECT_FALSE(missing.error().hint.empty());
  spec.argv = {"/etc/passwd"};
  EXPECT_EQ(processes.spawn(spec).error().kind, ErrorKind::kDenied);
  ProcessSpec elsewhere = shell("true");
  elsewhere.cwd = folder.path() + "/absent";
  EXPECT_NE(processes.spawn(elsewhere).error().text.find("absent"), std::string::npos);
}

TEST_F(ProcessTest, FloodIsCutAtTheLimitAndDoesNotBlock) {
  ProcessSpec spec = shell("head -c 20000000 /dev/zero; head -c 3000000 /dev/zero >&2; exit 3");
  spec.capture_limit = 1000;
  auto exit = run(spec);
  ASSERT_TRUE(exit) << exit.error().text;
  EXPECT_EQ(exit->code, 3);
  EXPECT_EQ(exit->output.size(), 1000U);
  EXPECT_EQ(exit->errors.size(), 1000U);
}

TEST_F(ProcessTest, FloodingChildEndsThoughNobodyWaits) {
  auto process = processes.spawn(shell("head -c 20000000 /dev/zero; echo $$ > " + folder.path() + "/done"));
  ASSERT_TRUE(process);
  EXPECT_GT(pid_in(folder.path() + "/done"), 0);
}

TEST_F(ProcessTest, OutputFileIsAppendedTo) {
  ProcessSpec spec = shell("echo one; echo two >&2");
  spec.output_file = folder.path() + "/log";
  ASSERT_TRUE(run(spec));
  ASSERT_TRUE(run(spec));
  PosixFiles files;
  EXPECT_EQ(to_text(read_file(files, spec.output_file, 100).value()), "one\ntwo\none\ntwo\n");
}

TEST_F(ProcessTest, SignalReachesTheGrandchild) {
  auto process = processes.spawn(shell("sleep 1000 & echo $! > " + folder.path() + "/pid; wait"));
  ASSERT_TRUE(process);
  const pid_t grandchild = pid_in(folder.path() + "/pid");
  EXPECT_TRUE(running(grandchild));
  ASSERT_TRUE((*process)->signal(SIGKILL));
  auto exit = (*process)->wait(clock.mono() + 30s, {});
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->signal, SIGKILL);
  EXPECT_TRUE(gone_soon(grandchild));
  EXPECT_EQ((*process)->signal(SIGTERM).error().kind, ErrorKind::kNotFound);
}

TEST_F(ProcessTest, GrandchildIsEndedWithTheLeaderAndByTheDestructor) {
  ASSERT_TRUE(run(shell("sleep 1000 & echo $! > " + folder.path() + "/a")));
  EXPECT_TRUE(gone_soon(pid_in(folder.path() + "/a")));
  pid_t leader = 0;
  {
    auto process = processes.spawn(shell("sleep 1000 & echo $! > " + folder.path() + "/b; wait"));
    ASSERT_TRUE(process);
    leader = (*process)->identity().pid;
    pid_in(folder.path() + "/b");
  }
  EXPECT_TRUE(gone_soon(pid_in(folder.path() + "/b")));
  EXPECT_EQ(::waitpid(leader, nullptr, WNOHANG), -1) << "left as a zombie";
}

TEST_F(ProcessTest, TimeoutSendsTermThenKill) {
  const std::string mark = folder.path() + "/mark", pid = folder.path() + "/pid";
  // The trap has to be there before the time is over: a busy machine gets more of it.
  const auto with_trap = [&](const std::string& trap) {
    const ProcessSpec spec = shell(trap + "; echo $$ > " + pid + "; while :; do sleep 0.01; done");
    std::filesystem::remove(pid);
    for (Micros timeout = 200ms;; timeout *= 5) {
      auto exit = run(spec, timeout);
      if (std::filesystem::exists(pid) || timeout > 60s) return exit;
    }
  };
  auto polite = with_trap("trap 'echo term > " + mark + "; exit 0' TERM");
  ASSERT_FALSE(polite);
  EXPECT_EQ(polite.error().kind, ErrorKind::kTimeout);
  EXPECT_EQ(polite.error().effect, Effect::kMaybe);
  EXPECT_TRUE(std::filesystem::exists(mark));
  auto stubborn = with_trap("trap '' TERM");
  EXPECT_EQ(stubborn.error().kind, ErrorKind::kTimeout);
  EXPECT_FALSE(running(pid_in(pid)));
}

TEST_F(ProcessTest, StopEndsTheWaitAndTheProcess) {
  std::stop_source source;
  std::jthread stopper([&] {
    pid_in(folder.path() + "/pid");
    source.request_stop();
  });
  auto exit = run_process(processes, clock, shell("echo $$ > " + folder.path() + "/pid; exec sleep 1000"), 100s,
                          source.get_token());
  ASSERT_FALSE(exit);
  EXPECT_EQ(exit.error().kind, ErrorKind::kCancelled);
  EXPECT_FALSE(running(pid_in(folder.path() + "/pid")));
}

TEST_F(ProcessTest, PollDoesNotWaitAndWaitCanTimeOut) {
  auto process = processes.spawn(shell("exec sleep 1000"));
  ASSERT_TRUE(process);
  EXPECT_FALSE((*process)->poll());
  EXPECT_EQ((*process)->wait(clock.mono() + 10ms, {}).error().kind, ErrorKind::kTimeout);
  EXPECT_TRUE(processes.alive((*process)->identity()));
}

TEST_F(ProcessTest, DropsToAnotherUserAndItsGroups) {
  auto nobody = find_user("nobody");
  ASSERT_TRUE(nobody);
  ProcessSpec spec = shell("id -u; id -g; id -G; echo $HOME");
  spec.user = *nobody;
  auto exit = run(spec);
  if (::geteuid() == 0) {
    ASSERT_TRUE(exit) << exit.error().text;
    const std::string g = std::to_string(nobody->gid);
    EXPECT_EQ(exit->output, std::to_string(nobody->uid) + "\n" + g + "\n" + g + "\n" + nobody->home + "\n");
  } else {
    ASSERT_FALSE(exit);
    EXPECT_EQ(exit.error().kind, ErrorKind::kDenied);
    EXPECT_FALSE(exit.error().hint.empty());
  }
  EXPECT_EQ(find_user("no-such-user-here").error().kind, ErrorKind::kNotFound);
}

TEST_F(ProcessTest, OtherDescriptorsAreNotInherited) {
  const Descriptor leaked(::fcntl(1, F_DUPFD, 500));  // without close-on-exec, as a library would leave it
  ASSERT_GE(leaked.get(), 500);
  auto exit = run(shell("ls /proc/self/fd"));
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->output.find("0\n1\n2\n"), 0U) << exit->output;
  EXPECT_EQ(exit->output.find(std::to_string(leaked.get())), std::string::npos) << exit->output;
}

TEST_F(ProcessTest, SignalsAreBackToDefaultInTheChild) {
  // glibc's signal() refuses 32 and 33, which are its own; a parent may have left them ignored all the same.
  auto set = [](int number, unsigned long handler) {
    const std::array<unsigned long, 4> action{handler};
    ASSERT_EQ(::syscall(SYS_rt_sigaction, number, action.data(), nullptr, sizeof(unsigned long)), 0);
  };
  constexpr unsigned long kDefault = 0;
  constexpr unsigned long kIgnore = 1;
  for (int number : {SIGPIPE, SIGINT, 32, 33, 64}) set(number, kIgnore);
  auto exit = run(shell("grep -E 'Sig(Ign|Blk)' /proc/self/status"));
  for (int number : {SIGPIPE, SIGINT, 32, 33, 64}) set(number, kDefault);
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->output, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST_F(ProcessTest, AnExitCodeIsNotLostWhenWeWereStartedWithSigchldIgnored) {
  std::signal(SIGCHLD, SIG_IGN);
  PosixProcesses later(clock);
  auto exit = run_process(later, clock, shell("exit 7"), 30s);
  std::signal(SIGCHLD, SIG_DFL);
  ASSERT_TRUE(exit) << exit.error().text;
  EXPECT_EQ(exit->code, 7);
}

TEST_F(ProcessTest, IdentityTellsAProcessFromALaterOneWithItsPid) {
  auto process = processes.spawn(shell("exec sleep 1000"));
  ASSERT_TRUE(process);
  const ProcessIdentity id = (*process)->identity();
  EXPECT_TRUE(processes.alive(id));
  const ProcessIdentity earlier{id.pid, id.start_ticks - 1};
  EXPECT_FALSE(processes.alive(earlier));
  EXPECT_EQ(processes.signal_group(earlier, SIGKILL).error().kind, ErrorKind::kNotFound);
  EXPECT_TRUE(processes.alive(id));
  EXPECT_EQ(processes.signal_group({}, SIGKILL).error().kind, ErrorKind::kNotFound);
  EXPECT_TRUE(processes.signal_group(id, SIGKILL));
  ASSERT_TRUE((*process)->wait(clock.mono() + 30s, {}));
  EXPECT_FALSE(processes.alive(id));
}

TEST_F(ProcessTest, ReleasedProcessLivesOnAndIsReaped) {
  ProcessSpec spec = shell("exec sleep 1000");
  spec.die_with_parent = false;
  spec.output_file = folder.path() + "/log";
  auto process = processes.spawn(spec);
  ASSERT_TRUE(process);
  const ProcessIdentity id = (*process)->identity();
  (*process)->release();
  process->reset();
  EXPECT_TRUE(processes.alive(id));
  ASSERT_TRUE(processes.signal_group(id, SIGKILL));
  for (int i = 0; i < 5000 && ::kill(id.pid, 0) == 0; ++i) std::this_thread::sleep_for(2ms);
  EXPECT_NE(::kill(id.pid, 0), 0) << "left as a zombie";
}

TEST_F(ProcessTest, ChildDiesWithItsParentButNotWithTheThreadThatAskedForIt) {
  std::unique_ptr<Process> process;
  std::thread([&] { process = processes.spawn(shell("exec sleep 1000")).value(); }).join();
  EXPECT_FALSE(process->poll());
  EXPECT_EQ(process->wait(clock.mono() + 20ms, {}).error().kind, ErrorKind::kTimeout);
  // A parent of its own, which spawns and is then killed without a chance to clean up.
  const pid_t parent = ::fork();
  if (parent == 0) {
    PosixProcesses inner(clock);
    auto child = inner.spawn(shell("echo $$ > " + folder.path() + "/pid; exec sleep 1000"));
    ::pause();
    ::_exit(0);
  }
  const pid_t child = pid_in(folder.path() + "/pid");
  EXPECT_TRUE(running(child));
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  EXPECT_TRUE(gone_soon(child));
}

}  // namespace
}  // namespace hf
