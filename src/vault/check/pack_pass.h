// All packs of the store, looked at on all cores, and those that the index names and the store lacks. Where objects are read
// by rank, WAL and attachments are among them, in one order. Invariant: what a thread finds is noted after all have ended, in
// the order in which objects were begun.
#pragma once

#include <optional>
#include <set>
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
    ObjectInfo object;
    IndexedPack* indexed = nullptr;
    std::optional<ObjectKind> blob{};      // its kind, if it is no pack
    Status result{};
  };
  Status choose_packs();
  Status choose_pack(const ObjectInfo& object, const PackName& name);
  Result<bool> is_away(const ObjectInfo& object) const;
  Status choose_blobs();
  void announce() const;
  Status check();
  Status note_missing();

  const Repository::Core& core_;
  const ReadChoice& choice_;
  IndexedPacks& packs_;
  BlobCheck& blobs_;
  Findings& findings_;
  PackCheck check_;
  std::vector<Task> tasks_;
  std::set<PackName> present_;
  std::uint64_t listed_ = 0;
  std::uint64_t archived_ = 0;
};

}  // namespace hf::vault
