// Pruning: the clock is looked at, snapshots are judged and forgotten, then what nobody needs is collected.
#include <algorithm>

#include "base/hex.h"
#include "base/text.h"
#include "vault/collect/collect.h"
#include "vault/collect/pins.h"
#include "vault/index/index_merge.h"
#include "vault/object/names.h"
#include "vault/parts.h"
#include "vault/tiers/locks.h"
#include "vault/wal/wal_archive.h"
#include "vault/wal/wal_objects.h"

namespace hf::vault {
namespace {

constexpr int kPasses = 5;               // condemn, sweep, repack, sweep what was repacked, look once more
constexpr int kMostMerges = 1000;         // of index runs: two thousand million chunks
constexpr int kEpochAttempts = 16;       // others publish meanwhile: prunes, and backups that merge index runs
constexpr Micros kMaxJump = 24h;

Error clock_error(const std::string& what) {
  return make_error(ErrorKind::kBlocked, "the store's clock " + what + ": the age of snapshots cannot be trusted")
      .with_hint("Look at the clock of the store. If it is right now, run prune once with --accept-clock.");
}

// The protocol rests on creating once and on listings that show what is there; what was found at init decides.
Status check_store(const Repository::Core& core) {
  if (!core.abilities.reads_its_writes || !core.abilities.lists_its_writes) {
    return make_error(ErrorKind::kBlocked, core.store.properties().place + " does not show at once what was written")
        .with_hint("A prune could miss a snapshot there: copy the vault to another store.");
  }
  if (core.abilities.conditional_create) return ok();
  HF_ASSIGN(const std::vector<ObjectInfo> leases, core.list("leases/"));
  if (leases.empty()) return ok();
  return make_error(ErrorKind::kBlocked, "somebody else uses the vault at " + core.store.properties().place +
                                             ", which cannot create an object only where none is")
      .with_hint("Such a store is pruned only while nothing else runs: wait for it, or finish dead sessions by "
                 "`holdfast vault unlock`.")
      .with_object(leases.front().name);
}

// The store's own time: that of an object written now.
Result<WallTime> store_now(const Repository::Core& core) {
  HF_ASSIGN(const std::unique_ptr<Lease> lease, Lease::open(core));
  auto info = core.store.stat(lease_name(lease->session(), "open"));
  lease->give_up();
  if (!info) return std::move(info).error();
  return info->modified;
}

Status check_clock(const Repository::Core& core, const Epoch& epoch, WallTime now, const std::vector<CommittedRecord>& commits) {
  constexpr Micros kGrain = 2s;          // some file systems keep no more
  for (const CommittedRecord& commit : commits) {
    if (now + kGrain >= commit.written) continue;
    return clock_error("ran backwards: " + commit.object + " is of " + format_time(commit.written));
  }
  Micros offset = now - core.clock.wall();
  if (epoch.number != 0) {
    HF_ASSIGN(const ObjectInfo info, core.store.stat(epoch_name(epoch.number)));
    if (now + kGrain < info.modified) return clock_error("ran backwards since " + info.name);
    offset -= info.modified - epoch.published;
  }
  if (offset > kMaxJump || offset < -kMaxJump) {
    return clock_error("jumped by " + format_duration(offset < Micros(0) ? -offset : offset) + " against this machine's");
  }
  return ok();
}

Result<std::vector<RetentionInput>> read_inputs(const Repository::Core& core, const std::vector<CommittedRecord>& commits,
                                                const std::map<SnapshotId, PinStates>& pins = {}) {
  std::vector<RetentionInput> out;
  for (const CommittedRecord& commit : commits) {
    HF_ASSIGN(SnapshotRecord record, open_record(commit.sealed, commit.object, core.keys, core.writers));
    record.info.number = commit.number;
    const auto pin = pins.find(commit.id);
    const PinStates states = pin == pins.end() ? PinStates{} : pin->second;
    out.push_back({std::move(record.info), commit.written, states.strongest(), states.reason()});
  }
  return out;
}

Status collect(const Repository::Core& core, const PruneOptions& options, PruneReport& report) {
  for (int pass = 0; pass < kPasses; ++pass) {
    HF_ASSIGN(const bool more, collect_once(core, options, report));
    if (!more || report.pending) return ok();
  }
  report.pending = true;
  report.why_pending.push_back("more can be done, or others are at work: run prune again");
  return ok();
}

// What is locked cannot be forgotten: the commit would stay, and be there again for who looks at its versions.
Status keep_locked(const Repository::Core& core, const std::vector<CommittedRecord>& commits,
                   std::vector<RetentionVerdict>& verdicts) {
  for (std::size_t i = 0; i < commits.size(); ++i) {
    if (verdicts[i].keep) continue;
    HF_ASSIGN(const auto locked, find_lock(core, commits[i].object, 0));
    if (!locked) continue;
    verdicts[i].keep = true;
    verdicts[i].rule = describe(*locked);
  }
  return ok();
}

// Until when the objects of each snapshot that stays are to be locked. What stays whatever the rules say is locked from now
// on, by each prune anew.
std::map<SnapshotId, WallTime> locked_until(const Repository::Core& core, const PruneOptions& options,
                                            const std::vector<RetentionInput>& inputs,
                                            const std::vector<RetentionVerdict>& verdicts, WallTime now) {
  std::map<SnapshotId, WallTime> out;
  const std::optional<Micros> retain = retain_of(core);
  if (!retain) return out;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!verdicts[i].keep) continue;
    const RetentionInput& in = inputs[i];
    const auto rules = options.policy.components.find({in.info.meta.component, in.info.meta.kind});
    const bool listed = options.lock_as_kept && rules != options.policy.components.end();
    const bool always = in.pin != Pin::kNone || (listed && rules->second.forever);
    const Micros span = listed ? rules->second.within.value_or(*retain) : *retain;
    out[in.info.id] = always ? now + *retain : in.committed + span;
  }
  return out;
}

}  // namespace

Status forget(const Repository::Core& core, const std::set<SnapshotId>& ids, Epoch& epoch) {
  HF_ASSIGN(const std::vector<SessionState> sessions, read_sessions(core));
  HF_ASSIGN(const std::vector<CommittedRecord> commits, read_commits(core, nullptr));
  std::uint64_t highest = 0;
  for (const CommittedRecord& c : commits) highest = std::max(highest, c.number);
  const auto goes = [&](const CommittedRecord& c) { return c.number != 0 && ids.contains(c.id); };
  // A number is never used again, not even by a writer that lists commits after these are gone: an epoch knows it first.
  const auto unknown = [&] {
    return std::ranges::any_of(commits, [&](const auto& c) { return goes(c) && c.number > epoch.highest_commit; });
  };
  for (int attempt = 1; unknown(); ++attempt) {
    Epoch next = epoch;
    ++next.number;
    next.highest_commit = std::max(next.highest_commit, highest);
    Status published = publish_epoch(core, next);
    if (published) {
      epoch = std::move(next);
      break;
    }
    if (published.error().kind != ErrorKind::kExists) return published;
    if (attempt == kEpochAttempts) {
      return make_error(ErrorKind::kBusy, "another prune is at work in " + core.store.properties().place)
          .with_hint("Run it again when that one has ended.");
    }
    HF_ASSIGN(epoch, read_newest_epoch(core));       // of another prune, or of a backup that merged index runs
  }
  for (const CommittedRecord& c : commits) {
    if (!goes(c)) continue;
    HF_ASSIGN(const SnapshotRecord record, open_record(c.sealed, c.object, core.keys, core.writers));
    const auto lease = std::ranges::find(sessions, record.session, &SessionState::session);
    if (lease != sessions.end() && lease->fate && lease->fate->verdict == Verdict::kCommitted) continue;
    if (lease != sessions.end() && lease->taken) HF_TRY(create_mark(core, record.session, Verdict::kForgotten, c.id));
    HF_TRY(core.store.remove(c.object));
  }
  return ok();
}

Result<std::vector<std::string>> find_old_wal(const Repository::Core& core, const std::vector<ObjectInfo>& listed) {
  HF_ASSIGN(const std::vector<CommittedRecord> commits, read_commits(core, nullptr));
  struct Floor {
    Lsn start;
    std::uint64_t segment = 0;
  };
  std::map<std::string, Floor> floors;       // by cluster folder
  HF_ASSIGN(const std::vector<RetentionInput> snapshots, read_inputs(core, commits));
  for (const RetentionInput& s : snapshots) {
    if (s.info.meta.kind != SnapshotKind::kPostgres) continue;
    const auto& a = s.info.meta.attributes;
    if (!a.contains("system_id")) continue;
    const auto system = parse_whole<std::uint64_t>(a.at("system_id"));
    const auto start = a.contains("start_lsn") ? parse_lsn(a.at("start_lsn")) : Result<Lsn>(Lsn{});
    const auto segment = a.contains("wal_segment_bytes") ? parse_whole<std::uint64_t>(a.at("wal_segment_bytes")) : std::nullopt;
    if (!system || !start || !segment) return make_error(ErrorKind::kCorrupt, "a base backup does not say where it starts");
    ByteWriter id;
    id.u64(*system);
    const std::string cluster = to_hex(core.keyed_name("cluster", id.take()));
    const auto [at, first] = floors.try_emplace(cluster, Floor{*start, *segment});
    if (!first && start->value < at->second.start.value) at->second.start = *start;
  }
  std::vector<std::string> old;
  for (const ObjectInfo& info : listed) {
    const auto name = parse_wal_name(info.name);
    if (!name) continue;
    const auto floor = floors.find(name->cluster);
    if (floor == floors.end()) continue;     // no base backup: nothing says what is old
    const bool segment = name->part == WalPart::kSealed;
    if (!segment && name->part != WalPart::kFrame) continue;
    const std::uint64_t end = segment ? (name->segment + 1) * floor->second.segment : name->end.value;
    if (end > floor->second.start.value) continue;
    old.push_back(info.name);
  }
  return old;
}

Result<PruneReport> prune_vault(Repository& repository, const PruneOptions& options) {
  const Repository::Core& core = repository.core();
  core.progress.phase("judging snapshots");
  HF_TRY(core.check_writable());
  HF_TRY(check_retain(core));
  if (!options.dry_run) HF_TRY(check_store(core));
  if (!core.keys.can_read()) {
    return make_error(ErrorKind::kDenied, "this key may not read the vault: it cannot say what its snapshots need")
        .with_hint("Prune with a passphrase or key file of level read.");
  }
  if (!options.dry_run) HF_TRY(finish_committed_leases(core, false));
  HF_ASSIGN(const std::vector<CommittedRecord> commits, read_commits(core, nullptr));
  HF_ASSIGN(Epoch epoch, read_newest_epoch(core));
  WallTime now = core.clock.wall();
  if (!options.dry_run) {
    HF_ASSIGN(now, store_now(core));
  }
  if (!options.accept_clock) HF_TRY(check_clock(core, epoch, now, commits));
  HF_ASSIGN(const auto pins, read_pins(repository));
  HF_ASSIGN(const std::vector<RetentionInput> inputs, read_inputs(core, commits, pins));
  PruneReport report;
  report.snapshots = judge(inputs, options.policy, now);
  HF_TRY(keep_locked(core, commits, report.snapshots));
  if (options.dry_run) return report;
  std::set<SnapshotId> ids;
  for (const RetentionVerdict& v : report.snapshots) {
    if (!v.keep) ids.insert(v.id);
  }
  HF_ASSIGN(const auto late, read_pins(repository));         // set while this was being decided
  for (RetentionVerdict& v : report.snapshots) {
    const auto pin = late.find(v.id);
    if (v.keep || pin == late.end() || pin->second.strongest() == Pin::kNone) continue;
    v.keep = true;
    v.rule = "pinned meanwhile";
    ids.erase(v.id);
  }
  HF_TRY(forget(core, ids, epoch));
  PruneOptions collecting = options;
  collecting.locked_until = locked_until(core, options, inputs, report.snapshots, now);
  HF_TRY(collect(core, collecting, report));
  const auto merged = merge_runs(core, kMostMerges);
  if (!merged) core.log.warning("vault", "index runs not merged", {{"error", merged.error().text}});
  return report;
}

}  // namespace hf::vault
