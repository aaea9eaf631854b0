// The processes of the environment: spawning as the lab's user, commands of ours and their answers, stalled links.
#include <dirent.h>

#include <fstream>

#include "base/text.h"
#include "lab/environment.h"

namespace hf::lab {

namespace {

constexpr Micros kEndTimeout = 60s;

// The standby's walreceiver: the child of its postmaster whose title says so.
Result<pid_t> find_walreceiver(pid_t postmaster) {
  DIR* proc = opendir("/proc");
  if (proc == nullptr) return errno_error(errno, "opening", "/proc");
  pid_t found = 0;
  while (dirent* entry = readdir(proc)) {
    pid_t pid = parse_whole<pid_t>(entry->d_name).value_or(0);
    if (pid <= 0) continue;
    std::ifstream stat("/proc/" + std::string(entry->d_name) + "/stat"),
        title("/proc/" + std::string(entry->d_name) + "/cmdline");
    std::string line, words;
    std::getline(stat, line);
    std::getline(title, words, '\0');
    std::size_t close = line.rfind(')');
    if (close == std::string::npos || close + 3 > line.size() || words.find("walreceiver") == std::string::npos) continue;
    const std::string parent = " " + std::to_string(postmaster) + " ";  // behind ") S"
    if (line.compare(close + 3, parent.size(), parent) == 0) found = pid;
  }
  closedir(proc);
  if (found == 0) return make_error(ErrorKind::kNotFound, "the standby has no receiving process");
  return found;
}

}  // namespace

Result<Process*> Environment::spawn(const std::string& name, ProcessSpec spec) {
  spec.user = user_;
  spec.cwd = options_.root;
  if (spec.output_file.empty()) {
    std::string file = name;
    for (char& c : file) c = c == '/' ? '.' : c;
    spec.output_file = options_.root + "/logs/" + file + ".log";
  }
  HF_ASSIGN(std::unique_ptr<Process> process, env_.processes.spawn(spec));
  Process* raw = process.get();
  processes_[name] = std::move(process);
  return raw;
}

Status Environment::end_process(const std::string& name, int signal) {
  auto it = processes_.find(name);
  if (it == processes_.end()) return ok();
  HF_TRY(it->second->signal(signal));
  auto ended = it->second->wait(env_.clock.mono() + kEndTimeout, stop_);
  processes_.erase(it);  // killed if it still runs
  if (!ended) return std::move(ended).error();
  return ok();
}

Result<Process*> Environment::start_holdfast(const std::string& region, const std::string& name,
                                             const std::vector<std::string>& args) {
  ProcessSpec spec;
  spec.argv = {holdfast_program()};
  spec.argv.insert(spec.argv.end(), args.begin(), args.end());
  spec.argv.insert(spec.argv.end(), {"--state", regions_.at(region).dir + "/state", "-o", "jsonl"});
  return spawn(region + "/" + name, spec);
}

Result<CommandResult> Environment::holdfast(const std::vector<std::string>& args, Micros timeout,
                                            const std::vector<std::pair<std::string, std::string>>& extra_env) {
  ProcessSpec spec;
  spec.argv = {holdfast_program()};
  spec.argv.insert(spec.argv.end(), args.begin(), args.end());
  spec.argv.insert(spec.argv.end(), {"--state", state_dir(), "-o", "json"});
  spec.user = user_;
  spec.cwd = options_.root;
  spec.env = extra_env;
  spec.capture_limit = 16 << 20;
  HF_ASSIGN(ProcessExit done, run_process(env_.processes, env_.clock, spec, timeout, stop_));
  CommandResult out{done.code, Json(), done.output, done.errors};
  if (auto parsed = parse_json(done.output)) out.result = std::move(*parsed);
  return out;
}

Status Environment::stall_standby_link() {
  HF_ASSIGN(pid_t pid, find_walreceiver(servers_.at("standby").identity().pid));
  if (kill(pid, SIGSTOP) != 0) return errno_error(errno, "stopping", "the standby's receiving process");
  return ok();
}

// SIGTERM before SIGCONT: the process ends before it reads what still lies in its socket, as when a link breaks.
Status Environment::drop_standby_link() {
  HF_ASSIGN(pid_t pid, find_walreceiver(servers_.at("standby").identity().pid));
  if (kill(pid, SIGTERM) != 0 || kill(pid, SIGCONT) != 0)
    return errno_error(errno, "ending", "the standby's receiving process");
  return ok();
}

}  // namespace hf::lab
