// A snapshot walked over, to tell what damage hits: each chunk that no pack gives, by the object that should have given it and
// the file that loses it. One thread at a time.
#pragma once

#include <string>
#include <unordered_map>

#include "vault/check/findings.h"
#include "vault/check/indexed_packs.h"
#include "vault/snapshot_record.h"

namespace hf::vault {

class SnapshotWalk {
 public:
  SnapshotWalk(IndexedPacks& packs, Findings& findings) : packs_(packs), findings_(findings) {}
  // `carrier`: the object with the record, blamed where no other one can be. `snapshot`: its hex id.
  Status walk(const SnapshotRecord& record, const std::string& carrier, const std::string& snapshot);

 private:
  Status walk_tree(const SnapshotRecord& record);
  Status broken_tree(Error error);
  Status check(const ChunkId& chunk);
  Status note_lost(const ChunkId& chunk, const std::vector<ChunkLocation>& places);
  void hit(const std::string& object) { findings_.hit(object, snapshot_, path_); }

  IndexedPacks& packs_;
  Findings& findings_;
  std::string carrier_;
  std::string snapshot_;
  std::string path_;                         // of the entry that is walked over; empty before the first
  std::unordered_map<ChunkId, bool, ChunkIdHash> good_;
};

}  // namespace hf::vault
