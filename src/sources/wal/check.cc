#include "sources/wal/check.h"

#include <algorithm>

#include "sources/wal/timeline.h"

namespace hf::sources {
namespace {

// What a recovery lacks between the timeline that `t` left and the first byte of `t`. A timeline that is not in the
// archive at all is none that a recovery would begin on.
Result<std::optional<vault::WalRange>> gap_before(const vault::WalCoverage& coverage,
                                                  const vault::TimelineCoverage& t) {
  if (!t.history || t.ranges.empty()) return std::optional<vault::WalRange>();
  HF_ASSIGN(const TimelineHistory history, TimelineHistory::parse(t.timeline, *t.history));
  for (const vault::TimelineCoverage& before : coverage.timelines) {
    const TimelineSwitch* left = history.leaves(before.timeline);
    if (left == nullptr || left->to != t.timeline || before.ranges.empty()) continue;
    const Lsn reached = std::min(before.ranges.back().end, left->at);
    if (t.ranges.front().start > reached) return std::optional(vault::WalRange{reached, t.ranges.front().start});
  }
  return std::optional<vault::WalRange>();
}

}  // namespace

bool WalCheckReport::healthy() const {
  return std::all_of(timelines.begin(), timelines.end(),
                     [](const WalCheckTimeline& t) { return t.gaps.empty() && !t.history_missing; });
}

Result<WalCheckReport> check_wal(const vault::WalCoverage& coverage) {
  WalCheckReport report;
  report.system_id = coverage.system_id;
  for (const vault::TimelineCoverage& t : coverage.timelines) {
    WalCheckTimeline& out = report.timelines.emplace_back();
    out.timeline = t.timeline;
    out.seals = t.seals;
    out.history_missing = t.timeline != 1 && !t.history;
    HF_ASSIGN(const std::optional<vault::WalRange> before, gap_before(coverage, t));
    if (before) out.gaps.push_back(*before);
    for (std::size_t i = 0; i + 1 < t.ranges.size(); ++i)
      out.gaps.push_back({t.ranges[i].end, t.ranges[i + 1].start});
    if (t.ranges.empty()) continue;
    out.from = t.ranges.front().start;
    out.to = t.ranges.back().end;
    out.last_commit = t.last_commit_from(t.ranges.back().start);
  }
  return report;
}

}  // namespace hf::sources
