// The daily proof: a backup is restored into a scratch folder, booted, asked, measured, and taken away again.
//
// The scratch server listens on a unix socket only, in a folder that nobody but its user and root can enter.
// Invariant: on every path out (error, stop, exception in a callback) the server is gone and so is the folder; a
// `torn_down` that is false names what is left in `warnings`.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/json.h"
#include "io/env.h"
#include "sources/canary.h"
#include "sources/postgres/restore.h"

namespace hf::sources {

struct SqlAssertion {
  std::string name;
  std::string sql;                               // one row, one field
  std::string database;                          // empty: that of the options
  std::string expect = "t";                      // the field's text
};

struct AssertionResult {
  std::string name;
  bool ok = false;
  std::string detail;                            // what came instead, or the error
};

struct VerifyOptions {
  std::string scratch_root = "/tmp";             // the folder is made below it
  std::optional<UserIds> owner;
  std::string postgres_root = kPostgresRoot;     // where the programs of the backup's major version are
  RecoveryTarget target;
  vault::SnapshotFilter scope;
  WalAccess wal;
  std::vector<SqlAssertion> assertions;
  bool amcheck = false;                          // pg_amcheck over all databases: heap and B-tree structure
  std::string database = "postgres";
  std::string user = "postgres";                 // a superuser of the cluster
  CanaryCheck check;
  std::optional<CanaryRow> last_written;         // newest that the writer knows of
  std::optional<WallTime> reference;             // loss is counted up to here; else the moment of the call
  std::optional<Micros> rto_objective;
  std::optional<Micros> rpo_objective;
  Micros boot_timeout = 30min;                   // recovery included
  // Called while the server runs, before it is taken away: a drill's further questions.
  std::function<Status(const PostgresServer&, remote::PgConnection&)> more;
  std::stop_token stop;
};

struct ObjectiveResult {
  std::string name;                              // "rto", "rpo"
  Micros target{};
  std::optional<Micros> actual;
  bool met = false;
};

struct VerifyReport {
  std::string component;
  RestorePlan plan;
  PostgresRestoreReport restore;
  Micros restored_after{};                       // bytes on the disk
  Micros booted_after{};                         // recovery ended
  std::optional<Micros> rto;                     // first successful query
  std::optional<Micros> rpo;                     // reference - newest proof of life found; absent if there is none
  std::string rpo_by;                            // "canary", "commit"
  std::optional<CanaryRow> last_found;
  std::optional<CanaryRow> last_written;
  std::optional<std::uint64_t> lost;             // canary rows
  std::optional<WallTime> last_commit;           // as the recovered server tells
  Timeline timeline = 0;                         // the new one, after promotion
  std::vector<AssertionResult> assertions;
  std::vector<ObjectiveResult> objectives;
  std::vector<std::string> warnings;
  bool torn_down = false;
  bool passed() const;                           // all assertions held and the scratch place is gone
};

// An error: it could not be restored or booted (the scratch place is gone then, too). Failed assertions are in the report.
Result<VerifyReport> verify_postgres(Env& env, vault::Repository& repository, const VerifyOptions& options);

// `data` of the machine output, without `run`.
Json to_json(const VerifyReport& report);

}  // namespace hf::sources
