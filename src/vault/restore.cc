// Reading snapshots: entries, ranges, and planned restores.
#include "vault/restore.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <unordered_map>

#include "vault/chunk_source.h"
#include "vault/object/names.h"
#include "vault/pack/record_reader.h"
#include "vault/parallel.h"
#include "vault/parts.h"

namespace hf::vault {
namespace {

constexpr std::uint64_t kMaxGap = 256 * 1024;          // between two records that one read fetches together
constexpr std::uint64_t kMaxRead = 16u << 20;
constexpr std::uint64_t kMaxLocalRead = 2u << 20;      // from a directory a read costs little, and should stay in the cache
constexpr std::size_t kZeroBytes = 256 * 1024;
constexpr std::size_t kKeptTreeBytes = 16u << 20;      // trees of some 100,000 entries

struct Place {                  // where a chunk, or a part of it, goes
  ChunkId chunk;
  std::uint64_t file = 0;
  std::uint64_t offset = 0;     // in the file
  std::uint64_t length = 0;
  std::uint32_t chunk_offset = 0;
};

struct PlannedChunk {
  ChunkSource::Place place;
  std::size_t first = 0;        // its places
  std::size_t count = 0;
};

std::vector<Place> sorted(std::vector<Place> places) {
  std::ranges::sort(places, [](const Place& a, const Place& b) {
    return std::tie(a.chunk, a.file, a.offset) < std::tie(b.chunk, b.file, b.offset);
  });
  return places;
}

// The pieces of a restore, a window at a time; a file may lie in several.
class Windows {
 public:
  Windows(std::span<const RestoreItem> items, std::size_t limit) : items_(items), limit_(std::max<std::size_t>(limit, 1)) {}
  // By chunk; empty at the end.
  std::vector<Place> next();
  bool more() const { return item_ < items_.size(); }

 private:
  std::span<const RestoreItem> items_;
  const std::size_t limit_;
  std::size_t item_ = 0;
  std::size_t extent_ = 0;               // of the item
};

std::vector<Place> Windows::next() {
  std::vector<Place> places;
  for (; item_ < items_.size(); ++item_, extent_ = 0) {
    const RestoreItem& item = items_[item_];
    for (; extent_ < item.extents.size(); ++extent_) {
      const Extent& e = item.extents[extent_];
      if (e.hole) continue;
      if (places.size() == limit_) return sorted(std::move(places));
      places.push_back({e.chunk, item.file, e.offset, e.length, e.chunk_offset});
    }
  }
  return sorted(std::move(places));
}

class Reader final : public SnapshotReader {
 public:
  Reader(const Repository::Core& core, SnapshotRecord record, std::unique_ptr<ChunkSource> source)
      : core_(core), record_(std::move(record)), source_(std::move(source)) {}

  const SnapshotInfo& info() const override { return record_.info; }
  Status each_entry(const std::function<Status(const Entry&)>& each) override;
  Result<Entry> find_entry(const std::string& path) override;
  Result<const EntryView*> next_view() override;
  void chunk_ids(std::span<const ByteView> chunks, std::span<ChunkId> out) const override { core_.hasher.ids(chunks, out); }
  Result<Entry> entry_of_view() override { return pass_->entry_of_view(); }
  Status seek_view(std::string_view path) override;
  Status read_content(const Entry& entry, std::uint64_t offset, std::uint64_t length,
                      const std::function<Status(ByteView)>& out) override;
  Result<PageMap> page_map(const Entry& entry) override;
  Status require(std::vector<ChunkId>& chunks) override;
  Result<RestoreTotals> restore(std::span<const RestoreItem> items, RestoreSink& sink, std::size_t window) override;

 private:
  Result<TreeReader> open_tree();
  Result<Bytes> read_tree(const ChunkRef& chunk);
  Status read_extent(const Extent& extent, std::uint64_t from, std::uint64_t to, const std::function<Status(ByteView)>& out);
  Status require_all(std::span<const RestoreItem> items);
  Status restore_window(const std::vector<Place>& places, RestoreSink& sink, RestoreTotals& totals,
                        std::set<std::uint32_t>& packs);
  Result<std::vector<PlannedChunk>> plan(const std::vector<Place>& places, RestoreSink& sink);
  std::vector<std::span<const PlannedChunk>> group(const std::vector<PlannedChunk>& chunks) const;

  const Repository::Core& core_;
  SnapshotRecord record_;
  std::unique_ptr<ChunkSource> source_;
  std::unordered_map<ChunkId, Bytes, ChunkIdHash> kept_;   // chunks of the tree
  std::size_t kept_bytes_ = 0;
  std::optional<TreeReader> pass_;
  bool sought_ = false;              // the pass is not one over everything
  ChunkId last_id_{};                // of the chunk that read_content read last
  std::optional<Bytes> last_;
};

Result<TreeReader> Reader::open_tree() {
  return TreeReader::open(record_.tree, [this](const ChunkRef& chunk) { return read_tree(chunk); });
}

// A restore walks the tree several times: the beginning of it, for most all of it, is read from the store once.
Result<Bytes> Reader::read_tree(const ChunkRef& chunk) {
  if (const auto it = kept_.find(chunk.id); it != kept_.end()) return it->second;
  HF_ASSIGN(Bytes bytes, source_->read(chunk.id));
  if (kept_bytes_ + bytes.size() <= kKeptTreeBytes) {
    kept_bytes_ += bytes.size();
    kept_.emplace(chunk.id, bytes);
  }
  return bytes;
}

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

Status Reader::seek_view(std::string_view path) {
  if (!pass_) {
    HF_ASSIGN(TreeReader tree, open_tree());
    pass_.emplace(std::move(tree));
  }
  sought_ = true;
  return pass_->seek(path);
}

Result<const EntryView*> Reader::next_view() {
  if (!pass_) {
    HF_ASSIGN(TreeReader tree, open_tree());
    pass_.emplace(std::move(tree));
  }
  HF_ASSIGN(const EntryView* view, pass_->next_view());
  if (view == nullptr && !sought_) pass_.reset();            // the next call begins anew
  return view;
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

// What the vault cannot give is told to the files that need it; any other error ends the restore.
Status leave_out(std::span<const Place> places, RestoreSink& sink, Error why) {
  if (!sink.skips_damage() || why.kind != ErrorKind::kCorrupt) return why;
  for (const Place& place : places) sink.damaged(place.file, why);
  return ok();
}

Result<std::vector<PlannedChunk>> Reader::plan(const std::vector<Place>& places, RestoreSink& sink) {
  std::vector<PlannedChunk> chunks;
  for (std::size_t i = 0, end = 0; i < places.size(); i = end) {
    end = i + 1;
    while (end < places.size() && places[end].chunk == places[i].chunk) ++end;
    auto place = source_->locate(places[i].chunk);
    if (place) chunks.push_back({*place, i, end - i});
    else HF_TRY(leave_out(std::span(places).subspan(i, end - i), sink, std::move(place).error()));
  }
  std::ranges::sort(chunks, [&](const PlannedChunk& a, const PlannedChunk& b) {
    if (a.place.pack == b.place.pack) return a.place.chunk.offset < b.place.chunk.offset;
    return source_->pack(a.place.pack).row.name < source_->pack(b.place.pack).row.name;
  });
  return chunks;
}

// Neighbouring records of one pack, which one read fetches together.
std::vector<std::span<const PlannedChunk>> Reader::group(const std::vector<PlannedChunk>& chunks) const {
  const bool local = core_.store.properties().kind == "directory";
  const std::uint64_t limit = local ? kMaxLocalRead : kMaxRead;
  std::vector<std::span<const PlannedChunk>> groups;
  for (std::size_t i = 0; i < chunks.size();) {
    const ChunkSource::Place& first = chunks[i].place;
    std::size_t end = i + 1;
    while (end < chunks.size()) {
      const ChunkSource::Place& previous = chunks[end - 1].place;
      const ChunkSource::Place& next = chunks[end].place;
      const std::uint64_t previous_end = std::uint64_t{previous.chunk.offset} + previous.chunk.stored_length;
      const std::uint64_t next_end = std::uint64_t{next.chunk.offset} + next.chunk.stored_length;
      if (next.pack != first.pack || next.chunk.offset > previous_end + kMaxGap) break;
      if (next_end - first.chunk.offset > limit) break;
      ++end;
    }
    groups.push_back(std::span(chunks).subspan(i, end - i));
    i = end;
  }
  return groups;
}

// Fetches groups of records, on all cores, and hands each chunk to all its places.
class GroupReader {
 public:
  struct Shared {
    const Repository::Core& core;
    ChunkSource& source;
    const std::vector<Place>& places;
    RestoreSink& sink;
    std::mutex source_mutex;             // the source's other places and its caches are for one thread at a time
    std::mutex sink_mutex;               // for sinks that say so
    std::atomic<std::uint64_t> bytes = 0;
    std::atomic<std::uint64_t> read_bytes = 0;
  };
  explicit GroupReader(Shared& shared) : shared_(shared), records_(shared.core.hasher) {}
  Status read(std::span<const PlannedChunk> group);

 private:
  Status write(const PlannedChunk& chunk, ByteView plain);
  Status write_from_elsewhere(const PlannedChunk& chunk);
  Status read_group(std::span<const PlannedChunk> group);
  Shared& shared_;
  RecordReader records_;
  std::vector<PackEntry> entries_;
  std::uint64_t written_ = 0;            // of the group
};

Status GroupReader::read(std::span<const PlannedChunk> group) {
  written_ = 0;
  Status done = read_group(group);
  shared_.bytes += written_;
  shared_.core.progress.add(Counted::kBytes, written_);
  return done;
}

Status GroupReader::read_group(std::span<const PlannedChunk> group) {
  const std::uint64_t begin = group.front().place.chunk.offset;
  const PackEntry& last = group.back().place.chunk;
  const std::uint64_t length = std::uint64_t{last.offset} + last.stored_length - begin;
  const ChunkSource::ReadablePack& pack = shared_.source.pack(group.front().place.pack);
  const auto stored = shared_.core.store.get(pack.object, {begin, length});
  if (!stored) {
    for (const PlannedChunk& chunk : group) HF_TRY(write_from_elsewhere(chunk));
    return ok();
  }
  shared_.read_bytes += length;
  entries_.clear();
  for (const PlannedChunk& chunk : group) entries_.push_back(chunk.place.chunk);
  return records_.read(pack.key, entries_, begin, *stored, pack.object, [&](std::size_t i, const Result<ByteView>& plain) {
    return plain ? write(group[i], *plain) : write_from_elsewhere(group[i]);
  });
}

// The chunk alone, again, and from any other place that has it.
Status GroupReader::write_from_elsewhere(const PlannedChunk& chunk) {
  std::unique_lock lock(shared_.source_mutex);
  auto plain = shared_.source.read(chunk.place.chunk.id);
  lock.unlock();
  if (plain) return write(chunk, *plain);
  return leave_out(std::span(shared_.places).subspan(chunk.first, chunk.count), shared_.sink, std::move(plain).error());
}

Status GroupReader::write(const PlannedChunk& chunk, ByteView plain) {
  for (std::size_t i = chunk.first; i < chunk.first + chunk.count; ++i) {
    const Place& p = shared_.places[i];
    if (p.chunk_offset + p.length > plain.size()) return make_error(ErrorKind::kCorrupt, "an extent reaches past its chunk");
    std::unique_lock<std::mutex> lock;
    if (!shared_.sink.concurrent()) lock = std::unique_lock(shared_.sink_mutex);
    HF_TRY(shared_.sink.write(p.file, p.offset, plain.subspan(p.chunk_offset, static_cast<std::size_t>(p.length))));
    written_ += p.length;
  }
  return ok();
}

Status Reader::require(std::vector<ChunkId>& chunks) {
  std::ranges::sort(chunks);
  const auto [first, last] = std::ranges::unique(chunks);
  chunks.erase(first, last);
  for (const ChunkId& chunk : chunks) HF_TRY(source_->locate(chunk));
  return ok();
}

Status Reader::require_all(std::span<const RestoreItem> items) {
  std::vector<ChunkId> chunks;
  for (const RestoreItem& item : items) {
    for (const Extent& e : item.extents) {
      if (e.hole) continue;
      chunks.push_back(e.chunk);
      if (chunks.size() < kRequiredAtOnce) continue;
      HF_TRY(require(chunks));
      chunks.clear();
    }
  }
  return require(chunks);
}

Status Reader::restore_window(const std::vector<Place>& places, RestoreSink& sink, RestoreTotals& totals,
                              std::set<std::uint32_t>& packs) {
  HF_ASSIGN(const std::vector<PlannedChunk> chunks, plan(places, sink));
  const std::vector<std::span<const PlannedChunk>> groups = group(chunks);
  GroupReader::Shared shared{core_, *source_, places, sink};
  HF_TRY(in_parallel(groups.size(), [&] {
    return [&, reader = std::make_unique<GroupReader>(shared)](std::size_t i) { return reader->read(groups[i]); };
  }));
  totals.bytes += shared.bytes;
  totals.read_bytes += shared.read_bytes;
  for (const PlannedChunk& chunk : chunks) packs.insert(chunk.place.pack);
  return ok();
}

Result<RestoreTotals> Reader::restore(std::span<const RestoreItem> items, RestoreSink& sink, std::size_t window) {
  Windows windows(items, window);
  std::vector<Place> places = windows.next();
  if (windows.more() && !sink.skips_damage()) HF_TRY(require_all(items));   // the plan of the only window proves as much
  RestoreTotals totals;
  std::set<std::uint32_t> packs;
  for (; !places.empty(); places = windows.next()) HF_TRY(restore_window(places, sink, totals, packs));
  totals.packs = packs.size();
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
