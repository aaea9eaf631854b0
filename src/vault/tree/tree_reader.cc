#include <algorithm>

#include "vault/tree/tree.h"
#include "vault/tree/tree_record.h"

namespace hf::vault {

namespace {

constexpr std::string_view kWhat = "tree";

Error damaged_tree(const std::string& why) { return make_error(ErrorKind::kCorrupt, "tree: " + why); }

Result<Bytes> fetch_exact(const FetchChunk& fetch, const ChunkRef& ref) {
  HF_ASSIGN(Bytes chunk, fetch(ref));
  if (chunk.size() != ref.length) return damaged_tree("chunk " + to_string(ref.id) + " has the wrong length");
  return chunk;
}

}  // namespace

Result<TreeReader> TreeReader::open(const TreeRoot& root, FetchChunk fetch) {
  TreeReader out;
  out.fetch_ = std::move(fetch);
  out.expected_ = root.entries;
  out.place_.tree = tree_digest(root);
  std::uint64_t total = 0;
  for (const ChunkRef& ref : root.index) total += ref.length;
  if (total > kMaxTreeIndexBytes) return damaged_tree("its index is too large");
  Bytes index;
  for (const ChunkRef& ref : root.index) {
    HF_ASSIGN(const Bytes part, fetch_exact(out.fetch_, ref));
    index.insert(index.end(), part.begin(), part.end());
  }
  HF_TRY(out.read_index(index, root.stream_bytes));
  return out;
}

Status TreeReader::read_index(ByteView index, std::uint64_t stream_bytes) {
  ByteReader in(index, "index of a tree");
  std::uint64_t total = 0;
  while (!in.at_end()) {
    IndexRow row;
    HF_ASSIGN(ByteView id, in.raw(sizeof(row.chunk.id.bytes)));
    row.chunk.id.bytes = to_array<sizeof(row.chunk.id.bytes)>(id);
    HF_ASSIGN(std::uint64_t length, in.varint());
    if (length == 0 || length > kMaxChunkBytes) return in.corrupt("chunk has an odd length");
    row.chunk.length = static_cast<std::uint32_t>(length);
    HF_ASSIGN(std::uint8_t continues, in.u8());
    if (continues > 1) return in.corrupt("flag is neither 0 nor 1");
    row.continues = continues == 1;
    HF_ASSIGN(row.path, in.sized_text(kMaxPathBytes));
    const int order = rows_.empty() ? -1 : compare_paths(rows_.back().path, row.path);
    if (row.continues ? rows_.empty() || order > 0 : order >= 0) return in.corrupt("rows are out of order");
    total += length;
    rows_.push_back(std::move(row));
  }
  if (total != stream_bytes) return in.corrupt("its chunks are not as long as the stream");
  return ok();
}

Status TreeReader::load(std::size_t row) {
  HF_ASSIGN(Bytes chunk, fetch_exact(fetch_, rows_[row].chunk));
  place_.chunk = std::make_shared<const Bytes>(std::move(chunk));    // shared: a writer that follows it may still need it
  place_.ref = rows_[row].chunk;
  place_.last_chunk = row + 1 == rows_.size();
  row_ = row;
  position_ = 0;
  loaded_ = true;
  return ok();
}

Result<bool> TreeReader::more() {
  if (loaded_ && position_ < place_.chunk->size()) return true;
  const std::size_t next = loaded_ ? row_ + 1 : 0;
  if (next >= rows_.size()) return false;
  HF_TRY(load(next));
  return true;
}

// The body of the record at the position; the position moves behind it.
Result<ByteView> TreeReader::record() {
  ByteReader in(ByteView(*place_.chunk).subspan(position_), kWhat);
  HF_ASSIGN(const ByteView body, in.sized(kMaxRecordBytes));
  if (body.empty()) return in.corrupt("empty record");
  position_ += in.offset();
  return body;
}

Result<std::optional<Entry>> TreeReader::read_entry() {
  HF_ASSIGN(const bool any, more());
  if (!any) return std::optional<Entry>();
  const bool first_in_chunk = position_ == 0;
  const std::size_t row = row_;
  HF_ASSIGN(const ByteView body, record());
  HF_ASSIGN(Entry entry, read_from(body));
  if (first_in_chunk && (rows_[row].continues || rows_[row].path != entry.path)) {
    return damaged_tree("its index does not fit at '" + entry.path + "'");
  }
  return std::optional(std::move(entry));
}

// The whole entry that begins with this record.
Result<Entry> TreeReader::read_from(ByteView body) {
  ByteReader in(body, kWhat);
  HF_ASSIGN(const std::uint8_t type, in.u8());
  if (type != static_cast<std::uint8_t>(RecordType::kEntry))
    return damaged_tree("an entry does not begin where it should");
  HF_ASSIGN(EntryRecord begun, decode_entry_record(in));
  HF_TRY(read_more_extents(begun.entry, begun.extents_total));
  HF_TRY(check_decoded(begun.entry));
  return std::move(begun.entry);
}

// Passes over the extents of the entry given out last that stand in records of their own.
Status TreeReader::skip_rest_of_view() {
  while (view_more_ > 0) {
    HF_ASSIGN(const bool any, more());
    if (!any) return damaged_tree("ends in the middle of '" + last_.value_or("") + "'");
    HF_ASSIGN(const ByteView body, record());
    std::vector<Extent> extents;
    ByteReader in(body, kWhat);
    HF_ASSIGN(const std::uint8_t type, in.u8());
    if (type != static_cast<std::uint8_t>(RecordType::kMoreExtents)) return damaged_tree("extents are missing");
    HF_TRY(decode_extents(in, extents));
    if (extents.empty() || extents.size() > view_more_) return damaged_tree("an entry has other extents than it should");
    view_more_ -= extents.size();
  }
  return ok();
}

Result<const EntryView*> TreeReader::next_view() {
  HF_TRY(skip_rest_of_view());
  HF_ASSIGN(const bool any, more());
  if (!any) {
    if (from_start_ && seen_ != expected_)
      return damaged_tree("holds " + std::to_string(seen_) + " entries, not " + std::to_string(expected_));
    return nullptr;
  }
  const bool first_in_chunk = position_ == 0;
  place_.begin = position_;
  HF_ASSIGN(const ByteView body, record());
  place_.end = position_;
  view_.place = &place_;
  std::uint64_t total = 0;
  if (!decode_entry_view(body, view_, total)) return damaged_tree("a record that cannot be");
  if (first_in_chunk && (rows_[row_].continues || rows_[row_].path != view_.path))
    return damaged_tree("its index does not fit at '" + std::string(view_.path) + "'");
  view_more_ = total > kRecordExtents ? total - kRecordExtents : 0;
  if (Status good = check_path(view_.path); !good) return damaged_tree("an entry of the tree cannot be: " + good.error().text);
  if (!last_.has_value()) last_.emplace();
  else if (compare_paths(*last_, view_.path) >= 0)
    return damaged_tree("'" + std::string(view_.path) + "' does not come after '" + *last_ + "'");
  last_->assign(view_.path);
  ++seen_;
  return &view_;
}

Result<Entry> TreeReader::entry_of_view() {
  view_more_ = 0;                      // read here instead of passed over
  const Bytes body = to_bytes(view_.record);   // reading on may load another chunk
  return read_from(body);
}

Status TreeReader::read_more_extents(Entry& entry, std::uint64_t total) {
  while (entry.extents.size() < total) {
    HF_ASSIGN(const bool any, more());
    if (!any) return damaged_tree("ends in the middle of '" + entry.path + "'");
    if (position_ == 0 && (!rows_[row_].continues || rows_[row_].path != entry.path)) {
      return damaged_tree("its index does not fit within '" + entry.path + "'");
    }
    HF_ASSIGN(const ByteView body, record());
    ByteReader in(body, kWhat);
    HF_ASSIGN(const std::uint8_t type, in.u8());
    if (type != static_cast<std::uint8_t>(RecordType::kMoreExtents))
      return damaged_tree("extents of '" + entry.path + "' are missing");
    const std::size_t before = entry.extents.size();
    HF_TRY(decode_extents(in, entry.extents));
    HF_TRY(in.expect_end());
    if (entry.extents.size() == before) return damaged_tree("a record without extents");
  }
  if (entry.extents.size() != total) return damaged_tree("'" + entry.path + "' has more extents than it should");
  return ok();
}

Result<std::optional<Entry>> TreeReader::next() {
  HF_ASSIGN(std::optional<Entry> entry, read_entry());
  if (!entry.has_value()) {
    if (from_start_ && seen_ != expected_) {
      return damaged_tree("holds " + std::to_string(seen_) + " entries, not " + std::to_string(expected_));
    }
    return entry;
  }
  if (last_.has_value() && compare_paths(*last_, entry->path) >= 0) {
    return damaged_tree("'" + entry->path + "' does not come after '" + *last_ + "'");
  }
  last_ = entry->path;
  ++seen_;
  return entry;
}

Status TreeReader::seek(std::string_view path) {
  // The last chunk that begins with an entry not after `path`, or in the middle of one before it.
  std::size_t row = 0;
  const auto starts_after = [&](std::string_view wanted, const IndexRow& r) {
    const int order = compare_paths(wanted, r.path);
    return order < 0 || (order == 0 && r.continues);
  };
  const auto after = std::upper_bound(rows_.begin(), rows_.end(), path, starts_after);
  if (after != rows_.begin()) row = static_cast<std::size_t>(after - rows_.begin()) - 1;
  last_.reset();
  view_more_ = 0;
  from_start_ = false;
  if (rows_.empty()) return ok();
  if (!loaded_ || row_ != row) HF_TRY(load(row));
  position_ = 0;
  HF_TRY(skip_continued());
  while (true) {
    HF_TRY(skip_rest_of_view());
    HF_ASSIGN(const bool any, more());
    if (!any) return ok();
    const std::size_t before = position_;
    HF_ASSIGN(const EntryView* view, next_view());
    if (compare_paths(view->path, path) < 0) continue;
    position_ = before;                // a record lies in one chunk: it is still loaded
    view_more_ = 0;
    last_.reset();
    return ok();
  }
}

// Extents of an entry that began in an earlier chunk are passed over.
Status TreeReader::skip_continued() {
  if (!rows_[row_].continues) return ok();
  while (true) {
    HF_ASSIGN(const bool any, more());
    if (!any) return ok();
    if (position_ == 0 && !rows_[row_].continues) return ok();
    const std::size_t before = position_;
    HF_ASSIGN(const ByteView body, record());
    if (body[0] != static_cast<std::uint8_t>(RecordType::kMoreExtents)) {
      position_ = before;
      return ok();
    }
  }
}

Result<std::optional<Entry>> TreeReader::find(std::string_view path) {
  HF_TRY(seek(path));
  HF_ASSIGN(std::optional<Entry> entry, next());
  if (entry.has_value() && entry->path != path) return std::optional<Entry>();
  return entry;
}

}  // namespace hf::vault
