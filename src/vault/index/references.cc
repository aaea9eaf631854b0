#include "vault/index/references.h"

#include <algorithm>

namespace hf::vault {
namespace {

constexpr std::size_t kRecentIds = 1u << 20;         // 16 MB; of snapshots with fewer chunks all but the first cost nothing

}  // namespace

bool References::add(const ChunkId& id) {
  const auto key = to_array<16>(ByteView(id.bytes).first(16));
  if (recent_.empty()) recent_.resize(kRecentIds);
  ShortId& recent = recent_[ChunkIdHash()(id) % kRecentIds];
  if (recent == key && key != ShortId{}) return false;         // zeros mark a free place
  recent = key;
  buffer_.push_back(key);
  return buffer_.size() >= buffer_ids_;
}

Result<bool> References::join(const IndexSet& index, const Match& match, const std::function<Status()>& after_run) {
  std::ranges::sort(buffer_);
  const auto [first, last] = std::ranges::unique(buffer_);
  buffer_.erase(first, last);
  std::vector<bool> found(buffer_.size(), false);
  for (std::size_t r = 0; r < index.runs().size(); ++r) {
    std::size_t at = 0;
    std::uint64_t row = 0;
    HF_TRY(index.runs()[r].for_each([&](const IndexEntry& entry) -> Status {
      const auto id = to_array<16>(ByteView(entry.chunk.id.bytes).first(16));
      while (at < buffer_.size() && buffer_[at] < id) ++at;
      if (at < buffer_.size() && buffer_[at] == id && match(r, row, entry)) found[at] = true;
      ++row;
      return ok();
    }));
    HF_TRY(after_run());
  }
  buffer_.clear();
  return std::ranges::find(found, false) == found.end();
}

}  // namespace hf::vault
