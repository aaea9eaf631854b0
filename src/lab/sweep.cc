// Children of a process that is killed become ours, as long as we are the nearest to adopt them; so round by round all of
// them are found by their parents alone, whatever folder they work in.
#include "lab/sweep.h"

#include <dirent.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <vector>

#include "base/text.h"
#include "sources/postgres/server.h"

namespace hf::lab {
namespace {

constexpr Micros kPatience = 5s;  // for what hangs in the kernel, and for a disk that is busy
constexpr Micros kPause = 10ms;

// The parent of a process that is not dead yet; 0 for all others.
pid_t living_parent(const std::string& pid) {
  std::ifstream stat("/proc/" + pid + "/stat");
  std::string line;
  std::getline(stat, line);
  const std::size_t close = line.rfind(')');  // the name before it may hold anything
  if (close == std::string::npos || close + 4 >= line.size() || line[close + 2] == 'Z') return 0;
  const std::string rest = line.substr(close + 4);
  return parse_whole<pid_t>(rest.substr(0, rest.find(' '))).value_or(0);
}

std::vector<pid_t> descendants() {
  std::multimap<pid_t, pid_t> children;
  DIR* proc = opendir("/proc");
  while (const dirent* entry = proc == nullptr ? nullptr : readdir(proc)) {
    const pid_t pid = parse_whole<pid_t>(entry->d_name).value_or(0);
    if (pid <= 0) continue;
    if (const pid_t parent = living_parent(entry->d_name); parent != 0) children.emplace(parent, pid);
  }
  if (proc != nullptr) closedir(proc);
  std::vector<pid_t> found = {getpid()};
  for (std::size_t i = 0; i < found.size(); ++i)
    for (auto [at, end] = children.equal_range(found[i]); at != end; ++at) found.push_back(at->second);
  found.erase(found.begin());
  return found;
}

// Of every server whose data folder lies below the root.
void remove_shared_memory_below(const std::string& root) {
  namespace fs = std::filesystem;
  std::error_code error;  // of what another thread removes meanwhile
  for (auto at = fs::recursive_directory_iterator(root, fs::directory_options::skip_permission_denied, error);
       !error && at != fs::recursive_directory_iterator(); at.increment(error))
    if (at->path().filename() == "postmaster.pid") sources::remove_shared_memory(at->path().parent_path());
}

}  // namespace

void sweep_away(Clock& clock, Files& files, const std::string& root) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  const MonoTime deadline = clock.mono() + kPatience;
  const auto pause = [&] { return clock.mono() < deadline && clock.sleep_until(clock.mono() + kPause, {}); };
  for (std::vector<pid_t> left = descendants(); !left.empty(); left = descendants()) {
    for (const pid_t pid : left) kill(pid, SIGKILL);
    if (!pause()) break;
  }
  chmod((root + "/out-of-reach").c_str(), 0700);
  remove_shared_memory_below(root);
  // The other thread removes the same folder, or makes a file in it: what one stumbles over, the next round takes.
  while (!remove_tree(files, root) && pause()) {}
}

}  // namespace hf::lab
