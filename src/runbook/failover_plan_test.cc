// The plan that a person confirms: bound by its hash, and refused when the world moved on.
#include <gtest/gtest.h>

#include "runbook/failover_plan.h"

namespace hf::runbook {
namespace {

std::string digest(std::string_view text) { return std::to_string(std::hash<std::string_view>{}(text)); }

class FixedAction final : public Action {
 public:
  Result<Observation> observe(const StepContext&) override { return seen; }
  Result<Progress> start(const StepContext&) override {
    return make_error(ErrorKind::kFailed, "a plan starts nothing");
  }
  Observation seen = Observation::not_done("points to us-east");
};

struct World {
  FixedAction dns, verify;
  ActionTable table{{"dns", &dns}, {"verify", &verify}};
  RunSpec spec;
  Risk risk;

  World() {
    spec.id = "r";
    spec.runbook = "failover";
    spec.target = "us-west";
    spec.plan_hash = "p1";
    StepSpec move, look;
    move.name = "traffic";
    move.action = "dns";
    look.name = "users";
    look.action = "verify";
    look.kind = StepKind::kVerify;
    spec.steps = {move, look};
    dns.seen.facts.set("values", "127.0.1.1").set("replayed", "0/5000000");
    risk.standby_lsn = "0/4000000";
    risk.receivers_lsn = "0/5000000";
    risk.fence_possible = true;
  }
  FailoverPlan plan() {
    return make_failover_plan(spec, table, risk, "FAILOVER", WallTime(Seconds(1'800'000'000)), digest);
  }
};

TEST(FailoverPlan, SurvivesItsFileAndNoEdit) {
  World w;
  const FailoverPlan plan = w.plan();
  const auto back = failover_plan_from_json(to_json(plan), digest);
  ASSERT_TRUE(back.has_value()) << back.error().text;
  EXPECT_EQ(dump_json(to_json(*back)), dump_json(to_json(plan)));
  Json edited = to_json(plan);
  edited.set("risk", Json(edited["risk"]).set("text", "nothing is lost"));
  EXPECT_EQ(failover_plan_from_json(edited, digest).error().kind, ErrorKind::kCorrupt);
}

TEST(FailoverPlan, ConfirmedByWordAndTargetOrByHash) {
  const FailoverPlan plan = World().plan();
  EXPECT_TRUE(check_confirmation(plan, "FAILOVER us-west").has_value());
  EXPECT_TRUE(check_confirmation(plan, plan.hash).has_value());
  for (const char* typed : {"", "FAILOVER", "FAILOVER us-east", "failover us-west", "yes"})
    EXPECT_EQ(check_confirmation(plan, typed).error().kind, ErrorKind::kBlocked) << typed;
}

TEST(FailoverPlan, DriftIsRefused) {
  const FailoverPlan shown = World().plan();
  const auto drift = [&](void (*change)(World&)) {
    World w;
    change(w);
    return check_drift(shown, w.plan());
  };
  EXPECT_TRUE(drift([](World&) {}).has_value());
  EXPECT_TRUE(drift([](World& w) { w.spec.id = "another run"; }).has_value());
  EXPECT_TRUE(drift([](World& w) { w.risk.standby_lsn = "0/5000000"; }).has_value()) << "it may grow";
  EXPECT_FALSE(drift([](World& w) { w.risk.standby_lsn = "0/3000000"; }).has_value());
  EXPECT_FALSE(drift([](World& w) { w.risk.receivers_lsn = ""; }).has_value());
  EXPECT_FALSE(drift([](World& w) { w.risk.fence_possible = false; }).has_value());
  EXPECT_FALSE(drift([](World& w) { w.spec.plan_hash = "p2"; }).has_value());
  EXPECT_FALSE(drift([](World& w) { w.spec.target = "eu-west"; }).has_value());
  EXPECT_FALSE(drift([](World& w) { w.spec.steps[0].input.set("values", "127.0.9.9"); }).has_value());
  EXPECT_FALSE(drift([](World& w) { w.dns.seen.state = ObservedState::kDone; }).has_value());
  EXPECT_FALSE(drift([](World& w) { w.dns.seen.facts.set("values", "127.0.3.1"); }).has_value());
  EXPECT_FALSE(drift([](World& w) { w.dns.seen.facts.set("replayed", "0/1000000"); }).has_value());
}

// What was promoted already is seen at another moment, and further on.
TEST(FailoverPlan, APromotedServerThatGoesOnIsNoDrift) {
  World w;
  w.dns.seen = Observation::done("takes writes on timeline 2");
  w.dns.seen.facts.set("timeline", 2).set("lsn", "0/5000000").set("seen_at", "2026-05-01T10:00:00Z");
  const FailoverPlan shown = w.plan();
  w.dns.seen.facts.set("lsn", "0/6000000").set("seen_at", "2026-05-01T10:00:05Z");
  EXPECT_TRUE(check_drift(shown, w.plan()).has_value());
  w.dns.seen.facts.set("lsn", "0/4000000");
  EXPECT_FALSE(check_drift(shown, w.plan()).has_value());
  w.dns.seen.facts.set("lsn", "0/6000000").set("timeline", 3);
  EXPECT_FALSE(check_drift(shown, w.plan()).has_value());
}

}  // namespace
}  // namespace hf::runbook
