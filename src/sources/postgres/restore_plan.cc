// Which base backup, which branch, which WAL: decided from the vault's listings before a byte moves.
#include <algorithm>
#include <set>

#include "base/hex.h"
#include "sources/postgres/restore.h"
#include "sources/wal/record.h"

namespace hf::sources {
namespace {

struct Base {
  vault::SnapshotInfo snapshot;
  PostgresBackupInfo info;
  WalReach reach;                                // empty pieces: not on the branch
  bool usable() const { return !reach.pieces.empty() && reach.end >= info.stop_lsn; }
};

struct Search {
  RecoveryTarget target;
  std::vector<Base> bases;                       // oldest first, of one cluster
  vault::WalCoverage coverage;
  std::vector<TimelineStep> branch;
};

std::string short_id(const vault::SnapshotInfo& s) { return to_hex(s.id).substr(0, 12); }

// As the server reads it while it reads its configuration, when it knows no zone by name: "... +00".
std::string server_time(WallTime time) {
  std::string text = format_time(time);
  text.back() = '+';
  return text + "00";
}

Error blocked(std::string text, std::string hint) {
  return make_error(ErrorKind::kBlocked, std::move(text)).with_hint(std::move(hint));
}

// The clusters that the scope could mean must be one.
Result<std::vector<Base>> find_bases(vault::Repository& repository, const vault::SnapshotFilter& scope) {
  HF_ASSIGN(const auto snapshots, repository.snapshots());
  std::vector<Base> bases;
  std::set<std::string> names;
  std::set<std::uint64_t> systems;
  for (const auto& s : snapshots) {
    if (s.meta.kind != vault::SnapshotKind::kPostgres) continue;
    if (!scope.component.empty() && s.meta.component != scope.component) continue;
    if (!scope.host.empty() && s.meta.host != scope.host) continue;
    if (!scope.tag.empty() && std::ranges::find(s.meta.tags, scope.tag) == s.meta.tags.end()) continue;
    HF_ASSIGN(auto info, backup_info(s));
    names.insert("component '" + s.meta.component + "' on host '" + s.meta.host + "'");
    systems.insert(info.system_id);
    bases.push_back({s, std::move(info), {}});
  }
  if (bases.empty()) {
    return make_error(ErrorKind::kNotFound, "no PostgreSQL backup in " + repository.place())
        .with_hint("`holdfast backup list` shows what the vault holds.");
  }
  if (systems.size() > 1 && names.size() > 1) {
    std::string list;
    for (const auto& name : names) list += (list.empty() ? "" : ", ") + name;
    return make_error(ErrorKind::kUsage, "several PostgreSQL clusters are meant: " + list)
        .with_hint("Say which with --component or --host.");
  }
  const std::uint64_t newest = bases.back().info.system_id;   // one component whose cluster was made anew: the newest
  std::erase_if(bases, [&](const Base& b) { return b.info.system_id != newest; });
  return bases;
}

Result<std::vector<TimelineStep>> find_branch(const Search& search, std::vector<std::string>& reasons) {
  Timeline timeline = 0;
  if (search.target.timeline) {
    timeline = *search.target.timeline;
    reasons.push_back("timeline " + std::to_string(timeline) + " was asked for");
  } else {
    for (const Base& b : search.bases) timeline = std::max(timeline, b.info.timeline);
    for (const auto& t : search.coverage.timelines) timeline = std::max(timeline, t.timeline);
    reasons.push_back("timeline " + std::to_string(timeline) + " is the newest branch in the vault");
  }
  const auto* line = search.coverage.find(timeline);
  if (timeline == 1) return parse_history({}, 1);
  if (line == nullptr || !line->history) {
    return blocked("the vault holds no history of timeline " + std::to_string(timeline),
                   "Choose another with --timeline, or archive its history file first.");
  }
  return parse_history(*line->history, timeline);
}

void measure(Search& search) {
  for (Base& base : search.bases) {
    const auto step = std::ranges::find(search.branch, base.info.timeline, &TimelineStep::timeline);
    if (step == search.branch.end() || base.info.stop_lsn > step->end) continue;
    base.reach = wal_reach(search.coverage, search.branch, base.info.timeline, base.info.start_lsn, base.info.wal_segment_bytes);
  }
}

// The base that gets furthest; of equals the newest.
const Base* furthest(const Search& search) {
  const Base* best = nullptr;
  for (const Base& b : search.bases) {
    if (b.usable() && (best == nullptr || b.reach.end >= best->reach.end)) best = &b;
  }
  return best;
}

const Base* earliest(const Search& search) {
  for (const Base& b : search.bases) {
    if (b.usable()) return &b;
  }
  return nullptr;
}

Error no_base(const Search& search) {
  const Base& b = search.bases.back();
  return blocked("no base backup of cluster " + std::to_string(b.info.system_id) +
                     " has all the WAL that makes it consistent on timeline " + std::to_string(search.branch.back().timeline),
                 "Name another branch with --timeline; `holdfast wal check` shows what is missing.");
}

std::string range_of(const Search& search) {
  const Base* first = earliest(search);
  const Base* last = furthest(search);
  if (first == nullptr || last == nullptr) return "nothing";
  std::string text = "from " + format_time(first->info.finished) + " (LSN " + format_lsn(first->info.stop_lsn) + ")";
  if (last->reach.last_commit) text += " to the commit of " + format_time(*last->reach.last_commit);
  return text + " (LSN " + format_lsn(last->reach.end) + ")";
}

RestorePlan make_plan(const Search& search, const Base& base, Lsn end, std::vector<std::string> reasons) {
  RestorePlan plan;
  plan.base = base.snapshot;
  plan.info = base.info;
  plan.target = search.target;
  plan.timeline = search.branch.back().timeline;
  plan.end = end;
  for (WalPiece piece : base.reach.pieces) {
    if (piece.from > end) break;
    plan.wal.push_back(piece);
  }
  plan.reasons = std::move(reasons);
  plan.reasons.push_back("snapshot " + short_id(base.snapshot) + " is the newest that lies before the target and has its WAL");
  plan.recovery = {{"recovery_target_timeline", std::to_string(plan.timeline)}};
  return plan;
}

Result<RestorePlan> plan_latest(const Search& search, std::vector<std::string> reasons) {
  const Base* base = furthest(search);
  if (base == nullptr) return no_base(search);
  if (base->reach.missing.value != 0) {
    return blocked("WAL is missing at " + format_lsn(base->reach.missing) + ", and the vault holds newer WAL behind the gap",
                   "Restore up to the gap with --lsn " + format_lsn(base->reach.end) + ", or take a new base backup.");
  }
  RestorePlan plan = make_plan(search, *base, base->reach.end, std::move(reasons));
  plan.recovery_point = base->reach.last_commit.value_or(base->info.finished);
  return plan;
}

Result<RestorePlan> plan_snapshot(Search& search, vault::Repository& repository, const vault::SnapshotFilter& scope) {
  vault::SnapshotFilter filter = scope;
  filter.kind = vault::SnapshotKind::kPostgres;
  HF_ASSIGN(const vault::SnapshotInfo found, repository.find(search.target.snapshot, filter));
  const auto base = std::ranges::find(search.bases, found.id, [](const Base& b) { return b.snapshot.id; });
  HF_ASSIGN(const PostgresBackupInfo info, backup_info(found));
  Base one = base != search.bases.end() ? *base : Base{found, info, {}};
  const vault::TimelineCoverage* line = search.coverage.find(info.timeline);
  const vault::WalRange* range = line == nullptr ? nullptr : line->range_of(info.start_lsn);
  if (range == nullptr || range->end < info.stop_lsn) {
    return blocked("snapshot " + short_id(found) + " lacks WAL between " + format_lsn(info.start_lsn) + " and " +
                       format_lsn(info.stop_lsn),
                   "Restore another snapshot; `holdfast wal check` shows what is missing.");
  }
  one.reach.pieces = {{info.timeline, info.start_lsn, info.stop_lsn}};
  one.reach.end = info.stop_lsn;
  search.branch = {{info.timeline, Lsn{}, kNoEnd}};
  RestorePlan plan = make_plan(search, one, info.stop_lsn, {"this snapshot was asked for"});
  plan.recovery.emplace_back("recovery_target", "immediate");
  plan.recovery_point = info.finished;
  return plan;
}

Result<RestorePlan> plan_time(const Search& search, std::vector<std::string> reasons) {
  const WallTime time = search.target.time;
  const Base* first = earliest(search);
  if (first == nullptr) return no_base(search);
  const Base* best = nullptr;
  for (const Base& b : search.bases) {
    if (b.usable() && b.info.finished <= time && b.reach.last_commit && *b.reach.last_commit >= time) best = &b;
  }
  if (best == nullptr) {
    std::string nearest;
    if (time < first->info.finished) nearest = format_time(first->info.finished);
    else if (const Base* last = furthest(search); last->reach.last_commit) nearest = format_time(*last->reach.last_commit);
    const std::string how = nearest.empty() ? std::string("Use --snapshot: no commit is known after the backup.")
                                            : "The nearest is --at " + nearest + ".";
    return blocked(format_time(time) + " cannot be reached: the vault reaches " + range_of(search), how).with_object(nearest);
  }
  RestorePlan plan = make_plan(search, *best, best->reach.end, std::move(reasons));
  plan.recovery_point = time;
  // PostgreSQL stops at the first commit *after* the time. If the time is the last commit's, that is the end of the WAL.
  if (*best->reach.last_commit > time) plan.recovery.emplace_back("recovery_target_time", server_time(time));
  else plan.reasons.emplace_back("the time is that of the last commit: recovery ends with the WAL");
  return plan;
}

// Does a record end after `lsn` in this piece? Bytes past the piece belong to a branch that recovery leaves.
Result<bool> record_follows_in(vault::WalArchive& archive, const PostgresBackupInfo& info, const WalPiece& piece, Lsn lsn) {
  const std::uint64_t size = info.wal_segment_bytes;
  WalDecoder decoder(size);
  Lsn at{std::max(piece.from.value, lsn.value) / size * size};
  decoder.reset(at);
  for (; at < piece.to; at = at + size) {
    HF_ASSIGN(const auto segment, archive.read_segment(info.system_id, piece.timeline, at.value / size));
    decoder.feed(ByteView(segment.bytes).first(std::min<std::size_t>(segment.bytes.size(), piece.to - at)));
    if (decoder.valid_end() > lsn) return true;
    if (decoder.broken().empty() && segment.complete) continue;
    if (at + size >= piece.to) return false;
    return make_error(ErrorKind::kCorrupt, "the WAL at " + format_lsn(decoder.position()) + " of timeline " +
                                               std::to_string(piece.timeline) + " cannot be read: " + decoder.broken());
  }
  return false;
}

// PostgreSQL needs a record that begins at or after the target to notice that it is there.
Result<bool> record_follows(vault::WalArchive& archive, const Base& base, Lsn lsn) {
  for (const WalPiece& piece : base.reach.pieces) {
    if (piece.to <= lsn) continue;
    HF_ASSIGN(const bool follows, record_follows_in(archive, base.info, piece, lsn));
    if (follows) return true;
  }
  return false;
}

Result<RestorePlan> plan_lsn(const Search& search, vault::WalArchive& archive, Lsn lsn, std::vector<std::string> reasons) {
  const Base* best = nullptr;
  for (const Base& b : search.bases) {
    if (b.usable() && b.info.stop_lsn <= lsn && b.reach.end >= lsn) best = &b;
  }
  if (best == nullptr) {
    const Base* first = earliest(search);
    if (first == nullptr) return no_base(search);
    const Lsn nearest = lsn < first->info.stop_lsn ? first->info.stop_lsn : furthest(search)->reach.end;
    return blocked("LSN " + format_lsn(lsn) + " cannot be reached: the vault reaches " + range_of(search),
                   "The nearest is --lsn " + format_lsn(nearest) + ".")
        .with_object(format_lsn(nearest));
  }
  RestorePlan plan = make_plan(search, *best, lsn, std::move(reasons));
  HF_ASSIGN(const bool follows, record_follows(archive, *best, lsn));
  if (follows) {
    plan.end = std::min(best->reach.end, lsn + 2 * best->info.wal_segment_bytes);   // to notice it, one record more is read
    plan.wal = make_plan(search, *best, plan.end, {}).wal;
    plan.recovery.emplace_back("recovery_target_lsn", format_lsn(lsn));
    plan.recovery.emplace_back("recovery_target_inclusive", "off");
  } else {
    plan.reasons.emplace_back("no record follows that LSN: recovery ends with the WAL");
  }
  return plan;
}

Result<RestorePlan> plan_name(const Search& search, vault::WalArchive& archive, std::vector<std::string> reasons) {
  const std::string& name = search.target.name;
  std::optional<vault::WalRestorePoint> found;
  std::set<std::string> known;
  for (const Base& b : search.bases) {
    if (!b.usable()) continue;
    for (const auto& point : b.reach.restore_points) {
      if (point.lsn < b.info.stop_lsn) continue;
      known.insert(point.name);
      if (point.name == name && (!found || point.lsn > found->lsn)) found = point;
    }
  }
  if (!found) {
    std::string list;
    for (const auto& k : known) list += (list.empty() ? "" : ", ") + k;
    return blocked("no restore point '" + name + "' can be reached on timeline " + std::to_string(search.branch.back().timeline),
                   known.empty() ? "The vault knows no restore point there; use --at or --lsn." : "Known are: " + list + ".");
  }
  reasons.push_back("restore point '" + name + "' lies at " + format_lsn(found->lsn));
  HF_ASSIGN(RestorePlan plan, plan_lsn(search, archive, found->lsn, std::move(reasons)));
  plan.recovery_point = found->time;
  return plan;
}

}  // namespace

std::string describe(const RecoveryTarget& target) {
  switch (target.kind) {
    case TargetKind::kLatest: return "latest";
    case TargetKind::kTime: return "time " + format_time(target.time);
    case TargetKind::kLsn: return "LSN " + format_lsn(target.lsn);
    case TargetKind::kName: return "restore point '" + target.name + "'";
    case TargetKind::kSnapshot: return "snapshot " + target.snapshot;
  }
  return "unknown";
}

Result<RestorePlan> plan_restore(vault::Repository& repository, const RecoveryTarget& target,
                                 const vault::SnapshotFilter& scope) {
  Search search;
  search.target = target;
  HF_ASSIGN(search.bases, find_bases(repository, scope));
  vault::WalArchive archive(repository);
  auto coverage = archive.coverage(search.bases.back().info.system_id);
  if (!coverage) {
    if (coverage.error().kind != ErrorKind::kNotFound) return coverage.error();
    return no_base(Search{target, search.bases, {}, {{search.bases.back().info.timeline, Lsn{}, kNoEnd}}});
  }
  search.coverage = std::move(*coverage);
  if (target.kind == TargetKind::kSnapshot) return plan_snapshot(search, repository, scope);
  std::vector<std::string> reasons;
  HF_ASSIGN(search.branch, find_branch(search, reasons));
  measure(search);
  switch (target.kind) {
    case TargetKind::kTime: return plan_time(search, std::move(reasons));
    case TargetKind::kLsn: return plan_lsn(search, archive, target.lsn, std::move(reasons));
    case TargetKind::kName: return plan_name(search, archive, std::move(reasons));
    default: return plan_latest(search, std::move(reasons));
  }
}

}  // namespace hf::sources
