// See verify.h.
#include "sources/postgres/verify.h"

#include <algorithm>

#include "base/hex.h"
#include "base/text.h"
#include "io/files.h"

namespace hf::sources {
namespace {

constexpr Micros kAssertionTimeout = 5min;
constexpr Micros kAmcheckTimeout = 30min;
constexpr Micros kTeardownTimeout = 30s;
constexpr int kSocketPort = 5432;                // part of the socket's name only

// The scratch place: the folder, and the server in it once it was started.
class Scratch {
 public:
  static Result<std::unique_ptr<Scratch>> make(Env& env, const VerifyOptions& options) {
    char name[40];
    std::snprintf(name, sizeof name, "hf-verify-%016llx", static_cast<unsigned long long>(
        env.rng.u64() ^ static_cast<std::uint64_t>(env.clock.wall().time_since_epoch().count())));
    std::unique_ptr<Scratch> scratch(new Scratch(env, join_path(options.scratch_root, name), options.stop));
    HF_TRY(make_owned_dir(scratch->folder_, options.owner, 0700));
    HF_TRY(reachable_by(env, options.owner, scratch->folder_, Reach::kTraverse));
    HF_TRY(make_owned_dir(scratch->socket_dir(), options.owner, 0700));
    return scratch;
  }
  ~Scratch() { (void)tear_down(); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::string data_dir() const { return join_path(folder_, "data"); }
  std::string socket_dir() const { return join_path(folder_, "s"); }
  std::string path(std::string_view name) const { return join_path(folder_, name); }
  std::optional<PostgresServer>& server() { return server_; }

  Status tear_down() {
    if (gone_) return ok();
    if (server_) {
      const Status stopped = server_->stop(StopMode::kImmediate, env_.clock.mono() + kTeardownTimeout, hurry_);
      if (!stopped && server_->running()) return stopped;
      server_.reset();
    }
    HF_TRY(remove_tree(env_.files, folder_));
    gone_ = true;
    return ok();
  }

 private:
  Scratch(Env& env, std::string folder, std::stop_token hurry)
      : env_(env), folder_(std::move(folder)), hurry_(std::move(hurry)) {}
  Env& env_;
  std::string folder_;
  std::stop_token hurry_;
  std::optional<PostgresServer> server_;
  bool gone_ = false;
};

Status restore_into(Env& env, vault::Repository& repository, const VerifyOptions& options, Scratch& scratch,
                    VerifyReport& report) {
  PostgresRestoreOptions restore;
  restore.data_dir = scratch.data_dir();
  restore.owner = options.owner;
  restore.wal = options.wal;
  restore.stop = options.stop;
  HF_ASSIGN(report.restore, restore_postgres(env, repository, report.plan, restore));
  return ok();
}

Status boot(Env& env, const VerifyOptions& options, Scratch& scratch, const VerifyReport& report) {
  const int major = report.plan.info.server_version / 10000;
  ServerOptions server;
  HF_ASSIGN(server.binaries, find_postgres(major, options.postgres_root));
  server.data_dir = scratch.data_dir();
  server.owner = options.owner;
  server.port = kSocketPort;
  server.socket_dir = scratch.socket_dir();
  server.log_file = scratch.path("log");
  server.settings = scratch_settings(major);
  const std::string hba = scratch.path("hba.conf");
  const std::string ident = scratch.path("ident.conf");
  HF_TRY(write_file_atomic(env.files, hba, as_bytes("local all all trust\n")));
  HF_TRY(write_file_atomic(env.files, ident, {}));
  HF_TRY(give_to(hba, options.owner));
  HF_TRY(give_to(ident, options.owner));
  server.settings.emplace_back("hba_file", hba);
  server.settings.emplace_back("ident_file", ident);
  server.settings.emplace_back("unix_socket_permissions", "0700");
  HF_ASSIGN(scratch.server(), PostgresServer::start(env, server));
  return scratch.server()->wait_ready(env.clock.mono() + options.boot_timeout, options.stop, ServerState::kReadWrite);
}

Result<remote::PgConnection> open(Env& env, const VerifyOptions& options, const Scratch& scratch, const std::string& database) {
  remote::PgConnectOptions connect;
  connect.application_name = "holdfast verify";
  connect.stop = options.stop;
  const std::string dsn = "host=" + scratch.socket_dir() + " port=" + std::to_string(kSocketPort) + " user=" + options.user +
                          " dbname=" + (database.empty() ? options.database : database);
  return remote::PgConnection::connect(dsn, env.clock, connect);
}

AssertionResult assert_sql(Env& env, const VerifyOptions& options, const Scratch& scratch, const SqlAssertion& assertion) {
  AssertionResult result{assertion.name, false, {}};
  auto connection = open(env, options, scratch, assertion.database);
  if (!connection) {
    result.detail = connection.error().text;
    return result;
  }
  const auto value = connection->query_value(assertion.sql, {}, kAssertionTimeout);
  result.detail = value ? *value : value.error().text;
  result.ok = value && *value == assertion.expect;
  if (value && !result.ok) result.detail = "answered '" + *value + "', expected '" + assertion.expect + "'";
  return result;
}

AssertionResult run_amcheck(Env& env, const VerifyOptions& options, Scratch& scratch) {
  AssertionResult result{"pg_amcheck", false, {}};
  ProcessSpec spec;
  spec.argv = {scratch.server()->options().binaries.program("pg_amcheck"), "--all", "--install-missing", "--no-strict-names",
               "-h", scratch.socket_dir(), "-p", std::to_string(kSocketPort), "-U", options.user};
  spec.user = options.owner;
  spec.cwd = std::string("/");
  const auto exit = run_process(env.processes, env.clock, spec, kAmcheckTimeout, options.stop);
  if (!exit) {
    result.detail = exit.error().text;
    return result;
  }
  result.ok = exit->code == 0;
  const std::string& text = exit->output.empty() ? exit->errors : exit->output;
  result.detail = result.ok ? "no damage found" : text.substr(0, 1000);
  return result;
}

Status ask_server(remote::PgConnection& connection, VerifyReport& report) {
  HF_ASSIGN(const std::string timeline,
            connection.query_value("SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"));
  const auto number = parse_whole<Timeline>(timeline, 16);
  if (!number) return make_error(ErrorKind::kFailed, "the server answered '" + timeline + "' for its timeline");
  report.timeline = *number;
  HF_ASSIGN(const remote::PgRows last,
            connection.query("SELECT to_char(pg_last_xact_replay_timestamp() AT TIME ZONE 'UTC', "
                             "'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"));
  if (!last.rows.empty() && !last.is_null(0, 0)) {
    HF_ASSIGN(report.last_commit, parse_time(last.text(0, 0)));
  }
  return ok();
}

// Loss is counted from the newest canary; without one, from the newest commit.
Status measure_loss(remote::PgConnection& connection, const VerifyOptions& options, WallTime reference, VerifyReport& report) {
  report.last_written = options.last_written;
  HF_ASSIGN(const CanaryFinding canary, find_canary(connection, options.check));
  if (canary.unsigned_rows > 0 && options.check) {
    report.warnings.push_back(std::to_string(canary.unsigned_rows) + " canary rows bear no valid signature");
  }
  report.last_found = canary.newest;
  std::optional<WallTime> alive;
  if (canary.newest) {
    alive = canary.newest->written;
    report.rpo_by = "canary";
    if (options.last_written) {
      const std::uint64_t written = options.last_written->number;
      report.lost = written > canary.newest->number ? written - canary.newest->number : 0;
    }
  } else if (report.last_commit) {
    alive = report.last_commit;
    report.rpo_by = "commit";
  }
  if (alive) report.rpo = std::max(Micros(0), reference - *alive);
  return ok();
}

void judge(const VerifyOptions& options, VerifyReport& report) {
  const auto add = [&](const char* name, const std::optional<Micros>& target, const std::optional<Micros>& actual) {
    if (target) report.objectives.push_back({name, *target, actual, actual && *actual <= *target});
  };
  add("rto", options.rto_objective, report.rto);
  add("rpo", options.rpo_objective, report.rpo);
}

Status examine(Env& env, const VerifyOptions& options, Scratch& scratch, MonoTime start, WallTime reference,
               VerifyReport& report) {
  HF_ASSIGN(remote::PgConnection connection, open(env, options, scratch, {}));
  HF_TRY(connection.query_value("SELECT 1"));
  report.rto = std::chrono::duration_cast<Micros>(env.clock.mono() - start);
  HF_TRY(ask_server(connection, report));
  HF_TRY(measure_loss(connection, options, reference, report));
  for (const SqlAssertion& assertion : options.assertions) {
    if (options.stop.stop_requested()) return make_error(ErrorKind::kCancelled, "the verification was stopped");
    report.assertions.push_back(assert_sql(env, options, scratch, assertion));
  }
  if (options.more) HF_TRY(options.more(*scratch.server(), connection));
  if (options.amcheck) report.assertions.push_back(run_amcheck(env, options, scratch));
  judge(options, report);
  return ok();
}

}  // namespace

bool VerifyReport::passed() const {
  return torn_down && std::ranges::all_of(assertions, [](const AssertionResult& a) { return a.ok; });
}

Result<VerifyReport> verify_postgres(Env& env, vault::Repository& repository, const VerifyOptions& options) {
  const MonoTime start = env.clock.mono();
  const WallTime reference = options.reference.value_or(env.clock.wall());
  const auto since = [&] { return std::chrono::duration_cast<Micros>(env.clock.mono() - start); };
  const Progress progress = repository.progress();
  progress.phase("planning the restore");
  VerifyReport report;
  HF_ASSIGN(report.plan, plan_restore(repository, options.target, options.scope));
  report.component = report.plan.base.meta.component;
  HF_ASSIGN(const auto scratch, Scratch::make(env, options));
  HF_TRY(restore_into(env, repository, options, *scratch, report));
  report.restored_after = since();
  progress.phase("replaying WAL in a scratch server");
  HF_TRY(boot(env, options, *scratch, report));
  report.booted_after = since();
  progress.phase("asking the scratch server");
  HF_TRY(examine(env, options, *scratch, start, reference, report));
  progress.phase("taking the scratch place away");
  const Status gone = scratch->tear_down();
  report.torn_down = gone.has_value();
  if (!gone) report.warnings.push_back("the scratch place was not taken away: " + gone.error().text);
  return report;
}

Json to_json(const VerifyReport& report) {
  const auto seconds = [](const std::optional<Micros>& d) { return d ? Json(seconds_of(*d)) : Json(); };
  const auto row = [](const std::optional<CanaryRow>& r) {
    if (!r) return Json();
    return Json::object().set("number", std::to_string(r->number)).set("written_at", format_time(r->written));
  };
  Json assertions = Json::array();
  for (const auto& a : report.assertions) {
    assertions.push(Json::object().set("name", a.name).set("ok", a.ok).set("detail", a.detail));
  }
  Json objectives = Json::array();
  for (const auto& o : report.objectives) {
    objectives.push(Json::object().set("name", o.name).set("target_seconds", seconds_of(o.target))
                        .set("actual_seconds", seconds(o.actual)).set("met", o.met));
  }
  return Json::object()
      .set("component", report.component)
      .set("snapshot", to_hex(report.restore.snapshot))
      .set("target", describe(report.plan.target))
      .set("rto_seconds", seconds(report.rto))
      .set("rpo_seconds", seconds(report.rpo))
      .set("rpo_by", report.rpo_by)
      .set("canary", Json::object().set("last_written", row(report.last_written)).set("last_found", row(report.last_found))
                         .set("lost", report.lost ? Json(std::to_string(*report.lost)) : Json()))
      .set("assertions", std::move(assertions))
      .set("objectives", std::move(objectives))
      .set("torn_down", report.torn_down);
}

}  // namespace hf::sources
