// kill -9 at every journal append of a failover, before the event is durable and after: the run that is resumed ends
// in the same world, with no effect done twice.
#include <gtest/gtest.h>

#include <algorithm>

#include "sim/testing_failover.h"

namespace hf::sim {
namespace {

Scenario kind_world(std::uint64_t seed) {
  Scenario s;
  s.seed = seed;
  s.fate = {seed % 2 == 0, seed % 3 == 0};
  return s;
}

std::string text(const std::vector<std::string>& sentences) {
  std::string out;
  for (const std::string& s : sentences) out += s + "\n";
  return out;
}

TEST(Crash, AtEveryAppendEndsInTheSameWorld) {
  Failover whole(kind_world(7));
  const auto report = whole.live({});
  ASSERT_TRUE(report.has_value()) << report.error().text;
  ASSERT_EQ(report->exit_code, 0) << report->reason;
  const std::size_t appends = whole.appends();
  ASSERT_GT(appends, 25u);
  for (std::size_t at = 0; at < appends; ++at) {
    for (const bool stored : {false, true}) {
      Failover torn(kind_world(7));
      EXPECT_FALSE(torn.live(Crash{at, stored}).has_value()) << "no crash at append " << at;
      const auto resumed = torn.live({});
      ASSERT_TRUE(resumed.has_value()) << "append " << at << ": " << resumed.error().text;
      EXPECT_EQ(resumed->exit_code, 0) << "append " << at << ": " << resumed->reason;
      EXPECT_EQ(torn.world().state(), whole.world().state()) << "append " << at << " stored " << stored;
      EXPECT_EQ(text(torn.judge(*resumed)), "") << "append " << at << " stored " << stored;
    }
  }
}

TEST(Crash, TwiceInOneRun) {
  Failover whole(kind_world(4));
  ASSERT_TRUE(whole.live({}).has_value());
  for (std::size_t first = 0; first < whole.appends(); ++first) {
    for (std::size_t second = 0; second < 8; ++second) {
      Failover torn(kind_world(4));
      EXPECT_FALSE(torn.live(Crash{first, true}).has_value());
      const auto again = torn.live(Crash{second, second % 2 == 0});
      const auto resumed = again ? again : torn.live({});
      ASSERT_TRUE(resumed.has_value()) << first << "/" << second << ": " << resumed.error().text;
      EXPECT_EQ(torn.world().state(), whole.world().state()) << first << "/" << second;
      EXPECT_EQ(text(torn.judge(*resumed)), "") << first << "/" << second;
    }
  }
}

// A wall clock that is set in the middle of a run ends no step early and stretches no wait.
TEST(Clock, SetAtEveryAppendChangesNothing) {
  Scenario slow = kind_world(7);
  slow.faults.refused = 400;  // so that there are retries, and timers between them
  for (runbook::StepSpec& s : slow.spec.steps) s.retry.attempts = 20;
  Failover whole(slow);
  const auto report = whole.live({});
  ASSERT_TRUE(report.has_value()) << report.error().text;
  ASSERT_EQ(report->exit_code, 0) << report->reason;
  for (std::size_t at = 0; at + 1 < whole.appends(); ++at) {
    for (const Micros by : {kLongestClockStep, -kLongestClockStep}) {
      Failover disturbed(slow);
      disturbed.set_clock_after(at, by);
      const auto same = disturbed.live({});
      ASSERT_TRUE(same.has_value()) << "append " << at << ": " << same.error().text;
      EXPECT_EQ(same->exit_code, 0) << "append " << at << " by " << format_duration(by) << ": " << same->reason;
      EXPECT_EQ(disturbed.world().state(), whole.world().state()) << at;
      EXPECT_EQ(disturbed.elapsed(), whole.elapsed()) << at;
      EXPECT_EQ(text(disturbed.judge(*same)), "") << at;
    }
  }
}

// Set back between two lives: what the first one wrote is not in the future of the second.
TEST(Clock, SetBackBetweenTwoLives) {
  Failover whole(kind_world(7));
  ASSERT_TRUE(whole.live({}).has_value());
  for (std::size_t at = 0; at < whole.appends(); ++at) {
    Failover torn(kind_world(7));
    if (at > 0) torn.set_clock_after(at - 1, -kLongestClockStep);
    EXPECT_FALSE(torn.live(Crash{at, true}).has_value());
    const Micros before = torn.elapsed();
    const auto resumed = torn.live({});
    ASSERT_TRUE(resumed.has_value()) << at << ": " << resumed.error().text;
    EXPECT_EQ(resumed->exit_code, 0) << at << ": " << resumed->reason;
    EXPECT_LT(torn.elapsed() - before, 10min) << at;
    const auto facts = torn.facts();
    EXPECT_TRUE(std::ranges::is_sorted(facts, {}, &runbook::Fact::time)) << at;
  }
}

// A run that is finished stays as it is, however often it is resumed.
TEST(Crash, ResumingAFinishedRunChangesNothing) {
  Failover whole(kind_world(3));
  ASSERT_TRUE(whole.live({}).has_value());
  const std::size_t appends = whole.appends();
  const auto again = whole.live({});
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->exit_code, 0);
  EXPECT_EQ(whole.appends(), appends);
}

}  // namespace
}  // namespace hf::sim
