// Decoded pieces of file contents, by what they are: the chunk, and which part of it. Least recently used out first.
// Invariant: no more bytes than the limit, but for one piece that is larger alone. One thread at a time.
#pragma once

#include <list>
#include <memory>
#include <unordered_map>

#include "base/bytes.h"
#include "vault/chunk/chunk.h"

namespace hf::mount {

class PieceCache {
 public:
  using Piece = std::shared_ptr<const Bytes>;   // shared: a read goes on with it while it leaves the cache
  explicit PieceCache(std::size_t limit_bytes) : limit_(limit_bytes) {}
  Piece find(const vault::Extent& extent);      // null if it is not here
  Piece put(const vault::Extent& extent, Bytes bytes);
  std::size_t bytes() const { return bytes_; }

 private:
  struct Key {
    vault::ChunkId chunk;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const { return vault::ChunkIdHash()(key.chunk) ^ (key.offset * 31 + key.length); }
  };
  using Lru = std::list<std::pair<Key, Piece>>;
  std::size_t limit_;
  std::size_t bytes_ = 0;
  Lru lru_;                                     // the most recently used first
  std::unordered_map<Key, Lru::iterator, KeyHash> pieces_;
};

}  // namespace hf::mount
