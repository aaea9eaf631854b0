#include "plan/objective.h"

#include <gtest/gtest.h>

#include "plan/graph.h"
#include "plan/testing_plans.h"

namespace hf::plan {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::changed;
using testing::sound_plan;
using Names = std::vector<std::string>;

Plan plan_of(const std::string& text) {
  Loaded loaded = load({{"p", text}});
  EXPECT_TRUE(loaded.findings.empty()) << loaded.findings[0].message;
  return loaded.plan;
}

TEST(Objective, TheComponentThenTheClassThenThePlan) {
  Plan p = plan_of(changed("{kind: files, class: L4,", "{kind: files, class: L4, rpo: 2h,"));
  ComponentObjectives o = objective_for(p, *p.find_component("settings"));
  EXPECT_EQ(o.rpo.target, Micros(std::chrono::hours(2)));
  EXPECT_EQ(o.rpo.source, "components.settings.rpo");
  EXPECT_EQ(o.rto.source, "classes.L4.rto");
  EXPECT_EQ(o.mttr.source, "objectives.mttr");
  EXPECT_FALSE(o.data_loss.target.has_value());
  EXPECT_EQ(failover_class(p)->name, "L1");
}

// The figures of a check of 30 s x 2 with 5 s of timeout: 30 s at best, 70 s at worst.
TEST(Objective, DetectionTakesFallTimesIntervalAndTimeout) {
  HealthCheck check;
  check.every = seconds(30), check.timeout = seconds(5), check.fall = 2;
  EXPECT_EQ(detection_time(check).best, Micros(seconds(30)));
  EXPECT_EQ(detection_time(check).worst, Micros(seconds(70)));
  check.fall = 1;
  EXPECT_EQ(detection_time(check).best, Micros(0));
}

TEST(Objective, WhatAScheduleCanPromise) {
  Plan p = plan_of(sound_plan());
  EXPECT_EQ(schedule_rpo(*p.find_component("settings")).worst_age, Micros(std::chrono::hours(6)));
  EXPECT_EQ(surviving_rpo(p, *p.find_component("settings")).worst_age, Micros(std::chrono::hours(6) + minutes(1)));
  EXPECT_EQ(surviving_rpo(p, *p.find_component("orders-db")).worst_age, Micros(0));
  Plan alone =
      plan_of(changed("{any: 2, of: [orders_db_b, receiver_west, receiver_eu]}", "{any: 1, of: [orders_db_b]}"));
  EXPECT_EQ(acknowledgers(*alone.find_component("orders-db")).members.size(), 1U);
  Component none;
  EXPECT_FALSE(schedule_rpo(none).worst_age.has_value());
}

// What a copy's `only` leaves out survives no loss of the region: without wal the newest point is the full backup's.
TEST(Objective, ACopyTakesTheKindsThatItNames) {
  const auto survives = [](const std::string& only) {
    std::string text = changed("copy_of: main, within: 1m}", "copy_of: main, within: 1m, only: {kinds: " + only + "}}");
    for (const char* gone : {"      - {name: receiver_west,", "      - {name: receiver_eu,", "    quorum: {any: 2",
                             "    receivers:\n", "      - {name: orders_db_west,"}) {
      const std::size_t at = text.find(gone);
      text.erase(at, text.find('\n', at) + 1 - at);
    }
    const Plan p = load({{"p", text}}).plan;
    return std::pair(surviving_rpo(p, *p.find_component("orders-db")).worst_age,
                     surviving_rpo(p, *p.find_component("settings")).worst_age);
  };
  const Micros daily = std::chrono::hours(24) + minutes(1), settings = std::chrono::hours(6) + minutes(1);
  EXPECT_EQ(survives("[full, wal]").first, Micros(minutes(1)));
  EXPECT_EQ(survives("[full]").first, daily);
  EXPECT_FALSE(survives("[wal]").first) << "WAL alone restores nothing";
  EXPECT_EQ(survives("[full]").second, settings) << "a row without a kind counts as full";
  EXPECT_EQ(survives("[snapshot]").second, settings);
  EXPECT_FALSE(survives("[logical]").second);
}

TEST(Objective, WalWithoutABaseIsNoRecoveryPoint) {
  Plan p = plan_of(changed("      - {kind: full, at: \"02:00 UTC\", vault: main, keep: 30d}\n", ""));
  EXPECT_FALSE(schedule_rpo(*p.find_component("orders-db")).worst_age.has_value());
}

TEST(Objective, TheQuorumIsFoundWhereverItStands) {
  Plan p = plan_of(sound_plan());
  AckQuorum q = acknowledgers(*p.find_component("orders-db"));
  EXPECT_EQ(q.needed, 2);
  ASSERT_EQ(q.members.size(), 3U);
  EXPECT_EQ(q.members[1].name, "receiver_west");
  EXPECT_TRUE(q.members[1].is_receiver);
  Plan example = plan_of(testing::read_text(std::string(HF_SOURCE_DIR) + "/docs/plan.example.yaml"));
  AckQuorum implied = acknowledgers(*example.find_component("orders-db"));
  EXPECT_EQ(implied.needed, 2);
  ASSERT_EQ(implied.members.size(), 3U);
  EXPECT_EQ(implied.members[2].name, "orders-db-receiver-eu-west-1");
}

TEST(Objective, TheBudgetFollowsTheCriticalPath) {
  Plan p = plan_of(changed("for: [orders], write: orders-db}, needs: [configure]",
                           "for: [orders], write: orders-db}, expect: 10s, needs: [configure]"));
  Budget b = budget_of(p, *p.failover);
  EXPECT_EQ(b.detect, Micros(seconds(4)));
  EXPECT_EQ(b.steps, Micros(seconds(70)));
  EXPECT_EQ(b.dns_ttl, Micros(seconds(5)));
  EXPECT_EQ(b.total(), Micros(seconds(79)));
  EXPECT_EQ(b.critical_path, (Names{"checks", "fence", "promote", "configure", "verify", "traffic", "users"}));
}

TEST(Objective, ServicesCountAlongTheirNeeds) {
  Plan p = plan_of(testing::read_text(std::string(HF_SOURCE_DIR) + "/docs/plan.example.yaml"));
  EXPECT_EQ(budget_of(p, *p.failover).steps, Micros(seconds(300)));
}

TEST(Graph, OrderWavesAndCycles) {
  Graph g({{"d", {"b", "c"}, 0}, {"c", {"a"}, 1}, {"b", {"a"}, 0}, {"a", {}, 0}});
  EXPECT_EQ(g.order(), (Names{"a", "b", "c", "d"}));
  EXPECT_EQ(g.waves().size(), 3U);
  EXPECT_TRUE(g.cycle().empty());
  EXPECT_TRUE(g.after("d", "a"));
  EXPECT_FALSE(g.after("a", "d"));
  EXPECT_FALSE(g.after("b", "c"));
  EXPECT_EQ(g.ancestors("d"), (Names{"c", "b", "a"}));
  Graph loop({{"x", {}, 0}, {"a", {"b"}, 0}, {"b", {"c"}, 0}, {"c", {"a"}, 0}});
  EXPECT_EQ(loop.cycle(), (Names{"a", "b", "c", "a"}));
  EXPECT_TRUE(loop.order().empty());
  EXPECT_TRUE(loop.after("a", "c"));
  EXPECT_EQ(Graph({{"s", {"s"}, 0}}).cycle(), (Names{"s", "s"}));
  EXPECT_EQ(Graph({{"s", {"unknown"}, 0}}).order(), (Names{"s"}));
}

TEST(Graph, ServicesComeByNeedsThenPriority) {
  Plan p = plan_of(testing::read_text(std::string(HF_SOURCE_DIR) + "/docs/plan.example.yaml"));
  Names order = graph_of(p.services).order();
  EXPECT_EQ(order[0], "database");
  EXPECT_EQ(order.back(), "admin-panel");
}

}  // namespace
}  // namespace hf::plan
