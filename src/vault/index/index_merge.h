// Index runs merged into larger ones, so that a look-up asks few: of geometric sizes, as in a log-structured merge tree.
//
// By the rules for runs that are replaced (docs/format/vault-protocol.md, "Collecting", 6 and 7): the merged run is there
// before an epoch is published, and the old ones go after it. Only runs of this writer are merged, because a run vouches for
// its writer, and only those whose packs all exist and are not condemned, so that what a merge that was cut short leaves
// behind is no more than any writer's run: the same rows twice, until a later merge.
#pragma once

#include <span>
#include <vector>

#include "vault/core.h"

namespace hf::vault {

inline constexpr std::size_t kFewestMerged = 8;               // runs; fewer are left alone
inline constexpr std::uint64_t kMergedRunChunks = 2'000'000;  // in one run: 220 MB of memory while it is made
inline constexpr int kMergesAfterBackup = 2;                  // bounds what a backup adds to its end: a few seconds

// Which of the runs, given their chunks in ascending order, are to become one: how many from the beginning; 0 for none. The
// largest is at most as large as the others together, so that every row is written anew a logarithmic number of times.
std::size_t choose_merge(std::span<const std::uint64_t> chunks);

// Up to `most` merges; returns how many runs went. None where the store cannot create once or remove, and none if another
// collector publishes first: then its epoch decides, and a later merge comes anew.
Result<std::size_t> merge_runs(const Repository::Core& core, int most);

}  // namespace hf::vault
