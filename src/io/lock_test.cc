#include <gtest/gtest.h>

#include <csignal>
#include <functional>
#include <thread>

#include <sys/wait.h>

#include "io/files.h"
#include "io/lock.h"
#include "io/signals.h"
#include "io/testing_folder.h"

namespace hf {
namespace {

TEST(FileLock, SecondHolderIsToldWhoHoldsIt) {
  TestFolder folder;
  {
    auto first = FileLock::acquire(folder.file("lock"));
    ASSERT_TRUE(first);
    auto second = FileLock::acquire(folder.file("lock"));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind, ErrorKind::kBusy);
    EXPECT_NE(second.error().text.find("process " + std::to_string(::getpid())), std::string::npos);
  }
  EXPECT_TRUE(FileLock::acquire(folder.file("lock")));
  EXPECT_EQ(FileLock::acquire(folder.file("no/lock")).error().kind, ErrorKind::kNotFound);
}

TEST(FileLock, DeathOfTheHolderFreesIt) {
  TestFolder folder;
  const pid_t pid = ::fork();
  if (pid == 0) {
    auto held = FileLock::acquire(folder.file("lock"));
    ::pause();
    ::_exit(held ? 0 : 1);
  }
  PosixFiles files;
  for (;; std::this_thread::sleep_for(2ms)) {
    auto text = read_file(files, folder.file("lock"), 100);
    if (text && to_text(*text) == std::to_string(pid) + "\n") break;
  }
  EXPECT_EQ(FileLock::acquire(folder.file("lock")).error().kind, ErrorKind::kBusy);
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  EXPECT_TRUE(FileLock::acquire(folder.file("lock")));
}

// In a process of its own, because it takes the signals of the whole process. A parent of ours that ignores SIGINT, as a
// shell does for what it starts with `&`, must not decide the result.
int exit_of(const std::function<int()>& body) {
  std::signal(SIGCHLD, SIG_DFL);
  const pid_t pid = ::fork();
  if (pid == 0) {
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) std::signal(number, SIG_DFL);
    ::_exit(body());
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void wait_for(const std::stop_token& token) {
  while (!token.stop_requested()) std::this_thread::sleep_for(1ms);
}

TEST(SignalStop, FirstSignalStopsSecondEndsTheProcess) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    EXPECT_EQ(exit_of([number] {
      SignalStop stop;
      if (stop.token().stop_requested()) return 1;
      ::kill(::getpid(), number);
      wait_for(stop.token());
      return 7;
    }), 7);
  }
  EXPECT_EQ(exit_of([] {
    SignalStop stop;
    ::kill(::getpid(), SIGTERM);
    wait_for(stop.token());
    ::kill(::getpid(), SIGINT);
    ::pause();
    return 1;
  }), 130);
}

TEST(SignalStop, ItsEndRestoresTheSignals) {
  EXPECT_EQ(exit_of([] {
    { SignalStop stop; }
    ::kill(::getpid(), SIGTERM);
    return 1;
  }), -SIGTERM);
}

}  // namespace
}  // namespace hf
