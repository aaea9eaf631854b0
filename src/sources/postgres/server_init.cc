// Finding the programs, making a cluster, turning a base backup into a standby.
#include <charconv>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/files.h"
#include "sources/postgres/server.h"

namespace hf::sources {
namespace {

constexpr Micros kInitTimeout = 120s;
constexpr int kOldestMajor = 13;

std::string last_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  const auto start = text.rfind('\n');
  return start == std::string::npos ? text : text.substr(start + 1);
}

ProcessSpec initdb_spec(const PostgresBinaries& binaries, const std::string& data_dir, const InitOptions& options) {
  ProcessSpec spec;
  spec.argv = {binaries.program("initdb"), "-D", data_dir, "-U", options.superuser, "-A", "trust",
               "--locale=C.UTF-8", "--encoding=UTF8"};
  if (options.page_checksums) spec.argv.emplace_back("--data-checksums");
  if (!options.sync) spec.argv.emplace_back("--no-sync");
  if (options.wal_segment_megabytes) {
    spec.argv.push_back("--wal-segsize=" + std::to_string(*options.wal_segment_megabytes));
  }
  spec.user = options.owner;
  spec.cwd = std::string("/");
  return spec;
}

}  // namespace

Result<PostgresBinaries> find_postgres(std::optional<int> major, const std::string& root) {
  PosixFiles files;
  PostgresBinaries best;
  if (const auto entries = files.list(root)) {
    for (const DirectoryEntry& entry : *entries) {
      int found = 0;
      const char* end = entry.name.data() + entry.name.size();
      if (std::from_chars(entry.name.data(), end, found).ptr != end) continue;
      if (major ? found != *major : found < kOldestMajor) continue;
      const std::string bin = root + "/" + entry.name + "/bin";
      if (found > best.major && file_exists(files, bin + "/postgres")) best = {found, bin};
    }
  }
  if (best.major != 0) return best;
  const std::string which = major ? "PostgreSQL " + std::to_string(*major) : std::string("PostgreSQL 13 or newer");
  return make_error(ErrorKind::kNotFound, which + " is not installed under " + root)
      .with_hint("Install the server package, for example postgresql-" + std::to_string(major.value_or(15)) +
                 ", or name the folder that holds MAJOR/bin in HOLDFAST_POSTGRES.");
}

Result<std::optional<UserIds>> server_user(const std::string& name) {
  if (::geteuid() == 0) {
    HF_ASSIGN(UserIds user, find_user(name.empty() ? "postgres" : name));
    if (user.uid == 0) {
      return make_error(ErrorKind::kUsage, "PostgreSQL refuses to run as root")
          .with_hint("Name an unprivileged user with --owner, for example postgres.");
    }
    return std::optional<UserIds>(std::move(user));
  }
  if (!name.empty()) {
    HF_ASSIGN(const UserIds user, find_user(name));
    if (user.uid != ::geteuid()) {
      return make_error(ErrorKind::kDenied, "only root can give files to user '" + name + "'")
          .with_hint("Run as root or as that user, or leave --owner out.");
    }
  }
  return std::optional<UserIds>();
}

PostgresSettings scratch_settings(int major) {
  PostgresSettings settings = {
      {"fsync", "off"},
      {"synchronous_commit", "off"},
      {"full_page_writes", "off"},
      {"shared_buffers", "32MB"},
      {"huge_pages", "off"},
      {"max_wal_size", "4GB"},
      {"autovacuum", "off"},
      {"logging_collector", "off"},
      {"log_destination", "stderr"},
      {"ssl", "off"},
      {"archive_mode", "off"},
      {"synchronous_standby_names", ""},
      {"external_pid_file", ""},
      {"cluster_name", "holdfast scratch"}};
  if (major >= 14) settings.emplace_back("recovery_init_sync_method", "syncfs");
  return settings;
}

PostgresSettings lab_settings() {
  return {{"wal_level", "replica"},
          {"max_wal_senders", "12"},
          {"max_replication_slots", "12"},
          {"hot_standby", "on"},
          {"shared_buffers", "32MB"},
          {"huge_pages", "off"},
          {"max_wal_size", "512MB"},
          {"wal_log_hints", "on"},
          {"wal_sender_timeout", "10s"},
          {"wal_receiver_timeout", "10s"},
          {"wal_retrieve_retry_interval", "200ms"},
          {"logging_collector", "off"},
          {"log_destination", "stderr"},
          {"log_checkpoints", "off"}};
}

Status init_cluster(Env& env, const PostgresBinaries& binaries, const std::string& data_dir, const InitOptions& options) {
  HF_TRY(make_owned_dir(data_dir, options.owner));
  HF_TRY(reachable_by(env, options.owner, data_dir, Reach::kTraverse));
  const ProcessSpec spec = initdb_spec(binaries, data_dir, options);
  HF_ASSIGN(const ProcessExit exit, run_process(env.processes, env.clock, spec, kInitTimeout));
  if (exit.code != 0) {
    return make_error(ErrorKind::kFailed, "initdb in " + data_dir + ": " + last_line(exit.errors)).with_object(data_dir);
  }
  std::vector<std::string> hba = options.hba;
  if (hba.empty()) {
    hba = {"local all all trust", "host all all 127.0.0.0/8 trust", "local replication all trust",
           "host replication all 127.0.0.0/8 trust"};
  }
  HF_TRY(write_hba(env, data_dir, options.owner, hba));
  return write_settings(env, data_dir, options.owner, options.settings);
}

Status make_standby(Env& env, const std::string& data_dir, const StandbyOptions& options) {
  PostgresSettings settings = {{"primary_conninfo", options.primary_conninfo},
                               {"primary_slot_name", options.primary_slot_name},
                               {"restore_command", options.restore_command},
                               {"recovery_target", ""},
                               {"recovery_target_time", ""},
                               {"recovery_target_lsn", ""},
                               {"recovery_target_name", ""},
                               {"recovery_target_xid", ""},
                               {"recovery_target_timeline", "latest"}};
  settings.insert(settings.end(), options.settings.begin(), options.settings.end());
  HF_TRY(write_settings(env, data_dir, options.owner, settings));
  const std::string signal = join_path(data_dir, "standby.signal");
  HF_TRY(write_file_atomic(env.files, signal, {}, 0600));
  HF_TRY(give_to(signal, options.owner));
  const std::string recovery = join_path(data_dir, "recovery.signal");
  return file_exists(env.files, recovery) ? env.files.remove(recovery) : ok();
}

Result<int> free_port(const std::string& address) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno_error(errno, "opening a socket on", address);
  struct Closer { int fd; ~Closer() { ::close(fd); } } closer{fd};
  sockaddr_in where{};
  where.sin_family = AF_INET;
  if (::inet_pton(AF_INET, address.c_str(), &where.sin_addr) != 1) {
    return make_error(ErrorKind::kInvalid, "'" + address + "' is not an IPv4 address");
  }
  socklen_t size = sizeof where;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&where), size) != 0) return errno_error(errno, "binding", address);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&where), &size) != 0) return errno_error(errno, "asking", address);
  return static_cast<int>(ntohs(where.sin_port));
}

}  // namespace hf::sources
