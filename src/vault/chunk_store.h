// Where a session's chunks go: known ones nowhere, new ones into packs, packs into the store, their rows into index runs.
//
// Invariant: a chunk counts as stored only for this session until flush(); after it, every pack and index run is durable.
#pragma once

#include <unordered_set>

#include "vault/chunk_source.h"
#include "vault/core.h"
#include "vault/pack.h"

namespace hf::vault {

struct StoredTotals {
  std::uint64_t new_bytes = 0;       // plaintext of new chunks
  std::uint64_t stored_bytes = 0;    // packs and index runs
};

class ChunkStore {
 public:
  // After the lease was opened: lists the packs and index runs.
  static Result<std::unique_ptr<ChunkStore>> open(const Repository::Core& core, Lease& lease);

  Result<bool> known(const ChunkId& id) const;        // may be referred to by this session
  Status put(PackKind kind, const ChunkId& id, ByteView plain);
  StoreChunk metadata();                              // for trees and page digests
  Status flush();
  const StoredTotals& totals() const { return totals_; }

 private:
  struct OpenPack {
    PackKind kind = PackKind::kData;
    std::optional<PackWriter> writer;
    std::unique_ptr<Bytes> bytes = std::make_unique<Bytes>();
  };
  ChunkStore(const Repository::Core& core, Lease& lease) : core_(core), lease_(lease) {}
  Status add_to_pack(OpenPack& pack, const ChunkId& id, ByteView plain);
  Status close_pack(OpenPack& pack);
  Status write_run();

  const Repository::Core& core_;
  Lease& lease_;
  std::unique_ptr<ChunkSource> source_;
  std::set<PackName> present_;
  IndexSet::Usable usable_;
  std::unordered_set<ChunkId, ChunkIdHash> ours_;
  OpenPack data_{PackKind::kData};
  OpenPack trees_{PackKind::kMetadata};
  IndexRunWriter run_;
  std::uint32_t next_pack_ = 0;
  std::uint32_t next_run_ = 0;
  StoredTotals totals_;
};

}  // namespace hf::vault
