#include "cli/postgres_access.h"

#include "actions/fence_verdict.h"
#include "base/json.h"
#include "remote/postgres.h"
#include "sources/postgres/server.h"

namespace hf::cli {

namespace {

constexpr std::size_t kMaxReplicationBytes = 64 << 10;
constexpr Micros kTimeout = 3s;

std::string replication_path(const Context& context, const std::string& component) {
  return join_path(context.state_dir, "replication-" + component + ".json");
}

// The server's own value, then every value that a role or a database sets instead of it; and what those standbys have on
// disk that commits may wait for, the furthest first.
constexpr const char* kSettings =
    "select current_setting('synchronous_standby_names'), "
    "(select string_agg(distinct v, ',') from (select setting as v from pg_settings where name = 'synchronous_commit' "
    "union all select split_part(c, '=', 2) from pg_db_role_setting, unnest(setconfig) c where c like "
    "'synchronous_commit=%') s), "
    "(select coalesce(string_agg(flush_lsn::text, ',' order by flush_lsn desc), '') from pg_stat_replication "
    "where sync_state in ('sync', 'quorum'))";

std::vector<std::string> words_of(const std::string& list) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    if (end > at) out.push_back(list.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

// A commit is acknowledged once `needed` of them have it: so much is with that many, at least.
std::optional<Lsn> acknowledged_by(const std::string& standby_names, const std::string& flushed) {
  const auto quorum = actions::parse_sync_standbys(standby_names);
  const std::vector<std::string> positions = words_of(flushed);
  if (!quorum || quorum->needed < 1 || positions.size() < static_cast<std::size_t>(quorum->needed)) return std::nullopt;
  auto lsn = parse_lsn(positions[static_cast<std::size_t>(quorum->needed) - 1]);
  return lsn ? std::optional(*lsn) : std::nullopt;
}

}  // namespace

std::string postgres_root(const Context& context) {
  const auto given = context.environment.find("HOLDFAST_POSTGRES");
  return given == context.environment.end() || given->second.empty() ? sources::kPostgresRoot : given->second;
}

Status observe_replication(Context& context, const std::string& component, const std::string& dsn) {
  remote::PgConnectOptions options;
  options.timeout = kTimeout;
  options.stop = context.stop;
  HF_ASSIGN(remote::PgConnection db, remote::PgConnection::connect(dsn, context.env.clock, options));
  const WallTime before = context.env.clock.wall();
  HF_ASSIGN(remote::PgRows rows, db.query(kSettings, {}, kTimeout));
  Json note = Json::object();
  note.set("synchronous_standby_names", rows.text(0, 0)).set("synchronous_commit", rows.text(0, 1));
  if (auto lsn = acknowledged_by(rows.text(0, 0), rows.text(0, 2))) note.set("acknowledged_lsn", format_lsn(*lsn));
  note.set("at", format_time(before));
  return write_file_atomic(context.env.files, replication_path(context, component), as_bytes(dump_json(note)));
}

Result<std::optional<runbook::ObservedReplication>> observed_replication(Context& context,
                                                                         const std::string& component) {
  using Answer = std::optional<runbook::ObservedReplication>;
  const std::string path = replication_path(context, component);
  if (!file_exists(context.env.files, path)) return Answer();
  HF_ASSIGN(Bytes bytes, read_file(context.env.files, path, kMaxReplicationBytes));
  HF_ASSIGN(Json note, parse_json(as_text(bytes)));
  runbook::ObservedReplication out;
  out.component = component;
  out.synchronous_standby_names = note["synchronous_standby_names"].as_string();
  HF_ASSIGN(out.at, parse_time(note["at"].as_string()));
  out.synchronous_commit = words_of(note["synchronous_commit"].as_string());
  if (const Json* lsn = note.find("acknowledged_lsn")) { HF_ASSIGN(out.acknowledged, parse_lsn(lsn->as_string())); }
  return Answer(out);
}

}  // namespace hf::cli
