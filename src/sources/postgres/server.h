// PostgreSQL servers that we start ourselves: scratch servers that prove a restore, and the regions of the lab.
//
// PostgreSQL refuses to run as root, so as root everything here is done as another user (`postgres` unless told).
// Backends leave the postmaster's process group (each calls setsid), so "the whole server" is always the postmaster
// and its descendants, found through /proc while the postmaster is stopped and cannot fork.
// Invariant: a PostgresServer that goes away takes every process that it started with it, unless release() was called.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "io/env.h"
#include "io/process.h"

namespace hf::sources {

// The programs of one major version.
struct PostgresBinaries {
  int major = 0;
  std::string bin_dir;
  std::string program(const std::string& name) const { return bin_dir + "/" + name; }
};

inline constexpr const char* kPostgresRoot = "/usr/lib/postgresql";  // Debian's

// Looks in <root>/<major>/bin; the newest version, or exactly `major`. kNotFound names what was looked for.
Result<PostgresBinaries> find_postgres(std::optional<int> major = {}, const std::string& root = kPostgresRoot);

// The user that servers run as: as root the one named (default "postgres"); otherwise ourselves, which is nullopt.
// kDenied if we are not root and `name` is somebody else.
Result<std::optional<UserIds>> server_user(const std::string& name = {});

using PostgresSettings = std::vector<std::pair<std::string, std::string>>;   // name, unquoted value

// 'it''s' as postgresql.conf reads it. kInvalid for line breaks and NUL, which it cannot hold.
Result<std::string> quote_setting(std::string_view value);

// For servers whose data may be lost at any moment: no fsync, small memory, nothing of the source's surroundings
// (its TLS files, log collector, archiver, synchronous standbys).
PostgresSettings scratch_settings(int major);
// For lab servers: replication, archiving possible, short timeouts, small memory; fsync stays on.
PostgresSettings lab_settings();

// --- files ---------------------------------------------------------------------------------------------------------

// A folder (and its missing parents, which get 0711 so that `owner` can pass) of mode `mode`, given to `owner`.
Status make_owned_dir(const std::string& path, const std::optional<UserIds>& owner, unsigned mode = 0700);
// Gives `path`, or everything under it, to `owner`; symbolic links themselves, never what they name. nullopt: nothing to do.
Status give_to(const std::string& path, const std::optional<UserIds>& owner);
Status give_tree_to(const std::string& path, const std::optional<UserIds>& owner);

enum class Reach : std::uint8_t { kRead, kExecute, kTraverse };
// Asks the kernel, as that user, whether `path` can be used; kDenied names the first folder on the way that is closed.
Status reachable_by(Env& env, const std::optional<UserIds>& user, const std::string& path, Reach reach);
Result<std::uint64_t> free_bytes(const std::string& path);  // what the disk of `path` has for users
// A copy of `path` at `target` that `owner` can use (mode 0500 for programs, 0400 for keys).
Status copy_for(const std::string& path, const std::string& target, const std::optional<UserIds>& owner, unsigned mode);

// Sets names in postgresql.auto.conf, replacing what it said of them; other lines stay.
Status write_settings(Env& env, const std::string& data_dir, const std::optional<UserIds>& owner,
                      const PostgresSettings& settings);
Status write_hba(Env& env, const std::string& data_dir, const std::optional<UserIds>& owner,
                 const std::vector<std::string>& lines);

// --- clusters ------------------------------------------------------------------------------------------------------

struct InitOptions {
  std::optional<UserIds> owner;
  std::string superuser = "postgres";
  bool page_checksums = true;
  bool sync = true;
  std::optional<int> wal_segment_megabytes;
  PostgresSettings settings;               // into postgresql.auto.conf
  std::vector<std::string> hba;            // empty: trust on the socket and on 127.0.0.0/8, replication too
};
Status init_cluster(Env& env, const PostgresBinaries& binaries, const std::string& data_dir, const InitOptions& options);

struct StandbyOptions {
  std::optional<UserIds> owner;
  std::string primary_conninfo;            // libpq keywords, no password
  std::string primary_slot_name;
  std::string restore_command;
  PostgresSettings settings;
};
// Turns a base backup into a standby: standby.signal, its settings, no recovery target left.
Status make_standby(Env& env, const std::string& data_dir, const StandbyOptions& options);

// --- servers -------------------------------------------------------------------------------------------------------

struct ServerOptions {
  PostgresBinaries binaries;
  std::string data_dir;
  std::optional<UserIds> owner;
  std::string listen_address;              // empty: no TCP
  int port = 5432;
  std::string socket_dir;                  // empty: no socket; its path is at most 90 bytes
  std::string log_file;                    // empty: <data_dir>.log
  PostgresSettings settings;               // on the command line: stronger than every file
  bool die_with_parent = true;             // false: it outlives us (then release() it)
};

enum class StopMode : std::uint8_t { kFast, kImmediate };
enum class ServerState : std::uint8_t {
  kAnswers,      // accepts connections, perhaps read-only
  kReadWrite,    // recovery has ended
};

class PostgresServer {
 public:
  // Returns when the postmaster was started; not before it answers: see wait_ready.
  static Result<PostgresServer> start(Env& env, ServerOptions options);
  // A server that another process of ours started and released, found by postmaster.pid. kNotFound if none runs there.
  static Result<PostgresServer> attach(Env& env, ServerOptions options);

  PostgresServer(PostgresServer&&) noexcept;
  PostgresServer& operator=(PostgresServer&&) noexcept;
  ~PostgresServer();                                           // kill9, unless released

  // kFailed with the end of its log if it exited; kTimeout; kCancelled.
  Status wait_ready(MonoTime deadline, std::stop_token stop = {}, ServerState state = ServerState::kAnswers);
  // Asks it to end and waits; after the deadline it is killed and kTimeout returned, as soon as `hurry` asks it is killed
  // and kCancelled returned. Not running is fine.
  Status stop(StopMode mode, MonoTime deadline, std::stop_token hurry = {});
  Status kill9();                                              // postmaster and descendants, as a power cut would
  Status pause();                                              // SIGSTOP to all of them
  Status thaw();
  bool running();
  void release();                                              // leave it running

  ProcessIdentity identity() const { return identity_; }
  const ServerOptions& options() const { return options_; }
  // libpq keywords for the socket if there is one, else for TCP.
  std::string dsn(const std::string& dbname = "postgres", const std::string& user = "postgres") const;
  std::string tcp_dsn(const std::string& dbname = "postgres", const std::string& user = "postgres") const;
  std::string log_tail() const;                                // the last 4 KiB

 private:
  PostgresServer(Env& env, ServerOptions options) : env_(&env), options_(std::move(options)) {}
  Status kill_orphans();
  void wait_until_it_stands(MonoTime deadline);   // stopped by a signal: it forks no more
  Status signal_tree(int number, bool postmaster_too);
  std::string status_line() const;
  bool in_production() const;

  Env* env_;
  ServerOptions options_;
  std::unique_ptr<Process> process_;                           // null when attached
  ProcessIdentity identity_;
};

// What a server that was killed left in the kernel: its System V shared memory segment, as postmaster.pid names it. Does
// nothing while a process is attached to it, and where there is none.
void remove_shared_memory(const std::string& data_dir);

// A port nobody listens on right now.
Result<int> free_port(const std::string& address = "127.0.0.1");

}  // namespace hf::sources
