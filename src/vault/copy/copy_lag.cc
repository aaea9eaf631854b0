#include "vault/copy/copy_lag.h"

#include <algorithm>

#include "vault/object/blob.h"
#include "vault/snapshot_record.h"
#include "vault/wal/wal_objects.h"

namespace hf::vault {
namespace {

struct NewestObject {
  WalName name;
  ObjectInfo info;
  auto place() const { return std::tuple(name.timeline, name.segment, name.part == WalPart::kSealed, name.end.value); }
};

// Of each cluster's folder, the object that ends last on the newest timeline: by names alone.
Result<std::map<std::string, NewestObject>> newest_objects(const Repository::Core& core) {
  HF_ASSIGN(const std::vector<ObjectInfo> objects, core.list("wal/"));
  std::map<std::string, NewestObject> out;
  for (const ObjectInfo& info : objects) {
    const auto name = parse_wal_name(info.name);
    if (!name || (name->part != WalPart::kFrame && name->part != WalPart::kSealed)) continue;
    const NewestObject object{*name, info};
    const auto [at, first] = out.try_emplace(name->cluster, object);
    if (!first && object.place() > at->second.place()) at->second = object;
  }
  return out;
}

struct ClusterEnd {
  std::uint64_t system_id = 0;
  WalEnd end;
};

Result<ClusterEnd> read_end(const Repository::Core& core, const NewestObject& object) {
  const ObjectKind kind = kind_of_wal_part(object.name.part);
  HF_ASSIGN(const BlobHead head, read_blob_head(core.store, object.info, kind, core.writers));
  HF_ASSIGN(const OpenedHead opened, open_blob_head(head, kind, object.info.name, core.keys));
  auto meta = decode_wal_meta(opened.metadata);
  if (!meta) return Error(std::move(meta).error()).with_context(object.info.name).with_object(object.info.name);
  return ClusterEnd{meta->system_id, {meta->timeline, meta->end, meta->times.last_commit}};
}

constexpr int kLookAttempts = 5;         // a frame goes into its segment while it is looked at

Result<std::map<std::string, ClusterEnd>> wal_ends(const Repository::Core& core, const CopyChoice& choice) {
  for (int attempt = 1;; ++attempt) {
    HF_ASSIGN(const auto newest, newest_objects(core));
    std::map<std::string, ClusterEnd> out;
    std::optional<Error> gone;
    for (const auto& [cluster, object] : newest) {
      if (!choice.takes_wal(cluster)) continue;
      auto end = read_end(core, object);
      if (!end && end.error().kind != ErrorKind::kNotFound) return std::move(end).error();
      if (end) out.emplace(cluster, *end);
      else gone = std::move(end).error();
    }
    if (!gone) return out;
    if (attempt == kLookAttempts) return listed_but_gone("wal/", *gone);
  }
}

Status add_wal(const Repository::Core& from, const Repository::Core& to, const CopyChoice& choice, CopyLag& lag) {
  HF_ASSIGN(const auto there, wal_ends(to, choice));      // the copy first: what comes meanwhile counts as lag
  HF_ASSIGN(const auto here, wal_ends(from, choice));
  for (const auto& [cluster, end] : here) {
    const auto copied = there.find(cluster);
    lag.wal.push_back({end.system_id, end.end, copied != there.end() ? std::optional(copied->second.end) : std::nullopt});
  }
  std::ranges::sort(lag.wal, {}, &WalLag::system_id);
  return ok();
}

Result<std::optional<WallTime>> newest_of(const Repository::Core& core, const std::vector<CommittedRecord>& commits,
                                          const CopyChoice& choice) {
  std::optional<WallTime> newest;
  for (const CommittedRecord& commit : commits) {
    HF_ASSIGN(const SnapshotRecord record, open_record(commit.sealed, commit.object, core.keys, core.writers));
    if (choice.takes(record.info)) newest = std::max(newest, std::optional(record.info.finished));
  }
  return newest;
}

}  // namespace

std::optional<std::uint64_t> WalLag::bytes() const {
  if (!copy || copy->timeline != source.timeline) return std::nullopt;
  return source.lsn > copy->lsn ? source.lsn - copy->lsn : 0;
}

std::optional<Micros> WalLag::time() const {
  if (copy && *copy == source) return Micros(0);
  if (!copy || !copy->last_commit || !source.last_commit) return std::nullopt;
  return std::max(Micros(0), *source.last_commit - *copy->last_commit);
}

std::optional<Micros> CopyLag::time() const {
  if (!newest_in_source || !newest_in_copy) return std::nullopt;
  return std::max(Micros(0), *newest_in_source - *newest_in_copy);
}

Result<CopyLag> measure_lag(const Repository::Core& from, const Repository::Core& to, const CopyChoice& choice) {
  CopyLag lag;
  HF_ASSIGN(const std::vector<CommittedRecord> there, read_commits(to, nullptr));
  HF_ASSIGN(std::vector<CommittedRecord> here, read_commits(from, nullptr));
  HF_ASSIGN(here, choice.choose(std::move(here)));
  std::set<SnapshotId> copied;
  for (const CommittedRecord& c : there) copied.insert(c.id);
  for (const CommittedRecord& c : here) lag.snapshots += copied.contains(c.id) ? 0 : 1;
  if (!from.keys.can_read() || !to.keys.can_read()) return lag;
  HF_ASSIGN(lag.newest_in_source, newest_of(from, here, choice));
  HF_ASSIGN(lag.newest_in_copy, newest_of(to, there, choice));
  HF_TRY(add_wal(from, to, choice, lag));
  return lag;
}

}  // namespace hf::vault
