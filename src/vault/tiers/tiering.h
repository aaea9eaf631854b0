// Moving packs of file data to a colder storage class by age. What it costs is known before anything moves.
//
// Only packs of file data move, never metadata, indexes or commits, which each listing and restore reads. A move is one copy of
// the object onto itself by the store: whoever reads meanwhile reads the same bytes. A pack that a prune removes meanwhile is
// gone; one that comes back by a copy that was slower is found by the next prune, as any pack that nothing needs.
#pragma once

#include <string>
#include <vector>

#include "vault/repository.h"

namespace hf::vault {

struct TierOptions {
  std::string to;                              // storage class
  Micros after{0};                             // since the pack was put, by the store's own clock
  std::vector<std::string> stay;               // components whose packs do not move
  bool apply = false;
};

struct TierMove {
  std::string object;
  std::uint64_t bytes = 0;
  std::string from;                            // storage class
  Micros age{0};
};

struct TierReport {
  std::vector<TierMove> moves;                 // what moved, or would
  std::uint64_t bytes = 0;
  std::uint64_t moved = 0;                     // with `apply`
  std::uint64_t locked = 0;                    // packs that would move: their old versions would stay and be paid for, too
  std::uint64_t locked_bytes = 0;
  std::uint64_t staying = 0;                   // of components whose packs do not move
  Micros least{0};                             // that the class charges for, whatever becomes of a pack
  double request_dollars = 0;
  double least_dollars = 0;                    // for `least`, of all that moves
  double early_dollars = 0;                    // of what leaves a class before its own least is over
  double saved_dollars_month = 0;
};

// kUsage: no such class. kUnsupported: the store has no classes.
Result<TierReport> tier_vault(Repository& repository, const TierOptions& options);

}  // namespace hf::vault
