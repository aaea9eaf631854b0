#include "vault/collect/collect.h"

#include <algorithm>

#include "vault/backup/chunk_store.h"
#include "vault/collect/mark.h"
#include "vault/collect/needed_wal.h"
#include "vault/object/names.h"

namespace hf::vault {
namespace {

constexpr std::size_t kRepackChunks = 100'000;        // in one pass: bounds memory and the time that a lease is held
constexpr int kMarkAttempts = 3;
constexpr std::uint64_t kSparse = 2;                  // a pack is repacked when less than half of it is needed

// One pass. Its lease protects what it writes, and dates the pass by the store's clock.
class Pass {
 public:
  Pass(const Repository::Core& core, const PruneOptions& options, PruneReport& report)
      : core_(core), options_(options), report_(report) {}

  Result<bool> run() {
    HF_ASSIGN(epoch_, read_newest_epoch(core_));
    HF_TRY(list_packs());
    HF_ASSIGN(const std::vector<ObjectInfo> wal, core_.list("wal/"));
    HF_ASSIGN(const std::vector<std::string> old_wal, find_old_wal(core_, wal));
    core_.progress.phase("waiting for other writers");
    HF_TRY(resolve(!old_wal.empty()));
    HF_TRY(mark_surely());
    HF_TRY(renew(wal));
    core_.progress.phase("removing packs");
    HF_TRY(sweep());
    if (!old_wal.empty()) HF_TRY(remove_wal(wal));
    HF_TRY(rescue());
    core_.progress.phase("tidying the index");
    HF_TRY(tidy_index());
    return publish();
  }

 private:
  Status list_packs() {
    return core_.store.list("packs/", [&](const ObjectInfo& info) {
      if (const auto name = parse_pack_name(info.name)) {
        listed_[*name] = info.size;
        if (is_archive_class(info.storage_class)) archived_.insert(*name);
      }
      return ok();
    });
  }

  // Leases that may still refer to what is condemned get their fate, or limit what may be swept.
  Status resolve(bool for_wal) {
    std::uint64_t newest = for_wal ? ~std::uint64_t{0} : 0;      // a running base backup pins its start
    for (const Condemned& row : epoch_.condemned) {
      if (listed_.contains(row.pack)) newest = std::max(newest, row.since);
    }
    if (newest == 0) return ok();
    HF_ASSIGN(const std::vector<SessionState> sessions, read_sessions(core_));
    std::vector<SessionState> blocking;
    for (const SessionState& s : sessions) {
      if (!s.open || s.fate) continue;
      if (!s.beat || s.beat->epoch < newest) blocking.push_back(s);
    }
    HF_ASSIGN(const Resolved resolved, resolve_leases(core_, std::move(blocking), options_.dead_after));
    report_.fenced += resolved.fenced;
    for (const SessionState& s : resolved.alive) limit_ = std::min(limit_, s.beat ? s.beat->epoch : 0);
    if (!resolved.alive.empty()) {
      pending(std::to_string(resolved.alive.size()) + " writers are at work that began before the last run of prune");
    }
    return ok();
  }

  Status remove_wal(const std::vector<ObjectInfo>& listed) {
    if (anybody_alive_) {
      pending("old WAL waits for the writers that are at work");
      return ok();
    }
    HF_ASSIGN(const std::vector<std::string> old, find_old_wal(core_, listed));   // by the commits of now
    for (const std::string& object : old) {
      HF_ASSIGN(const bool locked, is_locked(object, 0));
      if (locked) continue;
      HF_TRY(core_.store.remove(object));
      ++report_.removed_wal;
    }
    return ok();
  }

  // Another collector may replace a run while this one reads it: looked at again.
  Status mark_surely() {
    for (int attempt = 1;; ++attempt) {
      Status marked = mark();
      const bool moved = !marked && (marked.error().kind == ErrorKind::kCorrupt || marked.error().kind == ErrorKind::kNotFound);
      if (!moved || attempt == kMarkAttempts) return marked;
      core_.clock.sleep_until(core_.clock.mono() + Micros(1s), {});
    }
  }

  Status mark() {
    // Leases first, then commits (read_commits does that once more), then index runs: nothing moves past all three.
    HF_ASSIGN(const std::vector<SessionState> sessions, read_sessions(core_));
    for (const SessionState& s : sessions) {
      const bool undecided = s.open && !s.fate;
      if (undecided || (s.fate && s.fate->verdict == Verdict::kCommitted)) busy_.insert(s.session);
      anybody_alive_ = anybody_alive_ || undecided;
    }
    HF_ASSIGN(const std::vector<CommittedRecord> commits, read_commits(core_, nullptr));
    for (const CommittedRecord& c : commits) highest_ = std::max(highest_, c.number);
    std::set<PackName> condemned;
    for (const Condemned& row : epoch_.condemned) condemned.insert(row.pack);
    marker_ = std::make_unique<Marker>(core_, listed_, epoch_);
    marker_->remember(std::move(condemned), kRepackChunks);
    if (renews()) {
      marker_->lock_by([&](const CommittedRecord& c) { return locked_until(c.id, c.written); });
    }
    HF_ASSIGN(marks_, marker_->mark(commits));
    return ok();
  }

  // In the first pass of a prune.
  bool renews() const { return retain_of(core_) && report_.locks.requests == 0; }
  WallTime locked_until(const SnapshotId& id, WallTime committed) const {
    const auto known = options_.locked_until.find(id);
    return known != options_.locked_until.end() ? known->second : committed + *retain_of(core_);
  }

  Status renew(const std::vector<ObjectInfo>& wal) {
    if (!renews()) return ok();
    std::vector<LockNeed> needs = needs_of(marker_->source(), marks_);
    HF_ASSIGN(const NeededWal needed, NeededWal::read(core_));
    const auto until = [this](const SnapshotId& id, WallTime committed) { return locked_until(id, committed); };
    for (LockNeed& need : needed.needs(wal, until)) needs.push_back(std::move(need));
    // No rule ends an attachment: each is needed from now on, as what is pinned.
    HF_ASSIGN(const std::vector<ObjectInfo> attachments, core_.list("attach/"));
    for (const ObjectInfo& info : attachments) needs.push_back({info.name, info.size, core_.clock.wall() + *retain_of(core_)});
    core_.progress.phase("renewing locks");
    HF_ASSIGN(report_.locks, renew_locks(core_, std::move(needs)));
    return ok();
  }

  Result<bool> is_locked(const std::string& object, std::uint64_t bytes) {
    HF_ASSIGN(std::optional<LockedObject> locked, find_lock(core_, object, bytes));
    if (!locked) return false;
    const bool told = std::ranges::find(report_.locked, object, &LockedObject::object) != report_.locked.end();
    if (!told) report_.locked.push_back(std::move(*locked));
    return true;
  }

  Status sweep() {
    for (const Condemned& row : epoch_.condemned) {
      const auto use = marks_.packs.find(row.pack);
      if (use == marks_.packs.end()) continue;
      if (row.since > limit_ || use->second.only_here != 0) continue;
      HF_ASSIGN(const bool locked, is_locked(pack_object_name(row.pack), use->second.size));
      if (locked) continue;              // it stays condemned
      HF_TRY(core_.store.remove(pack_object_name(row.pack)));
      ++report_.swept_packs;
      core_.progress.add(Counted::kPacks);
      core_.progress.add(Counted::kBytes, use->second.size);
      report_.freed_bytes += use->second.size;
      gone_.insert(row.pack);
      changed_ = true;
    }
    return ok();
  }

  // Chunks that lie only in condemned packs are written anew; the packs can go in a later pass.
  Status rescue() {
    // What is archived cannot be read now: it stays condemned, and serves the snapshots that need it.
    const bool any = std::ranges::any_of(marker_->to_rescue(), [&](const auto& row) { return !archived_.contains(row.first); });
    if (!any) return ok();
    HF_ASSIGN(const std::unique_ptr<Lease> lease, Lease::open(core_));
    Status copied = copy_chunks(*lease);
    lease->give_up();                    // it refers to nothing: its packs are found by their index run
    if (!copied) return copied;
    again_ = changed_ = true;
    return ok();
  }

  Status copy_chunks(Lease& lease) {
    HF_ASSIGN(const std::unique_ptr<ChunkStore> chunks, ChunkStore::open(core_, lease));
    ChunkEncoder encoder;
    Totals needed{.packs = marker_->to_rescue().size()};
    for (const auto& [pack, entries] : marker_->to_rescue())
      for (const auto& [entry, kind] : entries) needed.bytes += entry.stored_length;
    core_.progress.phase("repacking", needed);
    for (const auto& [pack, entries] : marker_->to_rescue()) {
      if (archived_.contains(pack)) continue;
      for (const auto& [entry, kind] : entries) {
        HF_ASSIGN(const Bytes plain, marker_->source().read(entry.id));
        std::uint8_t fresh = 0;
        HF_TRY(chunks->claim(std::span(&entry.id, 1), std::span(&fresh, 1)));
        if (fresh != 0) HF_TRY(chunks->put(kind, entry.id, plain, encoder));
        report_.repacked_bytes += entry.stored_length;
        core_.progress.add(Counted::kBytes, entry.stored_length);
      }
      core_.progress.add(Counted::kPacks);
    }
    return chunks->flush();
  }

  // Gone by what an epoch said. Not "not in the listing": a session that began meanwhile has packs that this pass never saw.
  bool is_gone(const PackName& pack) const {
    return gone_.contains(pack) || (epoch_.forbids(pack) && !listed_.contains(pack));
  }

  // Runs that name packs that are gone are replaced by runs that do not: those that this writer signed, because a run
  // vouches for its writer. Others go once all of their packs are gone.
  Status tidy_index() {
    for (const IndexRun& run : marker_->source().index().runs()) {
      std::vector<IndexPack> stay;
      for (std::uint32_t row = 0; row < run.packs(); ++row) {
        HF_ASSIGN(IndexPack pack, run.pack(row));
        if (!is_gone(pack.name)) stay.push_back(std::move(pack));
      }
      if (stay.size() == run.packs()) continue;
      HF_ASSIGN(const bool locked, is_locked(run.name(), 0));
      const bool own = !locked && run.writer() == core_.keys.writer.public_key;
      if (!stay.empty() && own) HF_TRY(replace(run, stay));
      if (!locked && (stay.empty() || own)) replaced_.push_back(run.name());
      for (std::uint32_t row = 0; row < run.packs(); ++row) {
        HF_ASSIGN(const IndexPack pack, run.pack(row));
        named_.insert(pack.name);          // also where the run goes: it does so after the epoch is there
      }
    }
    if (lease_ != nullptr) lease_->give_up();
    return ok();
  }

  Status replace(const IndexRun& run, const std::vector<IndexPack>& stay) {
    if (lease_ == nullptr) {
      HF_ASSIGN(lease_, Lease::open(core_));
    }
    std::map<PackName, FinishedPack> packs;
    std::vector<PackName> rows;
    for (std::uint32_t row = 0; row < run.packs(); ++row) {
      HF_ASSIGN(const IndexPack pack, run.pack(row));
      rows.push_back(pack.name);
    }
    for (const auto& [name, kind, size, digest, header] : stay) packs[name] = FinishedPack{kind, size, digest, header, {}};
    HF_TRY(run.for_each([&](const IndexEntry& entry) {
      const auto pack = packs.find(rows[entry.pack]);
      if (pack != packs.end()) pack->second.entries.push_back(entry.chunk);
      return ok();
    }));
    IndexRunWriter writer;
    for (const auto& [name, pack] : packs) writer.add(name, pack);
    const std::string name = index_name(lease_->session(), next_run_++);
    HF_ASSIGN(const Bytes bytes, writer.finish(core_.entropy, core_.keys, name));
    written_.push_back(name);
    return core_.create_once(name, bytes);
  }

  bool is_candidate(const PackName& name, const PackUse& use) const {
    if (use.condemned || busy_.contains(name.session)) return false;
    if (use.counted_bytes == 0) return true;
    return use.indexed && !archived_.contains(name) && use.counted_bytes * kSparse < use.rows_bytes;
  }

  Result<bool> publish() {
    Epoch next;
    next.number = epoch_.number + 1;
    next.highest_commit = std::max(epoch_.highest_commit, highest_);
    for (const Condemned& row : epoch_.condemned) {
      const bool there = listed_.contains(row.pack) && !gone_.contains(row.pack);
      if (there) next.condemned.push_back(row);
      else if (named_.contains(row.pack)) next.swept.push_back(row.pack);
      changed_ = changed_ || !there;
    }
    for (const PackName& pack : epoch_.swept) {
      if (named_.contains(pack)) next.swept.push_back(pack);
      else changed_ = true;
    }
    std::uint64_t added = 0;
    for (const auto& [name, use] : marks_.packs) {
      if (gone_.contains(name) || !is_candidate(name, use)) continue;
      next.condemned.push_back({name, next.number});
      ++added;
    }
    if (added == 0 && !changed_ && replaced_.empty()) return false;
    std::ranges::sort(next.condemned, {}, &Condemned::pack);
    std::ranges::sort(next.swept);
    Status published = publish_epoch(core_, std::move(next));
    if (!published && published.error().kind == ErrorKind::kExists) {
      for (const std::string& run : written_) HF_TRY(core_.store.remove(run));     // the old ones stay
      return true;                         // another pass, by what that epoch says
    }
    if (!published) return std::move(published).error();
    // Only after this pass's own epoch: who listed the index across the change sees by it that something moved (list_runs).
    for (const std::string& run : replaced_) HF_TRY(core_.store.remove(run));
    report_.condemned_packs += added;
    return added != 0 || again_;
  }

  void pending(const std::string& why) {
    report_.pending = true;
    if (std::ranges::find(report_.why_pending, why) == report_.why_pending.end()) report_.why_pending.push_back(why);
  }

  const Repository::Core& core_;
  const PruneOptions& options_;
  PruneReport& report_;
  Epoch epoch_;
  std::map<PackName, std::uint64_t> listed_;
  std::set<PackName> archived_;
  std::set<SessionId> busy_;
  std::uint64_t limit_ = ~std::uint64_t{0};
  std::uint64_t highest_ = 0;
  bool anybody_alive_ = false;
  std::unique_ptr<Marker> marker_;
  Marks marks_;
  std::set<PackName> gone_;              // deleted by this pass
  std::set<PackName> named_;             // by an index run, though some of its packs are gone
  std::vector<std::string> replaced_;    // index runs
  std::vector<std::string> written_;     // those that take their place
  std::unique_ptr<Lease> lease_;         // under which runs are replaced
  std::uint32_t next_run_ = 0;
  bool changed_ = false;
  bool again_ = false;
};

}  // namespace

Status publish_epoch(const Repository::Core& core, Epoch next) {
  core.entropy.fill(next.nonce);
  next.published = core.clock.wall();
  const std::string name = epoch_name(next.number);
  return core.create_once(name, core.make_signed(name, ObjectKind::kEpoch, encode_epoch(next)));
}

Result<bool> collect_once(const Repository::Core& core, const PruneOptions& options, PruneReport& report) {
  return Pass(core, options, report).run();
}

}  // namespace hf::vault
