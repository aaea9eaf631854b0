#include "lab/testing_failover.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "remote/postgres.h"
#include "remote/testing_postgres.h"

namespace hf::lab {

namespace {

constexpr Micros kCommandTimeout = 600s;  // a command that takes longer hangs
constexpr Micros kPatience = 300s;
constexpr auto kLookAgain = 50ms;
constexpr int kSeedOrders = 500;
constexpr std::size_t kOrdersBeforeDisaster = 50;
constexpr std::size_t kLogTailBytes = 6'000;
constexpr std::size_t kMaxFileBytes = 64 << 20;

std::string build_folder() {
  const char* folder = std::getenv("HOLDFAST_BUILD");
  return folder == nullptr ? std::string() : folder;
}

}  // namespace

std::string said(const CommandResult& r) {
  return "exit " + std::to_string(r.exit_code) + "\n" + r.errors + "\n" + r.output.substr(0, 6000);
}

const Json& step_of(const CommandResult& result, const std::string& name) {
  static const Json none;
  for (const Json& s : result.data()["steps"].items())
    if (s["name"].as_string() == name) return s;
  return none;
}

std::size_t count_of(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++n;
  return n;
}

FailoverBench::FailoverBench(bool with_customer) {
  EnvironmentOptions options;
  options.root = folder.file("lab");
  options.holdfast = build_folder() + "/holdfast";
  options.orders = build_folder() + "/orders";
  options.postgres_root = remote::test_postgres_root();
  options.seed_orders = kSeedOrders;
  options.probes = false;
  if (!file_exists(files, options.holdfast) || !file_exists(files, options.orders)) {
    ADD_FAILURE() << "HOLDFAST_BUILD has to name the folder with the programs holdfast and orders; it is '"
                  << build_folder() << "'";
    return;
  }
  auto started = Environment::start(env, options, stop.get_token());
  if (!started) {
    ADD_FAILURE() << "the environment does not start: " << started.error().text;
    return;
  }
  lab = std::move(*started);
  if (!with_customer) return;
  EXPECT_TRUE(lab->start_customer().has_value());
  EXPECT_TRUE(wait_until([&] { return acknowledged() >= kOrdersBeforeDisaster; })) << "orders do not flow";
}

// A server that went away by itself is found in its own log only.
FailoverBench::~FailoverBench() {
  if (!lab || !::testing::Test::HasFailure()) return;
  const std::string standby = text_of(lab->root() + "/logs/standby.log");
  const std::string tail = standby.substr(standby.size() - std::min(standby.size(), kLogTailBytes));
  std::fprintf(stderr, "the end of the standby's log:\n%s\n", tail.c_str());
}

CommandResult FailoverBench::run(const std::vector<std::string>& args, const std::string& crash_after) {
  std::vector<std::pair<std::string, std::string>> more;
  if (!crash_after.empty()) more.push_back({"HOLDFAST_CRASH_AFTER", crash_after});
  auto done = lab->holdfast(args, kCommandTimeout, more);
  if (done) return std::move(*done);
  ADD_FAILURE() << "holdfast " << args[0] << ": " << done.error().text;
  return CommandResult{-1, Json(), "", ""};
}

SavedPlan FailoverBench::plan(const std::string& plan_file) {
  SavedPlan out;
  out.file = lab->root() + "/us-west/failover.json";
  const CommandResult made =
      run({"failover", "plan", "--plan", plan_file.empty() ? lab->plan_path() : plan_file, "--save", out.file});
  EXPECT_EQ(made.exit_code, 0) << said(made);
  out.data = made.data();
  if (made.exit_code == 0) out.hash = out.data["hash"].as_string();
  return out;
}

CommandResult FailoverBench::apply(const SavedPlan& saved, const std::string& crash_after,
                                   const std::vector<std::string>& more, const std::string& plan_file) {
  std::vector<std::string> args = {
      "failover",  "apply",   saved.file, "--plan", plan_file.empty() ? lab->plan_path() : plan_file,
      "--confirm", saved.hash};
  if (more.empty()) args.insert(args.end(), {"--approve", "dana", "--approve", "kim"});
  args.insert(args.end(), more.begin(), more.end());
  return run(args, crash_after);
}

CommandResult FailoverBench::resume(const std::string& run_id, const std::string& crash_after,
                                    const std::vector<std::string>& more) {
  std::vector<std::string> args = {"run",       "resume", run_id,      "--plan", lab->plan_path(),
                                   "--approve", "dana",   "--approve", "kim"};
  args.insert(args.end(), more.begin(), more.end());
  return run(args, crash_after);
}

CommandResult FailoverBench::resume_beside(const std::string& run_id, const std::function<void()>& meanwhile) {
  const std::size_t before = events(run_id, "run.resumed");
  auto process = lab->start_holdfast("us-west", "resume", {"run", "resume", run_id, "--plan", lab->plan_path()});
  if (!process) {
    ADD_FAILURE() << process.error().text;
    return {};
  }
  EXPECT_TRUE(wait_until([&] { return events(run_id, "run.resumed") != before; })) << "it does not go on";
  meanwhile();
  auto ended = (*process)->wait(clock.mono() + kCommandTimeout, {});
  EXPECT_TRUE(ended.has_value()) << "it does not end";
  CommandResult out;
  out.output = text_of(lab->root() + "/logs/us-west.resume.log");
  if (ended) out.exit_code = ended->code;
  const std::size_t at = out.output.find("{\"type\":\"result\"");
  if (at == std::string::npos) return out;
  if (auto parsed = parse_json(out.output.substr(at, out.output.find('\n', at) - at))) out.result = std::move(*parsed);
  return out;
}

std::string FailoverBench::open_run() {
  const CommandResult list = run({"run", "list"});
  std::string out;
  for (const Json& r : list.data()["runs"].items())
    if (r["state"].as_string() == "running") out = r["run"].as_string();
  EXPECT_FALSE(out.empty()) << said(list);
  return out;
}

void FailoverBench::kill_us_east() {
  auto killed = lab->kill_region("us-east");
  EXPECT_TRUE(killed.has_value());
}

std::string FailoverBench::public_address() {
  auto server = parse_endpoint(lab->resolver());
  auto answer = dns.query(*server, "orders.demo.test", remote::DnsType::kA, 5s, {});
  if (!answer) return "no answer: " + answer.error().text;
  std::string out;
  for (const std::string& v : answer->values(remote::DnsType::kA)) out += (out.empty() ? "" : " ") + v;
  return out;
}

std::string FailoverBench::zone_serial() {
  auto answer = dns.query(*parse_endpoint(lab->resolver()), "demo.test", remote::DnsType::kSoa, 5s, {});
  if (!answer || answer->values(remote::DnsType::kSoa).empty()) return "no answer";
  return answer->values(remote::DnsType::kSoa).front();
}

void FailoverBench::set_public_address(const std::string& address) {
  remote::DnsUpdate update;
  update.zone = "demo.test";
  update.name = "orders.demo.test";
  update.ttl_seconds = 1;
  update.values = {address};
  update.key = remote::TsigKey{"holdfast", "hmac-sha256", Secret(text_of(lab->tsig_secret_file()))};
  auto done = dns.update(*parse_endpoint(lab->resolver()), update, 10s, {});
  EXPECT_TRUE(done.has_value()) << done.error().text;
}

std::string FailoverBench::value(const std::string& server, const std::string& sql) {
  auto db = remote::PgConnection::connect(lab->dsn(server), clock);
  if (!db) return "no answer: " + db.error().text;
  auto v = db->query_value(sql);
  return v ? *v : "no answer: " + v.error().text;
}

bool FailoverBench::wait_until(const std::function<bool()>& holds) {
  const MonoTime deadline = clock.mono() + kPatience;
  while (!holds()) {
    if (clock.mono() >= deadline) return false;
    clock.sleep_until(clock.mono() + kLookAgain, {});
  }
  return true;
}

std::size_t FailoverBench::acknowledged() {
  auto list = read_acknowledgements(files, lab->acknowledgements());
  return list ? list->size() : 0;
}

void FailoverBench::expect_orders_flow_and_none_is_lost(WallTime t) {
  EXPECT_TRUE(wait_until([&] {
    auto list = read_acknowledgements(files, lab->acknowledgements());
    return list && first_after(*list, t).has_value();
  })) << "no order was acknowledged after the failover";
  EXPECT_TRUE(lab->stop_customer().has_value());
  auto promised = read_acknowledgements(files, lab->acknowledgements());
  auto present = orders_in(clock, lab->dsn("standby"));
  ASSERT_TRUE(promised.has_value() && present.has_value());
  EXPECT_EQ(lost_orders(*promised, *present).size(), 0U) << "of " << promised->size() << " acknowledged orders";
}

void FailoverBench::expect_taken_over(const std::string& run_id) {
  EXPECT_EQ(value("standby", "select pg_is_in_recovery()::text"), "false");
  EXPECT_EQ(value("standby", "select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"), "00000002");
  EXPECT_EQ(count_of(text_of(lab->root() + "/logs/standby.log"), "received promote request"), 1U);
  EXPECT_EQ(public_address(), "127.0.2.1");
  const std::string settings = text_of(lab->region("us-west").dir + "/orders.conf");
  EXPECT_EQ(count_of(settings, "DATABASE_DSN="), 1U) << settings;
  EXPECT_EQ(count_of(settings, "DATABASE_DSN=hostaddr=127.0.2.1 "), 1U) << settings;
  EXPECT_EQ(count_of(settings, "REGION=us-west"), 1U) << settings;
  for (const char* step : {"checks", "fence", "promote", "configure", "verify", "traffic", "users"})
    EXPECT_EQ(events(run_id, "step.outcome", step), 1U) << step;
  EXPECT_EQ(events(run_id, "run.finished"), 1U);
  EXPECT_EQ(events(run_id, "fence.proof"), 1U);
  const CommandResult verified = run({"journal", "verify"});
  EXPECT_EQ(verified.exit_code, 0) << said(verified);
}

std::size_t FailoverBench::events(const std::string& run_id, const std::string& type, const std::string& step) {
  const CommandResult list = run({"journal", "list", "--run", run_id});
  std::size_t n = 0;
  for (const Json& e : list.data()["entries"].items()) {
    const Json& event = e["event"];
    if (event["type"].as_string() == type && (step.empty() || event["step"].as_string() == step)) ++n;
  }
  return n;
}

std::string FailoverBench::text_of(const std::string& path) {
  auto bytes = read_file(files, path, kMaxFileBytes);
  return bytes ? to_text(*bytes) : "(cannot be read: " + bytes.error().text + ")";
}

}  // namespace hf::lab
