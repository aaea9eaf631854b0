// Chunk ids, and extents: the ranges of a file and the chunks that they lie in.
//
//   id = HMAC-SHA-256(id key, suite u8 || length u64 || SHA-256 of each 32 KiB leaf, in order; the last may
//   be shorter)
//
// An id is a keyed name of the content: equal content has an equal id in this vault, and says nothing to who
// lacks the key.
#pragma once

#include <compare>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/secret.h"
#include "crypto/hash.h"

namespace hf::vault {

inline constexpr std::size_t kLeafBytes = 32 * 1024;
inline constexpr std::size_t kMaxChunkBytes = 16 * 1024 * 1024;  // no reader allocates more for one chunk

struct ChunkId {
  std::array<std::uint8_t, 32> bytes{};
  friend auto operator<=>(const ChunkId&, const ChunkId&) = default;
};
std::string to_string(const ChunkId& id);   // 64 hexadecimal digits
struct ChunkIdHash {                        // ids are uniform: eight of their bytes are a hash
  std::size_t operator()(const ChunkId& id) const;
};

struct ChunkRef {
  ChunkId id;
  std::uint32_t length = 0;                 // of the whole chunk's plaintext
  friend bool operator==(const ChunkRef&, const ChunkRef&) = default;
};

// Computes ids. Immutable: any number of threads may share one.
class ChunkHasher {
 public:
  explicit ChunkHasher(const Secret& id_key);
  // out[i] = id of chunks[i], each at most kMaxChunkBytes. All leaves of all chunks go through the 16 lanes
  // together: give many small chunks in one call.
  void ids(std::span<const ByteView> chunks, std::span<ChunkId> out) const;
  ChunkId id(ByteView chunk) const;

 private:
  crypto::HmacSha256Key key_;
};

// A range of a file. Extents of a file are contiguous from 0, in order, and cover it exactly.
struct Extent {
  std::uint64_t offset = 0;        // in the file
  std::uint64_t length = 0;        // > 0
  bool hole = false;               // reads as zeroes; the fields below are then zero
  ChunkId chunk;
  std::uint32_t chunk_offset = 0;  // where in the chunk the range begins
  std::uint32_t chunk_length = 0;  // of the whole chunk's plaintext
  friend bool operator==(const Extent&, const Extent&) = default;
};

// kCorrupt unless the extents are contiguous from 0 to `size` and each lies within its chunk.
Status check_extents(std::span<const Extent> extents, std::uint64_t size);

}  // namespace hf::vault
