#include "vault/collect/mark.h"

#include <algorithm>
#include <queue>

#include "vault/object/names.h"
#include "vault/snapshot_record.h"

namespace hf::vault {
namespace {

constexpr std::size_t kCursorRows = kIndexBlockEntries;

// The rows of one run in order, a block at a time.
struct TreeCursor {
  const IndexRun* run = nullptr;
  std::size_t number = 0;              // of the run
  std::uint64_t block = 0;
  std::vector<IndexEntry> rows;
  std::size_t at = 0;
  std::uint64_t row() const { return (block - 1) * kCursorRows + at; }
  Result<bool> ready() {
    while (at == rows.size()) {
      if (block == run->chunk_block_count()) return false;
      HF_ASSIGN(rows, run->chunk_rows(block));
      ++block;
      at = 0;
    }
    return true;
  }
};

}  // namespace

Marker::Marker(const Repository::Core& core, const std::map<PackName, std::uint64_t>& listed, const Epoch& epoch,
               std::function<Status()> alive)
    : core_(core), listed_(listed), epoch_(epoch), alive_(std::move(alive)) {}

Status Marker::open_runs() {
  HF_ASSIGN(source_, ChunkSource::open(core_, ChunkSource::Runs::kFixed));
  if (!source_->broken().empty()) return Error(source_->broken().front().error);
  for (const auto& [name, size] : listed_) {
    PackUse& use = marks_.packs[name];
    use.size = size;
    use.condemned = epoch_.forbids(name);
  }
  for (const IndexRun& run : source_->index().runs()) {
    marked_.emplace_back(run.chunks(), false);
    rows_.emplace_back();
    kinds_.emplace_back();
    for (std::uint32_t row = 0; row < run.packs(); ++row) {
      HF_ASSIGN(const IndexPack pack, run.pack(row));
      rows_.back().push_back(pack.name);
      kinds_.back().push_back(pack.kind);
      const auto use = marks_.packs.find(pack.name);
      if (use == marks_.packs.end() || use->second.indexed) continue;
      if (use->second.size != pack.size) {
        return make_error(ErrorKind::kCorrupt, pack_object_name(pack.name) + ": has " + std::to_string(use->second.size) +
                          " bytes, " + std::to_string(pack.size) + " were written").with_object(pack_object_name(pack.name));
      }
      use->second.indexed = true;
      use->second.writer = run.writer();
    }
  }
  return ok();
}

Status Marker::refer(const ChunkId& id) { return references_.add(id) ? join() : ok(); }

// Every reference finds its rows, or the vault lacks a chunk.
Status Marker::join() {
  const auto match = [this](std::size_t run, std::uint64_t row, const IndexEntry& entry) {
    marked_[run][row] = true;
    const auto use = marks_.packs.find(rows_[run][entry.pack]);
    if (use == marks_.packs.end()) return false;
    if (!use->second.condemned) use->second.needed = std::max(use->second.needed, walking_until_);
    return true;
  };
  HF_ASSIGN(const bool all, references_.join(source_->index(), match, alive_));
  if (all) return ok();
  return make_error(ErrorKind::kCorrupt, "a chunk that a snapshot needs lies in no pack that exists: nothing is removed")
      .with_hint("Run `holdfast vault check`; it names the snapshots that are hit.");
}

Status Marker::walk(const CommittedRecord& commit) {
  HF_ASSIGN(const SnapshotRecord record, open_record(commit.sealed, commit.object, core_.keys, core_.writers));
  // Whatever is fetched of the tree is referred to; its leaves come below.
  const FetchChunk inner = source_->fetcher();
  const FetchChunk fetch = [&](const ChunkRef& chunk) -> Result<Bytes> {
    HF_TRY(refer(chunk.id));
    return inner(chunk);
  };
  const ChunkId note = core_.hasher.id(encode_snapshot_note(record));
  HF_ASSIGN(const std::vector<ChunkLocation> notes, source_->index().find_all(note));
  if (!notes.empty()) HF_TRY(refer(note));       // a snapshot that stored nothing has none
  for (const ChunkRef& chunk : record.tree.index) HF_TRY(refer(chunk.id));
  HF_ASSIGN(TreeReader tree, TreeReader::open(record.tree, fetch));
  const ChunkId* last = nullptr;
  while (true) {
    HF_ASSIGN(const std::optional<Entry> entry, tree.next());
    if (!entry) return ok();
    last = nullptr;
    for (const Extent& extent : entry->extents) {
      if (extent.hole || (last != nullptr && *last == extent.chunk)) continue;
      HF_TRY(refer(extent.chunk));
      last = &extent.chunk;
    }
    for (const ChunkRef& chunk : entry->page_digest_chunks) HF_TRY(refer(chunk.id));
    HF_TRY(alive_());
  }
}

// `copies`: of one chunk, each in a pack that exists.
void Marker::choose_copies(std::vector<Copy>& copies, bool live) {
  std::ranges::sort(copies, {}, &Copy::name);
  const auto [first, last] = std::ranges::unique(copies, {}, &Copy::name);
  copies.erase(first, last);
  for (Copy& copy : copies) copy.use->rows_bytes += copy.chunk.stored_length;
  if (!live) return;
  ++marks_.live_chunks;
  const crypto::PublicKey& own = core_.keys.writer.public_key;
  const auto stands_in = [&](const Copy& other, const Copy& copy) {
    return !other.use->condemned && (other.use->writer == copy.use->writer || other.use->writer == own);
  };
  for (Copy& copy : copies) {
    ++copy.use->live;
    // The first of those that could stand in for each other is the one that is counted: every collector chooses the same.
    const auto other = std::ranges::find_if(copies, [&](const Copy& c) { return c.name != copy.name && stands_in(c, copy); });
    const bool before = other != copies.end() && (other->name < copy.name || !stands_in(copy, *other));
    if (!copy.use->condemned && !before) copy.use->counted_bytes += copy.chunk.stored_length;
    if (other != copies.end()) continue;
    ++copy.use->only_here;
    if (remember_limit_ == 0 || !remember_.contains(copy.name)) continue;
    --remember_limit_;
    rescue_[copy.name].emplace_back(copy.chunk, copy.kind);
  }
}

// All runs at once in the order of ids, so that the copies of a chunk come together.
Status Marker::choose() {
  std::vector<TreeCursor> cursors;
  const std::vector<IndexRun>& runs = source_->index().runs();
  for (std::size_t r = 0; r < runs.size(); ++r) cursors.push_back({&runs[r], r, 0, {}, 0});
  const auto later = [&](std::size_t a, std::size_t b) {
    return cursors[a].rows[cursors[a].at].chunk.id > cursors[b].rows[cursors[b].at].chunk.id;
  };
  std::priority_queue<std::size_t, std::vector<std::size_t>, decltype(later)> next(later);
  for (std::size_t r = 0; r < cursors.size(); ++r) {
    HF_ASSIGN(const bool more, cursors[r].ready());
    if (more) next.push(r);
  }
  std::vector<Copy> copies;
  std::optional<ChunkId> id;
  bool live = false;
  for (std::uint64_t steps = 0; !next.empty(); ++steps) {
    TreeCursor& cursor = cursors[next.top()];
    next.pop();
    const IndexEntry& entry = cursor.rows[cursor.at];
    if (id && *id != entry.chunk.id) {
      choose_copies(copies, live);
      copies.clear();
      live = false;
    }
    id = entry.chunk.id;
    live = live || marked_[cursor.number][cursor.row()];
    const PackName& name = rows_[cursor.number][entry.pack];
    const auto use = marks_.packs.find(name);
    if (use != marks_.packs.end()) copies.push_back({name, &use->second, entry.chunk, kinds_[cursor.number][entry.pack]});
    ++cursor.at;
    HF_ASSIGN(const bool more, cursor.ready());
    if (more) next.push(cursor.number);
    if (steps % 100'000 == 0) HF_TRY(alive_());
  }
  choose_copies(copies, live);
  return ok();
}

// A join for each day on which a lock is to end: between two of them the buffer holds references of the same need.
Status Marker::walk_by_need(std::vector<CommittedRecord> snapshots) {
  std::ranges::stable_sort(snapshots, std::greater(), until_);
  for (const CommittedRecord& commit : snapshots) {
    const WallTime until = until_(commit);
    using std::chrono::days, std::chrono::floor;
    if (walking_until_ && floor<days>(until) != floor<days>(*walking_until_)) {
      HF_TRY(join());
      walking_until_.reset();
    }
    if (!walking_until_) walking_until_ = until;     // the latest of its day
    Status walked = walk(commit);
    core_.progress.add(Counted::kSnapshots);
    if (!walked) return Error(std::move(walked).error()).with_context("marking what " + commit.object + " needs");
  }
  return ok();
}

Result<Marks> Marker::mark(const std::vector<CommittedRecord>& snapshots) {
  core_.progress.phase("looking at what snapshots need", {.snapshots = snapshots.size()});
  HF_TRY(open_runs());
  if (until_) HF_TRY(walk_by_need(snapshots));
  for (std::size_t i = until_ ? snapshots.size() : 0; i < snapshots.size(); ++i) {
    Status walked = walk(snapshots[i]);
    core_.progress.add(Counted::kSnapshots);
    if (!walked) return Error(std::move(walked).error()).with_context("marking what " + snapshots[i].object + " needs");
  }
  HF_TRY(join());
  HF_TRY(choose());
  return std::move(marks_);
}

}  // namespace hf::vault
