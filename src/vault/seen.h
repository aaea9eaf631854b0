// What this machine saw of a store: the highest numbers of its configs, epochs and commits, which never fall. A store that shows
// lower ones was put back to an older state, by a restored disk or by somebody who hides a dropped key or a snapshot.
//
// Kept in the local state, one small file for each store and address, with a keyed checksum. Invariant: the numbers in it
// only rise, but where a person accepted an older store, which stands in it. A memory that is damaged or forged is begun anew,
// and said.
#pragma once

#include <vector>

#include "vault/core.h"

namespace hf::vault {

struct Seen {
  std::uint64_t config = 0;
  std::uint64_t epoch = 0;
  std::uint64_t commit = 0;
  friend bool operator==(const Seen&, const Seen&) = default;
};

struct Accepted {
  WallTime when{};
  Seen before;
  Seen after;
};

struct SeenMemory {
  Seen highest;
  std::vector<Accepted> accepted;          // the newest last; a few of them
};

Result<SeenMemory> read_seen(const Repository::Core& core);       // kNotFound: never seen; kCorrupt: damaged or forged
// kBlocked if the store shows less than was seen, and `accept_older` does not say that this is right. Remembers what it shows.
Status check_seen(const Repository::Core& core, bool accept_older);

}  // namespace hf::vault
