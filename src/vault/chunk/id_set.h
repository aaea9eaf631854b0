// A set of chunk ids in one flat table: ids are uniform, so eight of their bytes are the hash and the next place in line
// is the collision's. About 64 bytes an id.
#pragma once

#include <vector>

#include "vault/chunk/chunk.h"

namespace hf::vault {

class IdSet {
 public:
  bool contains(const ChunkId& id) const {
    if (slots_.empty()) return false;
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = ChunkIdHash()(id) & mask;; at = (at + 1) & mask) {
      if (slots_[at] == id) return id != kEmpty || has_empty_;
      if (slots_[at] == kEmpty) return false;
    }
  }
  bool insert(const ChunkId& id) {   // false: it was there
    if (id == kEmpty) return !std::exchange(has_empty_, true);
    if ((count_ + 1) * 2 > slots_.size()) grow();
    const bool fresh = place(id);
    count_ += fresh ? 1 : 0;
    return fresh;
  }
  // Those behind it in line move up (Knuth, The Art of Computer Programming 3, algorithm 6.4 R).
  void erase(const ChunkId& id) {
    if (id == kEmpty) has_empty_ = false;
    if (id == kEmpty || slots_.empty()) return;
    const std::size_t mask = slots_.size() - 1;
    std::size_t hole = ChunkIdHash()(id) & mask;
    while (slots_[hole] != id) {
      if (slots_[hole] == kEmpty) return;
      hole = (hole + 1) & mask;
    }
    for (std::size_t at = (hole + 1) & mask; slots_[at] != kEmpty; at = (at + 1) & mask) {
      const std::size_t home = ChunkIdHash()(slots_[at]) & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;      // it would come before its home
      slots_[hole] = slots_[at];
      hole = at;
    }
    slots_[hole] = kEmpty;
    --count_;
  }
  std::size_t size() const { return count_ + (has_empty_ ? 1 : 0); }

 private:
  static constexpr ChunkId kEmpty{};
  static constexpr std::size_t kFirstSlots = 1024;
  bool place(const ChunkId& id) {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = ChunkIdHash()(id) & mask;; at = (at + 1) & mask) {
      if (slots_[at] == id) return false;
      if (slots_[at] != kEmpty) continue;
      slots_[at] = id;
      return true;
    }
  }
  void grow() {
    std::vector<ChunkId> old(slots_.empty() ? kFirstSlots : slots_.size() * 2);
    old.swap(slots_);
    for (const ChunkId& id : old) {
      if (id != kEmpty) place(id);
    }
  }
  std::vector<ChunkId> slots_;   // a power of two of them, at most half full
  std::size_t count_ = 0;
  bool has_empty_ = false;       // the id of 32 zero bytes, which marks a free slot
};

}  // namespace hf::vault
