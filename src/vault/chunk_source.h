// All index runs of a store as one, and chunks by id out of their packs: proven, and from another place if one is damaged.
//
// Runs are replaced and packs are repacked while readers are at work. So the runs are those of one moment (list_runs), and a
// chunk that is not found is looked for again in the runs of now, before anybody says that it is missing.
#pragma once

#include <map>
#include <memory>
#include <set>

#include "vault/core.h"
#include "vault/index/index.h"

namespace hf::vault {

inline constexpr std::size_t kIndexCacheBytes = 64u << 20;

// The index runs that exist, such that no chunk is hidden by a run that is replaced meanwhile: a collector publishes an epoch
// after the new run is there and before the old one goes, so a listing between two looks at the same epoch misses neither.
// kBusy if epochs follow each other too fast.
Result<std::vector<ObjectInfo>> list_runs(const Repository::Core& core);

class ChunkSource {
 public:
  enum class Runs : std::uint8_t { kFollow, kFixed };   // kFixed: never reloads, the caller keeps numbers of runs
  // Lists and opens the runs. Runs that do not open are set aside: a chunk that is found nowhere is blamed on them.
  static Result<std::unique_ptr<ChunkSource>> open(const Repository::Core& core, Runs runs = Runs::kFollow);
  // Takes up the runs of now; ends every reference to index(). True if they are others than before.
  Result<bool> reload();
  const std::vector<BrokenObject>& broken() const { return broken_; }

  const IndexSet& index() const { return index_; }
  // The chunk, from the newest place that gives it. kCorrupt, naming the pack of the newest place, if none does.
  Result<Bytes> read(const ChunkId& id);
  Result<Bytes> read(const ChunkLocation& location);
  FetchChunk fetcher();

  // A pack that exists with its size, and its key.
  struct ReadablePack {
    IndexPack row;
    std::string object;
    PackKey key;
  };
  struct Place {
    PackEntry chunk;
    std::uint32_t pack = 0;            // for pack()
  };
  // Where to read the chunk in a pack that exists with its size; kCorrupt, naming a pack, if there is none.
  Result<Place> locate(const ChunkId& id);
  const ReadablePack& pack(std::uint32_t number) const { return *packs_[number]; }

 private:
  ChunkSource(const Repository::Core& core, Runs runs) : core_(core), runs_(runs), cache_(kIndexCacheBytes) {}
  Status open_runs(const std::vector<ObjectInfo>& listed);
  Result<bool> reload_after(const Error& error);
  Result<Bytes> read_once(const ChunkId& id);
  Result<Place> locate_once(const ChunkId& id);
  Result<std::optional<std::uint32_t>> readable(std::size_t run, std::uint32_t row);
  Result<PackKey*> key_of(const IndexPack& pack);
  Error not_indexed(const ChunkId& id) const;

  const Repository::Core& core_;
  const Runs runs_;
  BlockCache cache_;
  std::vector<std::string> names_;                      // of the runs, broken ones too
  std::optional<MonoTime> in_vain_;                     // when the last reload found nothing new
  IndexSet index_;
  std::vector<BrokenObject> broken_;
  std::map<PackName, PackKey> keys_;
  std::vector<std::unique_ptr<ReadablePack>> packs_;
  std::vector<std::vector<std::int64_t>> numbers_;      // of each run, of each row: in packs_, or one of the two below
  std::vector<IndexSet::Place> found_;
};

// The store's object as a range reader.
RangeReader store_range(Store& store, std::string name);

}  // namespace hf::vault
