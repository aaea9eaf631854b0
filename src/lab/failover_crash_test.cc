// Holdfast killed by SIGKILL at journal appends of a real failover, and resumed each time: the end is as if nothing had
// happened, and nothing is done twice. A second failover beside it, and one whose world drifted, are refused.
#include <gtest/gtest.h>

#include "lab/testing_failover.h"

namespace hf::lab {
namespace {

constexpr int kObjectiveMissedExit =
    5;  // a busy machine may be slower than the plan's minute; that is not the point here

void expect_succeeded(const CommandResult& result) {
  EXPECT_TRUE(result.exit_code == 0 || result.exit_code == kObjectiveMissedExit) << said(result);
  EXPECT_EQ(result.data()["state"].as_string(), "succeeded") << said(result);
}

void expect_drift_is_refused(FailoverBench& bench, const SavedPlan& saved) {
  bench.set_public_address("127.0.3.1");
  const std::string serial = bench.zone_serial();
  const CommandResult refused = bench.apply(saved);
  EXPECT_EQ(refused.exit_code, kBlockedExit) << said(refused);
  EXPECT_NE(said(refused).find("127.0.3.1"), std::string::npos) << said(refused);
  EXPECT_EQ(bench.value("standby", "select pg_is_in_recovery()::text"), "true");
  EXPECT_EQ(bench.zone_serial(), serial);
  EXPECT_EQ(bench.run({"run", "list"}).data()["runs"].items().size(), 0U) << "a refused plan starts no run";
  bench.set_public_address("127.0.1.1");
}

TEST(FailoverCrash, AtEveryBoundaryOfFencePromotionAndTraffic) {
  FailoverBench bench;
  ASSERT_TRUE(bench.ready());
  bench.kill_us_east();
  const SavedPlan saved = bench.plan();
  expect_drift_is_refused(bench, saved);
  const std::string serial = bench.zone_serial();
  const CommandResult first = bench.apply(saved, "step.intent:fence");
  ASSERT_EQ(first.exit_code, kKilledExit) << said(first);
  const std::string run = bench.open_run();
  const CommandResult second = bench.apply(saved);
  EXPECT_EQ(second.exit_code, kBusyExit) << said(second);
  for (const char* point : {"step.outcome:fence", "step.intent:promote", "step.outcome:promote", "step.intent:traffic",
                            "step.outcome:traffic"}) {
    const CommandResult crashed = bench.resume(run, point);
    ASSERT_EQ(crashed.exit_code, kKilledExit) << point << ": " << said(crashed);
  }
  const CommandResult done = bench.resume(run);
  expect_succeeded(done);
  bench.expect_taken_over(run);
  EXPECT_EQ(std::stol(bench.zone_serial()), std::stol(serial) + 1) << "the name was moved once";
  bench.expect_orders_flow_and_none_is_lost(bench.clock.wall());
}

}  // namespace
}  // namespace hf::lab
