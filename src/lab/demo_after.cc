// The steps from the disaster to the failover and the old primary's return.
#include "lab/demo_run.h"

#include <algorithm>

namespace hf::lab {

namespace {

constexpr Micros kStallBeforeDisaster = 700ms;
constexpr Micros kDetectionTimeout = 30s;
constexpr Micros kFailoverTimeout = 60s;
constexpr Micros kOrdersAfterFailover = 1s;
constexpr Micros kGhostCustomerTime = 3s;
constexpr int kKilled = 128 + SIGKILL;

std::optional<WallTime> time_of(const Json& v) {
  auto t = parse_time(v.as_string());
  return t ? std::optional<WallTime>(*t) : std::nullopt;
}

const Json& step_named(const Json& run, std::string_view name) {
  static const Json none;
  for (const Json& s : run["steps"].items())
    if (s["name"].as_string() == name) return s;
  return none;
}

double seconds_between(std::optional<WallTime> a, std::optional<WallTime> b) {
  return a && b ? seconds_of(*b - *a) : -1;
}

std::string join_fences(const Json& fence) {
  std::string out = fence["level"].as_string();
  if (const Json& why = fence["proof"]["explanation"]; why.is_string()) out += ": " + why.as_string();
  return out;
}

// Backends whose commit is written and waits for synchronous standbys.
Result<std::uint64_t> commits_that_wait(Clock& clock, const std::string& dsn) {
  HF_ASSIGN(remote::PgConnection db, remote::PgConnection::connect(dsn, clock));
  HF_ASSIGN(const std::string count, db.query_value("select count(*)::text from pg_stat_activity where wait_event = 'SyncRep'"));
  return rows_from(count);
}

}  // namespace

Result<Proof> DemoRun::disaster() {
  HF_TRY(lab_->start_holdfast("us-west", "watch",
                              {"failover", "watch", "--plan", lab_->plan_path(), "--region", "us-west", "--once"}));
  HF_TRY(pause(1500ms));  // the watcher sees a healthy region first
  HF_TRY(lab_->stall_standby_link());
  HF_TRY(pause(kStallBeforeDisaster));
  HF_ASSIGN(killed_at_, lab_->kill_region("us-east"));
  HF_TRY(lab_->drop_standby_link());
  HF_TRY(pause(500ms));
  HF_ASSIGN(std::vector<Acknowledgement> promised, read_acknowledgements(env_.files, lab_->acknowledgements()));
  HF_ASSIGN(std::set<long> standby, orders_in(env_.clock, lab_->dsn("standby")));
  standby_alone_lost_ = lost_orders(promised, standby).size();
  Proof out;
  out.line = "us-east killed (kill -9) at " + format_time(killed_at_) + " with " + std::to_string(promised.size()) +
             " orders acknowledged; its folders are out of reach";
  out.below = {"the link to the standby had stalled " + two_decimals(seconds_of(kStallBeforeDisaster)) +
               " s before; of the acknowledged orders the standby alone lacks " + std::to_string(standby_alone_lost_)};
  out.figures.set("killed_at", format_time(killed_at_)).set("acknowledged", std::uint64_t{promised.size()});
  out.figures.set("standby_alone_lost", std::uint64_t{standby_alone_lost_});
  return out;
}

// The watcher ends when the quorum has spoken; its last line is its result.
Result<Json> DemoRun::wait_for_detection() {
  const std::string log = lab_->root() + "/logs/us-west.watch.log";
  MonoTime deadline = env_.clock.mono() + kDetectionTimeout;
  while (env_.clock.mono() < deadline) {
    HF_ASSIGN(Bytes bytes, read_file(env_.files, log, 16 << 20));
    std::string text = to_text(bytes);
    std::size_t at = text.find("{\"type\":\"result\"");
    if (at != std::string::npos && text.find('\n', at) != std::string::npos) {
      HF_ASSIGN(Json result, parse_json(text.substr(at, text.find('\n', at) - at)));
      if (!result["data"]["detection"].is_object())
        return make_error(ErrorKind::kFailed, "the watcher ended without a detection: " + text.substr(at));
      return result["data"]["detection"];
    }
    HF_TRY(pause(50ms));
  }
  return make_error(ErrorKind::kTimeout,
                    "no quorum of probes found us-east down within " + format_duration(kDetectionTimeout));
}

Result<Json> DemoRun::planned_failover(std::vector<std::string>& lines) {
  const std::string file = lab_->root() + "/us-west/failover.json";
  HF_ASSIGN(Json planned,
            command({"failover", "plan", "--plan", lab_->plan_path(), "--save", file}, 0, kFailoverTimeout));
  const Json& data = planned["data"];
  for (const Json& s : data["steps"].items())
    lines.push_back("plan: " + s["name"].as_string() + " - " + s["summary"].as_string() +
                    (s["irreversible"].as_bool() ? " (irreversible)" : ""));
  lines.push_back("at risk if the standby alone were promoted: " + data["risk"]["text"].as_string());
  return data;
}

// Holdfast is killed by SIGKILL right after the intent to promote was written; another process goes on.
Result<Json> DemoRun::failover_through_a_crash() {
  const std::string file = lab_->root() + "/us-west/failover.json";
  HF_ASSIGN(Bytes saved, read_file(env_.files, file, 4 << 20));
  HF_ASSIGN(Json plan, parse_json(as_text(saved)));
  HF_ASSIGN(CommandResult crashed, lab_->holdfast({"failover", "apply", file, "--plan", lab_->plan_path(), "--confirm",
                                                   plan["hash"].as_string(), "--approve", "dana", "--approve", "kim"},
                                                  kFailoverTimeout, {{"HOLDFAST_CRASH_AFTER", "step.intent:promote"}}));
  if (crashed.exit_code != kKilled)
    return make_error(ErrorKind::kFailed, "the failover was to die after the intent to promote, but exited with " +
                                              std::to_string(crashed.exit_code) + ": " + crashed.errors +
                                              crashed.output.substr(0, 800));
  HF_ASSIGN(Json runs, command({"run", "list"}));
  for (const Json& r : runs["data"]["runs"].items())
    if (r["state"].as_string() == "running") run_id_ = r["run"].as_string();
  if (run_id_.empty())
    return make_error(ErrorKind::kFailed, "no unfinished run in the journal: " + dump_json(runs["data"]));
  HF_ASSIGN(Json resumed, command({"run", "resume", run_id_, "--plan", lab_->plan_path()}, 0, kFailoverTimeout));
  return resumed["data"];
}

Result<Proof> DemoRun::failover() {
  std::vector<std::string> lines;
  HF_ASSIGN(Json detection, wait_for_detection());
  HF_ASSIGN(Json plan, planned_failover(lines));
  HF_ASSIGN(Json run, failover_through_a_crash());
  HF_TRY(pause(kOrdersAfterFailover));
  HF_TRY(lab_->stop_customer());
  return failover_proof(detection, plan, run, std::move(lines));
}

Result<Proof> DemoRun::failover_proof(const Json& detection, const Json& plan, const Json& run,
                                      std::vector<std::string> lines) {
  HF_ASSIGN(std::vector<Acknowledgement> promised, read_acknowledgements(env_.files, lab_->acknowledgements()));
  HF_ASSIGN(std::set<long> there, orders_in(env_.clock, lab_->dsn("standby")));
  acknowledged_ = promised.size();
  lost_ = lost_orders(promised, there).size();
  present_ = acknowledged_ - lost_;
  fence_level_ = run["fence"]["level"].as_string();
  auto again = first_after(promised, killed_at_ + 100ms);
  if (!again) return make_error(ErrorKind::kFailed, "no order was acknowledged after the failover");
  rto_seconds_ = seconds_between(killed_at_, again);
  rpo_seconds_ = run["rpo_seconds"].as_double();

  auto took = [&](const char* name) {
    return seconds_between(time_of(step_named(run, name)["started_at"]), time_of(step_named(run, name)["finished_at"]));
  };
  double t_detect = seconds_between(killed_at_, time_of(detection["quorum_at"]));
  Json figures = Json::object();
  figures.set("run", run_id_).set("class", detection["class"]).set("t_detect_seconds", t_detect);
  figures.set("t_fence_seconds", took("fence"))
      .set("t_promote_seconds", took("promote"))
      .set("t_verify_seconds", took("verify"));
  figures.set("t_traffic_seconds", took("traffic")).set("rto_seconds", *rto_seconds_).set("rpo_seconds", *rpo_seconds_);
  figures.set("acknowledged", std::uint64_t{acknowledged_})
      .set("present", std::uint64_t{present_})
      .set("lost", std::uint64_t{lost_});
  figures.set("risk", plan["risk"]).set("fence", run["fence"]);
  if (lost_ > 0)
    return make_error(ErrorKind::kFailed,
                      std::to_string(lost_) + " of " + std::to_string(acknowledged_) + " acknowledged orders are lost");

  lines.push_back("detected by " + std::to_string(detection["down_votes"].as_int()) + " of 3 probes, class " +
                  detection["class"].as_string());
  lines.push_back("fenced, level " + join_fences(run["fence"]));
  lines.push_back("Holdfast was killed (SIGKILL) after the intent to promote; `run resume` finished");
  lines.push_back("T(detect) " + two_decimals(t_detect) + " s, T(fence) " + two_decimals(took("fence")) +
                  " s, T(promote) " + two_decimals(took("promote")) + " s (crash included), T(verify) " +
                  two_decimals(took("verify")) + " s, T(traffic) " + two_decimals(took("traffic")) + " s");
  Proof out;
  out.line = "us-west is primary: RTO " + two_decimals(*rto_seconds_) + " s (objective 60 s), RPO " +
             two_decimals(*rpo_seconds_) + " s (objective 1 s); lost " + std::to_string(lost_) + " of " +
             std::to_string(acknowledged_) + " orders";
  out.below = std::move(lines);
  out.figures = std::move(figures);
  return out;
}

Result<Proof> DemoRun::ghost() {
  HF_TRY(lab_->start_ghost());
  const std::string acknowledged = lab_->root() + "/ghost.acknowledged", attempted = lab_->root() + "/ghost.attempted";
  ProcessSpec spec;
  spec.argv = {lab_->orders_program(),
               "buy",
               "--resolver",
               lab_->resolver(),
               "--name",
               "orders.us-east.demo.test",
               "--address",
               "127.0.1.1",
               "--port",
               std::to_string(lab_->service_port()),
               "--acknowledgements",
               acknowledged,
               "--attempts",
               attempted,
               "--rate",
               "20",
               "--first",
               "9000000"};
  HF_TRY(lab_->spawn("eu-west/ghost-customer", spec));
  HF_TRY(pause(kGhostCustomerTime));
  HF_ASSIGN(const std::uint64_t waiting, commits_that_wait(env_.clock, lab_->dsn("primary")));
  HF_TRY(lab_->end_process("eu-west/ghost-customer", SIGTERM));
  HF_ASSIGN(std::vector<Acknowledgement> promised, read_acknowledgements(env_.files, acknowledged));
  HF_ASSIGN(Bytes tried, read_file(env_.files, attempted, 1 << 20));
  std::size_t attempts = static_cast<std::size_t>(std::count(tried.begin(), tried.end(), '\n'));
  HF_TRY(lab_->kill_ghost());
  if (attempts == 0 || waiting == 0)
    return make_error(ErrorKind::kFailed, "no commit of an order waits in the old primary, so nothing is shown");
  if (!promised.empty())
    return make_error(ErrorKind::kFailed,
                      "the old primary acknowledged " + std::to_string(promised.size()) + " orders");
  Proof out;
  out.line =
      "the old primary and its replica run again, with customers that still know them: " + std::to_string(attempts) +
      " orders tried, " + std::to_string(waiting) + " commits wait for a quorum that cannot come, " +
      std::to_string(promised.size()) + " acknowledged";
  out.figures.set("attempted", std::uint64_t{attempts}).set("acknowledged", std::uint64_t{promised.size()});
  out.figures.set("waiting", waiting);
  return out;
}

}  // namespace hf::lab
