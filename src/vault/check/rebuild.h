// The index, and as far as they can be known the snapshots, from nothing but packs.
//
// Every pack that no readable index run names is read whole: proven chunk by chunk, repaired by its parity where it must
// be, and named by new runs of this writer. Index runs that do not open go after that. Invariant: nothing that can be read
// is removed; a chunk that could not be proven is in no run.
#pragma once

#include "vault/repository.h"

namespace hf::vault {

struct RebuildOptions {
  bool snapshots = false;                    // also commits, from the notes in packs, where no commit has them
};

struct RebuiltSnapshot {
  std::string id;                            // a new one: its record is signed by who rebuilds
  std::string component;
  WallTime started{};
};

struct RebuildReport {
  std::uint64_t packs = 0;                   // that are there
  std::uint64_t indexed_packs = 0;           // by this call
  std::uint64_t indexed_chunks = 0;
  std::uint64_t removed_runs = 0;            // that did not open
  std::uint64_t read_bytes = 0;
  std::vector<RebuiltSnapshot> snapshots;
  std::vector<Healed> healed;                // packs
  std::vector<Damage> damaged;               // packs, with chunks that are in no run now
};

// kDenied without a read key. Idempotent.
Result<RebuildReport> rebuild_vault(Repository& repository, const RebuildOptions& options);

}  // namespace hf::vault
