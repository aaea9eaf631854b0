// Reading a snapshot: its entries in order, ranges of one content, and whole restores: what they need is proven to be there
// before the first byte moves, and they are planned a window of pieces at a time, so that memory does not grow with them.
// Every chunk is authenticated (AEAD) and its id recomputed before a byte of it is handed out.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "vault/chunk/pages.h"
#include "vault/snapshot.h"
#include "vault/tree/tree.h"

namespace hf::vault {

// Where restored bytes go: pieces of many files, each piece once, in any order. Holes are not written.
class RestoreSink {
 public:
  virtual ~RestoreSink() = default;
  virtual bool concurrent() const { return false; }   // write() may be called by several threads at once
  virtual Status write(std::uint64_t file, std::uint64_t offset, ByteView bytes) = 0;
  // Does the rest come where the vault cannot give a piece? Then each file that misses one is told, from any thread, once or
  // more; other pieces of it may come all the same. Else the first such piece ends the restore, with kCorrupt.
  virtual bool skips_damage() const { return false; }
  virtual void damaged(std::uint64_t /*file*/, const Error& /*why*/) {}
};

struct RestoreItem {
  std::uint64_t file = 0;            // the caller's number for it
  std::vector<Extent> extents;       // of the entry
};

struct RestoreTotals {
  std::uint64_t bytes = 0;           // handed to the sink
  std::uint64_t read_bytes = 0;      // from the store
  std::uint64_t packs = 0;
};

// Pieces that are planned at once: about 150 bytes each. More of them read a pack more seldom, and a large index in fewer sweeps.
inline constexpr std::size_t kRestoreWindow = 250'000;
inline constexpr std::size_t kRequiredAtOnce = 1'000'000;      // 32 MB of ids

class SnapshotReader {
 public:
  virtual ~SnapshotReader() = default;
  virtual const SnapshotInfo& info() const = 0;
  // All entries in the tree's order; an error of `each` ends it and is returned.
  virtual Status each_entry(const std::function<Status(const Entry&)>& each) = 0;
  virtual Result<Entry> find_entry(const std::string& path) = 0;       // exactly this path; kNotFound
  // One pass over the entries, to be merged with a walk in the same order: valid until the next call, null at the end.
  // At most one pass at a time per reader.
  virtual Result<const EntryView*> next_view() = 0;
  virtual Result<Entry> entry_of_view() = 0;                           // the whole of the one given out last
  virtual Status seek_view(std::string_view path) = 0;                 // the pass goes on at the first entry not before it,
                                                                       // and stays at its end
  // Bytes [offset, offset + length) of a file, cut at its end, in order; holes as zeros.
  virtual Status read_content(const Entry& entry, std::uint64_t offset, std::uint64_t length,
                              const std::function<Status(ByteView)>& out) = 0;
  Result<Bytes> read_whole(const Entry& entry, std::uint64_t limit);   // kExhausted past `limit`
  virtual void chunk_ids(std::span<const ByteView> chunks, std::span<ChunkId> out) const = 0;   // any thread
  virtual Result<PageMap> page_map(const Entry& entry) = 0;            // for the next backup of a relation
  // kCorrupt, naming the object, if one of them is in no pack that exists. Asks the index and lists no data; sorts them first, so
  // that many at once (a million) cost one sweep over a large index.
  virtual Status require(std::vector<ChunkId>& chunks) = 0;
  // require()s all of it before anything is written, but for a sink that skips damage. Then by windows of so many pieces: reads
  // each pack once a window, in coalesced ranges, and each chunk once.
  virtual Result<RestoreTotals> restore(std::span<const RestoreItem> items, RestoreSink& sink, std::size_t window) = 0;
  Result<RestoreTotals> restore(std::span<const RestoreItem> items, RestoreSink& sink) {
    return restore(items, sink, kRestoreWindow);
  }
};

}  // namespace hf::vault
