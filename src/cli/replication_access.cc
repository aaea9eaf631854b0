#include "cli/replication_access.h"

#include "base/json.h"
#include "remote/postgres.h"

namespace hf::cli {

namespace {

constexpr std::size_t kMaxNoteBytes = 64 << 10;
constexpr Micros kTimeout = 3s;

std::string note_path(const Context& context, const std::string& component) {
  return join_path(context.state_dir, "replication-" + component + ".json");
}

// The server's own value, then every value that a role or a database sets instead of it.
constexpr const char* kSettings =
    "select current_setting('synchronous_standby_names'), "
    "(select string_agg(distinct v, ',') from (select setting as v from pg_settings where name = 'synchronous_commit' "
    "union all select split_part(c, '=', 2) from pg_db_role_setting, unnest(setconfig) c where c like "
    "'synchronous_commit=%') s)";

}  // namespace

Status observe_replication(Context& context, const std::string& component, const std::string& dsn) {
  remote::PgConnectOptions options;
  options.timeout = kTimeout;
  options.stop = context.stop;
  HF_ASSIGN(remote::PgConnection db, remote::PgConnection::connect(dsn, context.env.clock, options));
  HF_ASSIGN(remote::PgRows rows, db.query(kSettings, {}, kTimeout));
  Json note = Json::object();
  note.set("synchronous_standby_names", rows.text(0, 0)).set("synchronous_commit", rows.text(0, 1));
  note.set("at", format_time(context.env.clock.wall()));
  return write_file_atomic(context.env.files, note_path(context, component), as_bytes(dump_json(note)));
}

Result<std::optional<runbook::ObservedReplication>> observed_replication(Context& context,
                                                                         const std::string& component) {
  using Answer = std::optional<runbook::ObservedReplication>;
  const std::string path = note_path(context, component);
  if (!file_exists(context.env.files, path)) return Answer();
  HF_ASSIGN(Bytes bytes, read_file(context.env.files, path, kMaxNoteBytes));
  HF_ASSIGN(Json note, parse_json(as_text(bytes)));
  runbook::ObservedReplication out;
  out.component = component;
  out.synchronous_standby_names = note["synchronous_standby_names"].as_string();
  HF_ASSIGN(out.at, parse_time(note["at"].as_string()));
  std::string values = note["synchronous_commit"].as_string();
  for (std::size_t at = 0; at <= values.size();) {
    std::size_t end = std::min(values.find(',', at), values.size());
    if (end > at) out.synchronous_commit.push_back(values.substr(at, end - at));
    at = end + 1;
  }
  return Answer(out);
}

}  // namespace hf::cli
