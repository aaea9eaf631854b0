// Checking a vault: every object is looked at, every snapshot's chunks are found, and damage is named with what it hits.
#include <algorithm>
#include <atomic>
#include <unordered_map>
#include <unordered_set>

#include "base/hex.h"
#include "vault/check/heal.h"
#include "vault/chunk_source.h"
#include "vault/index/references.h"
#include "vault/object/blob.h"
#include "vault/object/names.h"
#include "vault/pack/parity.h"
#include "vault/pack/record_reader.h"
#include "vault/parallel.h"
#include "vault/parts.h"
#include "vault/store/keeper.h"
#include "vault/wal/wal_objects.h"

namespace hf::vault {
namespace {

constexpr std::string_view kPackMissing = "pack is missing";
constexpr std::uint64_t kPieceBytes = 2u << 20;   // of a pack, read at once
constexpr int kAttempts = 3;                      // while other writers move what is being checked

constexpr std::size_t kMaxRemembered = 500'000;   // chunks that were looked up one by one: 40 MB

// What the index says of a pack's chunks, in 24 bytes whatever their number: two lists with the same sum are the same, but for
// a forger's, who would have to sign the index and seal the directory.
struct ChunkSum {
  std::uint64_t count = 0;
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  void add(const PackEntry& e) {
    const auto mixed = [](std::uint64_t v) {          // the end of splitmix64
      v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9ULL;
      v = (v ^ (v >> 27)) * 0x94d049bb133111ebULL;
      return v ^ (v >> 31);
    };
    std::array<std::uint64_t, 4> id{};
    std::memcpy(id.data(), e.id.bytes.data(), sizeof id);
    const std::uint64_t place = mixed(std::uint64_t{e.offset} << 32 | e.stored_length);
    const std::uint64_t form = mixed(std::uint64_t{e.plain_length} << 8 | e.flags);
    low += mixed(id[0] ^ mixed(id[1] + place));
    high += mixed(id[2] ^ mixed(id[3] + form + place));
    ++count;
  }
  static ChunkSum of(const std::vector<PackEntry>& entries) {
    ChunkSum sum;
    for (const PackEntry& e : entries) sum.add(e);
    return sum;
  }
  friend bool operator==(const ChunkSum&, const ChunkSum&) = default;
};

struct IndexedPack {
  IndexPack row;
  ChunkSum chunks;                          // as the index says
  std::size_t run = 0;                      // that says so, and its row there
  std::uint32_t number = 0;
  bool unusable = false;                    // missing or cut short
  bool partly_known = false;                // its index run is damaged: `chunks` may not count all
  std::unordered_set<ChunkId, ChunkIdHash> bad;
};

class Checker {
 public:
  Checker(Repository& repository, const CheckOptions& options)
      : core_(repository.core()), options_(options), healer_(core_, options.copies) {}
  Result<CheckReport> run();

 private:
  struct Finding {
    std::string why;
    std::set<std::string> snapshots;
    std::vector<DamagedFile> files;
    std::uint64_t files_total = 0;
    std::string not_healed;
    bool tried = false;
    bool set_aside = false;
  };
  void damage(const std::string& object, const std::string& why);
  void hit(const std::string& object, const std::string& snapshot);
  // Damage becomes a finding; what says nothing about the object (the store is away) ends the check.
  Status finding(const std::string& object, Error error);
  // What was found until now and begins so, if the caller wants it healed. True if anything was.
  Result<bool> heal(std::string_view prefix);
  Result<Healed> heal_one(const std::string& object, const std::string& why);
  Status set_aside();
  void tell(CheckReport& report);

  Status check_small_objects();
  Status check_small(const ObjectInfo& info);
  Status check_lease(const std::string& name, const LeasePart& lease);
  Status check_index();
  Status look_at_index_again();              // keeps what was found about the packs
  Status read_run(const IndexRun& run, std::size_t number);
  Status check_packs();
  // These may run for several objects at once: each touches its own pack, and the report's counter is atomic.
  Status check_pack(const std::string& object, std::uint64_t size, IndexedPack* indexed, RecordReader& records);
  Status check_directory(const std::string& object, std::uint64_t size, const IndexedPack* indexed, OpenedPack& opened);
  Status read_pack(const std::string& object, std::uint64_t size, IndexedPack* indexed, OpenedPack* proven,
                   RecordReader& records);
  Status read_chosen(const ObjectInfo& info, IndexedPack* indexed, OpenedPack* opened, RecordReader& records);
  Status read_pieces(const std::string& object, const PackKey& key, std::span<const PackEntry> entries,
                     IndexedPack* indexed, RecordReader& records, bool& whole);
  Result<OpenedPack> open_for_reading(const std::string& object, std::uint64_t size, const IndexedPack* indexed);
  Result<bool> is_away(const ObjectInfo& info) const;
  bool sampled(const std::string& object) const;
  std::uint64_t rank(const std::string& object) const;
  Status check_snapshots();
  Result<std::vector<CommittedRecord>> read_all_commits();
  Result<std::vector<std::vector<const IndexedPack*>>> pack_rows() const;
  Result<bool> all_can_be_had(const std::vector<CommittedRecord>& commits);
  Status refer(const CommittedRecord& commit, References& references, const std::function<Status()>& join);
  Status walk(const SnapshotRecord& record, const std::string& carrier, const std::string& id);
  Status check_reference(const ChunkId& chunk, const std::string& carrier, const std::string& snapshot);
  Status check_blobs();
  Result<std::vector<std::pair<ObjectInfo, ObjectKind>>> list_blobs();
  Status check_blob(const ObjectInfo& info, ObjectKind kind);

  const Repository::Core& core_;
  const CheckOptions& options_;
  CheckReport report_;
  Healer healer_;
  std::map<std::string, Finding> damaged_;
  std::string path_;                         // of the entry that is walked over
  std::unique_ptr<ChunkSource> source_;
  std::map<PackName, IndexedPack> packs_;
  std::unordered_map<ChunkId, bool, ChunkIdHash> good_;
  std::atomic<std::uint64_t> data_bytes_ = 0;
  bool reindexed_ = false;                   // a healed pack is named by another run now
};

void Checker::damage(const std::string& object, const std::string& why) {
  Finding finding;
  finding.why = why;
  damaged_.try_emplace(object, std::move(finding));
}

void Checker::hit(const std::string& object, const std::string& snapshot) {
  damage(object, "a snapshot cannot be read by it");
  Finding& finding = damaged_[object];
  finding.snapshots.insert(snapshot);
  if (path_.empty()) return;
  const bool counted = !finding.files.empty() && finding.files.back().snapshot == snapshot && finding.files.back().path == path_;
  if (counted) return;                       // the last one that was named: its other chunks
  if (finding.files.size() < kMaxDamagedFiles) finding.files.push_back({snapshot, path_});
  ++finding.files_total;
}

Status Checker::finding(const std::string& object, Error error) {
  const ErrorKind k = error.kind;
  if (k != ErrorKind::kCorrupt && k != ErrorKind::kDenied && k != ErrorKind::kUnsupported &&
      k != ErrorKind::kInvalid)
    return error;
  damage(object, error.text);
  return ok();
}

// Config, the store's own object, leases and epochs.
Status Checker::check_small_objects() {
  for (const char* prefix : {"config/", "leases/", "epoch/", "store"}) {
    HF_ASSIGN(const std::vector<ObjectInfo> objects, core_.list(prefix));
    for (const ObjectInfo& info : objects) {
      Status checked = check_small(info);
      if (!checked && checked.error().kind == ErrorKind::kNotFound) continue;    // a lease that ended meanwhile
      if (!checked) HF_TRY(finding(info.name, std::move(checked).error()));
    }
  }
  return ok();
}

Status Checker::check_small(const ObjectInfo& info) {
  report_.read_bytes += info.size;
  if (info.name == kStoreObject) {
    HF_TRY(read_store_object(core_.store));
    return ok();
  }
  if (parse_config_name(info.name)) {
    HF_ASSIGN(const Bytes bytes, core_.store.get(info.name));
    HF_TRY(parse_config(bytes, info.name));
    return ok();
  }
  if (auto number = parse_epoch_name(info.name)) {
    HF_ASSIGN(const SignedObject object, core_.read_signed(info.name, ObjectKind::kEpoch));
    HF_ASSIGN(const Epoch epoch, decode_epoch(object.body));
    if (epoch.number != *number) return make_error(ErrorKind::kCorrupt, info.name + ": says another number");
    return ok();
  }
  if (auto lease = parse_lease_name(info.name)) return check_lease(info.name, *lease);
  return ok();
}

Status Checker::check_lease(const std::string& name, const LeasePart& lease) {
  if (lease.part == "open") {
    HF_ASSIGN(const SignedObject object, core_.read_signed(name, ObjectKind::kLeaseOpen));
    HF_TRY(decode_open(object.body));
  } else if (lease.part == "beat") {
    HF_ASSIGN(const SignedObject object, core_.read_signed(name, ObjectKind::kLeaseBeat));
    HF_TRY(decode_beat(object.body));
  } else if (lease.part == "fate" || lease.part == "taken" || lease.part == "forgotten") {
    HF_TRY(read_fate(core_, name));
  }
  return ok();
}

Status Checker::check_index() {
  HF_ASSIGN(source_, ChunkSource::open(core_));
  for (const BrokenObject& broken : source_->broken()) damage(broken.object, broken.error.text);
  const std::vector<IndexRun>& runs = source_->index().runs();
  for (std::size_t r = 0; r < runs.size(); ++r) {
    Status read = read_run(runs[r], r);
    if (!read) HF_TRY(finding(runs[r].name(), std::move(read).error()));
  }
  HF_TRY(core_.store.list("index/", [&](const ObjectInfo& info) {
    report_.read_bytes += info.size;
    return ok();
  }));
  return ok();
}

Status Checker::look_at_index_again() {
  const std::map<PackName, IndexedPack> before = std::exchange(packs_, {});
  report_.chunks = 0;
  HF_TRY(check_index());
  for (auto& [name, pack] : packs_) {
    const auto known = before.find(name);
    if (known == before.end()) continue;
    pack.unusable = known->second.unusable;
    pack.bad = known->second.bad;
  }
  return ok();
}

Status Checker::read_run(const IndexRun& run, std::size_t number) {
  std::vector<IndexedPack*> rows;
  for (std::uint32_t row = 0; row < run.packs(); ++row) {
    HF_ASSIGN(IndexPack pack, run.pack(row));
    const PackName name = pack.name;
    IndexedPack& indexed = packs_[name];
    indexed.row = std::move(pack);
    indexed.chunks = {};                    // told by the last run that names it
    indexed.run = number;
    indexed.number = row;
    rows.push_back(&indexed);
  }
  Status read = run.for_each([&](const IndexEntry& entry) -> Status {
    if (entry.pack >= rows.size())
      return make_error(ErrorKind::kCorrupt, run.name() + ": a row names a pack that it does not list");
    rows[entry.pack]->chunks.add(entry.chunk);
    ++report_.chunks;
    return ok();
  });
  for (IndexedPack* pack : rows) pack->partly_known = !read;
  return read;
}

Result<Healed> Checker::heal_one(const std::string& object, const std::string& why) {
  const auto name = parse_pack_name(object);
  if (!name) return healer_.heal(object, why);
  const auto pack = packs_.find(*name);
  const IndexPack* const row = pack == packs_.end() ? nullptr : &pack->second.row;
  HF_ASSIGN(Healed healed, healer_.heal_pack(object, row, why));
  HF_ASSIGN(std::optional<std::vector<Healed>> runs, healer_.index_anew(object, row));
  reindexed_ = reindexed_ || runs.has_value();
  for (Healed& run : runs.value_or(std::vector<Healed>())) report_.healed.push_back(std::move(run));
  if (pack != packs_.end()) {
    pack->second.unusable = false;
    pack->second.bad.clear();
  }
  return healed;
}

Result<bool> Checker::heal(std::string_view prefix) {
  if (!options_.repair) return false;
  bool any = false;
  for (auto it = damaged_.begin(); it != damaged_.end();) {
    Finding& found = it->second;
    if (found.tried || !it->first.starts_with(prefix)) {
      ++it;
      continue;
    }
    found.tried = true;
    auto healed = heal_one(it->first, found.why);
    if (!healed) {
      if (healed.error().kind != ErrorKind::kCorrupt) return std::move(healed).error();
      found.not_healed = healed.error().text;
      ++it;
      continue;
    }
    core_.log.info("vault", "healed",
                   {{"object", healed->object}, {"why", healed->why}, {"how", healed->how}, {"from", healed->from}});
    report_.healed.push_back(std::move(*healed));
    it = damaged_.erase(it);
    any = true;
  }
  return any;
}

// What nothing heals is condemned: no new backup refers to it, so the next one stores its chunks again where the source
// still has them; and prune removes it only when each of its live chunks lies elsewhere.
Status Checker::set_aside() {
  if (!options_.repair || !core_.abilities.conditional_create) return ok();
  std::set<PackName> packs;
  for (const auto& [object, found] : damaged_) {
    const auto name = parse_pack_name(object);
    if (name && found.tried && found.why != kPackMissing) packs.insert(*name);
  }
  if (packs.empty()) return ok();
  HF_TRY(condemn_packs(core_, packs));
  for (auto& [object, found] : damaged_) {
    if (const auto name = parse_pack_name(object)) found.set_aside = packs.contains(*name) || found.why == kPackMissing;
  }
  return ok();
}

std::uint64_t Checker::rank(const std::string& object) const {
  return options_.hooks == nullptr ? 0 : options_.hooks->rank(object).value_or(~std::uint64_t{0});
}

bool Checker::sampled(const std::string& object) const {
  if (options_.hooks != nullptr) return options_.hooks->rank(object).has_value();
  if (!options_.read_data) return false;
  if (options_.read_data_percent >= 100) return true;
  ByteWriter in;
  in.u64(options_.sample_seed).raw(as_bytes(object));
  const crypto::Digest digest = crypto::sha256(in.take());
  return (digest[0] * 256u + digest[1]) * 100u < options_.read_data_percent * 65536u;
}

// In an archive, and not brought back; asked of the store only where the pack is to be read.
Result<bool> Checker::is_away(const ObjectInfo& info) const {
  if (!is_archive_class(info.storage_class)) return false;
  if (!sampled(info.name)) return true;
  HF_ASSIGN(const KeptState state, core_.store.keeper()->look(info.name));
  return state.readable != KeptState::Readable::kYes;
}

Status Checker::check_packs() {
  HF_ASSIGN(const std::vector<ObjectInfo> objects, core_.list("packs/"));
  std::set<PackName> present;
  struct Task {
    const ObjectInfo* info = nullptr;
    IndexedPack* indexed = nullptr;
    Status result;
    std::optional<ObjectKind> blob;
  };
  std::vector<Task> tasks;
  for (const ObjectInfo& info : objects) {
    const auto name = parse_pack_name(info.name);
    if (!name) continue;
    present.insert(*name);
    ++report_.packs;
    auto it = packs_.find(*name);
    IndexedPack* indexed = it == packs_.end() ? nullptr : &it->second;
    if (indexed == nullptr && !sampled(info.name)) continue;     // of a session that goes on or was given up
    HF_ASSIGN(const bool away, is_away(info));
    if (away && (indexed == nullptr || info.size == indexed->row.size)) {
      ++report_.archived;
      continue;
    }
    tasks.push_back({&info, indexed, {}, {}});
  }
  std::vector<std::pair<ObjectInfo, ObjectKind>> blobs;           // who reads by rank, reads them all in one order
  if (options_.hooks != nullptr) {
    HF_ASSIGN(blobs, list_blobs());
  }
  for (const auto& [info, kind] : blobs) tasks.push_back({&info, nullptr, {}, kind});
  std::ranges::stable_sort(tasks, {}, [&](const Task& task) { return rank(task.info->name); });
  Totals chosen;
  for (const Task& task : tasks) {
    const bool read = sampled(task.info->name);
    if (read) chosen.bytes += task.info->size;
    if (read || options_.hooks == nullptr) ++chosen.packs;
  }
  core_.progress.phase(chosen.bytes > 0 ? "reading packs" : "checking packs", chosen);
  HF_TRY(in_parallel(tasks.size(), [&] {
    return [&, records = std::make_unique<RecordReader>(core_.hasher)](std::size_t i) {
      Task& task = tasks[i];
      task.result = task.blob ? check_blob(*task.info, *task.blob)
                              : check_pack(task.info->name, task.info->size, task.indexed, *records);
      if (options_.hooks == nullptr || sampled(task.info->name)) core_.progress.add(Counted::kPacks);
      return ok();
    };
  }));
  for (Task& task : tasks) {
    if (!task.result) HF_TRY(finding(task.info->name, std::move(task.result).error()));
  }
  HF_ASSIGN(const Epoch epoch, read_newest_epoch(core_));      // after the packs: what went meanwhile stands in it
  for (auto& [name, pack] : packs_) {
    if (present.contains(name)) continue;
    pack.unusable = true;
    if (epoch.forbids(name)) continue;                         // removed because nothing needed it
    damage(pack_object_name(name), std::string(kPackMissing));
  }
  return ok();
}

Status Checker::check_pack(const std::string& object, std::uint64_t size, IndexedPack* indexed, RecordReader& records) {
  if (indexed != nullptr && size != indexed->row.size) {
    indexed->unusable = size < indexed->row.size;
    return make_error(ErrorKind::kCorrupt, object + ": has " + std::to_string(size) + " bytes, " +
                                               std::to_string(indexed->row.size) + " were written");
  }
  OpenedPack opened;
  Status directory = check_directory(object, size, indexed, opened);
  if (!directory && directory.error().kind != ErrorKind::kCorrupt) return directory;
  // Also where the directory is damaged: which chunks are hit?
  if (sampled(object)) HF_TRY(read_chosen({object, size, {}}, indexed, directory ? &opened : nullptr, records));
  return directory;
}

Status Checker::read_chosen(const ObjectInfo& info, IndexedPack* indexed, OpenedPack* opened, RecordReader& records) {
  if (options_.hooks == nullptr) return read_pack(info.name, info.size, indexed, opened, records);
  HF_ASSIGN(const bool read, options_.hooks->before(info));
  if (!read) return ok();
  Status whole = read_pack(info.name, info.size, indexed, opened, records);
  if (whole || whole.error().kind == ErrorKind::kCorrupt) options_.hooks->after(info, whole.has_value());
  return whole;
}

// `opened`: what it found, for who can read.
Status Checker::check_directory(const std::string& object, std::uint64_t size, const IndexedPack* indexed,
                                OpenedPack& opened) {
  if (size < kPackFooterBytes) return make_error(ErrorKind::kCorrupt, object + ": is too short");
  HF_ASSIGN(const Bytes tail, core_.store.get(object, {size - kPackFooterBytes, kPackFooterBytes}));
  HF_TRY(parse_pack_footer(tail, size, object));
  data_bytes_ += kPackFooterBytes;
  if (!core_.keys.can_read()) return ok();
  HF_ASSIGN(opened, read_pack_directory(store_range(core_.store, object), size, core_.keys, object));
  data_bytes_ += opened.header.size() + opened.footer.directory_length;
  std::ranges::sort(opened.entries, {}, &PackEntry::offset);
  if (indexed == nullptr || indexed->partly_known) return ok();
  if (opened.header != indexed->row.header || ChunkSum::of(opened.entries) != indexed->chunks) {
    return make_error(ErrorKind::kCorrupt, object + ": its header or directory is not the one that the index knows");
  }
  return ok();
}

// Every byte. Who can read opens and proves every record: with header, directory and footer, which check_directory()
// proved, they are the whole pack. Who cannot compares the digest in the index.
Status Checker::read_pack(const std::string& object, std::uint64_t size, IndexedPack* indexed, OpenedPack* proven,
                          RecordReader& records) {
  bool whole = true;
  if (!core_.keys.can_read()) {
    if (indexed == nullptr) return ok();
    HF_ASSIGN(const Bytes bytes, core_.store.get(object));
    data_bytes_ += size;
    core_.progress.add(Counted::kBytes, size);
    whole = pack_digest(bytes) == indexed->row.digest;
  } else {
    OpenedPack opened;
    if (proven != nullptr) {
      opened = std::move(*proven);
    } else {
      HF_ASSIGN(opened, open_for_reading(object, size, indexed));
    }
    HF_TRY(read_pieces(object, opened.key, opened.entries, indexed, records, whole));
    if (const auto parity = ParityLayout::of(opened.footer)) {             // which no record proves
      HF_ASSIGN(const Bytes end, core_.store.get(object, {parity->covered, parity->length() + kPackFooterBytes}));
      data_bytes_ += end.size();
      core_.progress.add(Counted::kBytes, end.size());
      HF_TRY(check_parity(*parity, ByteView(end).last(kPackFooterBytes), ByteView(end).first(parity->length()), object));
    }
  }
  if (whole) return ok();
  return make_error(ErrorKind::kCorrupt, object + ": its bytes are not those that were written");
}

// Where the directory is not what it should be: by the index if it knows the pack, so that the good chunks are not hidden. Its
// run is read through for that.
Result<OpenedPack> Checker::open_for_reading(const std::string& object, std::uint64_t size, const IndexedPack* indexed) {
  if (indexed == nullptr) return read_pack_directory(store_range(core_.store, object), size, core_.keys, object);
  OpenedPack opened;
  HF_ASSIGN(opened.key, open_pack(indexed->row.header, core_.keys, object));
  HF_TRY(source_->index().runs()[indexed->run].for_each([&](const IndexEntry& entry) {
    if (entry.pack == indexed->number) opened.entries.push_back(entry.chunk);
    return ok();
  }));
  std::ranges::sort(opened.entries, {}, &PackEntry::offset);
  HF_ASSIGN(const Bytes tail, core_.store.get(object, {size - kPackFooterBytes, kPackFooterBytes}));
  if (auto footer = parse_pack_footer(tail, size, object)) opened.footer = *footer;
  return opened;
}

// In pieces that stay in a core's cache.
Status Checker::read_pieces(const std::string& object, const PackKey& key, std::span<const PackEntry> entries,
                            IndexedPack* indexed, RecordReader& records, bool& whole) {
  for (std::size_t i = 0; i < entries.size();) {
    const std::uint64_t begin = entries[i].offset;
    std::uint64_t end = begin;
    std::size_t next = i;
    for (; next < entries.size(); ++next) {
      const std::uint64_t after = entries[next].offset + std::uint64_t{entries[next].stored_length};
      if (next > i && after > begin + kPieceBytes) break;
      end = std::max(end, after);
    }
    const auto stored = core_.store.get(object, {begin, end - begin});
    if (!stored && stored.error().kind != ErrorKind::kCorrupt) return stored.error();
    if (stored) data_bytes_ += stored->size();
    core_.progress.add(Counted::kBytes, end - begin);
    HF_TRY(records.read(key, entries.subspan(i, next - i), begin, stored ? ByteView(*stored) : ByteView(), object,
                        [&](std::size_t n, const Result<ByteView>& plain) {
                          if (plain) return ok();
                          whole = false;
                          if (indexed != nullptr) indexed->bad.insert(entries[i + n].id);
                          return ok();
                        }));
    i = next;
  }
  return ok();
}

Result<std::vector<CommittedRecord>> Checker::read_all_commits() {
  std::vector<BrokenObject> broken;
  HF_ASSIGN(std::vector<CommittedRecord> commits, read_commits(core_, &broken));
  for (const BrokenObject& b : broken) damage(b.object, b.error.text);
  HF_ASSIGN(const bool healed, heal("commits/"));
  if (!healed) return commits;
  return read_commits(core_, &broken);
}

Status Checker::check_snapshots() {
  HF_ASSIGN(const std::vector<CommittedRecord> commits, read_all_commits());
  core_.progress.phase("walking snapshots", {.snapshots = commits.size()});
  HF_ASSIGN(const bool whole, all_can_be_had(commits));
  if (!whole) core_.progress.phase("finding what is hit", {.snapshots = commits.size()});
  for (const CommittedRecord& commit : commits) {
    ++report_.snapshots;
    report_.read_bytes += commit.sealed.size();
    if (!core_.keys.can_read()) {
      Status verified = verify_sealed_record(commit.sealed, commit.object, core_.writers);
      if (!verified) HF_TRY(finding(commit.object, std::move(verified).error()));
      continue;
    }
    auto record = open_record(commit.sealed, commit.object, core_.keys, core_.writers);
    if (!record) {
      HF_TRY(finding(commit.object, std::move(record).error()));
      continue;
    }
    if (whole) continue;
    HF_TRY(walk(*record, commit.object, to_hex(commit.id)));
    core_.progress.add(Counted::kSnapshots);
  }
  return ok();
}

// Of each run, of each row of its packs.
Result<std::vector<std::vector<const IndexedPack*>>> Checker::pack_rows() const {
  std::vector<std::vector<const IndexedPack*>> rows;
  for (const IndexRun& run : source_->index().runs()) {
    rows.emplace_back();
    for (std::uint32_t row = 0; row < run.packs(); ++row) {
      HF_ASSIGN(const IndexPack pack, run.pack(row));
      const auto known = packs_.find(pack.name);
      rows.back().push_back(known == packs_.end() ? nullptr : &known->second);
    }
  }
  return rows;
}

// Is everything that the snapshots refer to in a pack that gives it? If not, they are walked once more, to tell what is hit.
Result<bool> Checker::all_can_be_had(const std::vector<CommittedRecord>& commits) {
  if (!core_.keys.can_read()) return false;
  bool all = true;
  References references;
  const auto join = [&]() -> Status {
    HF_ASSIGN(const auto rows, pack_rows());          // each time: reading a tree may have taken up other runs
    const auto match = [&](std::size_t run, std::uint64_t, const IndexEntry& entry) {
      const IndexedPack* pack = rows[run][entry.pack];
      return pack != nullptr && !pack->unusable && !pack->bad.contains(entry.chunk.id);
    };
    HF_ASSIGN(const bool found, references.join(source_->index(), match, [this] { return core_.check_going(); }));
    all = all && found;
    return ok();
  };
  const auto look = [&]() -> Status {
    for (const CommittedRecord& commit : commits) {
      HF_TRY(refer(commit, references, join));
      core_.progress.add(Counted::kSnapshots);
    }
    return join();
  };
  Status looked = look();
  if (looked) return all;
  switch (looked.error().kind) {           // what finding() and check_vault() make something of
    case ErrorKind::kCorrupt:
    case ErrorKind::kDenied:
    case ErrorKind::kUnsupported:
    case ErrorKind::kInvalid:
    case ErrorKind::kNotFound: return false;
    default: return std::move(looked).error();
  }
}

Status Checker::refer(const CommittedRecord& commit, References& references, const std::function<Status()>& join) {
  const auto add = [&](const ChunkId& id) { return references.add(id) ? join() : ok(); };
  HF_ASSIGN(const SnapshotRecord record, open_record(commit.sealed, commit.object, core_.keys, core_.writers));
  for (const ChunkRef& chunk : record.tree.index) HF_TRY(add(chunk.id));
  HF_ASSIGN(TreeReader tree, TreeReader::open(record.tree, source_->fetcher()));
  while (true) {
    HF_ASSIGN(const std::optional<Entry> entry, tree.next());
    if (!entry) return ok();
    for (const Extent& extent : entry->extents) {
      if (!extent.hole) HF_TRY(add(extent.chunk));
    }
    for (const ChunkRef& chunk : entry->page_digest_chunks) HF_TRY(add(chunk.id));
  }
}

Status Checker::walk(const SnapshotRecord& record, const std::string& carrier, const std::string& id) {
  path_.clear();
  for (const ChunkRef& chunk : record.tree.index) HF_TRY(check_reference(chunk.id, carrier, id));
  const auto broken_tree = [&](Error error) {
    const std::string object = error.object.empty() ? carrier : error.object;
    if (error.kind == ErrorKind::kCorrupt) hit(object, id);
    return finding(object, std::move(error));
  };
  auto tree = TreeReader::open(record.tree, source_->fetcher());
  if (!tree) return broken_tree(std::move(tree).error());
  while (true) {
    auto entry = tree->next();
    if (!entry) return broken_tree(std::move(entry).error());
    if (!*entry) return ok();
    path_ = (*entry)->path;
    for (const Extent& extent : (*entry)->extents) {
      if (!extent.hole) HF_TRY(check_reference(extent.chunk, carrier, id));
    }
    for (const ChunkRef& chunk : (*entry)->page_digest_chunks) HF_TRY(check_reference(chunk.id, carrier, id));
  }
}

Status Checker::check_reference(const ChunkId& chunk, const std::string& carrier, const std::string& snapshot) {
  auto known = good_.find(chunk);
  if (known != good_.end() && known->second) return ok();
  auto found = source_->index().find_all(chunk);
  if (!found && found.error().kind != ErrorKind::kCorrupt) return std::move(found).error();
  if (!found) {                                      // a block of a run is damaged: the run is already named
    for (const auto& [object, why] : damaged_) {
      if (object.starts_with("index/")) hit(object, snapshot);
    }
    return ok();
  }
  const auto usable = [&](const ChunkLocation& place) {
    const auto pack = packs_.find(place.pack.name);
    return pack != packs_.end() && !pack->second.unusable && !pack->second.bad.contains(chunk);
  };
  const bool good = std::ranges::any_of(*found, usable);
  if (good_.size() >= kMaxRemembered) good_.clear();
  good_[chunk] = good;
  if (good) return ok();
  for (const ChunkLocation& place : *found) hit(pack_object_name(place.pack.name), snapshot);
  if (!found->empty()) return ok();
  for (const BrokenObject& run : source_->broken()) hit(run.object, snapshot);
  if (source_->broken().empty()) {
    damage(carrier, "chunk " + to_string(chunk) + " is in no index run");
    hit(carrier, snapshot);
  }
  return ok();
}

Result<std::vector<std::pair<ObjectInfo, ObjectKind>>> Checker::list_blobs() {
  std::vector<std::pair<ObjectInfo, ObjectKind>> out;
  HF_ASSIGN(const std::vector<ObjectInfo> wal, core_.list("wal/"));
  for (const ObjectInfo& info : wal) {
    const auto name = parse_wal_name(info.name);
    if (name) out.emplace_back(info, kind_of_wal_part(name->part));
  }
  report_.wal_objects = out.size();
  HF_ASSIGN(const std::vector<ObjectInfo> attachments, core_.list("attach/"));
  for (const ObjectInfo& info : attachments) out.emplace_back(info, ObjectKind::kAttachment);
  report_.attachments = attachments.size();
  return out;
}

Status Checker::check_blobs() {
  HF_ASSIGN(const auto blobs, list_blobs());
  Totals all;
  for (const auto& [info, kind] : blobs) all.bytes += options_.read_data ? info.size : 0;
  core_.progress.phase("checking WAL and attachments", all);
  for (const auto& [info, kind] : blobs) {
    Status checked = check_blob(info, kind);
    if (!checked) HF_TRY(finding(info.name, std::move(checked).error()));
  }
  return ok();
}

Status Checker::check_blob(const ObjectInfo& info, ObjectKind kind) {
  bool told = false;
  const auto look = [&]() -> Status {
    HF_ASSIGN(const BlobHead head, read_blob_head(core_.store, info, kind, core_.writers));
    data_bytes_ += head.size;
    if (options_.hooks == nullptr ? !options_.read_data : !sampled(info.name)) return ok();
    if (options_.hooks != nullptr) {
      HF_ASSIGN(const bool read, options_.hooks->before(info));
      if (!read) return ok();
      told = true;
    }
    HF_ASSIGN(const Bytes data, core_.store.get(info.name, {head.size, head.data_length}));
    data_bytes_ += data.size();
    core_.progress.add(Counted::kBytes, head.size + data.size());
    HF_TRY(verify_blob_data(head, data, info.name));
    if (!core_.keys.can_read()) return ok();
    HF_ASSIGN(const OpenedHead opened, open_blob_head(head, kind, info.name, core_.keys));
    HF_ASSIGN(const Bytes plain, open_blob_data(head, opened, data, info.name));
    if (blob_digest(core_.keys, plain) == head.plain_digest) return ok();
    return make_error(ErrorKind::kCorrupt, info.name + ": its digest is not that of its bytes");
  };
  Status looked = look();
  if (told && (looked || looked.error().kind == ErrorKind::kCorrupt)) options_.hooks->after(info, looked.has_value());
  if (looked || looked.error().kind == ErrorKind::kNotFound) return ok();   // a frame that was sealed meanwhile
  return looked;
}

void Checker::tell(CheckReport& report) {
  for (auto& [object, found] : damaged_) {
    Damage damage;
    damage.object = object;
    damage.why = std::move(found.why);
    damage.snapshots.assign(found.snapshots.begin(), found.snapshots.end());
    damage.files = std::move(found.files);
    damage.files_total = found.files_total;
    damage.not_healed = std::move(found.not_healed);
    damage.set_aside = found.set_aside;
    report.damaged.push_back(std::move(damage));
  }
}

Result<CheckReport> Checker::run() {
  core_.progress.phase("checking leases and epochs");
  HF_TRY(check_small_objects());
  HF_TRY(heal(""));
  core_.progress.phase("reading the index");
  HF_TRY(check_index());
  HF_ASSIGN(const bool runs_healed, heal("index/"));
  if (runs_healed) {
    packs_.clear();
    report_.chunks = 0;
    HF_TRY(check_index());
  }
  HF_TRY(check_packs());
  HF_TRY(heal("packs/"));
  if (reindexed_) HF_TRY(look_at_index_again());
  // Who reads by rank comes again and again: trees are walked only to tell what damage hits.
  if (options_.hooks == nullptr || !damaged_.empty()) HF_TRY(check_snapshots());
  else HF_TRY(read_all_commits());
  if (options_.hooks == nullptr) HF_TRY(check_blobs());
  core_.progress.phase("summing up");
  report_.read_bytes += data_bytes_;
  HF_TRY(heal(""));
  HF_TRY(set_aside());
  if (options_.repair) HF_TRY(healer_.remove_leftovers());
  tell(report_);
  return std::move(report_);
}

// What decides which objects have to be there.
struct Moment {
  std::vector<std::string> names;              // of epochs, commits, leases' fates and index runs
  friend bool operator==(const Moment&, const Moment&) = default;
};

Result<Moment> this_moment(const Repository::Core& core) {
  Moment now;
  for (const char* prefix : {"epoch/", "commits/", "index/"}) {
    HF_TRY(core.store.list(prefix, [&](const ObjectInfo& info) {
      now.names.push_back(info.name);
      return ok();
    }));
  }
  return now;
}

}  // namespace

// Damage that was found while snapshots came and went, or packs were repacked, may be no more than that: looked at again.
Result<CheckReport> check_vault(Repository& repository, const CheckOptions& options) {
  for (int attempt = 1;; ++attempt) {
    HF_ASSIGN(const Moment before, this_moment(repository.core()));
    auto report = Checker(repository, options).run();
    if (attempt == kAttempts || (report && (report->damaged.empty() || options.repair))) return report;
    if (!report && report.error().kind != ErrorKind::kNotFound && report.error().kind != ErrorKind::kCorrupt) return report;
    HF_ASSIGN(const Moment after, this_moment(repository.core()));
    if (before == after) return report;
  }
}

}  // namespace hf::vault
