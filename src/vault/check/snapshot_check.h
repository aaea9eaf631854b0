// Snapshots: does every record open, and can everything be had that they refer to? References of all of them are joined with
// the index in bounded memory; each snapshot is walked over alone only if something is lacking.
#pragma once

#include <functional>
#include <vector>

#include "vault/check/snapshot_walk.h"
#include "vault/core.h"
#include "vault/index/references.h"

namespace hf::vault {

class SnapshotCheck {
 public:
  SnapshotCheck(const Repository::Core& core, IndexedPacks& packs, Findings& findings)
      : core_(core), packs_(packs), findings_(findings), walk_(packs, findings) {}
  // REQUIRES: the packs were looked at.
  Status check(const std::vector<CommittedRecord>& commits);
  void tell(CheckReport& report) const;

 private:
  Result<bool> all_can_be_had(const std::vector<CommittedRecord>& commits);
  Status refer(const CommittedRecord& commit, const std::function<Status(const ChunkId&)>& add);
  Result<bool> join(References& references);
  Status check_one(const CommittedRecord& commit, bool whole);

  const Repository::Core& core_;
  IndexedPacks& packs_;
  Findings& findings_;
  SnapshotWalk walk_;
  std::uint64_t snapshots_ = 0;
  std::uint64_t read_bytes_ = 0;
};

}  // namespace hf::vault
