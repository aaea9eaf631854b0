#include "vault/check/heal.h"

#include <algorithm>

#include "base/hex.h"
#include "vault/check/findings.h"
#include "vault/check/read_around.h"
#include "vault/chunk_source.h"
#include "vault/collect/collect.h"
#include "vault/object/blob.h"
#include "vault/object/names.h"
#include "vault/pack/parity.h"
#include "vault/pack/record_reader.h"
#include "vault/parts.h"
#include "vault/snapshot_record.h"
#include "vault/store/probe.h"
#include "vault/wal/wal_objects.h"

namespace hf::vault {
namespace {

constexpr std::size_t kProofCacheBytes = 8u << 20;

// What says something of the object, and not of the store.
bool is_damage(const Error& error) {
  return Findings::is_damage(error.kind) || error.kind == ErrorKind::kNotFound;
}

Error not_healed(const std::string& object, const std::string& reasons) {
  return make_error(ErrorKind::kCorrupt, object + " could not be healed: " + reasons).with_object(object);
}

// Proven bytes beside the damaged ones, then in their place, then read back.
Status replace_object(Store& store, crypto::Entropy& entropy, const std::string& object, ByteView bytes) {
  const auto holds = [&](const std::string& name) -> Status {
    HF_ASSIGN(const Bytes stored, store.get(name));
    if (std::ranges::equal(stored, bytes)) return ok();
    return make_error(ErrorKind::kCorrupt, name + ": the store does not give back what was written").with_object(name);
  };
  const std::string beside = std::string(kHealedPrefix) + entropy.hex_id();
  HF_TRY(store.put(beside, bytes, PutMode::kCreate));
  Status done = holds(beside);
  if (done) done = store.put(object, bytes, PutMode::kReplace);
  if (!done && done.error().effect == Effect::kMaybe) done = ok();    // what is there is looked at now
  if (done) done = holds(object);
  // The proven bytes stay where they are then: the next healing takes them, and removes them.
  if (!done) return Error(std::move(done).error()).with_context("replacing " + object);
  return store.remove(beside);
}

}  // namespace

Status Healer::replace(const std::string& object, ByteView bytes) {
  HF_TRY(core_.check_writable());
  return replace_object(core_.store, core_.entropy, object, bytes);
}

Status Healer::remove_leftovers() {
  HF_ASSIGN(const std::vector<ObjectInfo> left, core_.list(std::string(kHealedPrefix)));
  for (const ObjectInfo& info : left) HF_TRY(core_.store.remove(info.name));
  return ok();
}

// Everything that is sealed in it, and its parity.
Result<OpenedPack> Healer::prove_records(const std::string& object, ByteView bytes) const {
  HF_ASSIGN(OpenedPack opened, read_pack_directory(memory_range(bytes), bytes.size(), core_.keys, object));
  RecordReader records(core_.hasher);
  HF_TRY(records.read(opened.key, opened.entries, 0, bytes, object, [](std::size_t, const Result<ByteView>& plain) {
    return plain ? ok() : Status(plain.error());
  }));
  const auto parity = ParityLayout::of(opened.footer);
  if (!parity) return opened;
  HF_TRY(check_parity(*parity, bytes.last(kPackFooterBytes), bytes.subspan(parity->covered, parity->length()), object));
  return opened;
}

// By the index, or by everything that is sealed in it: where no run names it, or where the index was rebuilt while it was
// damaged. The header stands in the row then: nobody else can seal anything under its key.
Status Healer::prove_pack(const std::string& object, ByteView bytes, const IndexPack* row) const {
  if (row != nullptr && bytes.size() == row->size && pack_digest(bytes) == row->digest) return ok();
  const auto opened = prove_records(object, bytes);
  if (row == nullptr) return opened ? ok() : Status(opened.error());
  if (opened && opened->header == row->header) return ok();
  return make_error(ErrorKind::kCorrupt, "these are not the bytes that the index knows");
}

Result<std::optional<std::vector<Healed>>> Healer::index_anew(const std::string& object, const IndexPack* row) {
  const auto name = parse_pack_name(object);
  HF_ASSIGN(const Bytes bytes, core_.store.get(object));
  const crypto::Digest digest = pack_digest(bytes);
  if (!name || (row != nullptr && row->digest == digest && row->size == bytes.size())) return std::nullopt;
  HF_ASSIGN(OpenedPack opened, prove_records(object, bytes));
  std::ranges::sort(opened.entries, {}, &PackEntry::offset);
  const FinishedPack pack{opened.key.kind, bytes.size(), digest, opened.header, std::move(opened.entries)};
  HF_ASSIGN(const std::unique_ptr<Lease> lease, Lease::open(core_));
  auto indexed = index_under(*lease, *name, pack);
  lease->give_up();                                  // it refers to nothing: its run is found by its name
  return indexed;
}

Result<std::optional<std::vector<Healed>>> Healer::index_under(const Lease& lease, const PackName& name,
                                                               const FinishedPack& pack) {
  HF_ASSIGN(const std::set<PackName> gone, gone_for_good(core_, lease.epoch()));
  HF_ASSIGN(const std::vector<SessionState> sessions, read_sessions(core_));
  const bool under_way = std::ranges::any_of(
      sessions, [&](const SessionState& s) { return s.session == name.session && s.open && !s.fate; });
  if (lease.epoch().forbids(name) || gone.contains(name) || under_way) return std::nullopt;
  HF_ASSIGN(const auto source, ChunkSource::open(core_));
  IndexRunWriter writer;
  writer.add(name, pack);
  const std::string run_name = index_name(lease.session(), 0);
  HF_ASSIGN(const Bytes encoded, writer.finish(core_.entropy, core_.keys, run_name));
  HF_TRY(core_.create_once(run_name, encoded));
  std::vector<Healed> out;
  for (const IndexRun& run : source->index().runs()) {
    if (run.packs() != 1) continue;
    HF_ASSIGN(const IndexPack other, run.pack(0));
    if (other.name != name || other.digest == pack.digest) continue;
    HF_TRY(core_.store.remove(run.name()));
    out.push_back({run.name(), "it knew " + pack_object_name(name) + " as it was while damaged", "packs", ""});
  }
  return out;
}

Status Healer::prove_run(const std::string& object, ByteView bytes) const {
  BlockCache cache(kProofCacheBytes);
  HF_ASSIGN(const IndexRun run, IndexRun::open(object, bytes.size(), memory_range(bytes), core_.keys, core_.writers, cache));
  for (std::uint32_t row = 0; row < run.packs(); ++row) HF_TRY(run.pack(row));
  return run.for_each([](const IndexEntry&) { return ok(); });
}

Status Healer::prove_config(const std::string& object, ByteView bytes) const {
  HF_ASSIGN(const Config config, parse_config(bytes, object));
  if (config.vault == core_.config.vault && config.admin_public == core_.keys.admin_public) return ok();
  return make_error(ErrorKind::kCorrupt, object + ": is of another vault");
}

Status Healer::prove_blob(const std::string& object, ByteView bytes) const {
  const auto wal = parse_wal_name(object);
  const ObjectKind kind = wal ? kind_of_wal_part(wal->part) : ObjectKind::kAttachment;
  HF_ASSIGN(const BlobHead head, parse_blob_head(bytes, bytes.size(), kind, object, core_.writers));
  return prove_blob_data(head, bytes.subspan(static_cast<std::size_t>(head.size)), kind, object, core_.keys);
}

Status Healer::prove(const std::string& object, ByteView bytes) const {
  if (object.starts_with("index/")) return prove_run(object, bytes);
  if (object.starts_with("config/")) return prove_config(object, bytes);
  if (object.starts_with("wal/") || object.starts_with("attach/")) return prove_blob(object, bytes);
  return make_error(ErrorKind::kUnsupported, "no copy of the vault has the same");
}

Result<Healed> Healer::from_copies(const std::string& object, const std::string& why, const Proof& proof) {
  std::string reasons;
  HF_ASSIGN(const std::vector<ObjectInfo> left, core_.list(std::string(kHealedPrefix)));
  for (const ObjectInfo& info : left) {              // of a healing that was cut short
    auto bytes = core_.store.get(info.name);
    if (!bytes || !proof(*bytes)) continue;
    HF_TRY(replace(object, *bytes));
    return Healed{object, why, "copy", info.name};
  }
  for (Repository* copy : copies_) {
    auto bytes = copy->core().store.get(object);
    Status good = bytes ? proof(*bytes) : Status(bytes.error());
    if (good) {
      HF_TRY(replace(object, *bytes));
      return Healed{object, why, "copy", copy->place()};
    }
    reasons += (reasons.empty() ? "" : "; ") + copy->place() + ": " + good.error().text;
  }
  return not_healed(object, reasons.empty() ? "no copy of the vault was named" : reasons);
}

// What a collector removed stays removed.
Status Healer::may_come_back(const std::string& object) const {
  HF_ASSIGN(const Epoch newest, read_newest_epoch(core_));
  HF_ASSIGN(const std::set<PackName> gone, gone_for_good(core_, newest));
  const auto name = parse_pack_name(object);
  if (!name || newest.forbids(*name) || gone.contains(*name)) return not_healed(object, "nothing needed it, and it was removed");
  return ok();
}

Result<Healed> Healer::heal_pack(const std::string& object, const IndexPack* row, const std::string& why) {
  std::string reason;
  auto damaged = core_.store.get(object);
  if (!damaged && damaged.error().kind == ErrorKind::kCorrupt) damaged = read_around(core_.store, object);
  if (!damaged && !is_damage(damaged.error())) return std::move(damaged).error();
  if (!damaged && damaged.error().kind == ErrorKind::kNotFound) HF_TRY(may_come_back(object));
  if (damaged) {
    auto repaired = repair_pack(*damaged, object);
    Status proven = repaired ? prove_pack(object, repaired->object, row) : Status(repaired.error());
    if (proven) {
      HF_TRY(replace(object, repaired->object));
      return Healed{object, why, "parity", ""};
    }
    reason = proven.error().text + "; ";
  }
  auto healed = from_copies(object, why, [&](ByteView bytes) { return prove_pack(object, bytes, row); });
  if (!healed && healed.error().kind == ErrorKind::kCorrupt) return Error(std::move(healed).error()).with_context(reason);
  return healed;
}

Result<Healed> Healer::heal(const std::string& object, const std::string& why) {
  if (object == kStoreObject) return heal_store_object(why);
  if (object.starts_with("commits/")) return heal_commit(object, why);
  return from_copies(object, why, [&](ByteView bytes) { return prove(object, bytes); });
}

namespace {

// How many bytes of the sealed record are still in the damaged commit at their places. Two different records share none
// but their headers: all else is a random key and what it sealed.
std::size_t shared_bytes(ByteView damaged, ByteView whole) {
  std::size_t equal = 0;
  for (std::size_t i = 0; i < std::min(damaged.size(), whole.size()); ++i) equal += damaged[i] == whole[i] ? 1 : 0;
  return equal;
}

}  // namespace

// The same snapshot may have another number in a copy, and a copy may have snapshots that were forgotten here. So the
// record is taken that the damaged object still shows; where it shows none, that of the same number, if all snapshots that
// both have stand under the same numbers in both. Its commit is then signed anew, as copying does.
Result<const CommittedRecord*> Healer::lost_record(const std::string& object, ByteView left,
                                                   const std::vector<CommittedRecord>& theirs) const {
  std::vector<BrokenObject> broken;
  HF_ASSIGN(const std::vector<CommittedRecord> here, read_commits(core_, &broken));
  std::map<SnapshotId, std::uint64_t> numbers;
  for (const CommittedRecord& commit : here) numbers.emplace(commit.id, commit.number);
  const CommittedRecord* same_number = nullptr;
  bool common = false, in_step = true;
  for (const CommittedRecord& commit : theirs) {
    const auto known = numbers.find(commit.id);
    if (known != numbers.end()) {
      common = true;
      in_step = in_step && known->second == commit.number;
      continue;
    }
    const Bytes whole = core_.make_signed(object, ObjectKind::kCommit, commit.sealed);
    if (shared_bytes(left, whole) * 2 >= whole.size()) return &commit;
    if (parse_commit_name(object) == commit.number) same_number = &commit;
  }
  return common && in_step ? same_number : nullptr;
}

Result<Healed> Healer::heal_commit(const std::string& object, const std::string& why) {
  auto damaged = core_.store.get(object);
  if (!damaged && !is_damage(damaged.error())) return std::move(damaged).error();
  const Bytes left = damaged ? *damaged : Bytes();
  std::string reasons;
  for (Repository* copy : copies_) {
    HF_ASSIGN(const std::vector<CommittedRecord> commits, read_commits(copy->core(), nullptr));
    HF_ASSIGN(const CommittedRecord* const lost, lost_record(object, left, commits));
    if (lost != nullptr) {
      HF_TRY(verify_sealed_record(lost->sealed, lost->object, core_.writers));
      HF_TRY(replace(object, core_.make_signed(object, ObjectKind::kCommit, lost->sealed)));
      return Healed{object, why, "copy", copy->place()};
    }
    reasons += (reasons.empty() ? "" : "; ") + copy->place() + " has no snapshot that it could have been";
  }
  return not_healed(object, reasons.empty() ? "no copy of the vault was named" : reasons);
}

// The id names this store among its copies, and nothing else: a new one is as good.
Result<Healed> Healer::heal_store_object(const std::string& why) {
  const std::string name(kStoreObject);
  HF_TRY(replace(name, encode_store_object(core_.store_id, core_.abilities)));
  return Healed{name, why, "anew", ""};
}

Result<std::set<PackName>> gone_for_good(const Repository::Core& core, const Epoch& newest) {
  HF_ASSIGN(const std::vector<ObjectInfo> epochs, core.list("epoch/"));
  std::set<PackName> out;
  for (const ObjectInfo& info : epochs) {
    if (!parse_epoch_name(info.name)) continue;
    HF_ASSIGN(const SignedObject object, core.read_signed(info.name, ObjectKind::kEpoch));
    HF_ASSIGN(const Epoch epoch, decode_epoch(object.body));
    for (const Condemned& row : epoch.condemned) out.insert(row.pack);
    out.insert(epoch.swept.begin(), epoch.swept.end());
  }
  for (const Condemned& row : newest.condemned) out.erase(row.pack);      // may still hold what nothing else does
  return out;
}

Status condemn_packs(const Repository::Core& core, std::set<PackName>& packs) {
  constexpr int kAttempts = 5;                       // while collectors publish
  for (int attempt = 1;; ++attempt) {
    HF_ASSIGN(Epoch next, read_newest_epoch(core));
    HF_ASSIGN(const std::vector<SessionState> sessions, read_sessions(core));
    for (const SessionState& s : sessions) {
      const bool under_way = s.open && !s.fate;
      if (under_way) std::erase_if(packs, [&](const PackName& pack) { return pack.session == s.session; });
    }
    ++next.number;
    bool more = false;
    for (const PackName& pack : packs) {
      if (next.find_condemned(pack) != nullptr) continue;
      next.condemned.push_back({pack, next.number});
      std::ranges::sort(next.condemned, {}, &Condemned::pack);
      more = true;
    }
    if (!more) return ok();
    HF_ASSIGN(const std::vector<ObjectInfo> commits, core.list("commits/"));
    for (const ObjectInfo& info : commits) {
      next.highest_commit = std::max(next.highest_commit, parse_commit_name(info.name).value_or(0));
    }
    Status published = publish_epoch(core, std::move(next));
    if (published || published.error().kind != ErrorKind::kExists || attempt == kAttempts) return published;
  }
}

namespace {

// By the same config of a copy.
Status heal_config(const RepositoryContext& context, std::span<Repository* const> copies, const std::string& name,
                   const std::string& why, std::vector<Healed>& healed) {
  std::string reasons;
  for (Repository* copy : copies) {
    const auto bytes = copy->core().store.get(name);
    const auto config = bytes ? parse_config(*bytes, name) : Result<Config>(bytes.error());
    Status good = config ? ok() : Status(config.error());
    if (config && config->admin_public != copy->core().keys.admin_public) good = make_error(ErrorKind::kCorrupt, "another admin");
    if (good) {
      HF_TRY(replace_object(context.store, context.entropy, name, *bytes));
      healed.push_back({name, why, "copy", copy->place()});
      return ok();
    }
    reasons += (reasons.empty() ? "" : "; ") + copy->place() + ": " + good.error().text;
  }
  return not_healed(name, reasons.empty() ? "no copy of the vault was named" : reasons);
}

}  // namespace

Status heal_opening(const RepositoryContext& context, std::span<Repository* const> copies, std::vector<Healed>& healed) {
  std::pair<std::uint64_t, std::string> newest;
  HF_TRY(context.store.list("config/", [&](const ObjectInfo& info) {
    if (const auto number = parse_config_name(info.name)) newest = std::max(newest, {*number, info.name});
    return ok();
  }));
  if (const std::string& name = newest.second; !name.empty()) {
    const auto bytes = context.store.get(name);
    const auto config = bytes ? parse_config(*bytes, name) : Result<Config>(bytes.error());
    if (!config && config.error().kind == ErrorKind::kCorrupt)
      HF_TRY(heal_config(context, copies, name, config.error().text, healed));
  }
  const auto object = read_store_object(context.store);
  if (object || object.error().kind != ErrorKind::kCorrupt) return ok();
  StoreId id{};
  context.entropy.fill(id);
  HF_ASSIGN(const StoreAbilities abilities, probe_store(context.store, context.entropy, context.clock));
  HF_TRY(replace_object(context.store, context.entropy, std::string(kStoreObject), encode_store_object(id, abilities)));
  healed.push_back({std::string(kStoreObject), object.error().text, "anew", ""});
  return ok();
}

}  // namespace hf::vault
