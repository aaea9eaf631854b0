// Chunks of PostgreSQL relations: 32 pages of 8 KiB at first, later only the pages that changed.
//
// How a page is known to be unchanged: beside the extents the snapshot keeps 16 bytes for every page,
//   digest = first 16 bytes of HMAC-SHA-256(page key, SHA-256(page)),
//   page key = HKDF(id key, no salt, "holdfast/v1 page").
// Chosen because neither the old data nor a trusted page LSN is needed (a torn page, or one written by a tool
// without WAL, differs in bytes), and a write-only host need keep only its last tree. It costs 0.2 % of the
// relation's size.
//
// Per range of 32 pages, in one pass over the file:
//   a page is kept if its digest equals the old one and its old chunk is at least half used, counting the old
//   map's use less what this pass has given up so far; else it is changed. If more than half of the range's
//   pages are changed, or its kept pages lie in more than 8 chunks, the whole range becomes a chunk of its
//   own. Else its changed pages go, in order, into a dense chunk shared by the file's ranges.
// A chunk that falls under half use behind the pass is emptied by the next backup. Deterministic: the output
// depends on the old map and the content alone.
#pragma once

#include <functional>
#include <unordered_map>
#include <vector>

#include "vault/chunk/chunk.h"

namespace hf::vault {

inline constexpr std::size_t kPageBytes = 8192;
inline constexpr std::size_t kRangePages = 32;
inline constexpr std::size_t kRangeBytes = kPageBytes * kRangePages;
inline constexpr std::size_t kMaxRangeChunks = 8;
// larger files take the stream chunker (digests: 32 MiB)
inline constexpr std::uint64_t kMaxPagedFile = 16ULL << 30;

using PageDigest = std::array<std::uint8_t, 16>;

// What a snapshot knows of one relation file.
struct PageMap {
  std::vector<Extent> extents;
  std::vector<PageDigest> digests;   // one a page; the last page may be short
};

class PageHasher {
 public:
  explicit PageHasher(const Secret& id_key);
  void digests(ByteView pages, std::span<PageDigest> out) const;   // ceil(size / 8192) of them

 private:
  crypto::HmacSha256Key key_;
};

class PageChunker {
 public:
  using Emit = std::function<Status(ByteView chunk)>;  // called for chunk 0, 1, ... of this file; valid
                                                       // during the call
  // `previous` may be null (first time, or the old map is not at hand) and is not kept after the
  // constructor's file ends.
  PageChunker(const PageHasher& hasher, const PageMap* previous, Emit emit);

  Status feed(ByteView data);   // any sizes
  Status finish();              // the last range and the last dense chunk
  // After finish: the file's new map. ids[n] is the id of the nth chunk given to Emit.
  PageMap map(std::span<const ChunkId> ids) const;
  std::size_t emitted() const { return emitted_.size(); }

 private:
  struct Piece {                // an extent whose chunk may not have its id yet
    Extent extent;
    bool pending = false;
    std::uint32_t ordinal = 0;  // of the emitted chunk, where pending
  };
  struct OldPage {
    const Extent* extent = nullptr;   // that holds the whole page, or null
    std::uint32_t chunk_offset = 0;
  };
  using Kept = std::array<OldPage, kRangePages>;
  Status process_range();
  OldPage keepable(std::size_t page, std::size_t length, const PageDigest& digest) const;
  void give_up(std::size_t page, std::size_t length);
  OldPage old_page(std::size_t page, std::size_t length) const;
  bool write_whole(const Kept& kept, std::size_t pages) const;
  Status emit_whole(std::uint64_t offset);
  Status emit_mixed(std::uint64_t offset, const Kept& kept, std::size_t pages);
  Status flush_dense();
  void append(const Piece& piece);

  const PageHasher& hasher_;
  const PageMap* previous_;
  Emit emit_;
  std::unordered_map<ChunkId, std::uint64_t, ChunkIdHash>
      used_;  // bytes of each old chunk that the file still uses
  std::vector<Piece> pieces_;
  std::vector<std::uint32_t> emitted_;                             // length of each chunk emitted
  std::vector<PageDigest> digests_;
  Bytes range_;
  Bytes dense_;
  std::vector<std::size_t> dense_pieces_;  // pieces that wait for the open dense chunk's ordinal
  std::uint64_t offset_ = 0;
};

}  // namespace hf::vault
