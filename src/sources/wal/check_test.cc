// Gaps within a timeline, and between the timeline that a server left and the one that it went on with.
#include "sources/wal/check.h"

#include <gtest/gtest.h>

namespace hf::sources {
namespace {

WallTime commit_at(int seconds) { return WallTime(Seconds(1'767'225'600 + seconds)); }

vault::TimelineCoverage covered(Timeline timeline, std::vector<vault::WalRange> ranges, const char* history = nullptr) {
  vault::TimelineCoverage t;
  t.timeline = timeline;
  t.ranges = std::move(ranges);
  for (const vault::WalRange& r : t.ranges) t.spans.push_back({r.start, r.end, false, {}, ""});
  if (history != nullptr) t.history = to_bytes(history);
  return t;
}

WalCheckReport checked(std::vector<vault::TimelineCoverage> timelines) {
  vault::WalCoverage coverage;
  coverage.system_id = 77;
  coverage.timelines = std::move(timelines);
  return check_wal(coverage).value();
}

TEST(WalCheck, SaysTheRangeTheGapsAndTheLastCommitThatCanBeReached) {
  vault::TimelineCoverage one = covered(1, {{Lsn{0x1000}, Lsn{0x2000}}, {Lsn{0x2800}, Lsn{0x3000}}});
  one.spans[0].times = {commit_at(1), commit_at(9), Lsn{0x1f00}, {}};
  one.spans[1].times = {commit_at(3), commit_at(5), Lsn{0x2f00}, {}};
  const WalCheckReport report = checked({one});
  EXPECT_EQ(report.system_id, 77U);
  ASSERT_EQ(report.timelines.size(), 1U);
  const WalCheckTimeline& t = report.timelines[0];
  EXPECT_EQ(t.from, Lsn{0x1000});
  EXPECT_EQ(t.to, Lsn{0x3000});
  ASSERT_EQ(t.gaps.size(), 1U);
  EXPECT_EQ(t.gaps[0].start, Lsn{0x2000});
  EXPECT_EQ(t.gaps[0].end, Lsn{0x2800});
  EXPECT_EQ(t.last_commit, commit_at(5));  // of what ends at `to`
  EXPECT_FALSE(t.history_missing);
  EXPECT_FALSE(report.healthy());
  EXPECT_TRUE(checked({covered(1, {{Lsn{0x1000}, Lsn{0x3000}}})}).healthy());
}

TEST(WalCheck, ATimelineNeedsItsHistoryAndTheOneThatItLeft) {
  const char* history = "1\t0/2000\tno recovery target specified\n";
  const vault::TimelineCoverage one = covered(1, {{Lsn{0x1000}, Lsn{0x2400}}});
  EXPECT_TRUE(checked({one, covered(2, {{Lsn{0x1800}, Lsn{0x5000}}}, history)}).healthy());
  const WalCheckReport no_history = checked({one, covered(2, {{Lsn{0x1800}, Lsn{0x5000}}})});
  EXPECT_TRUE(no_history.timelines[1].history_missing);
  EXPECT_FALSE(no_history.healthy());
  // The new timeline begins behind the switch: what the old one has there is not of this history.
  const WalCheckReport late = checked({one, covered(2, {{Lsn{0x2200}, Lsn{0x5000}}}, history)});
  ASSERT_EQ(late.timelines[1].gaps.size(), 1U);
  EXPECT_EQ(late.timelines[1].gaps[0].start, Lsn{0x2000});
  EXPECT_EQ(late.timelines[1].gaps[0].end, Lsn{0x2200});
  EXPECT_FALSE(late.healthy());
  // The old one ends before the new one begins.
  const WalCheckReport lost =
      checked({covered(1, {{Lsn{0x1000}, Lsn{0x1400}}}), covered(2, {{Lsn{0x1800}, Lsn{0x5000}}}, history)});
  ASSERT_EQ(lost.timelines[1].gaps.size(), 1U);
  EXPECT_EQ(lost.timelines[1].gaps[0].start, Lsn{0x1400});
  EXPECT_FALSE(lost.healthy());
  // Archived from the second timeline on.
  EXPECT_TRUE(checked({covered(2, {{Lsn{0x2200}, Lsn{0x5000}}}, history)}).healthy());
  // A history file alone covers nothing, and hides nothing.
  EXPECT_TRUE(checked({one, covered(2, {}, history)}).healthy());
}

TEST(WalCheck, AHistoryThatCannotBeReadIsAnError) {
  vault::WalCoverage coverage;
  coverage.timelines = {covered(2, {{Lsn{0x2200}, Lsn{0x5000}}}, "9\tnonsense\n")};
  EXPECT_EQ(check_wal(coverage).error().kind, ErrorKind::kCorrupt);
}

}  // namespace
}  // namespace hf::sources
