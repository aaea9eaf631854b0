// The packs as the index runs of now name them, each with what a check finds out about it.
//
// Memory: a sum for each pack instead of its chunks. Invariant: a pack stays where it is until the runs are read again; a pack
// gives a chunk unless it was found missing, cut short, or damaged there.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <unordered_set>
#include <vector>

#include "vault/check/findings.h"
#include "vault/chunk_source.h"
#include "vault/core.h"

namespace hf::vault {

// What the index says of a pack's chunks, in 24 bytes whatever their number: two lists with the same sum are the same, but for
// a forger's, who would have to sign the index and seal the directory.
struct ChunkSum {
  std::uint64_t count = 0;
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  void add(const PackEntry& entry);
  static ChunkSum of(const std::vector<PackEntry>& entries);
  friend bool operator==(const ChunkSum&, const ChunkSum&) = default;
};

struct IndexedPack {
  IndexPack row;
  ChunkSum chunks;                          // as the index says
  std::size_t run = 0;                      // that says so, and its row there
  std::uint32_t number = 0;
  bool unusable = false;                    // missing or cut short
  bool partly_known = false;                // its index run is damaged: `chunks` may not count all
  std::unordered_set<ChunkId, ChunkIdHash> bad;
  bool gives(const ChunkId& chunk) const { return !unusable && !bad.contains(chunk); }
};

class IndexedPacks {
 public:
  IndexedPacks(const Repository::Core& core, Findings& findings) : core_(core), findings_(findings) {}

  Status read();
  Status read_again();                      // keeps what was found about the packs
  IndexedPack* find(const PackName& name);  // null: no run names it
  // Of each run, of each row of its packs, as source() has them now.
  Result<std::vector<std::vector<const IndexedPack*>>> rows() const;
  // The chunks as the index knows them, in order of their place: the run is read through. Any thread may call it.
  Result<std::vector<PackEntry>> chunks_of(const IndexedPack& pack) const;
  // Those that are not among `present`: they give no chunk from now on.
  std::vector<PackName> mark_missing(const std::set<PackName>& present);
  ChunkSource& source() { return *source_; }           // until the runs are read again
  void tell(CheckReport& report) const;

 private:
  Status read_run(const IndexRun& run, std::size_t number);

  const Repository::Core& core_;
  Findings& findings_;
  std::unique_ptr<ChunkSource> source_;
  std::map<PackName, IndexedPack> packs_;
  std::uint64_t chunks_ = 0;
  std::uint64_t read_bytes_ = 0;
};

}  // namespace hf::vault
