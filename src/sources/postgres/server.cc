// One postmaster: started directly (not through pg_ctl, so that its pid and log are ours), watched through the status
// line of postmaster.pid, which PostgreSQL maintains for pg_ctl, and ended with everything below it.
#include "sources/postgres/server.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include <dirent.h>
#include <sys/shm.h>
#include <unistd.h>

#include "base/text.h"

namespace hf::sources {
namespace {

constexpr Micros kPollInterval = 20ms;
constexpr Micros kKillWait = 10s;
constexpr std::size_t kSocketDirLimit = 90;      // sun_path is 108, "/.s.PGSQL.65535.lock" takes 20 of it
constexpr std::size_t kLogTail = 4096;           // bytes
constexpr int kSharedMemoryLine = 7;             // LOCK_FILE_LINE_SHMEM_KEY: the segment's key and id
constexpr int kStatusLine = 8;                   // LOCK_FILE_LINE_PM_STATUS, since PostgreSQL 10
constexpr int kKillRounds = 50;
constexpr std::uint32_t kInProduction = 6;       // DB_IN_PRODUCTION of catalog/pg_control.h, 13 to 18

struct ProcStat {
  pid_t parent = 0;
  std::uint64_t start_ticks = 0;
  char state = '?';
};

// /proc/<pid>/stat; the command may hold blanks and parentheses, so fields count from the last ')'.
std::optional<ProcStat> read_stat(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(in, text, '\0')) return {};
  const auto paren = text.rfind(')');
  if (paren == std::string::npos) return {};
  ProcStat stat;
  const char* at = text.c_str() + paren + 1;
  while (*at == ' ') ++at;
  stat.state = *at++;
  char* end = nullptr;
  stat.parent = static_cast<pid_t>(std::strtol(at, &end, 10));
  for (int field = 5; field <= 22; ++field) stat.start_ticks = std::strtoull(end, &end, 10);
  return stat;
}

// Every process below `root`, the root itself left out.
std::vector<ProcessIdentity> descendants(pid_t root) {
  std::multimap<pid_t, ProcessIdentity> children;
  if (DIR* dir = opendir("/proc")) {
    while (const dirent* entry = readdir(dir)) {
      const pid_t pid = parse_whole<pid_t>(entry->d_name).value_or(0);
      if (pid <= 0) continue;
      const auto stat = read_stat(pid);
      if (stat && stat->state != 'Z') children.emplace(stat->parent, ProcessIdentity{pid, stat->start_ticks});
    }
    closedir(dir);
  }
  std::vector<ProcessIdentity> found;
  std::vector<pid_t> open = {root};
  while (!open.empty()) {
    const pid_t parent = open.back();
    open.pop_back();
    for (auto [at, end] = children.equal_range(parent); at != end; ++at) {
      found.push_back(at->second);
      open.push_back(at->second.pid);
    }
  }
  return found;
}

std::vector<std::string> pid_file_lines(const std::string& data_dir) {
  std::ifstream in(data_dir + "/postmaster.pid");
  std::vector<std::string> lines;
  for (std::string line; lines.size() < 16 && std::getline(in, line);) {
    while (!line.empty() && line.back() == ' ') line.pop_back();
    lines.push_back(line);
  }
  return lines;
}

pid_t first_pid(const std::vector<std::string>& lines) {
  return lines.empty() ? 0 : parse_whole<pid_t>(lines.front()).value_or(0);
}

// A server's processes all work in its data directory, also those whose postmaster has died.
bool works_in(pid_t pid, const std::string& data_dir) {
  char cwd[4096];
  const auto size = ::readlink(("/proc/" + std::to_string(pid) + "/cwd").c_str(), cwd, sizeof cwd);
  char* real = ::realpath(data_dir.c_str(), nullptr);
  const bool same = size > 0 && real != nullptr && std::string_view(cwd, static_cast<std::size_t>(size)) == real;
  ::free(real);  // NOLINT: realpath allocates with malloc
  return same;
}

// Backends without a postmaster: it died before it could tell them, and one that hangs would stay for ever.
std::vector<pid_t> orphans(const std::string& data_dir) {
  std::vector<pid_t> found;
  for (const ProcessIdentity& p : descendants(1)) {
    std::ifstream name("/proc/" + std::to_string(p.pid) + "/comm");
    std::string comm;
    if (std::getline(name, comm) && comm == "postgres" && works_in(p.pid, data_dir)) found.push_back(p.pid);
  }
  return found;
}

Status send(pid_t pid, int number) {
  if (::kill(pid, number) != 0 && errno != ESRCH) return errno_error(errno, "signalling process", std::to_string(pid));
  return ok();
}

ProcessSpec server_spec(const ServerOptions& options) {
  ProcessSpec spec;
  spec.argv = {options.binaries.program("postgres"), "-D", options.data_dir};
  const auto set = [&](const std::string& name, const std::string& value) {
    spec.argv.emplace_back("-c");
    spec.argv.push_back(name + "=" + value);
  };
  for (const auto& [name, value] : options.settings) set(name, value);
  set("listen_addresses", options.listen_address);
  set("port", std::to_string(options.port));
  set("unix_socket_directories", options.socket_dir);
  set("dynamic_shared_memory_type", "mmap");  // in the data directory: a killed server leaves nothing in /dev/shm
  spec.user = options.owner;
  spec.cwd = options.data_dir;
  spec.output_file = options.log_file;
  spec.die_with_parent = options.die_with_parent;
  spec.env = {{"LC_ALL", "C.UTF-8"}, {"PGDATA", options.data_dir}};
  return spec;
}

// The line that tells why: the last FATAL or PANIC, else the last one.
std::string reason(const std::string& log) {
  std::string last;
  std::string fatal;
  std::size_t at = 0;
  while (at < log.size()) {
    const auto end = std::min(log.find('\n', at), log.size());
    last = log.substr(at, end - at);
    if (last.find("FATAL:") != std::string::npos || last.find("PANIC:") != std::string::npos) fatal = last;
    at = end + 1;
  }
  return fatal.empty() ? last : fatal;
}

}  // namespace

// The System V segment by which a starting server sees that another one still runs. It outlives a SIGKILL, and an id may
// be used again by somebody else: so the key has to agree, and nobody may be attached.
void remove_shared_memory(const std::string& data_dir) {
  const auto lines = pid_file_lines(data_dir);
  if (lines.size() < kSharedMemoryLine) return;
  std::istringstream words(lines[kSharedMemoryLine - 1]);
  unsigned long key = 0;
  int id = 0;
  shmid_ds segment{};
  if (!(words >> key >> id) || shmctl(id, IPC_STAT, &segment) != 0) return;
  if (static_cast<key_t>(key) == segment.shm_perm.__key && segment.shm_nattch == 0) shmctl(id, IPC_RMID, nullptr);
}

PostgresServer::PostgresServer(PostgresServer&& other) noexcept
    : env_(other.env_), options_(std::move(other.options_)), process_(std::move(other.process_)), identity_(other.identity_) {
  other.identity_ = {};
}

PostgresServer& PostgresServer::operator=(PostgresServer&& other) noexcept {
  if (this == &other) return *this;
  if (identity_.pid != 0) (void)kill9();
  env_ = other.env_;
  options_ = std::move(other.options_);
  process_ = std::move(other.process_);
  identity_ = other.identity_;
  other.identity_ = {};
  return *this;
}

PostgresServer::~PostgresServer() {
  if (identity_.pid != 0) (void)kill9();
}

Result<PostgresServer> PostgresServer::start(Env& env, ServerOptions options) {
  if (options.socket_dir.size() > kSocketDirLimit) {
    return make_error(ErrorKind::kInvalid, "the socket folder " + options.socket_dir + " has a path longer than " +
                                               std::to_string(kSocketDirLimit) + " bytes")
        .with_hint("Use a shorter path: the kernel limits the names of unix sockets.");
  }
  if (options.log_file.empty()) options.log_file = options.data_dir + ".log";
  HF_TRY(reachable_by(env, options.owner, options.binaries.program("postgres"), Reach::kExecute));
  HF_TRY(reachable_by(env, options.owner, options.data_dir, Reach::kTraverse));
  HF_ASSIGN(auto process, env.processes.spawn(server_spec(options)));
  PostgresServer server(env, std::move(options));
  server.identity_ = process->identity();
  server.process_ = std::move(process);
  return server;
}

Result<PostgresServer> PostgresServer::attach(Env& env, ServerOptions options) {
  if (options.log_file.empty()) options.log_file = options.data_dir + ".log";
  const auto lines = pid_file_lines(options.data_dir);
  const pid_t pid = first_pid(lines);
  const auto stat = pid > 0 ? read_stat(pid) : std::nullopt;
  if (!stat || !works_in(pid, options.data_dir)) {   // the pid was used again by somebody else, or nobody runs
    return make_error(ErrorKind::kNotFound, "no PostgreSQL server runs in " + options.data_dir).with_object(options.data_dir);
  }
  PostgresServer server(env, std::move(options));
  server.identity_ = {pid, stat->start_ticks};
  return server;
}

bool PostgresServer::running() {
  if (identity_.pid == 0) return false;
  if (process_ && process_->poll()) return false;
  const auto stat = read_stat(identity_.pid);
  return stat && stat->start_ticks == identity_.start_ticks && stat->state != 'Z';
}

std::string PostgresServer::status_line() const {
  const auto lines = pid_file_lines(options_.data_dir);
  if (first_pid(lines) != identity_.pid || lines.size() < kStatusLine) return {};
  return lines[kStatusLine - 1];
}

// pg_control: system identifier (8 bytes), two versions (4 each), then DBState, which becomes DB_IN_PRODUCTION together with
// the end of recovery. The status line alone says "ready" to a hot standby as well.
bool PostgresServer::in_production() const {
  std::ifstream in(options_.data_dir + "/global/pg_control", std::ios::binary);
  std::uint32_t fields[5] = {};
  in.read(reinterpret_cast<char*>(fields), sizeof fields);
  return in.gcount() == sizeof fields && fields[4] == kInProduction;
}

Status PostgresServer::wait_ready(MonoTime deadline, std::stop_token stop, ServerState state) {
  while (true) {
    const bool alive = running();
    const std::string status = status_line();
    const bool answers = status == "ready" || status == "standby";
    if (alive && answers && (state == ServerState::kAnswers || in_production())) return ok();
    if (!alive) {
      return make_error(ErrorKind::kFailed, "the PostgreSQL server in " + options_.data_dir + " ended: " + reason(log_tail()))
          .with_hint("Its log is " + options_.log_file + ".")
          .with_object(options_.data_dir);
    }
    const MonoTime now = env_->clock.mono();
    if (now >= deadline) {
      return make_error(ErrorKind::kTimeout, "the PostgreSQL server in " + options_.data_dir + " is not ready in time (" +
                                                 (status.empty() ? "starting" : status) + "): " + reason(log_tail()))
          .with_object(options_.data_dir);
    }
    if (!env_->clock.sleep_until(std::min(deadline, now + kPollInterval), stop)) {
      return make_error(ErrorKind::kCancelled, "waiting for the PostgreSQL server in " + options_.data_dir + " was stopped");
    }
  }
}

Status PostgresServer::stop(StopMode mode, MonoTime deadline, std::stop_token hurry) {
  if (!running()) {
    identity_ = {};
    return ok();
  }
  const auto killed = [&](ErrorKind kind, const char* why) -> Status {
    HF_TRY(kill9());
    return make_error(kind, "the PostgreSQL server in " + options_.data_dir + " " + why + " and was killed");
  };
  if (hurry.stop_requested()) return killed(ErrorKind::kCancelled, "was not waited for");
  HF_TRY(thaw());
  HF_TRY(send(identity_.pid, mode == StopMode::kFast ? SIGINT : SIGQUIT));
  while (running()) {
    const MonoTime now = env_->clock.mono();
    if (now >= deadline) return killed(ErrorKind::kTimeout, "did not stop in time");
    if (hurry.stop_requested()) return killed(ErrorKind::kCancelled, "was not waited for");
    env_->clock.sleep_until(std::min(deadline, now + kPollInterval), hurry);
  }
  identity_ = {};
  process_.reset();
  return ok();
}

// The postmaster is stopped first, so that no backend is forked between looking and killing. A fork that it had begun when the
// signal came still ends, so that it must be seen to stand.
void PostgresServer::wait_until_it_stands(MonoTime deadline) {
  const auto forks = [&] {
    const auto stat = read_stat(identity_.pid);
    return stat && stat->state != 'T' && stat->state != 'Z' && stat->state != 'X';
  };
  while (forks() && env_->clock.mono() < deadline) env_->clock.sleep_until(env_->clock.mono() + 1ms, {});
}

Status PostgresServer::kill9() {
  if (!running()) {
    HF_TRY(kill_orphans());
    identity_ = {};
    process_.reset();
    return ok();
  }
  HF_TRY(send(identity_.pid, SIGSTOP));
  const MonoTime deadline = env_->clock.mono() + kKillWait;
  wait_until_it_stands(deadline);
  const auto children = descendants(identity_.pid);
  for (const ProcessIdentity& child : children) HF_TRY(send(child.pid, SIGKILL));
  HF_TRY(send(identity_.pid, SIGKILL));
  const auto left = [&] {
    return running() || std::ranges::any_of(children, [&](const ProcessIdentity& c) {
      const auto stat = read_stat(c.pid);
      return stat && stat->start_ticks == c.start_ticks && stat->state != 'Z';
    });
  };
  for (int round = 0; left(); ++round) {
    if (env_->clock.mono() >= deadline && round >= kKillRounds) {
      return make_error(ErrorKind::kTimeout, "processes of the server in " + options_.data_dir + " survive SIGKILL");
    }
    env_->clock.sleep_until(env_->clock.mono() + 2ms, {});
  }
  HF_TRY(kill_orphans());
  identity_ = {};
  process_.reset();
  remove_shared_memory(options_.data_dir);
  return ok();
}

// Of our postmaster, which is dead; where another one was started since then, they are that one's.
Status PostgresServer::kill_orphans() {
  const MonoTime deadline = env_->clock.mono() + kKillWait;
  while (identity_.pid != 0 && first_pid(pid_file_lines(options_.data_dir)) == identity_.pid) {
    const std::vector<pid_t> left = orphans(options_.data_dir);
    if (left.empty()) break;
    if (env_->clock.mono() >= deadline) {
      return make_error(ErrorKind::kTimeout, "processes of the server in " + options_.data_dir + " survive SIGKILL");
    }
    for (const pid_t pid : left) HF_TRY(send(pid, SIGKILL));
    env_->clock.sleep_until(env_->clock.mono() + 2ms, {});
  }
  return ok();
}

Status PostgresServer::signal_tree(int number, bool postmaster_too) {
  if (!running()) return make_error(ErrorKind::kNotFound, "no PostgreSQL server runs in " + options_.data_dir);
  if (postmaster_too) HF_TRY(send(identity_.pid, number));
  if (number == SIGSTOP) wait_until_it_stands(env_->clock.mono() + kKillWait);
  for (const ProcessIdentity& child : descendants(identity_.pid)) HF_TRY(send(child.pid, number));
  return ok();
}

Status PostgresServer::pause() { return signal_tree(SIGSTOP, true); }

Status PostgresServer::thaw() {
  HF_TRY(signal_tree(SIGCONT, false));
  return send(identity_.pid, SIGCONT);
}

void PostgresServer::release() {
  if (process_) process_->release();
  process_.reset();
  identity_ = {};
}

std::string PostgresServer::dsn(const std::string& dbname, const std::string& user) const {
  if (options_.socket_dir.empty()) return tcp_dsn(dbname, user);
  return "host=" + options_.socket_dir + " port=" + std::to_string(options_.port) + " user=" + user + " dbname=" + dbname;
}

std::string PostgresServer::tcp_dsn(const std::string& dbname, const std::string& user) const {
  return "host=" + options_.listen_address + " port=" + std::to_string(options_.port) + " user=" + user + " dbname=" + dbname;
}

std::string PostgresServer::log_tail() const {
  std::ifstream in(options_.log_file, std::ios::binary | std::ios::ate);
  if (!in) return {};
  const auto size = static_cast<std::size_t>(in.tellg());
  const std::size_t start = size > kLogTail ? size - kLogTail : 0;
  in.seekg(static_cast<std::streamoff>(start));
  std::string text(size - start, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  return text;
}

}  // namespace hf::sources
