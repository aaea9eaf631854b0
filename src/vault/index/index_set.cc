#include <algorithm>
#include <ranges>

#include "vault/index/index.h"

namespace hf::vault {

BlockCache::BlockCache(std::size_t limit_bytes) : limit_(limit_bytes) {}

std::size_t BlockCache::KeyHash::operator()(const Key& key) const {
  return static_cast<std::size_t>((key.run * 0x9e3779b97f4a7c15ULL) ^ (key.block * 0xc2b2ae3d27d4eb4fULL));
}

const Bytes* BlockCache::find(const Key& key) {
  const auto found = blocks_.find(key);
  if (found == blocks_.end()) return nullptr;
  lru_.splice(lru_.begin(), lru_, found->second);
  return &found->second->second;
}

const Bytes* BlockCache::put(const Key& key, Bytes block) {
  bytes_ += block.size();
  lru_.emplace_front(key, std::move(block));
  blocks_[key] = lru_.begin();
  while (bytes_ > limit_ && lru_.size() > 1) {   // the block just put stays, however small the limit is
    bytes_ -= lru_.back().second.size();
    blocks_.erase(lru_.back().first);
    lru_.pop_back();
  }
  return &lru_.front().second;
}

Result<std::optional<ChunkLocation>> IndexSet::find(const ChunkId& id, const Usable& usable) const {
  for (const IndexRun& run : runs_ | std::views::reverse) {
    HF_ASSIGN(const std::vector<IndexEntry> entries, run.lookup(id));
    for (const IndexEntry& entry : entries) {
      HF_ASSIGN(IndexPack pack, run.pack(entry.pack));
      if (usable == nullptr || usable(pack.name, run.writer())) {
        return std::optional(ChunkLocation{entry.chunk, std::move(pack)});
      }
    }
  }
  return std::optional<ChunkLocation>();
}

Status IndexSet::places(const ChunkId& id, std::vector<Place>& out) const {
  out.clear();
  for (std::size_t r = runs_.size(); r-- > 0;) {
    HF_ASSIGN(const std::vector<IndexEntry> entries, runs_[r].lookup(id));
    for (const IndexEntry& entry : entries) out.push_back({entry.chunk, r, entry.pack});
  }
  return ok();
}

Result<std::vector<ChunkLocation>> IndexSet::find_all(const ChunkId& id) const {
  std::vector<ChunkLocation> out;
  for (const IndexRun& run : runs_ | std::views::reverse) {
    HF_ASSIGN(const std::vector<IndexEntry> entries, run.lookup(id));
    for (const IndexEntry& entry : entries) {
      HF_ASSIGN(IndexPack pack, run.pack(entry.pack));
      out.push_back({entry.chunk, std::move(pack)});
    }
  }
  return out;
}

KnownChunks::KnownChunks(const IndexSet& set, IndexSet::Usable usable) : set_(set), usable_(std::move(usable)) {
  for (const IndexRun& run : set_.runs()) verdicts_.emplace_back(run.packs(), Verdict::kNotAsked);
}

Result<bool> KnownChunks::contains(const ChunkId& id) {
  for (std::size_t r = verdicts_.size(); r-- > 0;) {           // the newest first
    const IndexRun& run = set_.runs()[r];
    HF_TRY(run.pack_rows(id, rows_));
    for (const std::uint32_t row : rows_) {
      Verdict& verdict = verdicts_[r][row];
      if (verdict == Verdict::kNotAsked) {
        HF_ASSIGN(const IndexPack pack, run.pack(row));
        verdict = usable_(pack.name, run.writer()) ? Verdict::kUsable : Verdict::kNotUsable;
      }
      if (verdict == Verdict::kNotUsable) continue;
      verdict = Verdict::kFound;
      return true;
    }
  }
  return false;
}

void KnownChunks::each_found(const std::function<void(std::size_t run, std::uint32_t row)>& visit) const {
  for (std::size_t r = 0; r < verdicts_.size(); ++r) {
    for (std::uint32_t row = 0; row < verdicts_[r].size(); ++row) {
      if (verdicts_[r][row] == Verdict::kFound) visit(r, row);
    }
  }
}

}  // namespace hf::vault
