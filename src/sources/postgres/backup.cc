// See backup.h.
#include "sources/postgres/backup.h"

#include <algorithm>

#include "base/hex.h"
#include "base/text.h"
#include "remote/postgres_preflight.h"
#include "remote/postgres_replication.h"
#include "sources/postgres/backup_sink.h"
#include "vault/backup/backup.h"

namespace hf::sources {
namespace {

constexpr const char* kApplicationName = "holdfast backup";
constexpr std::uint64_t kSenders = 2;  // one sends the files, the other the WAL
constexpr const char* kServerTime = "to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";

template <class T>
Result<T> number(const std::string& text, std::string_view what) {
  if (const auto whole = parse_whole<T>(text)) return *whole;
  return make_error(ErrorKind::kFailed, "the server answered '" + text + "' for " + std::string(what));
}

remote::PgConnectOptions connect_options(const PostgresBackupOptions& options) {
  remote::PgConnectOptions out;
  out.application_name = kApplicationName;
  out.password = options.password;
  out.stop = options.stop;
  return out;
}

Status read_settings(remote::PgConnection& c, PostgresServerFacts& facts) {
  HF_ASSIGN(const remote::PgRows rows,
            c.query(std::string("SELECT system_identifier, current_setting('full_page_writes'), "
                                "current_setting('data_checksums'), current_setting('block_size'), pg_is_in_recovery(), "
                                "current_setting('synchronous_standby_names') LIKE '%*%', ") +
                    kServerTime + " FROM pg_catalog.pg_control_system()"));
  PostgresBackupInfo& info = facts.info;
  HF_ASSIGN(info.system_id, number<std::uint64_t>(rows.text(0, 0), "the system identifier"));
  if (rows.text(0, 1) != "on") {
    return make_error(ErrorKind::kBlocked,
                      "full_page_writes is off on " + c.server() + ": pages torn during the copy could not be repaired")
        .with_hint("Set full_page_writes = on and reload; it needs no restart.");
  }
  info.page_checksums = rows.text(0, 2) == "on";
  if (!info.page_checksums) facts.warnings.push_back("data checksums are off: damage on the source's disks cannot be seen");
  HF_ASSIGN(info.block_bytes, number<std::uint32_t>(rows.text(0, 3), "block_size"));
  info.from_standby = rows.text(0, 4) == "t";
  facts.any_synchronous = rows.text(0, 5) == "t";
  HF_ASSIGN(info.started, parse_time(rows.text(0, 6)));
  info.server_version = c.server_version();
  return ok();
}

Status read_limits(remote::PgConnection& c, PostgresBackupInfo& info) {
  HF_ASSIGN(const remote::PgRows rows,
            c.query("SELECT name, setting FROM pg_catalog.pg_settings WHERE name IN ('max_connections', 'max_worker_processes', "
                    "'max_wal_senders', 'max_prepared_transactions', 'max_locks_per_transaction')"));
  for (std::size_t i = 0; i < rows.rows.size(); ++i) info.limits[rows.text(i, 0)] = rows.text(i, 1);
  return ok();
}

Status read_sizes(remote::PgConnection& c, PostgresBackupInfo& info) {
  HF_ASSIGN(const remote::PgRows rows,
            c.query("SELECT datname, pg_catalog.pg_database_size(oid) FROM pg_catalog.pg_database WHERE "
                    "has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE') ORDER BY datname"));
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    HF_ASSIGN(const auto bytes, number<std::uint64_t>(rows.text(i, 1), "a database's size"));
    info.databases.push_back({rows.text(i, 0), bytes});
  }
  return ok();
}

// The newest snapshot of the same cluster, whose pages may be used again; refuses a component that changed its cluster.
Result<std::optional<vault::SnapshotInfo>> previous_snapshot(vault::Repository& repository, const PostgresBackupOptions& options,
                                                             std::uint64_t system_id) {
  if (!repository.can_read()) return std::optional<vault::SnapshotInfo>();
  HF_ASSIGN(const auto snapshots, repository.snapshots());
  std::optional<vault::SnapshotInfo> newest;
  std::optional<std::uint64_t> other;
  for (const auto& snapshot : snapshots) {
    const auto info = backup_info(snapshot);
    if (!info) continue;
    const bool same_component = snapshot.meta.component == options.component;
    if (info->system_id == system_id) {
      newest = snapshot;
      if (same_component) other.reset();
    } else if (same_component && !options.component.empty()) {
      other = info->system_id;
    }
  }
  if (other && !options.accept_new_cluster) {
    return make_error(ErrorKind::kBlocked, "component '" + options.component + "' was cluster " + std::to_string(*other) +
                                               " in its last backup, and the server is cluster " + std::to_string(system_id))
        .with_hint("Check the DSN. A cluster that was made anew gets another component name, or is accepted explicitly.");
  }
  return newest;
}

Status preflight(remote::PgConnection& connection, std::optional<std::uint64_t> system_id) {
  remote::PgPreflightOptions options;
  options.system_id = system_id;
  options.senders = kSenders;
  HF_ASSIGN(auto findings, remote::replication_preflight(connection, options));
  for (auto& finding : findings) {
    if (finding.fatal) return std::move(finding.error);
  }
  return ok();
}

remote::BaseBackupSink connect_sink(BaseBackupTree& tree, BackupWal& wal, PostgresBackupInfo& info,
                                    const PostgresBackupOptions& options) {
  remote::BaseBackupSink sink;
  sink.on_start = [&](const remote::BaseBackupStart& start) -> Status {
    info.start_lsn = start.lsn;
    info.timeline = start.timeline;
    std::uint64_t expected = 0;                // as the server estimates
    for (const auto& t : start.tablespaces) {
      expected += t.size_bytes.value_or(0);
      if (t.oid != 0) info.tablespaces.push_back({t.oid, t.location});
    }
    wal.begin(start.lsn, start.timeline);
    options.progress.phase("reading the cluster", {.bytes = expected, .estimated = true});
    return tree.start(start);
  };
  sink.on_archive = [&](const std::string& name, const std::string& path) { return tree.archive(name, path); };
  sink.on_data = [&](ByteView data) {
    options.progress.add(Counted::kBytes, data.size());
    return tree.bytes(data);
  };
  sink.on_manifest = [&](ByteView data) { return tree.manifest(data); };
  return sink;
}

remote::BaseBackupOptions base_options(const PostgresBackupOptions& options) {
  remote::BaseBackupOptions out;
  out.label = "holdfast";
  out.fast_checkpoint = options.fast_checkpoint;
  out.manifest = true;
  out.manifest_checksums = "CRC32C";
  out.max_rate_kib = options.max_rate_kib;
  return out;
}

}  // namespace

Result<PostgresServerFacts> inspect_server(remote::PgConnection& connection) {
  PostgresServerFacts facts;
  HF_TRY(read_settings(connection, facts));
  HF_TRY(read_limits(connection, facts.info));
  HF_TRY(read_sizes(connection, facts.info));
  HF_TRY(preflight(connection, facts.info.system_id));
  return facts;
}

Result<PostgresBackupReport> take_base_backup(Env& env, const PostgresBackupOptions& options, vault::BackupSession& session,
                                              vault::SnapshotReader* previous, const BackupWalTarget& target) {
  const remote::PgConnectOptions connect = connect_options(options);
  HF_ASSIGN(remote::PgConnection plain, remote::PgConnection::connect(options.dsn, env.clock, connect));
  HF_ASSIGN(PostgresServerFacts facts, inspect_server(plain));
  HF_ASSIGN(remote::PgReplication replication, remote::PgReplication::connect(options.dsn, env.clock, connect));
  HF_ASSIGN(const remote::PgSystem system, replication.identify_system());
  if (system.system_id != facts.info.system_id) {
    return make_error(ErrorKind::kBlocked, "two connections to the same DSN reached different clusters")
        .with_hint("Name exactly one server in the DSN.");
  }
  PostgresBackupReport report;
  report.info = facts.info;
  report.warnings = facts.warnings;
  HF_ASSIGN(report.info.wal_segment_bytes, replication.wal_segment_size());
  char suffix[20];
  std::snprintf(suffix, sizeof suffix, "%016llx", static_cast<unsigned long long>(env.rng.u64()));
  const BackupWalOptions wal_options = {options.dsn, connect, system.system_id, report.info.wal_segment_bytes,
                                        std::string("holdfast_backup_") + suffix, !facts.any_synchronous};
  HF_ASSIGN(const auto wal, BackupWal::prepare(env.clock, wal_options, target));
  if (!wal->warning().empty()) report.warnings.push_back(wal->warning());

  BaseBackupTree tree(session, previous, options.stop, options.progress);
  options.progress.phase("waiting for the server's checkpoint");
  HF_ASSIGN(const remote::BaseBackupEnd end,
            replication.base_backup(base_options(options), connect_sink(tree, *wal, report.info, options)));
  if (end.end_timeline != end.start_timeline) {
    return make_error(ErrorKind::kFailed, "the server was promoted during the backup").with_hint("Run the backup again.");
  }
  report.info.stop_lsn = end.end_lsn;
  HF_ASSIGN(const std::string finished, plain.query_value(std::string("SELECT ") + kServerTime));
  HF_ASSIGN(report.info.finished, parse_time(finished));
  options.progress.phase("storing the rest");
  HF_TRY(tree.finish());
  options.progress.phase("waiting for WAL");
  HF_ASSIGN(report.wal_durable, wal->finish(end.end_lsn, env.clock.mono() + options.wal_timeout, options.stop));
  if (report.wal_durable < report.info.stop_lsn) {
    return make_error(ErrorKind::kFailed, "the vault's WAL ends at " + format_lsn(report.wal_durable) +
                                              ", before the backup's stop at " + format_lsn(report.info.stop_lsn));
  }
  return report;
}

namespace {

struct Cluster {
  std::uint64_t system_id = 0;
  std::string server;
};

// By an ordinary connection: a server whose settings allow no replication refuses that one in words that name only the
// last of these settings.
Result<Cluster> identify(Env& env, const PostgresBackupOptions& options) {
  HF_ASSIGN(remote::PgConnection plain, remote::PgConnection::connect(options.dsn, env.clock, connect_options(options)));
  HF_ASSIGN(const std::string id, plain.query_value("SELECT system_identifier FROM pg_catalog.pg_control_system()"));
  Cluster out{0, plain.server()};
  HF_ASSIGN(out.system_id, number<std::uint64_t>(id, "the system identifier"));
  HF_TRY(preflight(plain, {}));
  return out;
}

// The history files say how timelines hang together: without them a restore could not follow a promotion.
Status archive_history(Env& env, const PostgresBackupOptions& options, vault::WalArchive& archive,
                       const PostgresBackupInfo& info) {
  if (info.timeline == 1) return ok();
  HF_ASSIGN(remote::PgReplication replication, remote::PgReplication::connect(options.dsn, env.clock, connect_options(options)));
  HF_ASSIGN(const remote::PgTimelineHistory history, replication.timeline_history(info.timeline));
  return archive.put_history(info.system_id, info.timeline, history.content);
}

}  // namespace

Result<PostgresBackupReport> backup_postgres(Env& env, vault::Repository& repository, const PostgresBackupOptions& options) {
  options.progress.phase("asking the server");
  HF_ASSIGN(const Cluster cluster, identify(env, options));
  HF_ASSIGN(const auto previous, previous_snapshot(repository, options, cluster.system_id));
  vault::SnapshotMeta meta;
  meta.host = options.host;
  meta.component = options.component;
  meta.kind = vault::SnapshotKind::kPostgres;
  meta.tags = options.tags;
  std::unique_ptr<vault::SnapshotReader> reader;
  if (previous) {
    meta.previous = previous->id;
    HF_ASSIGN(reader, repository.open_snapshot(previous->id));
  }
  HF_ASSIGN(const auto session, repository.begin_backup(std::move(meta)));
  vault::WalArchive archive(repository);
  auto report = take_base_backup(env, options, *session, reader.get(), archive_target(archive));
  if (!report) {
    session->abandon();
    return Error(std::move(report).error()).with_context("backing up PostgreSQL at " + cluster.server);
  }
  HF_TRY(archive_history(env, options, archive, report->info));
  options.progress.phase("making the snapshot");
  HF_ASSIGN(report->snapshot, session->commit(to_attributes(report->info), false));
  env.log.info("sources", "postgres_backup",
               {{"snapshot", to_hex(report->snapshot.id)}, {"start_lsn", format_lsn(report->info.start_lsn)},
                {"stop_lsn", format_lsn(report->info.stop_lsn)}, {"wal_durable", format_lsn(report->wal_durable)}});
  return report;
}

}  // namespace hf::sources
