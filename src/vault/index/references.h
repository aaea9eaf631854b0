// References of snapshots to chunks, very many at a time: collected into a bounded buffer, sorted, and joined with the sorted
// index runs. Memory: 80 MB, whatever the numbers of references, chunks and snapshots. One thread at a time.
#pragma once

#include <functional>
#include <vector>

#include "vault/index/index.h"

namespace hf::vault {

inline constexpr std::size_t kBufferIds = 4u << 20;    // 64 MB of references between two joins

class References {
 public:
  explicit References(std::size_t buffer_ids = kBufferIds) : buffer_ids_(buffer_ids) {}
  // True: the buffer is full, join() now.
  bool add(const ChunkId& id);
  // A row of a chunk that was added: the number of its run, its number there. Says whether the chunk can be had by it.
  using Match = std::function<bool(std::size_t run, std::uint64_t row, const IndexEntry& entry)>;
  // Every chunk that was added meets its rows; then the buffer is empty. False: one of them can be had nowhere.
  Result<bool> join(const IndexSet& index, const Match& match, const std::function<Status()>& after_run);

 private:
  using ShortId = std::array<std::uint8_t, 16>;      // two chunks that share these count as one: more is kept, never less
  const std::size_t buffer_ids_;
  std::vector<ShortId> buffer_;
  std::vector<ShortId> recent_;                      // added lately: a snapshot mostly refers to what the one before did
};

}  // namespace hf::vault
