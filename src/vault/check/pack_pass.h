// All packs of the store, looked at on all cores, and those that the index names and the store lacks. Where objects are read
// by rank, WAL and attachments are among them, in one order. Invariant: what threads find is noted after all have ended, in
// the order in which objects were begun.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "vault/check/blob_check.h"
#include "vault/check/pack_check.h"

namespace hf::vault {

class PackPass {
 public:
  PackPass(const Repository::Core& core, const ReadChoice& choice, IndexedPacks& packs, BlobCheck& blobs, Findings& findings)
      : core_(core), choice_(choice), packs_(packs), blobs_(blobs), findings_(findings), check_(core, choice, packs) {}
  Status run();
  void tell(CheckReport& report) const;

 private:
  struct Task {
    const ObjectInfo* object = nullptr;
    IndexedPack* indexed = nullptr;
    std::optional<ObjectKind> blob{};      // its kind, if it is no pack
    Status result{};
  };
  Result<std::vector<Task>> choose(const std::vector<ObjectInfo>& objects);
  Result<bool> is_away(const ObjectInfo& object, const IndexedPack* indexed) const;
  void announce(const std::vector<Task>& tasks) const;
  Status check(std::span<Task> tasks);
  Status note_missing(const std::vector<ObjectInfo>& objects);

  const Repository::Core& core_;
  const ReadChoice& choice_;
  IndexedPacks& packs_;
  BlobCheck& blobs_;
  Findings& findings_;
  PackCheck check_;
  std::uint64_t listed_ = 0;
  std::uint64_t archived_ = 0;
};

}  // namespace hf::vault
