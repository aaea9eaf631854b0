// Fencing against a real primary with a real receiver: after the seal, its commits are acknowledged no more.
#include <gtest/gtest.h>

#include "actions/fence.h"
#include "actions/testing_actions.h"
#include "actions/wal_spools.h"
#include "remote/testing_postgres.h"
#include "sources/testing_wal.h"

namespace hf::actions {
namespace {

struct FenceActionTest : ::testing::Test {
  ActionBench bench;
  WalSpools spools{bench.env};
  FenceAction action{bench.resources, spools};
  std::string spool = bench.folder.file("spool");

  void input(const std::string& names, const std::string& level = "quorum") {
    Json in = Json::object(), receivers = Json::array(), one = Json::object(), commit = Json::array();
    receivers.push(one.set("name", "west").set("region", "us-west").set("spool", spool));
    in.set("component", "orders")
        .set("level", level)
        .set("receivers", receivers)
        .set("synchronous_standby_names", names);
    bench.step("fence", in.set("synchronous_commit", commit.push("on")).set("source", "as the plan declares it"));
  }
  std::string seals() {
    const auto seals = spools.seals(spool);
    return seals ? std::to_string(seals->size()) : "none";
  }
};

TEST_F(FenceActionTest, AfterTheSealNothingIsAcknowledged) {
  remote::TestCluster primary;
  primary.init({{"synchronous_standby_names", "'ANY 1 (west)'"}});
  primary.start();
  ASSERT_TRUE(primary.wait_ready());
  sources::WalReceiverOptions options;
  options.dsn = primary.dsn();
  options.name = "west";
  options.slot = "west";
  options.spool = spool;
  sources::MemoryTarget vault;
  sources::RunningReceiver receiver(options, vault);
  ASSERT_TRUE(receiver.wait_streaming());
  remote::PgConnection before = primary.connect();
  ASSERT_TRUE(before.query("create table t(n int)", {}, 30s).has_value()) << "the receiver acknowledges";
  input("ANY 1 (west)");
  expect_conformance(bench, action, {[&] { return seals(); }});
  const auto seen = action.observe(bench.context(1, true));
  ASSERT_TRUE(seen.has_value());
  const Json& proof = seen->facts["fence_proof"];
  EXPECT_EQ(proof["component"].as_string(), "orders");
  EXPECT_EQ(proof["seals"].items().size(), 1u);
  EXPECT_LE(*parse_lsn(seen->facts["replay_to"].as_string()), *parse_lsn(seen->facts["sealed_lsn"].as_string()));
  remote::PgConnection after = primary.connect();
  const auto commit = after.query("insert into t values (1)", {}, 4s);
  ASSERT_FALSE(commit.has_value()) << "the old primary acknowledged a commit after its fence";
  EXPECT_EQ(commit.error().effect, Effect::kMaybe);
}

// A second failover, after the receivers followed the first: what they sealed then fences nobody now.
TEST_F(FenceActionTest, SealsOfATimelineThatWasLeftProveNothingOfTheNext) {
  remote::TestCluster first, second, third;
  first.init();
  first.start();
  ASSERT_TRUE(first.wait_ready());
  second.copy_from(first);
  second.become_standby(first.dsn(), "");
  second.start();
  ASSERT_TRUE(second.wait_ready());
  sources::WalReceiverOptions options;
  options.dsn = first.dsn();
  options.name = options.slot = "west";
  options.spool = spool;
  sources::MemoryTarget vault;
  input("ANY 1 (west)");
  {
    sources::RunningReceiver receiver(options, vault);
    ASSERT_TRUE(receiver.wait_for([](const auto& s) { return s.flushed.value != 0; }));
    ASSERT_TRUE(bench.finish(action).has_value());
  }
  first.kill_all();
  ASSERT_TRUE(second.promote());
  third.copy_from(second);
  third.become_standby(second.dsn(), "");
  third.start();
  ASSERT_TRUE(third.wait_ready());
  options.dsn = second.dsn();
  sources::RunningReceiver receiver(options, vault);
  ASSERT_TRUE(receiver.wait_for([](const auto& s) { return s.timeline == 2 && s.flushed.value != 0; }));
  second.value("alter system set synchronous_standby_names = 'ANY 1 (west)'");
  second.value("select pg_reload_conf()");
  Json in = bench.run.steps[0].input, standby = Json::object();
  // The first failover, gone on with: its fence stands, and the new primary goes on.
  bench.step("fence", in.set("standby", standby.set("name", "second").set("dsn", second.dsn())));
  auto seen = action.observe(bench.context(1, true));
  ASSERT_TRUE(seen.has_value()) << seen.error().text;
  EXPECT_EQ(seen->state, runbook::ObservedState::kDone) << seen->detail;
  const auto nothing = action.start(bench.context());
  ASSERT_TRUE(nothing.has_value()) << nothing.error().text;
  EXPECT_FALSE(nothing->changed);
  EXPECT_EQ(second.value("create table t(n int); select 'acknowledged'"), "acknowledged");
  // The second one, to the third server.
  bench.step("fence", in.set("standby", standby.set("name", "third").set("dsn", third.dsn())));
  seen = action.observe(bench.context());
  ASSERT_TRUE(seen.has_value()) << seen.error().text;
  EXPECT_EQ(seen->state, runbook::ObservedState::kNotDone) << seen->detail;
  const auto sealed = bench.finish(action);
  ASSERT_TRUE(sealed.has_value()) << sealed.error().text;
  EXPECT_EQ(sealed->facts["timeline"].as_int(), 2);
  remote::PgConnection after = second.connect();
  EXPECT_FALSE(after.query("insert into t values (1)", {}, 4s).has_value()) << "the second primary was not fenced";
}

TEST_F(FenceActionTest, AQuorumThatIsStillPossibleIsBlocked) {
  input("ANY 1 (west, elsewhere)");
  const auto refused = action.start(bench.context());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, ErrorKind::kBlocked);
  EXPECT_NE(refused.error().text.find("west did not seal"), std::string::npos) << refused.error().text;
  EXPECT_EQ(action.observe(bench.context())->state, runbook::ObservedState::kNotDone);
}

TEST_F(FenceActionTest, AWaiverOfAQuorumIsNoProofAndSaysSo) {
  input("ANY 1 (west, elsewhere)");
  Json waiver = Json::object();
  bench.facts["waiver/orders"] = waiver.set("by", "maria").set("reason", "power is cut");
  const auto waived = action.start(bench.context());
  ASSERT_TRUE(waived.has_value()) << waived.error().text;
  EXPECT_EQ(waived->facts.find("fence_proof"), nullptr);
  EXPECT_NE(waived->detail.find("waived by maria (power is cut)"), std::string::npos) << waived->detail;
  EXPECT_NE(waived->detail.find("west did not seal"), std::string::npos) << waived->detail;
}

TEST_F(FenceActionTest, ALevelWithoutProofNeedsAPerson) {
  input("ANY 1 (west)", "attested");
  EXPECT_EQ(action.start(bench.context()).error().kind, ErrorKind::kBlocked);
  Json waiver = Json::object();
  bench.facts["waiver/orders"] = waiver.set("by", "maria").set("reason", "power is cut");
  const auto waived = action.start(bench.context());
  ASSERT_TRUE(waived.has_value()) << waived.error().text;
  EXPECT_FALSE(waived->changed);
  EXPECT_EQ(waived->facts.find("fence_proof"), nullptr) << "a waiver is no proof";
  input("ANY 1 (west)", "network");
  EXPECT_EQ(action.start(bench.context()).error().kind, ErrorKind::kUnsupported);
}

}  // namespace
}  // namespace hf::actions
