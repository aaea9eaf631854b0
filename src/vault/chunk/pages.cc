#include "vault/chunk/pages.h"

#include <algorithm>
#include <iterator>

#include "base/check.h"

namespace hf::vault {

namespace {

constexpr std::string_view kPageInfo = "holdfast/v1 page";

std::size_t page_count(std::size_t bytes) { return (bytes + kPageBytes - 1) / kPageBytes; }
std::size_t page_length(std::size_t bytes, std::size_t page) {
  return std::min(kPageBytes, bytes - page * kPageBytes);
}

}  // namespace

PageHasher::PageHasher(const Secret& id_key)
    : key_(crypto::hkdf_sha256(id_key.reveal(), {}, kPageInfo, 32).reveal()) {}

void PageHasher::digests(ByteView pages, std::span<PageDigest> out) const {
  HF_CHECK(out.size() == page_count(pages.size()));
  std::vector<ByteView> pieces;
  for (std::size_t i = 0; i < out.size(); ++i)
    pieces.push_back(pages.subspan(i * kPageBytes, page_length(pages.size(), i)));
  std::vector<crypto::Digest> hashes(pieces.size());
  crypto::sha256_leaves(pieces, hashes);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const crypto::Digest mac = key_.mac(hashes[i]);
    std::copy_n(mac.begin(), out[i].size(), out[i].begin());
  }
}

PageChunker::PageChunker(const PageHasher& hasher, const PageMap* previous, Emit emit)
    : hasher_(hasher), previous_(previous), emit_(std::move(emit)) {
  if (previous_ == nullptr) return;
  for (const Extent& e : previous_->extents) {
    if (!e.hole) used_[e.chunk] += e.length;
  }
}

Status PageChunker::feed(ByteView data) {
  while (!data.empty()) {
    const std::size_t take = std::min(kRangeBytes - range_.size(), data.size());
    range_.insert(range_.end(), data.begin(), data.begin() + static_cast<std::ptrdiff_t>(take));
    data = data.subspan(take);
    if (range_.size() == kRangeBytes) HF_TRY(process_range());
  }
  return ok();
}

Status PageChunker::finish() {
  if (!range_.empty()) HF_TRY(process_range());
  return flush_dense();
}

// Where the old map keeps the page, if one extent holds the whole of it.
PageChunker::OldPage PageChunker::old_page(std::size_t page, std::size_t length) const {
  if (previous_ == nullptr || page >= previous_->digests.size()) return {};
  const std::uint64_t begin = static_cast<std::uint64_t>(page) * kPageBytes;
  const auto after = std::ranges::upper_bound(previous_->extents, begin, {}, &Extent::offset);
  if (after == previous_->extents.begin()) return {};
  const Extent& e = *std::prev(after);
  if (e.hole || begin + length > e.offset + e.length) return {};
  return {&e, static_cast<std::uint32_t>(e.chunk_offset + (begin - e.offset))};
}

PageChunker::OldPage PageChunker::keepable(std::size_t page, std::size_t length,
                                           const PageDigest& digest) const {
  const OldPage old = old_page(page, length);
  if (old.extent == nullptr || previous_->digests[page] != digest) return {};
  const bool half_used = used_.at(old.extent->chunk) * 2 >= old.extent->chunk_length;
  return half_used ? old : OldPage{};
}

void PageChunker::give_up(std::size_t page, std::size_t length) {
  const OldPage old = old_page(page, length);
  if (old.extent == nullptr) return;
  std::uint64_t& used = used_.at(old.extent->chunk);
  used -= std::min<std::uint64_t>(used, length);
}

bool PageChunker::write_whole(const Kept& kept, std::size_t pages) const {
  std::vector<const ChunkId*> chunks;
  std::size_t changed = 0;
  for (std::size_t i = 0; i < pages; ++i) {
    if (kept[i].extent == nullptr) {
      ++changed;
    } else if (std::ranges::none_of(chunks, [&](const ChunkId* c) { return *c == kept[i].extent->chunk; })) {
      chunks.push_back(&kept[i].extent->chunk);
    }
  }
  return changed * 2 > pages || chunks.size() > kMaxRangeChunks;
}

Status PageChunker::process_range() {
  const std::size_t pages = page_count(range_.size());
  const std::size_t first = static_cast<std::size_t>(offset_ / kPageBytes);
  std::array<PageDigest, kRangePages> digests{};
  hasher_.digests(range_, std::span(digests).first(pages));
  digests_.insert(digests_.end(), digests.begin(), digests.begin() + static_cast<std::ptrdiff_t>(pages));
  Kept kept{};
  for (std::size_t i = 0; i < pages; ++i) {
    const std::size_t length = page_length(range_.size(), i);
    kept[i] = keepable(first + i, length, digests[i]);
    if (kept[i].extent == nullptr) give_up(first + i, length);
  }
  if (write_whole(kept, pages)) {
    for (std::size_t i = 0; i < pages; ++i) {
      if (kept[i].extent != nullptr) give_up(first + i, page_length(range_.size(), i));
    }
    HF_TRY(emit_whole(offset_));
  } else {
    HF_TRY(emit_mixed(offset_, kept, pages));
  }
  offset_ += range_.size();
  range_.clear();
  return ok();
}

Status PageChunker::emit_whole(std::uint64_t offset) {
  HF_TRY(emit_(range_));
  const auto length = static_cast<std::uint32_t>(range_.size());
  Piece piece;
  piece.extent = {offset, length, false, {}, 0, length};
  piece.pending = true;
  piece.ordinal = static_cast<std::uint32_t>(emitted_.size());
  emitted_.push_back(length);
  pieces_.push_back(piece);
  return ok();
}

Status PageChunker::emit_mixed(std::uint64_t offset, const Kept& kept, std::size_t pages) {
  for (std::size_t i = 0; i < pages; ++i) {
    const std::size_t length = page_length(range_.size(), i);
    Piece piece;
    piece.extent.offset = offset + i * kPageBytes;
    piece.extent.length = length;
    if (kept[i].extent != nullptr) {
      piece.extent.chunk = kept[i].extent->chunk;
      piece.extent.chunk_offset = kept[i].chunk_offset;
      piece.extent.chunk_length = kept[i].extent->chunk_length;
      append(piece);
      continue;
    }
    if (dense_.size() + length > kRangeBytes) HF_TRY(flush_dense());
    piece.pending = true;
    piece.ordinal = UINT32_MAX;   // the open dense chunk
    piece.extent.chunk_offset = static_cast<std::uint32_t>(dense_.size());
    const ByteView page = ByteView(range_).subspan(i * kPageBytes, length);
    dense_.insert(dense_.end(), page.begin(), page.end());
    append(piece);
  }
  return ok();
}

// Adds a piece, or makes the last one longer where the new one continues it in the file and in its chunk.
void PageChunker::append(const Piece& piece) {
  if (!pieces_.empty()) {
    Extent& last = pieces_.back().extent;
    const bool same = pieces_.back().pending == piece.pending && pieces_.back().ordinal == piece.ordinal &&
                      (piece.pending || last.chunk == piece.extent.chunk);
    if (same && last.chunk_offset + last.length == piece.extent.chunk_offset) {
      last.length += piece.extent.length;
      return;
    }
  }
  if (piece.pending) dense_pieces_.push_back(pieces_.size());
  pieces_.push_back(piece);
}

Status PageChunker::flush_dense() {
  if (dense_.empty()) return ok();
  HF_TRY(emit_(dense_));
  for (const std::size_t index : dense_pieces_) {
    pieces_[index].ordinal = static_cast<std::uint32_t>(emitted_.size());
    pieces_[index].extent.chunk_length = static_cast<std::uint32_t>(dense_.size());
  }
  emitted_.push_back(static_cast<std::uint32_t>(dense_.size()));
  dense_pieces_.clear();
  dense_.clear();
  return ok();
}

PageMap PageChunker::map(std::span<const ChunkId> ids) const {
  HF_CHECK(range_.empty() && dense_.empty());
  HF_CHECK(ids.size() == emitted_.size());
  PageMap out;
  out.digests = digests_;
  out.extents.reserve(pieces_.size());
  for (const Piece& piece : pieces_) {
    out.extents.push_back(piece.extent);
    if (piece.pending) out.extents.back().chunk = ids[piece.ordinal];
  }
  return out;
}

}  // namespace hf::vault
