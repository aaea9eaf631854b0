#include "sources/wal_check.h"

#include <algorithm>

namespace hf::sources {

bool WalCheckReport::healthy() const {
  return std::all_of(timelines.begin(), timelines.end(),
                     [](const WalCheckTimeline& t) { return t.gaps.empty() && !t.history_missing; });
}

WalCheckReport check_wal(const vault::WalCoverage& coverage, std::optional<WalPosition> server) {
  WalCheckReport report;
  report.system_id = coverage.system_id;
  for (const vault::TimelineCoverage& t : coverage.timelines) {
    WalCheckTimeline& out = report.timelines.emplace_back();
    out.timeline = t.timeline;
    out.seals = t.seals;
    out.history_missing = t.timeline != 1 && !t.history;
    for (std::size_t i = 0; i + 1 < t.ranges.size(); ++i)
      out.gaps.push_back({t.ranges[i].end, t.ranges[i + 1].start});
    if (t.ranges.empty()) continue;
    out.from = t.ranges.front().start;
    out.to = t.ranges.back().end;
    for (const vault::WalSpan& s : t.spans) {
      bool newer = s.times.last_commit && (!out.last_commit || *s.times.last_commit > *out.last_commit);
      if (s.start >= t.ranges.back().start && newer) out.last_commit = s.times.last_commit;
    }
    if (server && server->timeline == t.timeline) {
      report.lag_bytes = server->lsn > out.to ? server->lsn - out.to : 0;
    }
  }
  return report;
}

}  // namespace hf::sources
