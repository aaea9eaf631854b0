// What a vault holds and what it costs: by snapshot, unique and shared, deduplicated and compressed, and how it grew.
//
// Every number is counted from the trees of the snapshots and from the index as they are now, none is taken from what a
// backup once said. Memory: about 40 bytes for each chunk of the index.
#pragma once

#include <map>
#include <vector>

#include "vault/repository.h"

namespace hf::vault {

struct SnapshotUse {
  SnapshotInfo info;
  std::uint64_t referenced_bytes = 0;    // stored bytes of its chunks, each once
  std::uint64_t unique_bytes = 0;        // ... of those that no other snapshot refers to: what forgetting it alone frees
  std::uint64_t added_bytes = 0;         // ... of those that no older snapshot refers to
};

struct ObjectCount {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
};

struct VaultStats {
  std::vector<SnapshotUse> snapshots;            // oldest first
  std::uint64_t source_bytes = 0;                // of all snapshots together, as they would be restored
  std::uint64_t chunks = 0;                      // that any snapshot refers to
  std::uint64_t plain_bytes = 0;                 // of those, each once, before compression
  std::uint64_t stored_bytes = 0;                // ... and sealed
  std::uint64_t unreferenced_bytes = 0;          // stored bytes of the index's other chunks: what prune may free
  std::map<std::string, ObjectCount> objects;    // "packs", "index", "wal", ...: by the first part of their names
  double deduplication() const { return ratio(source_bytes, plain_bytes); }
  double compression() const { return ratio(plain_bytes, stored_bytes); }

 private:
  static double ratio(std::uint64_t before, std::uint64_t after) {
    return after == 0 ? 1 : static_cast<double>(before) / static_cast<double>(after);
  }
};

Result<VaultStats> measure_vault(Repository& repository);

}  // namespace hf::vault
