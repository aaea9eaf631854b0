#include "vault/check/snapshot_walk.h"

#include <algorithm>

#include "vault/object/names.h"

namespace hf::vault {
namespace {

constexpr std::size_t kMaxRemembered = 500'000;   // chunks that were looked up one by one: 40 MB

}  // namespace

Status SnapshotWalk::walk(const SnapshotRecord& record, const std::string& carrier, const std::string& snapshot) {
  carrier_ = carrier;
  snapshot_ = snapshot;
  path_.clear();
  for (const ChunkRef& chunk : record.tree.index) HF_TRY(check(chunk.id));
  return walk_tree(record);
}

Status SnapshotWalk::walk_tree(const SnapshotRecord& record) {
  auto tree = TreeReader::open(record.tree, packs_.source().fetcher());
  if (!tree) return broken_tree(std::move(tree).error());
  while (true) {
    auto entry = tree->next();
    if (!entry) return broken_tree(std::move(entry).error());
    if (!*entry) return ok();
    path_ = (*entry)->path;
    for (const Extent& extent : (*entry)->extents) {
      if (!extent.hole) HF_TRY(check(extent.chunk));
    }
    for (const ChunkRef& chunk : (*entry)->page_digest_chunks) HF_TRY(check(chunk.id));
  }
}

Status SnapshotWalk::broken_tree(Error error) {
  const std::string object = error.object.empty() ? carrier_ : error.object;
  if (error.kind == ErrorKind::kCorrupt) hit(object);
  return findings_.note(object, std::move(error));
}

Status SnapshotWalk::check(const ChunkId& chunk) {
  const auto known = good_.find(chunk);
  if (known != good_.end() && known->second) return ok();
  const auto places = packs_.source().index().find_all(chunk);
  if (!places && places.error().kind != ErrorKind::kCorrupt) return places.error();
  if (!places) {                                     // a block of a run is damaged: the run is already named
    findings_.hit_runs(snapshot_, path_);
    return ok();
  }
  const bool good = std::ranges::any_of(*places, [&](const ChunkLocation& place) {
    const IndexedPack* const pack = packs_.find(place.pack.name);
    return pack != nullptr && pack->gives(chunk);
  });
  if (good_.size() >= kMaxRemembered) good_.clear();
  good_[chunk] = good;
  return good ? ok() : note_lost(chunk, *places);
}

Status SnapshotWalk::note_lost(const ChunkId& chunk, const std::vector<ChunkLocation>& places) {
  for (const ChunkLocation& place : places) hit(pack_object_name(place.pack.name));
  if (!places.empty()) return ok();
  const std::vector<BrokenObject>& broken = packs_.source().broken();
  for (const BrokenObject& run : broken) hit(run.object);
  if (!broken.empty()) return ok();
  findings_.damage(carrier_, "chunk " + to_string(chunk) + " is in no index run");
  hit(carrier_);
  return ok();
}

}  // namespace hf::vault
