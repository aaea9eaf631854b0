// Index runs: immutable, sorted by chunk id, read by block through one bounded cache (docs/format/vault.md,
// "Index runs").
//
//   object header (TLVs vault id, key salt) | sealed chunk blocks | sealed pack blocks | sealed fences |
//   footer with signature
//
// A fence holds a block's first id and its SHA-256; the writer signs the fences' digest, so every block read
// alone is proven to be the writer's. A filter after the fences says of nearly every chunk that is not in a block
// that it is not, so that new chunks read none. Memory: 552 bytes per block of 315 chunks, and the cache.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "vault/chunk/chunk.h"
#include "vault/keys/keys.h"
#include "vault/object/range.h"
#include "vault/pack/pack.h"

namespace hf::vault {

struct PackName {
  SessionId session{};
  std::uint32_t number = 0;
  friend auto operator<=>(const PackName&, const PackName&) = default;
};

struct IndexPack {            // a row of the pack table
  PackName name;
  PackKind kind = PackKind::kData;
  std::uint64_t size = 0;
  crypto::Digest digest{};    // pack_digest()
  Bytes header;               // of the pack, for open_pack()
  friend bool operator==(const IndexPack&, const IndexPack&) = default;
};

struct IndexEntry {           // a row of the chunk table
  PackEntry chunk;
  std::uint32_t pack = 0;     // row in the run's pack table
  friend bool operator==(const IndexEntry&, const IndexEntry&) = default;
};

inline constexpr std::size_t kIndexEntryBytes = 52;
inline constexpr std::size_t kIndexBlockEntries = 315;   // 16,380 bytes a block
inline constexpr std::size_t kIndexPackBytes = 256;
inline constexpr std::size_t kIndexBlockPacks = 64;      // 16,384 bytes a block
inline constexpr std::size_t kFenceBytes = 40;
// A Bloom filter for each chunk block: 13 bits a chunk in a full one, nine of them looked at. One block in 500 is read in
// vain; a hundred million chunks take 163 MB.
inline constexpr std::size_t kFilterBytes = 512;
inline constexpr std::size_t kFilterProbes = 9;
inline constexpr std::size_t kMaxFenceSection = 64 * 1024 * 1024;
inline constexpr std::size_t kIndexFooterBytes = 160;

// Collects packs of a session and writes one run. Memory is what is added: about 100 bytes a chunk.
class IndexRunWriter {
 public:
  void add(const PackName& name, const FinishedPack& pack);
  void add_pack(IndexPack pack) { packs_.push_back(std::move(pack)); }   // the next row of the pack table
  void add_row(const IndexEntry& entry) { entries_.push_back(entry); }   // equal ones become one
  void reserve(std::size_t chunks) { entries_.reserve(chunks); }
  std::size_t chunks() const { return entries_.size(); }
  const std::vector<IndexPack>& packs() const { return packs_; }
  const std::vector<IndexEntry>& rows() const { return entries_; }
  bool empty() const { return packs_.empty(); }
  // The object's bytes; `name` is the name it will have in the store ("index/<session>-<n>") and is signed.
  // Without filters: as the first programs wrote it.
  Result<Bytes> finish(crypto::Entropy& entropy, const Keys& keys, std::string_view name, bool filters = true);

 private:
  std::vector<IndexPack> packs_;
  std::vector<IndexEntry> entries_;
};

// Opened blocks of all runs, least recently used out first. One thread at a time.
class BlockCache {
 public:
  explicit BlockCache(std::size_t limit_bytes);
  struct Key {
    std::uint64_t run = 0;
    std::uint64_t block = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  const Bytes* find(const Key& key);               // valid until the next put
  const Bytes* put(const Key& key, Bytes block);
  std::size_t bytes() const { return bytes_; }
  std::uint64_t new_run() { return next_run_++; }

 private:
  struct KeyHash { std::size_t operator()(const Key& key) const; };
  using Lru = std::list<std::pair<Key, Bytes>>;
  std::size_t limit_;
  std::size_t bytes_ = 0;
  std::uint64_t next_run_ = 1;
  Lru lru_;
  std::unordered_map<Key, Lru::iterator, KeyHash> blocks_;
};

class IndexRun {
 public:
  // Reads header, fences and footer, and verifies the signature. `writers`: the keys of the config; kDenied
  // for another. `cache` outlives the run.
  static Result<IndexRun> open(std::string name, std::uint64_t size, RangeReader reader, const Keys& keys,
                               std::span<const crypto::PublicKey> writers, BlockCache& cache);
  const std::string& name() const { return name_; }
  const crypto::PublicKey& writer() const { return writer_; }
  std::uint64_t chunks() const { return chunk_count_; }
  std::uint32_t packs() const { return pack_count_; }

  // All places of the chunk in this run (a chunk may lie in two packs); empty if it is not here.
  Result<std::vector<IndexEntry>> lookup(const ChunkId& id) const;
  Status pack_rows(const ChunkId& id, std::vector<std::uint32_t>& rows) const;   // the same, and no more than their packs
  Result<IndexPack> pack(std::uint32_t row) const;
  Status for_each(const std::function<Status(const IndexEntry&)>& visit) const;   // ascending by id
  // The same rows by block, for who walks several runs at once. REQUIRES: block < chunk_block_count().
  std::uint64_t chunk_block_count() const { return chunk_blocks(); }
  Result<std::vector<IndexEntry>> chunk_rows(std::uint64_t block) const;

 private:
  IndexRun() = default;
  Status load_fences(ByteView footer, bool filters);
  Result<Bytes> load(std::uint64_t number) const;           // a block, opened, past the cache
  Result<IndexEntry> entry(ByteView block, std::size_t row) const;
  Result<const Bytes*> block(std::uint64_t number) const;
  std::uint64_t block_offset(std::uint64_t number) const;
  std::size_t block_bytes(std::uint64_t number) const;
  std::uint64_t chunk_blocks() const;
  std::uint64_t pack_blocks() const;
  bool may_hold(std::uint64_t block, const ChunkId& id) const;

  // Calls `visit` with the bytes of each row of that id, in order; its error ends it and is returned.
  template <class Visit>
  Status each_row(const ChunkId& id, const Visit& visit) const;

  std::string name_;
  RangeReader reader_;
  BlockCache* cache_ = nullptr;
  std::uint64_t run_ = 0;
  std::uint64_t size_ = 0;
  std::uint64_t header_size_ = 0;
  crypto::Digest header_digest_{};
  Secret key_;
  crypto::PublicKey writer_{};
  std::uint64_t chunk_count_ = 0;
  std::uint32_t pack_count_ = 0;
  std::vector<std::uint64_t> firsts_;      // of each block: first 8 bytes of its first id, as a big-endian number
  std::vector<crypto::Digest> digests_;    // of each block, sealed
  Bytes filters_;                          // of each chunk block; empty in runs that have none
};

struct ChunkLocation {
  PackEntry chunk;
  IndexPack pack;
};

// Several runs as one. Look-ups ask the run added last first.
class IndexSet {
 public:
  using Usable = std::function<bool(const PackName& pack, const crypto::PublicKey& writer)>;
  void add(IndexRun run) { runs_.push_back(std::move(run)); }
  std::vector<IndexRun> take() { return std::exchange(runs_, {}); }
  // The newest place of the chunk in a usable pack (null: all are). Usable says "not condemned" and "a writer
  // I trust".
  Result<std::optional<ChunkLocation>> find(const ChunkId& id, const Usable& usable = nullptr) const;
  struct Place {
    PackEntry chunk;
    std::size_t run = 0;        // of runs()
    std::uint32_t row = 0;      // of its packs
  };
  // Every place, newest first, without the packs' rows: for plans of very many chunks.
  Status places(const ChunkId& id, std::vector<Place>& out) const;
  // Every place, newest first: for reading round damage.
  Result<std::vector<ChunkLocation>> find_all(const ChunkId& id) const;
  const std::vector<IndexRun>& runs() const { return runs_; }

 private:
  std::vector<IndexRun> runs_;
};

// "Does a usable pack hold this chunk?", asked very often: `usable` is asked once for each pack. One thread at a time.
class KnownChunks {
 public:
  KnownChunks(const IndexSet& set, IndexSet::Usable usable);   // the set outlives this
  Result<bool> contains(const ChunkId& id);
  // The packs that contains() found chunks in: the run's number in the set, and the row.
  void each_found(const std::function<void(std::size_t run, std::uint32_t row)>& visit) const;

 private:
  enum class Verdict : std::uint8_t { kNotAsked, kUsable, kFound, kNotUsable };
  const IndexSet& set_;
  IndexSet::Usable usable_;
  std::vector<std::vector<Verdict>> verdicts_;                 // of each run, of each pack
  std::vector<std::uint32_t> rows_;
};

}  // namespace hf::vault
