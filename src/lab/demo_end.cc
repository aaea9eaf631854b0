// The last steps: back to just before the mistake, the document, the evidence, the summary.
#include "lab/demo_run.h"
#include "remote/postgres.h"

namespace hf::lab {

namespace {

constexpr Micros kBootTimeout = 60s;
constexpr int kAlteredExit = 13;

}  // namespace

// Restores the database to a target into a scratch folder, boots it there, and counts the rows of the seed.
Result<std::uint64_t> DemoRun::restored_rows(const std::vector<std::string>& target, const std::string& dir) {
  std::vector<std::string> args = {
      "restore", "--vault", lab_->vault("eu"), "--key-file", lab_->key_file(), "--component", "orders-db", "--to", dir};
  args.insert(args.end(), target.begin(), target.end());
  HF_TRY(command(args));
  sources::ServerOptions options;
  options.binaries = lab_->binaries();
  options.data_dir = dir;
  options.owner = lab_->user();
  options.listen_address = "127.0.3.1";
  HF_ASSIGN(options.port, sources::free_port("127.0.3.1"));
  options.log_file = dir + ".log";
  options.settings = sources::scratch_settings(lab_->binaries().major);
  HF_ASSIGN(sources::PostgresServer server, sources::PostgresServer::start(env_, options));
  HF_TRY(server.wait_ready(env_.clock.mono() + kBootTimeout, stop_, sources::ServerState::kReadWrite));
  std::uint64_t rows = 0;
  {
    HF_ASSIGN(remote::PgConnection shop, remote::PgConnection::connect(server.tcp_dsn("orders"), env_.clock));
    HF_ASSIGN(std::string count, shop.query_value("select count(*)::text from orders where number < 0"));
    HF_ASSIGN(rows, rows_from(count));
  }
  HF_TRY(server.kill9());
  HF_TRY(remove_tree(env_.files, dir));
  return rows;
}

Result<Proof> DemoRun::point_in_time() {
  HF_ASSIGN(std::uint64_t by_time,
            restored_rows({"--at", format_time(mistake_.before)}, lab_->root() + "/eu-west/at-time"));
  HF_ASSIGN(std::uint64_t by_lsn, restored_rows({"--lsn", mistake_.lsn_before}, lab_->root() + "/eu-west/at-lsn"));
  if (by_time != mistake_.rows_before || by_lsn != mistake_.rows_before) {
    return make_error(ErrorKind::kFailed, "before the DELETE there were " + std::to_string(mistake_.rows_before) +
                                              " rows; restored by time " + std::to_string(by_time) + ", by LSN " +
                                              std::to_string(by_lsn));
  }
  Proof out;
  out.line = "a DELETE took " + std::to_string(mistake_.rows_before - mistake_.rows_after) + " of " +
             std::to_string(mistake_.rows_before) + " rows; restored to just before it: " + std::to_string(by_time) +
             " rows by time, " + std::to_string(by_lsn) + " by LSN " + mistake_.lsn_before;
  out.figures.set("rows_before", mistake_.rows_before).set("rows_after_delete", mistake_.rows_after);
  out.figures.set("rows_by_time", by_time)
      .set("rows_by_lsn", by_lsn)
      .set("time", format_time(mistake_.before))
      .set("lsn", mistake_.lsn_before);
  return out;
}

Status DemoRun::copy_to_results(const std::string& path) {
  ProcessSpec copy;
  copy.argv = {"cp", "-r", path, options_.results_dir + "/"};
  HF_ASSIGN(ProcessExit done, run_process(env_.processes, env_.clock, copy, 30s, stop_));
  if (done.code != 0) return make_error(ErrorKind::kFailed, "copying " + path + " to the results: " + done.errors);
  return ok();
}

Result<Proof> DemoRun::document() {
  const std::string out_dir = lab_->root() + "/us-west/results", bundle = out_dir + "/evidence.tar",
                    forged = lab_->root() + "/forged.tar";
  HF_TRY(sources::make_owned_dir(out_dir, lab_->user()));
  HF_ASSIGN(Json built, command({"document", "build", "--plan", lab_->plan_path(), "--to", out_dir}));
  HF_ASSIGN(Json exported, command({"evidence", "export", run_id_, "--plan", lab_->plan_path(), "--to", bundle}));
  HF_ASSIGN(Json verified, command({"evidence", "verify", bundle}));
  ProcessSpec copy;
  copy.argv = {"cp", "-a", bundle, forged};
  HF_ASSIGN(ProcessExit copied, run_process(env_.processes, env_.clock, copy, 30s, stop_));
  if (copied.code != 0) return make_error(ErrorKind::kFailed, "copying the bundle: " + copied.errors);
  HF_TRY(flip_one_byte(forged));
  HF_ASSIGN(Json refused, command({"evidence", "verify", forged}, kAlteredExit));
  HF_TRY(remove_tree(env_.files, forged));
  HF_TRY(copy_to_results(out_dir + "/."));
  HF_TRY(copy_to_results(lab_->plan_path()));
  const Json& bad = refused["data"]["first_bad"];
  Proof out;
  out.line = "plan document (Markdown, HTML) with " + dump_json(built["data"]["measured"]) +
             " measured figures; evidence of " + dump_json(verified["data"]["events"]) +
             " events verifies offline; with 1 bit changed it is refused (" +
             (bad["why"].is_string() ? bad["why"].as_string() : dump_json(bad)) + ")";
  out.below = {"in " + options_.results_dir};
  out.figures.set("events", verified["data"]["events"])
      .set("measured", built["data"]["measured"])
      .set("first_bad", bad);
  return out;
}

void DemoRun::summarize(DemoResult& result) const {
  auto optional_number = [](const std::optional<double>& v) { return v ? Json(*v) : Json(); };
  Json orders = Json::object();
  orders.set("acknowledged", std::uint64_t{acknowledged_})
      .set("present", std::uint64_t{present_})
      .set("lost", std::uint64_t{lost_});
  orders.set("standby_alone_lost", std::uint64_t{standby_alone_lost_});
  Json steps = Json::array();
  for (const DemoStep& s : result.steps)
    steps.push(
        Json::object().set("name", s.name).set("proven", s.proven).set("seconds", s.seconds).set("figures", s.figures));
  result.data.set("steps", steps)
      .set("rto_seconds", optional_number(rto_seconds_))
      .set("rpo_seconds", optional_number(rpo_seconds_));
  result.data.set("orders", orders).set("results_dir", options_.results_dir);
  if (rto_seconds_) {
    result.summary = {"RTO " + two_decimals(*rto_seconds_) +
                          " s of 60 s allowed, from the kill to the customer's next acknowledged order",
                      "RPO " + two_decimals(rpo_seconds_.value_or(0)) + " s of 1 s allowed; orders acknowledged " +
                          std::to_string(acknowledged_) + ", present " + std::to_string(present_) + ", lost " +
                          std::to_string(lost_) + "; promoting the standby alone would have lost " +
                          std::to_string(standby_alone_lost_)};
  }
  result.not_proven = {
      "failback to us-east", "a real network between regions: all of this is one machine, so these times are not yours",
      "loss of a receiver's disk together with the primary (at most the last second before it would be lost)",
      "people: approvals were given by the demo",
      "object storage, Kubernetes, notification channels, drills on a schedule"};
}

void DemoRun::end() {
  if (lab_ && options_.keep)
    lab_->keep();
  else
    lab_.reset();
}

}  // namespace hf::lab
