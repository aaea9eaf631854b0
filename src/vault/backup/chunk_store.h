// Where a session's chunks go: known ones nowhere, new ones into packs, packs into the store, their rows into index runs.
//
// Any thread may call it. Places in the open pack are given out under a lock; compressing, sealing, finishing and
// storing happen outside of it, in the calling thread. Invariant: a chunk counts as stored only for this session until
// flush(); after it, every pack and index run is durable. Memory: once an index run that names them is in the store, the
// session's own chunks are known by it, so that what is kept does not grow with the backup.
#pragma once

#include <atomic>
#include <mutex>

#include "vault/backup/session_journal.h"
#include "vault/backup/vouched.h"
#include "vault/chunk/id_set.h"
#include "vault/chunk_source.h"
#include "vault/core.h"
#include "vault/pack/pack.h"

namespace hf::vault {

struct StoredTotals {
  std::uint64_t new_bytes = 0;       // plaintext of new chunks
  std::uint64_t stored_bytes = 0;    // packs and index runs
};

// What one thread needs to encode chunks, used again from chunk to chunk.
struct ChunkEncoder {
  Compressor compressor{1};
  Decompressor decompressor;
  Bytes scratch;
};

class ChunkStore {
 public:
  // After the lease was opened: lists the packs and index runs. What `journal`, which may be null and else outlives this,
  // knows of earlier sessions' packs is used, and it learns of those of this one.
  static Result<std::unique_ptr<ChunkStore>> open(const Repository::Core& core, Lease& lease, SessionJournal* journal = nullptr);

  Result<bool> known(const ChunkId& id);              // may be referred to by this session
  // Would known() say so of every chunk of this snapshot?
  Result<bool> vouches(const Vouched& snapshot);
  std::vector<std::string> own_runs() const;          // this writer's index runs, written ones included. REQUIRES: flush()
  // fresh[i] = 1 for ids that were neither known nor claimed before: the caller must put() them.
  Status claim(std::span<const ChunkId> ids, std::span<std::uint8_t> fresh);
  Status put(PackKind kind, const ChunkId& id, ByteView plain, ChunkEncoder& encoder);
  Status put(PackKind kind, const ChunkId& id, ByteView plain);   // claim and put, for one chunk of the session's thread
  // A pack that lies in the store already, each of whose chunks this writer vouches for: sealed by itself in an earlier
  // session, or opened and proven now. It gets into this session's index run. REQUIRES: no epoch condemned it.
  Status adopt(const PackName& name, const FinishedPack& pack);
  StoreChunk metadata();                              // for trees and page digests; the session's thread alone
  // REQUIRES: no other thread is in here.
  Status flush();
  bool stored_any() const { return next_pack_ > 0 || data_ || trees_; }   // REQUIRES: no other thread is in here
  void close();                                        // after the last flush(): lets go of the index
  std::size_t runs() const;                            // of the index; after flush()
  std::size_t remembered() const { return ours_.size(); }   // chunks that no run names yet. REQUIRES: as flush()
  // Objects with their sizes that this session refers to and did not put: packs, and the runs that name them. With `own`
  // also those that it did. REQUIRES: no other thread is in here.
  std::map<std::string, std::uint64_t> rests_on(bool own);
  StoredTotals totals() const { return {new_bytes_, stored_bytes_}; }

 private:
  struct OpenPack {
    OpenPack(PackKind k, PackWriter w) : kind(k), writer(std::move(w)) {}
    PackKind kind;
    PackWriter writer;
    std::size_t sealing = 0;       // places given out and not yet sealed
    bool closed = false;           // gives out no more places; who seals the last one finishes it
  };
  struct Place {
    OpenPack* pack = nullptr;
    PackEntry entry;
    bool verify = false;           // a sample of all records
  };
  ChunkStore(const Repository::Core& core, Lease& lease, SessionJournal* journal)
      : core_(core), lease_(lease), journal_(journal) {}
  Status adopt_journal();
  void use_index();
  void note_found();
  Result<bool> known_locked(const ChunkId& id);
  Result<Place> reserve(PackKind kind, const ChunkId& id, std::size_t plain, std::size_t stored, bool compressed);
  std::unique_ptr<OpenPack> sealed(OpenPack* pack);
  Status finish(std::unique_ptr<OpenPack> pack);
  Status index(const PackName& name, const FinishedPack& pack);
  Status write_run(IndexRunWriter& run, std::vector<PackName> packs, std::uint32_t number);
  Status know_by_index(const std::string& name, const IndexRunWriter& run);
  std::unique_ptr<OpenPack>& slot(PackKind kind) { return kind == PackKind::kData ? data_ : trees_; }

  const Repository::Core& core_;
  Lease& lease_;
  SessionJournal* journal_;

  std::mutex index_mutex_;
  std::unique_ptr<ChunkSource> source_;
  std::optional<KnownChunks> indexed_;
  std::map<PackName, std::uint64_t> present_;           // with their sizes
  IdSet ours_;                                          // of this session, and named by none of the runs that are open
  std::map<std::string, std::uint64_t> found_;          // of rests_on(), before the index was last loaded; and adopted packs

  std::mutex pack_mutex_;
  std::unique_ptr<OpenPack> data_;
  std::unique_ptr<OpenPack> trees_;
  std::vector<std::unique_ptr<OpenPack>> closing_;     // closed, and still being sealed into
  std::vector<PackBuffer> buffers_;                    // free
  IndexRunWriter run_;
  std::vector<PackName> run_packs_;
  std::vector<std::string> runs_written_;
  std::map<std::string, std::uint64_t> own_;            // what this session put: packs and runs
  std::uint32_t next_pack_ = 0;
  std::uint32_t next_run_ = 0;
  std::uint64_t records_ = 0;

  std::atomic<std::uint64_t> new_bytes_ = 0;
  std::atomic<std::uint64_t> stored_bytes_ = 0;
  ChunkEncoder metadata_encoder_;
};

}  // namespace hf::vault
