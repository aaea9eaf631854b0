// Reading snapshots: entries, ranges, and planned restores.
#include "vault/restore.h"

#include <algorithm>

#include "vault/chunk_source.h"
#include "vault/names.h"
#include "vault/parts.h"

namespace hf::vault {
namespace {

constexpr std::uint64_t kMaxGap = 256 * 1024;          // between two records that one read fetches together
constexpr std::uint64_t kMaxRead = 16u << 20;
constexpr std::size_t kZeroBytes = 256 * 1024;

struct Place {                  // where a chunk, or a part of it, goes
  ChunkId chunk;
  std::uint64_t file = 0;
  std::uint64_t offset = 0;     // in the file
  std::uint64_t length = 0;
  std::uint32_t chunk_offset = 0;
};

struct PlannedChunk {
  ChunkLocation location;
  std::size_t first = 0;        // its places
  std::size_t count = 0;
};

std::vector<Place> collect_places(const std::vector<RestoreItem>& items) {
  std::vector<Place> places;
  for (const RestoreItem& item : items) {
    for (const Extent& e : item.extents) {
      if (!e.hole) places.push_back({e.chunk, item.file, e.offset, e.length, e.chunk_offset});
    }
  }
  std::ranges::stable_sort(places, {}, &Place::chunk);
  return places;
}

class Reader final : public SnapshotReader {
 public:
  Reader(const Repository::Core& core, SnapshotRecord record, std::unique_ptr<ChunkSource> source)
      : core_(core), record_(std::move(record)), source_(std::move(source)) {}

  const SnapshotInfo& info() const override { return record_.info; }
  Status each_entry(const std::function<Status(const Entry&)>& each) override;
  Result<Entry> find_entry(const std::string& path) override;
  Result<std::optional<Entry>> next_entry() override;
  Status rewind() override;
  Status read_content(const Entry& entry, std::uint64_t offset, std::uint64_t length,
                      const std::function<Status(ByteView)>& out) override;
  Result<PageMap> page_map(const Entry& entry) override;
  Result<RestoreTotals> restore(const std::vector<RestoreItem>& items, RestoreSink& sink) override;

 private:
  Result<TreeReader> open_tree();
  Status read_extent(const Extent& extent, std::uint64_t from, std::uint64_t to, const std::function<Status(ByteView)>& out);
  Result<std::vector<PlannedChunk>> plan(const std::vector<Place>& places);
  Status read_group(std::span<const PlannedChunk> group, const std::vector<Place>& places, RestoreSink& sink,
                    RestoreTotals& totals);

  const Repository::Core& core_;
  SnapshotRecord record_;
  std::unique_ptr<ChunkSource> source_;
  std::optional<TreeReader> pass_;
  ChunkId last_id_{};                // of the chunk that read_content read last
  std::optional<Bytes> last_;
};

Result<TreeReader> Reader::open_tree() { return TreeReader::open(record_.tree, source_->fetcher()); }

Status Reader::each_entry(const std::function<Status(const Entry&)>& each) {
  HF_ASSIGN(TreeReader tree, open_tree());
  while (true) {
    HF_ASSIGN(const std::optional<Entry> entry, tree.next());
    if (!entry) return ok();
    HF_TRY(each(*entry));
  }
}

Result<Entry> Reader::find_entry(const std::string& path) {
  HF_ASSIGN(TreeReader tree, open_tree());
  HF_ASSIGN(std::optional<Entry> entry, tree.find(path));
  if (entry) return std::move(*entry);
  return make_error(ErrorKind::kNotFound, "no '" + path + "' in this snapshot");
}

Status Reader::rewind() {
  HF_ASSIGN(TreeReader tree, open_tree());
  pass_.emplace(std::move(tree));
  return ok();
}

Result<std::optional<Entry>> Reader::next_entry() {
  if (!pass_) HF_TRY(rewind());
  return pass_->next();
}

Status Reader::read_extent(const Extent& extent, std::uint64_t from, std::uint64_t to,
                           const std::function<Status(ByteView)>& out) {
  static constexpr std::array<std::uint8_t, kZeroBytes> kZeros{};
  if (extent.hole) {
    for (std::uint64_t at = from; at < to;) {
      const std::size_t step = static_cast<std::size_t>(std::min<std::uint64_t>(to - at, kZeros.size()));
      HF_TRY(out(ByteView(kZeros).first(step)));
      at += step;
    }
    return ok();
  }
  if (!last_ || last_id_ != extent.chunk) {
    HF_ASSIGN(last_, source_->read(extent.chunk));
    last_id_ = extent.chunk;
  }
  const std::uint64_t begin = extent.chunk_offset + (from - extent.offset);
  if (begin + (to - from) > last_->size()) return make_error(ErrorKind::kCorrupt, "an extent reaches past its chunk");
  return out(ByteView(*last_).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(to - from)));
}

Status Reader::read_content(const Entry& entry, std::uint64_t offset, std::uint64_t length,
                            const std::function<Status(ByteView)>& out) {
  const std::uint64_t end = length > entry.size || offset > entry.size - length ? entry.size : offset + length;
  auto first = std::ranges::upper_bound(entry.extents, offset, {}, [](const Extent& e) { return e.offset + e.length; });
  for (auto e = first; e != entry.extents.end() && e->offset < end; ++e) {
    HF_TRY(read_extent(*e, std::max(offset, e->offset), std::min(end, e->offset + e->length), out));
  }
  return ok();
}

Result<PageMap> Reader::page_map(const Entry& entry) {
  PageMap map;
  map.extents = entry.extents;
  HF_ASSIGN(map.digests, page_digests(entry, source_->fetcher()));
  return map;
}

Result<std::vector<PlannedChunk>> Reader::plan(const std::vector<Place>& places) {
  std::vector<PlannedChunk> chunks;
  for (std::size_t i = 0; i < places.size();) {
    std::size_t end = i + 1;
    while (end < places.size() && places[end].chunk == places[i].chunk) ++end;
    HF_ASSIGN(ChunkLocation location, source_->locate(places[i].chunk));
    chunks.push_back({std::move(location), i, end - i});
    i = end;
  }
  std::ranges::sort(chunks, {}, [](const PlannedChunk& c) { return std::pair(c.location.pack.name, c.location.chunk.offset); });
  return chunks;
}

// One read of neighbouring records of one pack; each chunk goes to all its places.
Status Reader::read_group(std::span<const PlannedChunk> group, const std::vector<Place>& places,
                          RestoreSink& sink, RestoreTotals& totals) {
  const std::uint64_t begin = group.front().location.chunk.offset;
  const PackEntry& last = group.back().location.chunk;
  const std::uint64_t length = std::uint64_t{last.offset} + last.stored_length - begin;
  const std::string object = pack_object_name(group.front().location.pack.name);
  auto stored = core_.store.get(object, {begin, length});
  if (stored) totals.read_bytes += length;
  for (const PlannedChunk& chunk : group) {
    const PackEntry& record = chunk.location.chunk;
    Result<Bytes> plain =
        stored ? source_->read_record(chunk.location,
                                      ByteView(*stored).subspan(record.offset - begin, record.stored_length))
               : Result<Bytes>(stored.error());
    if (!plain) plain = source_->read(record.id);      // alone, and from any other place that has it
    if (!plain) return std::move(plain).error();
    for (std::size_t i = chunk.first; i < chunk.first + chunk.count; ++i) {
      const Place& p = places[i];
      if (p.chunk_offset + p.length > plain->size()) return make_error(ErrorKind::kCorrupt, "an extent reaches past its chunk");
      HF_TRY(sink.write(p.file, p.offset, ByteView(*plain).subspan(p.chunk_offset, static_cast<std::size_t>(p.length))));
      totals.bytes += p.length;
    }
  }
  return ok();
}

Result<RestoreTotals> Reader::restore(const std::vector<RestoreItem>& items, RestoreSink& sink) {
  const std::vector<Place> places = collect_places(items);
  HF_ASSIGN(const std::vector<PlannedChunk> chunks, plan(places));
  RestoreTotals totals;
  for (std::size_t i = 0; i < chunks.size();) {
    const ChunkLocation& first = chunks[i].location;
    std::size_t end = i + 1;
    while (end < chunks.size()) {
      const ChunkLocation& previous = chunks[end - 1].location;
      const ChunkLocation& next = chunks[end].location;
      const std::uint64_t previous_end = std::uint64_t{previous.chunk.offset} + previous.chunk.stored_length;
      const std::uint64_t next_end = std::uint64_t{next.chunk.offset} + next.chunk.stored_length;
      if (next.pack.name != first.pack.name || next.chunk.offset > previous_end + kMaxGap) break;
      if (next_end - first.chunk.offset > kMaxRead) break;
      ++end;
    }
    if (i == 0 || chunks[i - 1].location.pack.name != first.pack.name) ++totals.packs;
    HF_TRY(read_group(std::span(chunks).subspan(i, end - i), places, sink, totals));
    i = end;
  }
  return totals;
}

}  // namespace

Result<Bytes> SnapshotReader::read_whole(const Entry& entry, std::uint64_t limit) {
  if (entry.size > limit)
    return make_error(ErrorKind::kExhausted,
                      "'" + entry.path + "' is larger than " + std::to_string(limit) + " bytes");
  Bytes out;
  HF_TRY(read_content(entry, 0, entry.size, [&](ByteView bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
    return ok();
  }));
  return out;
}

Result<std::unique_ptr<SnapshotReader>> open_reader(const Repository::Core& core, SnapshotRecord record) {
  HF_ASSIGN(std::unique_ptr<ChunkSource> source, ChunkSource::open(core));
  return std::unique_ptr<SnapshotReader>(std::make_unique<Reader>(core, std::move(record), std::move(source)));
}

}  // namespace hf::vault
