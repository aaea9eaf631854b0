// Pruning: the clock is looked at, snapshots are judged and forgotten, then what nobody needs is collected.
#include <algorithm>

#include "base/text.h"
#include "vault/collect/collect.h"
#include "vault/collect/needed_wal.h"
#include "vault/collect/pins.h"
#include "vault/index/index_merge.h"
#include "vault/object/names.h"
#include "vault/parts.h"
#include "vault/tiers/locks.h"

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

void add_pins(const std::map<SnapshotId, PinStates>& pins, std::vector<RetentionInput>& inputs) {
  for (RetentionInput& in : inputs) {
    const auto pin = pins.find(in.info.id);
    if (pin == pins.end()) continue;
    in.pin = pin->second.strongest();
    in.pin_reason = pin->second.reason();
  }
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
// on, by each prune anew; a base backup as long as the last recovery point that it carries.
Result<std::map<SnapshotId, WallTime>> locked_until(const Repository::Core& core, const PruneOptions& options,
                                                    const std::vector<RetentionInput>& kept, WallTime now) {
  std::map<SnapshotId, WallTime> out;
  const std::optional<Micros> retain = retain_of(core);
  if (!retain) return out;
  HF_ASSIGN(const NeededWal wal, NeededWal::of(core, kept));
  HF_ASSIGN(const std::vector<ObjectInfo> listed, core.list("wal/"));
  const std::map<SnapshotId, WallTime> last_points = wal.last_points(listed);
  for (const RetentionInput& in : kept) {
    const auto rules = options.policy.components.find({in.info.meta.component, in.info.meta.kind});
    const bool by_rule = options.lock_as_kept && rules != options.policy.components.end();
    const bool always = in.pin != Pin::kNone || (by_rule && rules->second.forever);
    const Micros span = by_rule ? rules->second.within.value_or(*retain) : *retain;
    const auto point = last_points.find(in.info.id);
    WallTime until = in.committed + span;
    if (point != last_points.end()) until = std::max(until, point->second + span);
    if (always) until = std::max(until, now + *retain);
    out[in.info.id] = until;
  }
  return out;
}

std::vector<RetentionInput> those_kept(const std::vector<RetentionInput>& inputs, const std::vector<RetentionVerdict>& verdicts) {
  std::vector<RetentionInput> out;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (verdicts[i].keep) out.push_back(inputs[i]);
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
  HF_ASSIGN(std::vector<RetentionInput> inputs, read_inputs(core, commits));
  add_pins(pins, inputs);
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
  HF_ASSIGN(collecting.locked_until, locked_until(core, options, those_kept(inputs, report.snapshots), now));
  HF_TRY(collect(core, collecting, report));
  const auto merged = merge_runs(core, kMostMerges);
  if (!merged) core.log.warning("vault", "index runs not merged", {{"error", merged.error().text}});
  return report;
}

}  // namespace hf::vault
