// Copying to another store of the same vault: packs, then index runs, then commits, under leases there.
//
// Invariant: nothing is created under a name that the other store had and condemned. A collector that was suspended before it
// removed that object would remove the new one. So the chunks of such packs are sealed anew there, in packs of this session.
// Nor does a run go there that names a pack which does not: a backup there would rest on chunks that are not there. What a
// filter leaves of a run's packs is named by a run of this session.
#include <algorithm>
#include <mutex>

#include "vault/backup/chunk_store.h"
#include "vault/chunk_source.h"
#include "vault/copy/copy_choice.h"
#include "vault/copy/copy_lag.h"
#include "vault/object/blob.h"
#include "vault/object/names.h"
#include "vault/parallel.h"
#include "vault/parts.h"
#include "vault/tiers/locks.h"
#include "vault/wal/wal_archive.h"
#include "vault/wal/wal_objects.h"

namespace hf::vault {
namespace {

constexpr std::size_t kCommitsAtOnce = 64;     // leases held at one time
constexpr int kCopyAttempts = 3;               // while the source is pruned

class Copier {
 public:
  Copier(Repository& from, Repository& to, CopyFilter filter)
      : to_repository_(to), from_(from.core()), to_(to.core()), filter_(std::move(filter)) {}
  Result<CopyReport> run();

 private:
  Status copy_configs();
  static Result<std::set<std::uint64_t>> config_numbers(const Repository::Core& core);
  Status copy_commits(std::span<const CommittedRecord> commits);
  Status decide(const CommittedRecord& commit, const Lease& lease);
  Status copy_index_and_packs(std::span<const CommittedRecord> commits);
  Status copy_index_and_packs_once(std::span<const CommittedRecord> commits);
  Status find_needed(std::span<const CommittedRecord> commits);
  bool needs(const PackName& pack) const { return !needed_ || needed_->contains(pack); }
  Status copy_runs_and_packs(ChunkSource& source);
  Status expect_packs(const ChunkSource& source) const;
  Status copy_pack(const IndexPack& pack);
  Status copy_run(const IndexRun& run);
  Result<bool> refuses(std::span<const IndexPack> packs);
  Status copy_in_part(ChunkSource& source, const IndexRun& run, std::span<const IndexPack> packs);
  Status seal_anew(ChunkSource& source, const IndexPack& pack, std::span<const PackEntry> entries);
  Status vouch(const IndexPack& pack, std::vector<PackEntry> entries);
  Status keep_alive();
  void end_sealing();
  Status copy_wal();
  Status end_frames(const std::string& sealed, const std::set<std::string>& there);
  Status copy_attachments();
  Status renew_locks_for(std::span<const CommittedRecord> commits);
  Status copy_blob(const ObjectInfo& info, ObjectKind kind);

  Repository& to_repository_;
  const Repository::Core& from_;
  const Repository::Core& to_;
  CopyFilter filter_;
  std::optional<CopyChoice> choice_;
  CopyReport report_;
  // Of the commits under way:
  std::vector<std::unique_ptr<Lease>> leases_;
  std::set<std::string> packs_;                        // in the other store
  std::set<std::string> runs_;
  std::optional<std::set<PackName>> needed_;           // where not all packs are copied
  std::optional<std::set<PackName>> refused_;          // read when it is needed for the first time
  std::unique_ptr<Lease> sealing_;                     // under which chunks are sealed anew
  std::unique_ptr<ChunkStore> sealed_;
};

Result<std::set<std::string>> names_in(const Repository::Core& core, const std::string& prefix) {
  HF_ASSIGN(const std::vector<ObjectInfo> objects, core.list(prefix));
  std::set<std::string> names;
  for (const ObjectInfo& info : objects) names.insert(info.name);
  return names;
}

Result<std::vector<CommittedRecord>> missing_commits(const Repository::Core& from, const Repository::Core& to) {
  HF_ASSIGN(std::vector<CommittedRecord> wanted, read_commits(from, nullptr));
  HF_ASSIGN(const std::vector<CommittedRecord> there, read_commits(to, nullptr));
  std::set<SnapshotId> ids;
  for (const CommittedRecord& c : there) ids.insert(c.id);
  std::erase_if(wanted, [&](const CommittedRecord& c) { return ids.contains(c.id); });
  return wanted;
}

// Every name that an epoch of this store ever condemned: epochs are never removed.
Result<std::set<PackName>> ever_condemned(const Repository::Core& core) {
  HF_ASSIGN(const std::vector<ObjectInfo> epochs, core.list("epoch/"));
  std::mutex mutex;
  std::set<PackName> out;
  HF_TRY(in_parallel(epochs.size(), [&] {
    return [&](std::size_t i) -> Status {
      if (!parse_epoch_name(epochs[i].name)) return ok();
      HF_ASSIGN(const SignedObject object, core.read_signed(epochs[i].name, ObjectKind::kEpoch));
      auto epoch = decode_epoch(object.body);
      if (!epoch) return Error(std::move(epoch).error()).with_context(epochs[i].name).with_object(epochs[i].name);
      const std::lock_guard lock(mutex);
      for (const Condemned& row : epoch->condemned) out.insert(row.pack);
      out.insert(epoch->swept.begin(), epoch->swept.end());
      return ok();
    };
  }));
  return out;
}

Result<std::set<std::uint64_t>> Copier::config_numbers(const Repository::Core& core) {
  HF_ASSIGN(const std::vector<ObjectInfo> objects, core.list("config/"));
  std::set<std::uint64_t> out;
  for (const ObjectInfo& info : objects) {
    if (const auto number = parse_config_name(info.name)) out.insert(*number);
  }
  return out;
}

// A slot that was dropped here must not stay open there, nor come back from a copy that has not heard of it: only newer
// configs are copied, and older ones go where they went here. The newest first: cut short after it, the copy opens as this does.
Status Copier::copy_configs() {
  HF_ASSIGN(const std::set<std::uint64_t> there, config_numbers(to_));
  HF_ASSIGN(const std::set<std::uint64_t> here, config_numbers(from_));
  for (auto number = here.rbegin(); number != here.rend(); ++number) {
    if (!there.empty() && *number <= *there.rbegin()) break;
    const std::string name = config_name(*number);
    HF_ASSIGN(const Bytes bytes, from_.store.get(name));
    HF_TRY(parse_config(bytes, name));
    HF_TRY(to_.create_once(name, bytes));
  }
  for (const std::uint64_t number : there) {
    if (here.contains(number) || here.empty() || number >= *here.rbegin()) continue;
    Status removed = to_.store.remove(config_name(number));
    const bool stays = !removed && (removed.error().kind == ErrorKind::kNotFound || removed.error().kind == ErrorKind::kBlocked);
    if (!removed && !stays) return removed;      // blocked: locked there, until its time is over
  }
  return ok();
}

Error not_as_written(const std::string& object, const std::string& place) {
  return make_error(ErrorKind::kCorrupt, object + ": its bytes are not those that were written, and it is not copied")
      .with_object(object)
      .with_hint("Run `holdfast vault check --read-data` on " + place + ".");
}

Status Copier::keep_alive() {
  for (const std::unique_ptr<Lease>& lease : leases_) HF_TRY(lease->beat_if_due());
  return sealing_ != nullptr ? sealing_->beat_if_due() : ok();
}

Status Copier::copy_pack(const IndexPack& pack) {
  const std::string object = pack_object_name(pack.name);
  if (packs_.contains(object)) return ok();
  HF_TRY(keep_alive());
  HF_ASSIGN(const Bytes bytes, from_.store.get(object));
  if (bytes.size() != pack.size || pack_digest(bytes) != pack.digest) {
    return not_as_written(object, from_.store.properties().place);
  }
  HF_TRY(to_.create_once(object, bytes));
  packs_.insert(object);
  ++report_.packs;
  report_.copied_bytes += bytes.size();
  from_.progress.add(Counted::kPacks);
  from_.progress.add(Counted::kBytes, bytes.size());
  return ok();
}

Status Copier::copy_run(const IndexRun& run) {
  HF_TRY(run.for_each([](const IndexEntry&) { return ok(); }));     // every block is proven before it is copied
  HF_ASSIGN(const Bytes bytes, from_.store.get(run.name()));
  HF_TRY(to_.create_once(run.name(), bytes));
  report_.copied_bytes += bytes.size();
  return ok();
}

// A prune of the source may replace runs and repack packs meanwhile: what is gone then lies elsewhere now.
Status Copier::copy_index_and_packs(std::span<const CommittedRecord> commits) {
  for (int attempt = 1;; ++attempt) {
    Status copied = copy_index_and_packs_once(commits);
    if (copied || copied.error().kind != ErrorKind::kNotFound || attempt == kCopyAttempts) return copied;
    end_sealing();                       // a chunk that it claimed may not have been stored
  }
}

void Copier::end_sealing() {
  sealed_.reset();
  if (sealing_ != nullptr) sealing_->give_up();
  sealing_.reset();
}

// The packs of what was chosen, each whole: what else is in them comes along.
Status Copier::find_needed(std::span<const CommittedRecord> commits) {
  needed_.reset();
  if (!choice_->limits_packs()) return ok();
  std::map<PackName, std::uint64_t> listed;
  HF_TRY(from_.store.list("packs/", [&](const ObjectInfo& info) {
    if (const auto name = parse_pack_name(info.name)) listed[*name] = info.size;
    return ok();
  }));
  HF_ASSIGN(const Epoch epoch, read_newest_epoch(from_));
  Marker marker(from_, listed, epoch, [this] { return keep_alive(); });
  HF_ASSIGN(const Marks marks, marker.mark({commits.begin(), commits.end()}));
  needed_.emplace();
  for (const auto& [name, use] : marks.packs) {
    if (use.live > 0) needed_->insert(name);
  }
  return ok();
}

Status Copier::copy_index_and_packs_once(std::span<const CommittedRecord> commits) {
  HF_TRY(find_needed(commits));
  HF_ASSIGN(const std::unique_ptr<ChunkSource> source, ChunkSource::open(from_, ChunkSource::Runs::kFixed));
  if (!source->broken().empty()) return Error(source->broken().front().error);
  HF_ASSIGN(packs_, names_in(to_, "packs/"));          // after the leases read their epochs
  HF_ASSIGN(runs_, names_in(to_, "index/"));
  refused_.reset();
  HF_TRY(expect_packs(*source));
  HF_TRY(copy_runs_and_packs(*source));
  return sealed_ != nullptr ? sealed_->flush() : ok();
}

// What is missing there: the rows of packs are few, and are read again from the cache.
Status Copier::expect_packs(const ChunkSource& source) const {
  std::map<PackName, std::uint64_t> missing;
  for (const IndexRun& run : source.index().runs()) {
    for (std::uint32_t row = 0; row < run.packs(); ++row) {
      HF_ASSIGN(const IndexPack pack, run.pack(row));
      if (needs(pack.name) && !packs_.contains(pack_object_name(pack.name))) missing[pack.name] = pack.size;
    }
  }
  Totals all{.packs = missing.size()};
  for (const auto& [name, size] : missing) all.bytes += size;
  from_.progress.phase("copying packs", all);
  return ok();
}

Status Copier::copy_runs_and_packs(ChunkSource& source) {
  for (const IndexRun& run : source.index().runs()) {
    std::vector<IndexPack> packs;
    std::vector<IndexPack> wanted;
    for (std::uint32_t row = 0; row < run.packs(); ++row) {
      HF_ASSIGN(IndexPack pack, run.pack(row));
      if (needs(pack.name)) wanted.push_back(pack);
      packs.push_back(std::move(pack));
    }
    if (needed_ && wanted.empty()) continue;
    HF_ASSIGN(const bool refused, refuses(wanted));
    if (refused || wanted.size() < packs.size()) {
      HF_TRY(copy_in_part(source, run, packs));
      continue;
    }
    for (const IndexPack& pack : packs) HF_TRY(copy_pack(pack));
    if (!runs_.contains(run.name())) HF_TRY(copy_run(run));
  }
  return ok();
}

// Did the other store ever condemn one of them? A run that names none was at most merged there: its rows stand in another.
Result<bool> Copier::refuses(std::span<const IndexPack> packs) {
  const Epoch& epoch = leases_.back()->epoch();        // the newest of those that were read
  if (epoch.number == 0) return false;
  const bool all_there = std::ranges::all_of(packs, [&](const IndexPack& pack) {
    return packs_.contains(pack_object_name(pack.name)) && !epoch.forbids(pack.name);
  });
  if (all_there) return false;
  if (!refused_) {
    HF_ASSIGN(refused_, ever_condemned(to_));
  }
  return std::ranges::any_of(packs, [&](const IndexPack& pack) { return refused_->contains(pack.name); });
}

// Chunks of refused packs go into new packs; the others are copied, proven and named by a run of this session. The old run
// may not come under its name: it was replaced there, or names what is not there.
Status Copier::copy_in_part(ChunkSource& source, const IndexRun& run, std::span<const IndexPack> packs) {
  if (!from_.keys.can_read()) {
    return make_error(ErrorKind::kBlocked, "the vault at " + to_.store.properties().place +
                                               " removed packs that are to be copied: their chunks must be sealed anew")
        .with_object(run.name())
        .with_hint("Copy with a passphrase or key file of level read.");
  }
  if (sealed_ == nullptr) {
    HF_ASSIGN(sealing_, Lease::open(to_));
    HF_ASSIGN(sealed_, ChunkStore::open(to_, *sealing_));
  }
  std::vector<std::vector<PackEntry>> entries(packs.size());
  HF_TRY(run.for_each([&](const IndexEntry& entry) {
    if (needs(packs[entry.pack].name)) entries.at(entry.pack).push_back(entry.chunk);
    return ok();
  }));
  for (std::size_t i = 0; i < packs.size(); ++i) {
    if (!needs(packs[i].name)) continue;
    if (refused_ && refused_->contains(packs[i].name)) {
      HF_TRY(seal_anew(source, packs[i], entries[i]));
      continue;
    }
    HF_TRY(copy_pack(packs[i]));
    if (!runs_.contains(run.name())) HF_TRY(vouch(packs[i], std::move(entries[i])));
  }
  return ok();
}

Status Copier::seal_anew(ChunkSource& source, const IndexPack& pack, std::span<const PackEntry> entries) {
  for (const PackEntry& entry : entries) {
    HF_ASSIGN(const bool known, sealed_->known(entry.id));
    if (known) continue;
    HF_TRY(keep_alive());
    HF_ASSIGN(const Bytes plain, source.read(entry.id));
    HF_TRY(sealed_->put(pack.kind, entry.id, plain));
    report_.copied_bytes += entry.stored_length;
    from_.progress.add(Counted::kBytes, entry.stored_length);
  }
  return ok();
}

// A run speaks for its writer: so every chunk is opened and proven before this writer's run names it.
Status Copier::vouch(const IndexPack& pack, std::vector<PackEntry> entries) {
  bool known = true;
  for (const PackEntry& entry : entries) {
    HF_ASSIGN(const bool one, sealed_->known(entry.id));
    known = known && one;
  }
  if (known) return ok();
  const std::string object = pack_object_name(pack.name);
  HF_ASSIGN(const Bytes bytes, to_.store.get(object));
  HF_ASSIGN(const PackKey key, open_pack(pack.header, to_.keys, object));
  for (const PackEntry& entry : entries) {
    if (std::uint64_t{entry.offset} + entry.stored_length > bytes.size()) {
      return not_as_written(object, to_.store.properties().place);
    }
    HF_TRY(read_chunk(key, entry, ByteView(bytes).subspan(entry.offset, entry.stored_length), to_.hasher, object));
  }
  return sealed_->adopt(pack.name, FinishedPack{pack.kind, pack.size, pack.digest, pack.header, std::move(entries)});
}

Status Copier::decide(const CommittedRecord& commit, const Lease& lease) {
  Status verified = verify_sealed_record(commit.sealed, commit.object, from_.writers);
  if (!verified) {
    lease.give_up();
    return verified;
  }
  HF_TRY(lease.decide(commit.sealed));
  HF_TRY(write_commit(to_, commit.sealed, lease.epoch().highest_commit));
  HF_TRY(lease.remove());
  ++report_.commits;
  report_.copied_bytes += commit.sealed.size();
  return ok();
}

// A lease for each commit, opened before anything is copied for it.
Status Copier::copy_commits(std::span<const CommittedRecord> commits) {
  const auto give_up = [&] {
    for (auto& lease : leases_) {
      if (lease) lease->give_up();
    }
    end_sealing();
    leases_.clear();
  };
  const auto run = [&]() -> Status {
    for (std::size_t i = 0; i < commits.size(); ++i) {
      HF_ASSIGN(std::unique_ptr<Lease> lease, Lease::open(to_));
      leases_.push_back(std::move(lease));
    }
    HF_TRY(copy_index_and_packs(commits));
    HF_TRY(renew_locks_for(commits));
    // What the source forgot meanwhile may have lost its chunks before the index was listed.
    HF_ASSIGN(const std::vector<CommittedRecord> there, read_commits(from_, nullptr));
    for (std::size_t i = 0; i < commits.size(); ++i) {
      const bool kept = std::ranges::find(there, commits[i].id, &CommittedRecord::id) != there.end();
      const std::unique_ptr<Lease> lease = std::move(leases_[i]);     // once decided, a lease is not given up any more
      if (kept) HF_TRY(decide(commits[i], *lease));
      else lease->give_up();
    }
    return ok();
  };
  Status done = run();
  give_up();
  return done;
}

// Packs that the copy had already may be locked for earlier snapshots alone. A key that cannot read leaves that to prune.
Status Copier::renew_locks_for(std::span<const CommittedRecord> commits) {
  const std::optional<Micros> retain = retain_of(to_);
  if (!retain || !to_.keys.can_read()) return ok();
  std::map<PackName, std::uint64_t> listed;
  HF_TRY(to_.store.list("packs/", [&](const ObjectInfo& info) {
    if (const auto name = parse_pack_name(info.name)) listed[*name] = info.size;
    return ok();
  }));
  Marker marker(to_, listed, leases_.back()->epoch(), [this] { return keep_alive(); });
  const WallTime until = to_.clock.wall() + kCommitWait + *retain;
  marker.lock_by([until](const CommittedRecord&) { return until; });
  HF_ASSIGN(const Marks marks, marker.mark({commits.begin(), commits.end()}));
  HF_ASSIGN(const LockTotals locks, renew_locks(to_, needs_of(marker.source(), marks)));
  to_.log.info("vault", "locks renewed", {{"objects", std::to_string(locks.renewed)}});
  return ok();
}

Status Copier::copy_blob(const ObjectInfo& info, ObjectKind kind) {
  auto bytes = from_.store.get(info.name);
  if (!bytes && bytes.error().kind == ErrorKind::kNotFound) return ok();    // a frame that was sealed meanwhile
  if (!bytes) return std::move(bytes).error();
  HF_ASSIGN(const BlobHead head, parse_blob_head(*bytes, bytes->size(), kind, info.name, from_.writers));
  HF_TRY(verify_blob_data(head, ByteView(*bytes).subspan(static_cast<std::size_t>(head.size)), info.name));
  HF_TRY(to_.create_once(info.name, *bytes));
  report_.copied_bytes += bytes->size();
  from_.progress.add(Counted::kBytes, bytes->size());
  return ok();
}

// The copy may have frames of a segment that came sealed now.
Status Copier::end_frames(const std::string& sealed, const std::set<std::string>& there) {
  const std::string prefix = sealed.substr(0, sealed.rfind('/') + 1);
  const auto first = there.lower_bound(prefix);
  if (first == there.end() || !first->starts_with(prefix) || !to_.keys.can_read()) return ok();
  HF_ASSIGN(const Blob blob, read_blob(to_.store, sealed, ObjectKind::kWalSegment, to_.keys, to_.writers));
  HF_ASSIGN(const WalMeta meta, decode_wal_meta(blob.opened.metadata));
  return WalArchive(to_repository_)
      .seal_segment(meta.system_id, meta.timeline, meta.start.value / meta.segment_size, meta.segment_size);
}

Status Copier::copy_wal() {
  HF_ASSIGN(const std::vector<ObjectInfo> objects, from_.list("wal/"));
  HF_ASSIGN(const std::set<std::string> there, names_in(to_, "wal/"));
  for (const ObjectInfo& info : objects) {
    const auto name = parse_wal_name(info.name);
    if (!name || !choice_->takes_wal(name->cluster) || there.contains(info.name)) continue;
    if (name->part == WalPart::kFrame && there.contains(info.name.substr(0, info.name.rfind('/')) + "/sealed")) continue;
    HF_TRY(copy_blob(info, kind_of_wal_part(name->part)));
    ++report_.wal_objects;
    if (name->part == WalPart::kSealed) HF_TRY(end_frames(info.name, there));
  }
  return ok();
}

Status Copier::copy_attachments() {
  HF_ASSIGN(const std::vector<ObjectInfo> objects, from_.list("attach/"));
  HF_ASSIGN(const std::set<std::string> there, names_in(to_, "attach/"));
  for (const ObjectInfo& info : objects) {
    if (there.contains(info.name)) continue;
    HF_ASSIGN(const bool taken, choice_->takes_attachment(info));
    if (!taken) continue;
    HF_TRY(copy_blob(info, ObjectKind::kAttachment));
    ++report_.attachments;
  }
  return ok();
}

Result<CopyReport> Copier::run() {
  if (from_.config.vault != to_.config.vault) {
    return make_error(ErrorKind::kInvalid, to_.store.properties().place +
                                               " is another vault, not a copy of " +
                                               from_.store.properties().place)
        .with_hint("Make the copy in an empty place: `holdfast vault init --copy-of URL --vault URL2`.");
  }
  if (from_.store_id == to_.store_id) {
    return make_error(ErrorKind::kUsage, "the vault cannot be copied to itself")
        .with_hint("Make the copy in an empty place: `holdfast vault init --copy-of URL --vault URL2`.");
  }
  HF_TRY(to_.check_writable());
  HF_TRY(check_retain(to_));
  from_.progress.phase("comparing the vaults");
  HF_ASSIGN(CopyChoice choice, CopyChoice::of(from_, filter_));
  choice_.emplace(std::move(choice));
  report_.chosen = choice_->chosen();
  HF_TRY(copy_configs());
  HF_TRY(finish_committed_leases(to_, false));
  HF_ASSIGN(std::vector<CommittedRecord> missing, missing_commits(from_, to_));
  HF_ASSIGN(missing, choice_->choose(std::move(missing)));
  for (std::size_t i = 0; i < missing.size(); i += kCommitsAtOnce) {
    HF_TRY(copy_commits(std::span(missing).subspan(i, std::min(kCommitsAtOnce, missing.size() - i))));
  }
  from_.progress.phase("copying WAL and attachments");
  HF_TRY(copy_wal());
  HF_TRY(copy_attachments());
  HF_ASSIGN(report_.lag, measure_lag(from_, to_, *choice_));
  return report_;
}

}  // namespace

Result<CopyReport> copy_vault(Repository& from, Repository& to, const CopyFilter& filter) {
  return Copier(from, to, filter).run();
}

}  // namespace hf::vault
