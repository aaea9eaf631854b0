// The demo ended by a signal at several moments, and by two at once: it exits with 130 and leaves no process and no folder.
// The longest of the runs is made by a user without any privileges.
#include <gtest/gtest.h>

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "lab/testing_failover.h"

namespace hf::lab {
namespace {

constexpr int kInterruptedExit = 130;
constexpr Micros kMomentTimeout = 900s, kEndTimeout = 300s;
constexpr auto kLookAgain = 20ms;
constexpr std::size_t kMaxLogBytes = 16 << 20;
constexpr std::string_view kBelow = "/tmp/holdfast-demo-";

struct Moment {
  std::string file;  // in the demo's folder, `x*` anything that begins with x: signal once it is there
  int number;        // the signal
  std::string user;  // empty: who runs the test
  bool twice = false;  // and another signal at once
};

// Processes whose command line, working folder or program lies below `folder`.
std::vector<std::string> processes_below(const std::string& folder) {
  std::vector<std::string> out;
  DIR* proc = opendir("/proc");
  while (dirent* entry = proc == nullptr ? nullptr : readdir(proc)) {
    const std::string pid = entry->d_name;
    if (std::atoi(pid.c_str()) <= 0) continue;
    PosixFiles files;
    std::string words;
    if (auto line = read_file(files, "/proc/" + pid + "/cmdline", 1 << 20)) words = to_text(*line);
    for (const char* link : {"/cwd", "/exe"}) {
      char target[4096];
      const ssize_t n = readlink(("/proc/" + pid + link).c_str(), target, sizeof target);
      if (n > 0) words += " " + std::string(target, static_cast<std::size_t>(n));
    }
    if (words.find(folder) != std::string::npos) out.push_back(pid + ": " + words);
  }
  if (proc != nullptr) closedir(proc);
  return out;
}

class InterruptedDemo : public ::testing::TestWithParam<Moment> {
 protected:
  std::string printed() {
    auto bytes = read_file(files, log_path, kMaxLogBytes);
    return bytes ? to_text(*bytes) : std::string();
  }
  // Copies that an ordinary user can reach.
  std::string program(const std::optional<UserIds>& user) {
    const char* build = std::getenv("HOLDFAST_BUILD");
    EXPECT_NE(build, nullptr) << "HOLDFAST_BUILD has to name the folder with the programs";
    for (const char* name : {"holdfast", "orders"}) {
      auto copied =
          sources::copy_for(std::string(build == nullptr ? "" : build) + "/" + name, folder.file(name), user, 0500);
      EXPECT_TRUE(copied.has_value()) << name;
    }
    return folder.file("holdfast");
  }
  // The folder that the demo says it works in.
  std::string folder_of_the_demo() {
    const std::string text = printed();
    const std::size_t at = text.find(kBelow);
    return at == std::string::npos ? std::string() : text.substr(at, text.find_first_of(" \n", at) - at);
  }
  bool any_begins(const std::string& folder_name, const std::string& prefix) {
    const auto entries = files.list(folder_name);
    return entries && std::ranges::any_of(*entries, [&](const DirectoryEntry& e) { return e.name.starts_with(prefix); });
  }
  bool wait_for(const std::string& file, Process& demo) {
    const MonoTime deadline = clock.mono() + kMomentTimeout;
    while (clock.mono() < deadline && !demo.poll()) {
      const std::string root = folder_of_the_demo();
      if (!root.empty() && (file.ends_with('*') ? any_begins(root, file.substr(0, file.size() - 1))
                                                : file_exists(files, root + "/" + file)))
        return true;
      clock.sleep_until(clock.mono() + kLookAgain, {});
    }
    return false;
  }

  SystemClock clock;
  PosixFiles files;
  PosixProcesses processes{clock};
  TestFolder folder;
  std::string log_path = folder.file("work/demo.log");
};

TEST_P(InterruptedDemo, LeavesNothing) {
  const Moment moment = GetParam();
  std::optional<UserIds> user;
  if (!moment.user.empty() && geteuid() == 0) {
    auto found = find_user(moment.user);
    ASSERT_TRUE(found.has_value());
    user = *found;
  }
  ASSERT_TRUE(sources::make_owned_dir(folder.file("work"), user, 0755).has_value());
  ProcessSpec spec;
  spec.argv = {program(user), "demo", "--results", folder.file("work/results")};
  spec.user = user;
  spec.cwd = folder.file("work");
  spec.output_file = log_path;
  auto demo = processes.spawn(spec);
  ASSERT_TRUE(demo.has_value());
  ASSERT_TRUE(wait_for(moment.file, **demo)) << printed();
  const std::string root = folder_of_the_demo();
  EXPECT_FALSE(processes_below(root).empty()) << "the search for what is left finds nothing while everything runs";
  ASSERT_EQ(kill((*demo)->identity().pid, moment.number), 0);
  if (moment.twice) { EXPECT_EQ(kill((*demo)->identity().pid, SIGTERM), 0); }
  auto ended = (*demo)->wait(clock.mono() + kEndTimeout, {});
  ASSERT_TRUE(ended.has_value()) << "it does not end: " << printed();
  EXPECT_EQ(ended->code, kInterruptedExit) << printed();
  if (moment.twice) { EXPECT_NE(printed().find("Ended at once"), std::string::npos) << printed(); }
  const std::vector<std::string> left = processes_below(root);
  EXPECT_TRUE(left.empty()) << left.size() << " processes are left, the first is " << left.front();
  EXPECT_FALSE(file_exists(files, root)) << root;
}

INSTANTIATE_TEST_SUITE_P(Moments, InterruptedDemo,
                         ::testing::Values(Moment{"us-east/primary/postmaster.pid", SIGINT, ""},  // in the first step
                                           Moment{"us-west/spool/lock", SIGTERM, ""},  // everything runs, or begins to
                                           Moment{"hf-verify-*", SIGINT, "", true},    // a restored database is there
                                           Moment{"us-west/failover.json", SIGINT, "nobody"},  // in the failover
                                           Moment{"us-west/failover.json", SIGINT, "", true}));

}  // namespace
}  // namespace hf::lab
