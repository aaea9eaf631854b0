// Object Lock of what snapshots rest on. An object is locked when it is put; what a later snapshot still uses is locked
// anew, before that snapshot is committed, so that no commit is locked for longer than what it needs.
//
// A lock is renewed only when it ends before it must, and then by more than it must (lock_stride in store/keeper.h): a pack
// that every backup uses costs one request to look at each time, and one to lock now and then.
#pragma once

#include <string>
#include <vector>

#include "vault/chunk_source.h"
#include "vault/collect/mark.h"
#include "vault/core.h"
#include "vault/store/keeper.h"

namespace hf::vault {

inline constexpr Micros kCommitWait = 10min;   // from locking what a commit needs until the commit is put, at most

struct LockNeed {
  std::string object;
  std::uint64_t size = 0;
  WallTime until{};
};

// The store's retention; nothing where it locks nothing.
std::optional<Micros> retain_of(const Repository::Core& core);
// kBlocked where the vault was made with locks and the address does not say for how long.
Status check_retain(const Repository::Core& core);
// Renews the locks that end too early, many at a time. The newest config and the store's own object are added to them.
Result<LockTotals> renew_locks(const Repository::Core& core, std::vector<LockNeed> needs);
// The packs that a marker found needed until some time (Marker::lock_by), and the index runs that name them.
std::vector<LockNeed> needs_of(const ChunkSource& source, const Marks& marks);

// Why an object is not to be removed now; nothing where it is free. Asked of the store only where that locks.
struct LockedObject {
  std::string object;
  std::uint64_t bytes = 0;
  std::optional<WallTime> until;
  bool held = false;                            // by a legal hold
};
Result<std::optional<LockedObject>> find_lock(const Repository::Core& core, const std::string& object, std::uint64_t bytes);
std::string describe(const LockedObject& locked);   // "locked until 2027-01-01T00:00:00Z"

}  // namespace hf::vault
