// A base backup of a running PostgreSQL cluster into a vault, over the replication protocol.
//
// Passes: look at the server (and refuse what cannot become a consistent backup); hold its WAL by a temporary slot; take
// BASE_BACKUP while the WAL is streamed beside it into the vault's archive; add the tree; wait until the WAL up to the
// stop LSN is durable in the vault; commit.
// Invariant: a snapshot exists only if the WAL from its start to its stop LSN is in the same vault.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "base/progress.h"
#include "io/env.h"
#include "remote/postgres.h"
#include "sources/postgres/backup_info.h"
#include "sources/postgres/backup_wal.h"
#include "vault/repository.h"
#include "vault/restore.h"

namespace hf::sources {

struct PostgresBackupOptions {
  std::string dsn;                               // one server; no password in it
  Secret password;
  std::string component;
  std::string host;                              // where we run; the vault's word for it
  std::vector<std::string> tags;
  bool fast_checkpoint = true;
  bool accept_new_cluster = false;               // the component's earlier snapshots may be of another system identifier
  std::uint64_t max_rate_kib = 0;                // 0: no limit
  Micros wal_timeout = 10min;                    // for the WAL up to the stop LSN, after the files
  Progress progress{};
  std::stop_token stop;
};

struct PostgresBackupReport {
  vault::SnapshotInfo snapshot;
  PostgresBackupInfo info;
  Lsn wal_durable;                               // how far the archive reaches; >= info.stop_lsn
  std::vector<std::string> warnings;
};

// kUnsupported: a server before 13. kBlocked: wal_level, full_page_writes, another cluster than before; each with a hint.
Result<PostgresBackupReport> backup_postgres(Env& env, vault::Repository& repository, const PostgresBackupOptions& options);

// --- the parts, for tests --------------------------------------------------------------------------------------------

struct PostgresServerFacts {
  PostgresBackupInfo info;                       // all but LSNs, timeline and finished
  bool any_synchronous = false;                  // '*' in synchronous_standby_names
  std::vector<std::string> warnings;
};
Result<PostgresServerFacts> inspect_server(remote::PgConnection& connection);

// Takes the base backup into `session` (not committed) with its WAL into `target`. `previous` may be null.
Result<PostgresBackupReport> take_base_backup(Env& env, const PostgresBackupOptions& options, vault::BackupSession& session,
                                              vault::SnapshotReader* previous, const BackupWalTarget& target);

}  // namespace hf::sources
