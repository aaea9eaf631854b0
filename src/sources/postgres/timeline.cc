// See timeline.h.
#include "sources/postgres/timeline.h"

#include <algorithm>
#include <charconv>

namespace hf::sources {
namespace {

constexpr std::size_t kHistoryLimit = 1u << 20;

Lsn floor_of(Lsn lsn, std::uint64_t segment) { return Lsn{lsn.value - lsn.value % segment}; }

// What the objects say of commits and restore points that lie in [from, to) of this timeline.
void read_spans(const vault::TimelineCoverage& line, Lsn from, Lsn to, WalReach& reach) {
  for (const vault::WalSpan& span : line.spans) {
    if (span.end <= from || span.start >= to) continue;
    const auto& times = span.times;
    if (times.last_commit && times.last_commit_lsn <= to && times.last_commit_lsn > from) {
      reach.last_commit = reach.last_commit ? std::max(*reach.last_commit, *times.last_commit) : *times.last_commit;
    }
    for (const auto& point : times.restore_points) {
      const bool known = std::ranges::find(reach.restore_points, point) != reach.restore_points.end();
      if (point.lsn > from && point.lsn <= to && !known) reach.restore_points.push_back(point);
    }
  }
}

}  // namespace

Result<std::vector<TimelineStep>> parse_history(ByteView history, Timeline timeline) {
  const auto bad = [&](const std::string& why) {
    return make_error(ErrorKind::kCorrupt, "the history of timeline " + std::to_string(timeline) + " " + why);
  };
  if (history.size() > kHistoryLimit) return bad("is larger than 1 MiB");
  std::vector<TimelineStep> steps;
  Lsn begin;
  std::string_view text = as_text(history);
  while (!text.empty()) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.empty() || line.front() == '#') continue;
    Timeline parent = 0;
    const auto number = std::from_chars(line.data(), line.data() + line.size(), parent);
    if (number.ec != std::errc() || parent == 0) return bad("has a line without a timeline");
    line.remove_prefix(static_cast<std::size_t>(number.ptr - line.data()));
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    HF_ASSIGN(const Lsn at, parse_lsn(line.substr(0, line.find_first_of(" \t\r"))));
    if (at < begin || parent >= timeline || (!steps.empty() && parent <= steps.back().timeline)) return bad("goes backwards");
    steps.push_back({parent, begin, at});
    begin = at;
  }
  if (steps.empty() && timeline != 1) return bad("names no parent");
  steps.push_back({timeline, begin, kNoEnd});
  return steps;
}

WalReach wal_reach(const vault::WalCoverage& coverage, const std::vector<TimelineStep>& branch, Timeline timeline, Lsn start,
                   std::uint64_t segment_bytes) {
  WalReach reach;
  reach.end = start;
  Lsn from = start;
  for (const TimelineStep& step : branch) {
    if (step.timeline < timeline) continue;
    if (!reach.pieces.empty()) from = floor_of(step.begin, segment_bytes);
    const vault::TimelineCoverage* line = coverage.find(step.timeline);
    const vault::WalRange* range = line == nullptr ? nullptr : line->range_of(from);
    const Lsn end = range == nullptr ? from : std::min(range->end, step.end);
    if (end > reach.end || reach.pieces.empty()) {
      reach.pieces.push_back({step.timeline, from, end});
      reach.end = std::max(reach.end, end);
    }
    if (line != nullptr) read_spans(*line, std::max(from, step.begin), end, reach);
    // The segment in which the next timeline begins is read from that one, so up to its start is enough.
    if (step.end != kNoEnd && end >= floor_of(step.end, segment_bytes)) continue;
    const auto beyond = [&](const vault::WalRange& r) { return r.start > end && r.start < step.end; };
    const bool more = line != nullptr && std::ranges::any_of(line->ranges, beyond);
    if (more || step.end != kNoEnd) reach.missing = end;
    break;
  }
  std::ranges::sort(reach.restore_points, {}, [](const auto& p) { return p.lsn; });
  return reach;
}

}  // namespace hf::sources
