// What the archive covers: read from the heads of its objects alone.
#include <algorithm>
#include <map>
#include <set>

#include "vault/core.h"
#include "vault/object/blob.h"
#include "vault/wal/wal_archive.h"
#include "vault/wal/wal_objects.h"

namespace hf::vault {
namespace {

constexpr int kLookAttempts = 5;

Result<WalSpan> read_span(const Repository::Core& core, const ObjectInfo& info, bool sealed, WalMeta& meta) {
  const ObjectKind kind = sealed ? ObjectKind::kWalSegment : ObjectKind::kWalFrame;
  HF_ASSIGN(const BlobHead head, read_blob_head(core.store, info, kind, core.writers));
  HF_ASSIGN(const OpenedHead opened, open_blob_head(head, kind, info.name, core.keys));
  auto decoded = decode_wal_meta(opened.metadata);
  if (!decoded) return Error(std::move(decoded).error()).with_context(info.name).with_object(info.name);
  meta = std::move(*decoded);
  return WalSpan{meta.start, meta.end, sealed, meta.times, info.name};
}

void merge_ranges(TimelineCoverage& timeline) {
  std::ranges::sort(timeline.spans, {}, [](const WalSpan& s) { return std::pair(s.start, s.end); });
  for (const WalSpan& span : timeline.spans) {
    if (!timeline.ranges.empty() && span.start <= timeline.ranges.back().end) {
      timeline.ranges.back().end = std::max(timeline.ranges.back().end, span.end);
    } else {
      timeline.ranges.push_back({span.start, span.end});
    }
  }
}

struct ClusterObjects {
  std::map<Timeline, std::vector<std::pair<WalName, ObjectInfo>>> timelines;
};

Result<ClusterObjects> list_cluster(const Repository::Core& core, const std::string& prefix) {
  HF_ASSIGN(const std::vector<ObjectInfo> objects, core.list(prefix));
  ClusterObjects out;
  for (const ObjectInfo& info : objects) {
    auto name = parse_wal_name(info.name);
    if (name) out.timelines[name->timeline].emplace_back(*name, info);
  }
  return out;
}

Status add_spans(const Repository::Core& core, const std::vector<std::pair<WalName, ObjectInfo>>& objects,
                 std::uint64_t system_id, TimelineCoverage& out) {
  std::set<std::uint64_t> sealed;
  for (const auto& [name, info] : objects) {
    if (name.part == WalPart::kSealed) sealed.insert(name.segment);
  }
  for (const auto& [name, info] : objects) {
    const bool is_sealed = name.part == WalPart::kSealed;
    const bool is_frame = name.part == WalPart::kFrame && !sealed.contains(name.segment);
    if (!is_sealed && !is_frame) continue;
    WalMeta meta;
    auto span = read_span(core, info, is_sealed, meta);
    if (!span) return std::move(span).error();
    if (meta.system_id != system_id || meta.timeline != out.timeline) {
      return make_error(ErrorKind::kCorrupt, info.name + ": its metadata belong to another place in the log")
          .with_object(info.name);
    }
    out.segment_size = meta.segment_size;
    out.spans.push_back(std::move(*span));
  }
  return ok();
}

Status read_timelines(const Repository::Core& core, const ClusterObjects& objects, WalCoverage& coverage) {
  for (const auto& [number, listed] : objects.timelines) {
    TimelineCoverage timeline;
    timeline.timeline = number;
    HF_TRY(add_spans(core, listed, coverage.system_id, timeline));
    merge_ranges(timeline);
    coverage.timelines.push_back(std::move(timeline));
  }
  return ok();
}

// Calls `each` for the spans that continue from `from` without a gap.
template <class Each>
void walk_contiguous(const TimelineCoverage& timeline, Lsn from, Each each) {
  Lsn position = from;
  for (const WalSpan& span : timeline.spans) {
    if (span.end <= from) continue;
    if (span.start > position) return;
    each(span);
    position = std::max(position, span.end);
  }
}

}  // namespace

const WalRange* TimelineCoverage::range_of(Lsn lsn) const {
  for (const WalRange& range : ranges) {
    if (range.start <= lsn && lsn <= range.end) return &range;
  }
  return nullptr;
}

std::optional<WallTime> TimelineCoverage::last_commit_from(Lsn from) const {
  std::optional<WallTime> last;
  walk_contiguous(*this, from, [&](const WalSpan& span) {
    const auto& time = span.times.last_commit;
    if (time && span.times.last_commit_lsn > from && (!last || *time > *last)) last = time;
  });
  return last;
}

std::optional<WalRestorePoint> TimelineCoverage::restore_point_from(Lsn from, const std::string& name) const {
  std::optional<WalRestorePoint> found;
  walk_contiguous(*this, from, [&](const WalSpan& span) {
    for (const WalRestorePoint& point : span.times.restore_points) {
      if (point.name == name && point.lsn > from && (!found || point.lsn > found->lsn)) found = point;
    }
  });
  return found;
}

std::optional<WalSpan> TimelineCoverage::nearest_commit_span(Lsn from, WallTime time) const {
  std::optional<WalSpan> nearest;
  walk_contiguous(*this, from, [&](const WalSpan& span) {
    if (span.times.first_commit && *span.times.first_commit <= time) nearest = span;
  });
  return nearest;
}

const TimelineCoverage* WalCoverage::find(Timeline timeline) const {
  for (const TimelineCoverage& t : timelines) {
    if (t.timeline == timeline) return &t;
  }
  return nullptr;
}

Result<WalCoverage> WalArchive::coverage(std::uint64_t system_id) {
  const Repository::Core& core = repository_.core();
  const std::string prefix = cluster_prefix(system_id);
  HF_ASSIGN(ClusterObjects objects, list_cluster(core, prefix));
  if (objects.timelines.empty()) {
    return make_error(ErrorKind::kNotFound, "the vault at " + core.store.properties().place + " has no WAL of the cluster " +
                      std::to_string(system_id)).with_object(prefix);
  }
  WalCoverage coverage;
  coverage.system_id = system_id;
  for (int attempt = 1;; ++attempt) {
    coverage.timelines.clear();
    Status read = read_timelines(core, objects, coverage);
    if (read) break;
    if (read.error().kind != ErrorKind::kNotFound) return std::move(read).error();
    if (attempt == kLookAttempts) return listed_but_gone(prefix, read.error());
    HF_ASSIGN(objects, list_cluster(core, prefix));   // a frame went into a sealed segment meanwhile
  }
  for (TimelineCoverage& timeline : coverage.timelines) {
    auto history = read_history(system_id, timeline.timeline);
    if (!history && history.error().kind != ErrorKind::kNotFound) return std::move(history).error();
    if (history) timeline.history = std::move(*history);
    HF_ASSIGN(timeline.seals, read_seals(system_id, timeline.timeline));
  }
  return coverage;
}

Result<std::vector<std::uint64_t>> WalArchive::clusters() {
  const Repository::Core& core = repository_.core();
  HF_ASSIGN(const std::vector<ObjectInfo> objects, core.list("wal/"));
  std::set<std::string> seen;
  std::vector<std::uint64_t> ids;
  for (const ObjectInfo& info : objects) {
    const auto name = parse_wal_name(info.name);
    const bool spans = name && (name->part == WalPart::kFrame || name->part == WalPart::kSealed);
    if (!spans || seen.contains(name->cluster)) continue;
    WalMeta meta;
    auto span = read_span(core, info, name->part == WalPart::kSealed, meta);
    if (!span && span.error().kind == ErrorKind::kNotFound) continue;
    if (!span) return std::move(span).error();
    seen.insert(name->cluster);
    ids.push_back(meta.system_id);
  }
  std::ranges::sort(ids);
  return ids;
}

}  // namespace hf::vault
