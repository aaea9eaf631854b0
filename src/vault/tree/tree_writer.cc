#include <algorithm>

#include "vault/tree/tree.h"
#include "vault/tree/tree_record.h"

namespace hf::vault {

namespace {

constexpr std::size_t kIndexChunkBytes = 256 * 1024;

}  // namespace

TreeWriter::TreeWriter(const GearTable& tree_table, const ChunkerParameters& parameters, StoreChunk store)
    : chunker_(tree_table, parameters), store_(std::move(store)) {}

Status TreeWriter::in_order(std::string_view path) const {
  if (root_.entries == 0 || compare_paths(last_, path) < 0) return ok();
  return make_error(ErrorKind::kInvalid, "entry '" + std::string(path) + "': does not come after '" + last_ + "'");
}

void TreeWriter::added(std::string_view path, std::uint64_t size) {
  last_.assign(path);
  ++root_.entries;
  root_.file_bytes += size;
}

Status TreeWriter::add(const Entry& entry) {
  if (Status checked = check_entry(entry); !checked)
    return std::move(checked).error().with_context("entry '" + entry.path + "'");
  HF_TRY(in_order(entry.path));
  record_ = encode_entry_record(entry);
  HF_TRY(add_record(record_, entry.path, false));
  if (entry.extents.size() > kRecordExtents) record_.clear();
  for (std::size_t at = kRecordExtents; at < entry.extents.size(); at += kRecordExtents) {
    const auto part =
        std::span(entry.extents).subspan(at, std::min(kRecordExtents, entry.extents.size() - at));
    HF_TRY(add_record(encode_extents_record(part), entry.path, true));
  }
  added(entry.path, entry.size);
  return ok();
}

Status TreeWriter::add_unchanged(std::string_view path, ByteView record, std::uint64_t size, const TreePlace* place) {
  HF_TRY(in_order(path));
  HF_ASSIGN(const bool followed, follow(place, path));
  if (!followed) HF_TRY(add_record(record, path, false));
  added(path, size);
  return ok();
}

// Is the record the next one of the chunk that is followed, or the first one of one that can be? The chunker begins anew with
// each chunk, so equal records from a chunk's beginning on make an equal chunk; but for a tree's last one, which goes on here.
Result<bool> TreeWriter::follow(const TreePlace* place, std::string_view path) {
  const bool next = followed_ && place != nullptr && place->chunk == followed_->chunk && place->begin == followed_->done;
  if (!next) {
    HF_TRY(stop_following());
    if (place == nullptr || place->begin != 0 || place->last_chunk || !chunk_.empty()) return false;
    followed_ = Followed{place->chunk, place->ref, 0};
    chunk_path_ = path;
    chunk_continues_ = false;
  }
  followed_->done = place->end;
  root_.stream_bytes += place->end - place->begin;
  if (followed_->done < followed_->chunk->size()) return true;
  const Followed whole = *std::exchange(followed_, std::nullopt);
  HF_TRY(chunk_closed(whole.ref));
  return true;
}

// What comes is another record than that of the chunk that was followed: its beginning becomes that of a chunk of this tree.
Status TreeWriter::stop_following() {
  if (!followed_) return ok();
  const Followed part = *std::exchange(followed_, std::nullopt);
  chunk_.assign(part.chunk->begin(), part.chunk->begin() + static_cast<std::ptrdiff_t>(part.done));
  return feed_chunker(chunk_) ? close_chunk() : ok();
}

bool TreeWriter::feed_chunker(ByteView bytes) {
  bool cut = false;
  while (!bytes.empty()) {
    const GearChunker::Step step = chunker_.feed(bytes);
    cut = cut || step.cut;
    bytes = bytes.subspan(step.consumed);
  }
  return cut;
}

// A chunk ends after the record in which the chunker cut, so that every chunk begins with a record.
Status TreeWriter::add_record(ByteView body, std::string_view path, bool continues) {
  if (body.size() > kMaxRecordBytes)
    return make_error(ErrorKind::kInvalid, "entry '" + std::string(path) + "' is too large");
  HF_TRY(stop_following());
  if (chunk_.empty()) {
    chunk_path_ = path;
    chunk_continues_ = continues;
  }
  const std::size_t begin = chunk_.size();
  for (std::size_t length = body.size();; length >>= 7) {      // varint
    if (length < 0x80) {
      chunk_.push_back(static_cast<std::uint8_t>(length));
      break;
    }
    chunk_.push_back(static_cast<std::uint8_t>(length | 0x80));
  }
  chunk_.insert(chunk_.end(), body.begin(), body.end());
  root_.stream_bytes += chunk_.size() - begin;
  return feed_chunker(ByteView(chunk_).subspan(begin)) ? close_chunk() : ok();
}

Status TreeWriter::close_chunk() {
  chunker_.restart();
  if (chunk_.empty()) return ok();
  HF_ASSIGN(const ChunkId id, store_(chunk_));
  const auto length = static_cast<std::uint32_t>(chunk_.size());
  chunk_.clear();
  return chunk_closed({id, length});
}

Status TreeWriter::chunk_closed(const ChunkRef& chunk) {
  ByteWriter row;
  row.raw(chunk.id.bytes).varint(chunk.length).u8(chunk_continues_ ? 1 : 0).sized(chunk_path_);
  index_.insert(index_.end(), row.bytes().begin(), row.bytes().end());
  if (index_.size() > kMaxTreeIndexBytes)
    return make_error(ErrorKind::kExhausted, "tree is too large for its index");
  return ok();
}

Result<TreeRoot> TreeWriter::finish() {
  HF_TRY(stop_following());
  HF_TRY(close_chunk());
  for (std::size_t at = 0; at < index_.size(); at += kIndexChunkBytes) {
    const ByteView part = ByteView(index_).subspan(at, std::min(kIndexChunkBytes, index_.size() - at));
    HF_ASSIGN(const ChunkId id, store_(part));
    root_.index.push_back({id, static_cast<std::uint32_t>(part.size())});
  }
  return std::move(root_);
}

}  // namespace hf::vault
