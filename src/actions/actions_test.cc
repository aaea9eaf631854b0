// Each action against the real thing: a BIND, a PostgreSQL, files, processes, an HTTP server on a socket.
#include <gtest/gtest.h>

#include <sys/stat.h>

#include "actions/check.h"
#include "actions/configure.h"
#include "actions/dns.h"
#include "actions/exec.h"
#include "actions/promote.h"
#include "actions/testing_actions.h"
#include "actions/verify.h"
#include "actions/wal_spools.h"
#include "base/hex.h"
#include "io/testing_net.h"
#include "plan/executed.h"
#include "remote/bind_server.h"
#include "remote/testing_postgres.h"
#include "runbook/worker.h"

namespace hf::actions {
namespace {

Json list(const std::vector<std::string>& values) {
  Json out = Json::array();
  for (const std::string& v : values) out.push(v);
  return out;
}

// ---- check

TEST(CheckActionTest, LooksAtEveryWordThatThePlanCallsExecuted) {
  ActionBench bench;
  WalSpools spools{bench.env};
  CheckAction action(bench.resources, spools);
  for (const std::string& word : plan::executed_checks()) {
    bench.step("check", Json::object().set("checks", list({word})));
    const auto seen = action.observe(bench.context());
    ASSERT_TRUE(seen) << seen.error().text;
    EXPECT_EQ(seen->detail.find("nobody knows"), std::string::npos) << seen->detail;
  }
}

// ---- dns

struct DnsActionTest : ::testing::Test {
  ActionBench bench;
  remote::TsigKey key{"holdfast", "hmac-sha256", Secret(to_base64(Bytes(32, 7)))};
  std::optional<remote::BindServer> server;
  DnsAction action{bench.resources};

  void SetUp() override {
    remote::BindOptions o;
    o.folder = bench.folder.file("bind");
    o.keys = {key};
    o.zones = {{"demo.test", "orders 1 IN A 127.0.1.1\n", {"holdfast"}}};
    auto started = remote::BindServer::start(bench.env, bench.dns, o);
    ASSERT_TRUE(started.has_value()) << started.error().text;
    server.emplace(std::move(*started));
    bench.secrets["file:key"] = key.secret.reveal_text() + "\n";
    bench.step("dns", input("file:key"));
  }
  Json input(const std::string& secret) {
    Json in = Json::object(), tsig = Json::object();
    in.set("server", to_string(server->endpoint()))
        .set("zone", "demo.test")
        .set("name", "orders.demo.test")
        .set("type", "A");
    in.set("values", list({"127.0.2.1"})).set("ttl_seconds", 1);
    return in.set("tsig", tsig.set("name", "holdfast").set("algorithm", "hmac-sha256").set("secret", secret));
  }
  std::string record() {
    std::string out;
    const auto answer = bench.dns.query(server->endpoint(), "orders.demo.test", remote::DnsType::kA, 5s, {});
    for (const std::string& v : answer ? answer->values(remote::DnsType::kA) : std::vector<std::string>{})
      out += v + " ";
    return out;
  }
};

TEST_F(DnsActionTest, Conforms) {
  expect_conformance(bench, action, {[&] { return record(); }});
  EXPECT_EQ(record(), "127.0.2.1 ");
}

TEST_F(DnsActionTest, AWrongKeyIsDeniedWithoutEffect) {
  bench.step("dns", input(to_base64(Bytes(32, 9))));
  const auto moved = action.start(bench.context());
  ASSERT_FALSE(moved.has_value());
  EXPECT_EQ(moved.error().kind, ErrorKind::kDenied) << moved.error().text;
  EXPECT_EQ(moved.error().effect, Effect::kNone);
  EXPECT_EQ(record(), "127.0.1.1 ");
}

TEST_F(DnsActionTest, AServerThatIsNotAuthoritativeIsUnknown) {
  Json in = input("file:key");
  bench.step("dns", in.set("zone", "else.test").set("name", "orders.else.test"));
  const auto seen = action.observe(bench.context());
  ASSERT_TRUE(seen.has_value()) << seen.error().text;
  EXPECT_EQ(seen->state, runbook::ObservedState::kUnknown);
  const auto moved = action.start(bench.context());
  ASSERT_FALSE(moved.has_value());
  EXPECT_EQ(moved.error().kind, ErrorKind::kDenied);
}

TEST_F(DnsActionTest, NoAnswerIsAnErrorNotAState) {
  server.reset();
  EXPECT_FALSE(action.observe(bench.context()).has_value());
  const auto moved = action.start(bench.context());
  ASSERT_FALSE(moved.has_value());
  EXPECT_EQ(moved.error().effect, Effect::kNone) << "nothing was sent";
}

// ---- configure

struct ConfigureActionTest : ::testing::Test {
  ActionBench bench;
  ConfigureAction action{bench.resources};
  std::string file = bench.folder.file("orders.conf");
  std::string reloads = bench.folder.file("reloads");

  std::string text(const std::string& path) {
    const auto bytes = read_file(bench.files, path, 1 << 20);
    return bytes ? to_text(*bytes) : "(none)";
  }
  void SetUp() override {
    ASSERT_TRUE(
        write_file_atomic(bench.files, file, as_bytes("# orders\nREGION=us-east\nKEEP=me\nREGION=again\n"), 0640)
            .has_value());
    Json in = Json::object(), set = Json::array();
    set.push(list({"DATABASE_DSN", "hostaddr=127.0.2.1 port=5433"})).push(list({"REGION", "us-west"}));
    in.set("path", file).set("set", set).set("reload", list({"sh", "-c", "echo x >> " + reloads}));
    bench.step("configure", in);
  }
};

TEST_F(ConfigureActionTest, Conforms) {
  expect_conformance(bench, action, {[&] { return text(file); }});
  EXPECT_EQ(text(file), "# orders\nREGION=us-west\nKEEP=me\nDATABASE_DSN=hostaddr=127.0.2.1 port=5433\n");
  struct stat st{};
  ASSERT_EQ(::stat(file.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0640u);
}

TEST_F(ConfigureActionTest, AFileWrittenButNotReloadedIsNotDone) {
  ASSERT_TRUE(write_file_atomic(bench.files, file,
                                as_bytes("REGION=us-west\nDATABASE_DSN=hostaddr=127.0.2.1 port=5433\n"), 0640)
                  .has_value());
  EXPECT_EQ(action.observe(bench.context(1, true))->state, runbook::ObservedState::kNotDone);
  ASSERT_TRUE(bench.finish(action).has_value());
  EXPECT_EQ(text(reloads), "x\n");
  EXPECT_EQ(action.observe(bench.context(1, true))->state, runbook::ObservedState::kDone);
}

TEST_F(ConfigureActionTest, AReloadThatFailsIsADoubt) {
  Json in = bench.run.steps[0].input;
  bench.step("configure", in.set("reload", list({"sh", "-c", "echo no such service >&2; exit 3"})));
  const auto done = action.start(bench.context());
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().effect, Effect::kMaybe);
  EXPECT_NE(done.error().text.find("exited with 3: no such service"), std::string::npos) << done.error().text;
}

// ---- exec

struct ExecActionTest : ::testing::Test {
  ActionBench bench;
  ExecAction action{bench.resources};
  std::string file = bench.folder.file("effects");

  std::string effects() {
    const auto bytes = read_file(bench.files, file, 1 << 20);
    return bytes ? to_text(*bytes) : "";
  }
  void command(const std::string& script, const std::string& look = {}) {
    Json in = Json::object();
    in.set("argv", list({"sh", "-c", script}));
    if (!look.empty()) in.set("observe", list({"sh", "-c", look}));
    bench.step("exec", in);
  }
};

TEST_F(ExecActionTest, Conforms) {
  command("cat >> " + file + "; echo >> " + file, "test -s " + file);
  expect_conformance(bench, action, {[&] { return effects(); }});
  EXPECT_NE(effects().find("\"key\":\"run1/exec/1\""), std::string::npos) << effects();
}

TEST_F(ExecActionTest, ConformsWithoutAWayToLook) {
  command("echo x >> " + file);
  expect_conformance(bench, action, {[&] { return effects(); }});
  EXPECT_EQ(effects(), "x\n");
}

TEST_F(ExecActionTest, AWorkerThatVanishedIsUnknownAndNeverRepeated) {
  command("echo x >> " + file + "; sleep 60");
  const auto started = action.start(bench.context());
  ASSERT_TRUE(started.has_value()) << started.error().text;
  const MonoTime deadline = bench.clock.mono() + 20s;
  while (effects().empty() && bench.clock.mono() < deadline) bench.clock.sleep_until(bench.clock.mono() + 5ms, {});
  const ProcessIdentity worker{static_cast<pid_t>(started->handle["pid"].as_int()),
                               std::stoull(started->handle["start_ticks"].as_string())};
  ASSERT_TRUE(bench.processes.signal_group(worker, SIGKILL).has_value());
  while (bench.processes.alive(worker) && bench.clock.mono() < deadline)
    bench.clock.sleep_until(bench.clock.mono() + 5ms, {});
  const auto lost = action.poll(bench.context(1, true), started->handle);
  ASSERT_FALSE(lost.has_value());
  EXPECT_EQ(lost.error().effect, Effect::kMaybe);
  EXPECT_EQ(action.observe(bench.context(1, true))->state, runbook::ObservedState::kUnknown);
  EXPECT_EQ(effects(), "x\n");
}

TEST_F(ExecActionTest, AResultOrAHandleThatIsNoNumberIsNeverTakenForOne) {
  command("true");
  const auto started = action.start(bench.context());
  ASSERT_TRUE(started.has_value());
  const Json& handle = started->handle;
  const auto poll = [&] { return runbook::poll_worker(bench.env, handle); };
  const MonoTime deadline = bench.clock.mono() + 20s;
  while (poll()->kind != runbook::WorkerState::Kind::kFinished && bench.clock.mono() < deadline)
    bench.clock.sleep_until(bench.clock.mono() + 5ms, {});
  for (const char* junk : {"", "zero\n", "0x\n", " 0\n"}) {
    ASSERT_TRUE(write_file_atomic(bench.files, handle["session"].as_string() + "/result", as_bytes(junk)).has_value());
    EXPECT_EQ(poll().error().kind, ErrorKind::kCorrupt) << junk;
  }
  for (const char* ticks : {"", "12a", "-1"}) {
    const Json odd = Json(handle).set("start_ticks", ticks);
    EXPECT_EQ(runbook::poll_worker(bench.env, odd).error().kind, ErrorKind::kCorrupt) << ticks;
    EXPECT_EQ(runbook::stop_worker(bench.env, odd).error().kind, ErrorKind::kCorrupt) << ticks;
  }
}

TEST_F(ExecActionTest, CancelEndsTheWholeGroup) {
  command("sleep 60 & wait");
  const auto started = action.start(bench.context());
  ASSERT_TRUE(started.has_value());
  ASSERT_TRUE(action.cancel(bench.context(1, true), started->handle).has_value());
  const ProcessIdentity worker{static_cast<pid_t>(started->handle["pid"].as_int()),
                               std::stoull(started->handle["start_ticks"].as_string())};
  const MonoTime deadline = bench.clock.mono() + 20s;
  while (bench.processes.alive(worker) && bench.clock.mono() < deadline)
    bench.clock.sleep_until(bench.clock.mono() + 5ms, {});
  EXPECT_FALSE(bench.processes.alive(worker));
}

TEST_F(ExecActionTest, AFailureTellsItsLastLine) {
  command("echo one; echo no space left >&2; exit 9");
  const auto done = bench.finish(action);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().effect, Effect::kNone);
  EXPECT_NE(done.error().text.find("exited with 9: no space left"), std::string::npos) << done.error().text;
}

// ---- promote and verify, on a real standby

struct PostgresActionTest : ::testing::Test {
  ActionBench bench;
  remote::TestCluster primary, standby;
  PromoteAction promote{bench.resources};

  void SetUp() override {
    primary.init();
    primary.start();
    ASSERT_TRUE(primary.wait_ready());
    primary.value("create table orders(n int); insert into orders values (1); select 'ok'");
    standby.copy_from(primary);
    standby.become_standby(primary.dsn(), "");
    standby.start();
    ASSERT_TRUE(standby.wait_ready());
    Json in = Json::object();
    in.set("component", "orders").set("name", "dr").set("host", "127.0.2.1").set("port", 5432);
    bench.step("promote", in.set("dsn", standby.dsn()).set("primary_dsn", primary.dsn()));
  }
  // As a fence step leaves it: everything that the primary has written is sealed.
  void fenced(const std::string& replay_to, std::string system_id = {}, const std::string& component = "orders",
              int timeline = 1) {
    if (system_id.empty()) system_id = primary.value("select system_identifier from pg_control_system()");
    Json proof = Json::object(), known = Json::object();
    proof.set("component", component).set("level", "quorum").set("system_id", system_id).set("timeline", timeline);
    bench.facts["fence"] = known.set("fence_proof", proof).set("replay_to", replay_to);
  }
  std::string state() { return standby.value("select pg_is_in_recovery()"); }
};

TEST_F(PostgresActionTest, PromoteConforms) {
  fenced(primary.value("select pg_current_wal_lsn()"));
  primary.kill_all();
  expect_conformance(bench, promote,
                     {[&] { return state() + standby.value("select timeline_id from pg_control_checkpoint()"); }});
  EXPECT_EQ(state(), "f");
  const auto seen = promote.observe(bench.context(1, true));
  EXPECT_EQ(seen->facts["timeline"].as_int(), 2);
  EXPECT_EQ(standby.value("select n from orders"), "1");
}

TEST_F(PostgresActionTest, AWaiverStillWaitsForWhatWasSealed) {
  Json waiver = Json::object(), known = Json::object();
  bench.facts["waiver/orders"] = waiver.set("by", "maria").set("reason", "power is cut");
  bench.facts["fence"] = known.set("waived_fence", "orders").set("replay_to", "F/0");
  const auto progress = promote.start(bench.context());
  ASSERT_TRUE(progress.has_value()) << progress.error().text;
  EXPECT_FALSE(progress->finished);
  EXPECT_EQ(state(), "t") << "promoted before it had what the receivers sealed";
  Json other = Json::object();
  bench.facts["fence"] = other.set("waived_fence", "orders").set("replay_to", "0/0").set("system_id", "1");
  EXPECT_EQ(promote.start(bench.context()).error().kind, ErrorKind::kBlocked) << "another cluster was sealed";
}

TEST_F(PostgresActionTest, PromoteWaitsForTheTail) {
  fenced("F/0");  // far beyond what it will ever have
  auto progress = promote.start(bench.context());
  ASSERT_TRUE(progress.has_value()) << progress.error().text;
  EXPECT_FALSE(progress->finished);
  EXPECT_EQ(progress->handle["phase"].as_string(), "replaying");
  progress = promote.poll(bench.context(1, true), progress->handle);
  EXPECT_EQ(progress->handle["phase"].as_string(), "replaying");
  EXPECT_EQ(state(), "t");
}

TEST_F(PostgresActionTest, PromoteRefusesWithoutProofWhileTheOldPrimaryAnswers) {
  fenced("0/0", {}, "billing");  // what was proven of another component proves nothing of this one
  const auto refused = promote.start(bench.context());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, ErrorKind::kBlocked);
  EXPECT_NE(refused.error().text.find("while the old primary still answers"), std::string::npos)
      << refused.error().text;
  EXPECT_EQ(state(), "t");
  Json waiver = Json::object();
  bench.facts["waiver/orders"] = waiver.set("by", "maria");
  const auto waived = bench.finish(promote);
  ASSERT_TRUE(waived.has_value()) << waived.error().text;
  EXPECT_EQ(state(), "f");
}

TEST_F(PostgresActionTest, PromoteRefusesAServerOfAnotherCluster) {
  fenced("0/0", "4711");
  const auto refused = promote.start(bench.context());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, ErrorKind::kBlocked);
  EXPECT_EQ(state(), "t");
}

// Positions of two timelines do not compare: one that is far enough on another has not what was sealed.
TEST_F(PostgresActionTest, PromoteRefusesAStandbyOfAnotherTimeline) {
  fenced("0/0", {}, "orders", 2);
  const auto waits = promote.start(bench.context());
  ASSERT_TRUE(waits.has_value()) << waits.error().text;
  EXPECT_FALSE(waits->finished);
  EXPECT_EQ(state(), "t") << waits->detail;
  remote::TestCluster third;
  ASSERT_TRUE(standby.promote());
  third.copy_from(standby);
  third.become_standby(standby.dsn(), "");
  third.start();
  ASSERT_TRUE(third.wait_ready());
  Json in = bench.run.steps[0].input;
  bench.step("promote", in.set("dsn", third.dsn()));
  fenced("0/0");
  const auto refused = promote.start(bench.context());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, ErrorKind::kBlocked);
  EXPECT_EQ(third.value("select pg_is_in_recovery()"), "t");
  fenced("0/0", {}, "orders", 2);
  EXPECT_TRUE(bench.finish(promote).has_value()) << "the timeline that it follows was sealed";
  EXPECT_EQ(third.value("select pg_is_in_recovery()"), "f");
}

// The primary itself takes writes on the sealed timeline: that is not the promotion that was wanted.
TEST_F(PostgresActionTest, AWritableServerOnTheSealedTimelineIsNotDone) {
  fenced("0/0");
  Json in = bench.run.steps[0].input;
  bench.step("promote", in.set("dsn", primary.dsn()));
  EXPECT_EQ(promote.observe(bench.context())->state, runbook::ObservedState::kUnknown);
}

TEST_F(PostgresActionTest, VerifyWritesThroughAPrimaryAndReadsBack) {
  VerifyAction verify(bench.resources);
  TestServer web("127.0.0.1", [](TcpStream& s, const Limit& limit) {
    Bytes buffer(4096);
    static_cast<void>(s.receive(buffer, limit).has_value());
    static_cast<void>(
        s.send_all(as_bytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"), limit)
            .has_value());
  });
  Json in = Json::object();
  in.set("urls", list({"http://" + to_string(web.endpoint()) + "/health"}))
      .set("status", 200)
      .set("write_dsn", primary.dsn());
  bench.step("verify", in);
  const auto rows = [&] { return primary.value("select coalesce((select count(*) from holdfast.verified), 0)"); };
  expect_conformance(bench, verify, {[&] { return rows() == "1" ? "1" : "0"; }, false});
  EXPECT_EQ(rows(), "1");
  bench.step("verify", in.set("write_dsn", standby.dsn()));
  const auto read_only = verify.start(bench.context());
  ASSERT_FALSE(read_only.has_value()) << "a standby takes no write";
  EXPECT_EQ(read_only.error().effect, Effect::kNone);
  bench.step("verify", in.set("write_dsn", "").set("status", 201));
  EXPECT_EQ(verify.start(bench.context()).error().kind, ErrorKind::kUnavailable);
  bench.step("verify", Json::object());
  EXPECT_EQ(verify.start(bench.context()).error().kind, ErrorKind::kInvalid) << "verifying nothing proves nothing";
}

}  // namespace
}  // namespace hf::actions
