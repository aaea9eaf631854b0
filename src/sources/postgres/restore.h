// From a vault to a data directory that is ready to start: first a plan, then bytes.
//
// A plan names the base backup, the branch of timelines, and the WAL from the backup's start to the target; what cannot
// be reached is refused (kBlocked), and the message says the nearest that can. Only then anything is written.
// Invariants: a target is never replaced by another one; a data directory whose restore did not end holds a marker file
// and no PG_VERSION, so no server starts in it.
//
// How targets are meant: a time includes every commit at or before it; an LSN is a position, and all WAL before it is
// replayed, nothing that begins at it or later; a name is a restore point; a snapshot is the moment at which that
// backup became consistent; latest is the last WAL that the vault has, without a gap.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "io/env.h"
#include "sources/postgres/backup_info.h"
#include "sources/postgres/server.h"
#include "sources/postgres/timeline.h"
#include "vault/repository.h"
#include "vault/wal/wal_archive.h"

namespace hf::sources {

inline constexpr const char* kRestoreMarker = ".holdfast-restore-incomplete";

enum class TargetKind : std::uint8_t { kLatest, kTime, kLsn, kName, kSnapshot };

struct RecoveryTarget {
  TargetKind kind = TargetKind::kLatest;
  WallTime time{};
  Lsn lsn;
  std::string name;                              // of the restore point
  std::string snapshot;                          // kSnapshot: "latest", or a prefix of its id
  std::optional<Timeline> timeline;              // the branch; else the newest one
};
std::string describe(const RecoveryTarget& target);

struct RestorePlan {
  vault::SnapshotInfo base;
  PostgresBackupInfo info;                       // of the base
  RecoveryTarget target;
  Timeline timeline = 0;                         // the branch that recovery follows
  std::vector<WalPiece> wal;                     // needed, on each timeline, ascending
  Lsn end;                                       // where recovery will stop at the latest
  std::optional<WallTime> recovery_point;        // newest commit or moment that the target includes, as far as known
  PostgresSettings recovery;                     // recovery_target...
  std::vector<std::string> reasons;              // why this base and this branch
};

// Reads the vault, writes nothing. kBlocked: cannot be reached. kUsage: could mean several clusters. kNotFound: none.
Result<RestorePlan> plan_restore(vault::Repository& repository, const RecoveryTarget& target,
                                 const vault::SnapshotFilter& scope);

struct WalAccess {
  // Empty: the WAL that the plan needs is staged beside the data, because no key may be left behind.
  std::string key_file;
  std::string vault_url;                         // with key_file
  // The program that PostgreSQL runs as its own user; empty (only when staged): a shell command does it.
  std::string program;
};

struct PostgresRestoreOptions {
  std::string data_dir;                          // absent or empty
  std::optional<UserIds> owner;
  std::map<std::uint32_t, std::string> tablespaces;   // by oid; else <data_dir>/tablespaces/<oid>
  WalAccess wal;
  std::string action = "promote";                // pause, shutdown
  PostgresSettings settings;                     // more for postgresql.auto.conf
  std::stop_token stop;
};

struct PostgresRestoreReport {
  vault::SnapshotId snapshot{};
  std::optional<WallTime> recovery_point;
  Lsn lsn;
  Timeline timeline = 0;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::vector<std::string> warnings;
};

// kBlocked: the folder is not empty, or its owner could not reach it. kCorrupt: the vault's bytes are damaged (the
// marker stays). kExhausted: it does not fit.
Result<PostgresRestoreReport> restore_postgres(Env& env, vault::Repository& repository, const RestorePlan& plan,
                                               const PostgresRestoreOptions& options);

// `restore_command` for postgresql.conf: quoted for the shell, '%' of paths doubled.
// A new place has no WAL of its own, so a tail of a segment is welcome there whatever its timeline's state.
std::string restore_command(const WalAccess& source, const std::string& staged_dir);

}  // namespace hf::sources
