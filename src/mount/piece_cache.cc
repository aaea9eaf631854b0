#include "mount/piece_cache.h"

namespace hf::mount {

PieceCache::Piece PieceCache::find(const vault::Extent& extent) {
  const auto it = pieces_.find({extent.chunk, extent.chunk_offset, extent.length});
  if (it == pieces_.end()) return nullptr;
  lru_.splice(lru_.begin(), lru_, it->second);
  return it->second->second;
}

PieceCache::Piece PieceCache::put(const vault::Extent& extent, Bytes bytes) {
  const Key key{extent.chunk, extent.chunk_offset, extent.length};
  auto piece = std::make_shared<const Bytes>(std::move(bytes));
  bytes_ += piece->size();
  lru_.emplace_front(key, piece);
  pieces_[key] = lru_.begin();
  while (bytes_ > limit_ && lru_.size() > 1) {
    bytes_ -= lru_.back().second->size();
    pieces_.erase(lru_.back().first);
    lru_.pop_back();
  }
  return piece;
}

}  // namespace hf::mount
