// All index runs of a store as one, and chunks by id out of their packs: proven, and from another place if one is damaged.
#pragma once

#include <map>
#include <memory>
#include <set>

#include "vault/core.h"
#include "vault/index.h"

namespace hf::vault {

inline constexpr std::size_t kIndexCacheBytes = 64u << 20;

class ChunkSource {
 public:
  // Lists and opens the runs. Runs that do not open are set aside: a chunk that is found nowhere is blamed on them.
  static Result<std::unique_ptr<ChunkSource>> open(const Repository::Core& core);
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
  Result<std::optional<std::uint32_t>> readable(std::size_t run, std::uint32_t row);
  explicit ChunkSource(const Repository::Core& core) : core_(core), cache_(kIndexCacheBytes) {}
  Result<PackKey*> key_of(const IndexPack& pack);
  Error not_indexed(const ChunkId& id) const;

  const Repository::Core& core_;
  BlockCache cache_;
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
