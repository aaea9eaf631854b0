// What the snapshots of a vault need of its packs: the mark of mark and sweep.
//
// References are joined with the index runs (references.h); what stays in memory is one bit for each row of the index and one
// record for each pack, whatever the number of snapshots. Invariant: a chunk that
// a snapshot refers to and that lies in no pack that exists is an error, never a chunk that is not needed.
#pragma once

#include <map>
#include <vector>

#include "vault/chunk_source.h"
#include "vault/core.h"
#include "vault/index/references.h"

namespace hf::vault {

struct PackUse {
  std::uint64_t size = 0;                // of the object
  std::uint64_t rows_bytes = 0;          // stored bytes of all its chunks that the index knows
  std::uint64_t counted_bytes = 0;       // ... of live chunks whose counted copy is here
  std::uint64_t only_here = 0;           // live chunks that lie in no other pack that could stand in for this one
  std::uint64_t live = 0;                // live chunks, counted or not
  bool indexed = false;
  bool condemned = false;
  std::optional<WallTime> needed;        // to be locked until then, by Marker::lock_by
  crypto::PublicKey writer{};
};

struct Marks {
  std::map<PackName, PackUse> packs;     // those that exist
  std::uint64_t live_chunks = 0;
};

// `listed`: the packs that exist. `epoch`: copies in what it condemns are not counted. A copy stands in for another one only
// if the same writer made it, or this one: nobody else's chunks are believed without reading them.
class Marker {
 public:
  // `alive` is called often: whoever holds leases meanwhile beats them.
  Marker(const Repository::Core& core, const std::map<PackName, std::uint64_t>& listed, const Epoch& epoch,
         std::function<Status()> alive = [] { return ok(); });
  // kCorrupt, naming the object: a snapshot lacks something, and nothing may be swept on this basis.
  Result<Marks> mark(const std::vector<CommittedRecord>& snapshots);
  ChunkSource& source() { return *source_; }
  // The live chunks of `pack` that lie nowhere else, in this pass's memory: for rescuing them. After mark().
  const std::map<PackName, std::vector<std::pair<PackEntry, PackKind>>>& to_rescue() const { return rescue_; }
  // Packs whose only copies are to be remembered, up to so many chunks. Before mark().
  void remember(std::set<PackName> packs, std::size_t limit) { remember_ = std::move(packs); remember_limit_ = limit; }
  // Until when the objects of a snapshot are to be locked: each pack gets the latest of those that use it, exact to a day.
  // Before mark().
  void lock_by(std::function<WallTime(const CommittedRecord&)> until) { until_ = std::move(until); }

 private:
  struct Copy {
    PackName name;
    PackUse* use = nullptr;
    PackEntry chunk;
    PackKind kind = PackKind::kData;
  };
  Status walk(const CommittedRecord& commit);
  Status walk_by_need(std::vector<CommittedRecord> snapshots);
  Status refer(const ChunkId& id);
  Status join();
  Status open_runs();
  Status choose();
  void choose_copies(std::vector<Copy>& copies, bool live);

  const Repository::Core& core_;
  const std::map<PackName, std::uint64_t>& listed_;
  const Epoch& epoch_;
  std::function<Status()> alive_;
  std::unique_ptr<ChunkSource> source_;
  References references_;
  std::vector<std::vector<bool>> marked_;            // of each run, of each row
  std::vector<std::vector<PackName>> rows_;          // of each run, its packs
  std::vector<std::vector<PackKind>> kinds_;
  std::string walking_;                              // the snapshot's object, for errors
  Marks marks_;
  std::set<PackName> remember_;
  std::size_t remember_limit_ = 0;
  std::function<WallTime(const CommittedRecord&)> until_;
  std::optional<WallTime> walking_until_;            // of the snapshots whose references are in the buffer
  std::map<PackName, std::vector<std::pair<PackEntry, PackKind>>> rescue_;
};

}  // namespace hf::vault
