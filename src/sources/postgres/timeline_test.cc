#include "sources/postgres/timeline.h"

#include <gtest/gtest.h>

namespace hf::sources {
namespace {

constexpr std::uint64_t kServerSegment = 16u << 20;

Lsn at(std::uint64_t segment, std::uint64_t offset = 0) { return Lsn{segment * kServerSegment + offset}; }

vault::TimelineCoverage line(Timeline timeline, std::vector<vault::WalRange> ranges) {
  vault::TimelineCoverage out;
  out.timeline = timeline;
  out.segment_size = kServerSegment;
  out.ranges = std::move(ranges);
  return out;
}

vault::WalSpan span(Lsn start, Lsn end, int commit_second, Lsn commit_lsn) {
  vault::WalSpan out;
  out.start = start;
  out.end = end;
  out.times.last_commit = WallTime(Seconds(commit_second));
  out.times.last_commit_lsn = commit_lsn;
  return out;
}

TEST(ParseHistory, FollowsTheParents) {
  const auto one = parse_history({}, 1);
  ASSERT_TRUE(one);
  EXPECT_EQ(*one, (std::vector<TimelineStep>{{1, Lsn{}, kNoEnd}}));
  const auto three =
      parse_history(as_bytes("1\t0/3000000\tno recovery target specified\n\n# a comment\n2\t0/5000060\tbefore x\n"), 4);
  ASSERT_TRUE(three) << three.error().text;
  EXPECT_EQ(*three, (std::vector<TimelineStep>{
                        {1, Lsn{}, Lsn{0x3000000}}, {2, Lsn{0x3000000}, Lsn{0x5000060}}, {4, Lsn{0x5000060}, kNoEnd}}));
}

TEST(ParseHistory, DamageIsSaid) {
  for (const char* bad : {"", "x\t0/1\n", "1\tzzz\n", "1\n", "1\t0/5000000\n2\t0/4000000\n",
                          "2\t0/1\n1\t0/2\n", "4\t0/1\n", "0\t0/1\n"}) {
    EXPECT_FALSE(parse_history(as_bytes(bad), 4)) << bad;
  }
}

TEST(WalReach, StopsAtAGapAndSaysSo) {
  vault::WalCoverage coverage;
  coverage.timelines = {line(1, {{at(2), at(4, 100)}, {at(6), at(7)}})};
  const auto branch = parse_history({}, 1).value();
  const WalReach reach = wal_reach(coverage, branch, 1, at(2, 40), kServerSegment);
  EXPECT_EQ(reach.end, at(4, 100));
  EXPECT_EQ(reach.missing, at(4, 100));
  EXPECT_EQ(reach.pieces, (std::vector<WalPiece>{{1, at(2, 40), at(4, 100)}}));
  EXPECT_EQ(wal_reach(coverage, branch, 1, at(6, 40), kServerSegment).missing, Lsn{});
  const WalReach none = wal_reach(coverage, branch, 1, at(5, 40), kServerSegment);
  EXPECT_EQ(none.end, at(5, 40));
  EXPECT_EQ(none.missing, at(5, 40));
}

TEST(WalReach, CrossesIntoTheNextTimeline) {
  vault::WalCoverage coverage;
  coverage.timelines = {line(1, {{at(2), at(9)}}), line(2, {{at(5), at(6, 10)}})};
  coverage.timelines[0].spans = {span(at(2), at(5), 10, at(4, 8)), span(at(5), at(9), 99, at(8, 8))};
  coverage.timelines[1].spans = {span(at(5), at(6, 10), 20, at(6, 5))};
  const std::vector<TimelineStep> branch = {{1, Lsn{}, at(5, 300)}, {2, at(5, 300), kNoEnd}};
  const WalReach reach = wal_reach(coverage, branch, 1, at(2), kServerSegment);
  EXPECT_EQ(reach.end, at(6, 10));
  EXPECT_EQ(reach.pieces, (std::vector<WalPiece>{{1, at(2), at(5, 300)}, {2, at(5), at(6, 10)}}));
  ASSERT_TRUE(reach.last_commit);
  EXPECT_EQ(*reach.last_commit, WallTime(Seconds(20)));   // not the ghost's 99 behind the switch
  EXPECT_EQ(reach.missing, Lsn{});
}

TEST(WalReach, TheSwitchSegmentMayExistOnTheNewTimelineOnly) {
  vault::WalCoverage coverage;
  coverage.timelines = {line(1, {{at(2), at(5)}}), line(2, {{at(5), at(6)}})};
  const std::vector<TimelineStep> branch = {{1, Lsn{}, at(5, 300)}, {2, at(5, 300), kNoEnd}};
  EXPECT_EQ(wal_reach(coverage, branch, 1, at(2), kServerSegment).end, at(6));
  coverage.timelines[0].ranges = {{at(2), at(4, 7)}};
  const WalReach gap = wal_reach(coverage, branch, 1, at(2), kServerSegment);
  EXPECT_EQ(gap.end, at(4, 7));
  EXPECT_EQ(gap.missing, at(4, 7));
}

TEST(WalReach, RestorePointsOfTheBranchOnly) {
  vault::WalCoverage coverage;
  coverage.timelines = {line(1, {{at(2), at(9)}}), line(2, {{at(5), at(6)}})};
  coverage.timelines[0].spans = {span(at(2), at(9), 1, at(3))};
  coverage.timelines[0].spans[0].times.restore_points = {{"early", at(3), {}}, {"ghost", at(7), {}}};
  const std::vector<TimelineStep> branch = {{1, Lsn{}, at(5, 300)}, {2, at(5, 300), kNoEnd}};
  const WalReach reach = wal_reach(coverage, branch, 1, at(2), kServerSegment);
  ASSERT_EQ(reach.restore_points.size(), 1u);
  EXPECT_EQ(reach.restore_points[0].name, "early");
}

}  // namespace
}  // namespace hf::sources
