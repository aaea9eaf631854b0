#include "vault/stats.h"

#include <algorithm>
#include <bit>

#include "vault/chunk_source.h"
#include "vault/core.h"
#include "vault/snapshot_record.h"

namespace hf::vault {
namespace {

constexpr std::uint32_t kNobody = 0;
constexpr std::uint32_t kSeveral = UINT32_MAX;

struct Row {                             // a chunk of the index
  std::array<std::uint8_t, 16> id{};     // its beginning: two chunks that share it are counted as one
  std::uint32_t stored = 0;
  std::uint32_t plain = 0;
  std::uint32_t user = kNobody;          // the only snapshot that refers to it, by its number from 1
  std::uint32_t seen = kNobody;          // the last one that did
};

class Counter {
 public:
  explicit Counter(Repository& repository) : core_(repository.core()) {}
  Result<VaultStats> run();

 private:
  Status load_index();
  Status count_objects();
  Status walk(const CommittedRecord& commit);
  Status refer(const ChunkId& id);
  Row* find(const ChunkId& id);
  void sum_up();

  const Repository::Core& core_;
  std::unique_ptr<ChunkSource> source_;
  std::vector<Row> rows_;                // sorted by id
  std::uint32_t snapshot_ = 0;           // that is being walked, from 1
  VaultStats stats_;
};

Status Counter::load_index() {
  HF_ASSIGN(source_, ChunkSource::open(core_));
  if (!source_->broken().empty()) return source_->broken().front().error;
  for (const IndexRun& run : source_->index().runs()) {
    rows_.reserve(rows_.size() + run.chunks());
    HF_TRY(run.for_each([&](const IndexEntry& entry) {
      rows_.push_back({to_array<16>(ByteView(entry.chunk.id.bytes).first(16)), entry.chunk.stored_length,
                       entry.chunk.plain_length, kNobody, kNobody});
      stats_.unreferenced_bytes += entry.chunk.stored_length;
      return ok();
    }));
  }
  std::ranges::sort(rows_, {}, &Row::id);
  const auto twins = std::ranges::unique(rows_, {}, &Row::id);
  rows_.erase(twins.begin(), twins.end());
  return ok();
}

// Ids are uniform: a chunk stands about where its first bytes say.
Row* Counter::find(const ChunkId& id) {
  if (rows_.empty()) return nullptr;
  const auto wanted = to_array<16>(ByteView(id.bytes).first(16));
  std::uint64_t head = 0;
  for (int i = 0; i < 8; ++i) head = head << 8 | wanted[static_cast<std::size_t>(i)];
  auto at = static_cast<std::size_t>((head >> 32) * rows_.size() >> 32);     // REQUIRES: fewer than 2^32 chunks
  while (at > 0 && rows_[at].id > wanted) --at;
  while (at < rows_.size() && rows_[at].id < wanted) ++at;
  return at < rows_.size() && rows_[at].id == wanted ? &rows_[at] : nullptr;
}

Status Counter::refer(const ChunkId& id) {
  Row* row = find(id);
  if (row == nullptr) {
    return make_error(ErrorKind::kCorrupt, "chunk " + to_string(id) + " is in no index run")
        .with_hint("Run `holdfast vault check`; it names the snapshots that are hit.");
  }
  if (row->seen == snapshot_) return ok();
  SnapshotUse& use = stats_.snapshots.back();
  use.referenced_bytes += row->stored;
  if (row->user == kNobody) use.added_bytes += row->stored;
  row->user = row->user == kNobody ? snapshot_ : kSeveral;
  row->seen = snapshot_;
  return ok();
}

Status Counter::walk(const CommittedRecord& commit) {
  HF_ASSIGN(SnapshotRecord record, open_record(commit.sealed, commit.object, core_.keys, core_.writers));
  const ChunkId note = core_.hasher.id(encode_snapshot_note(record));
  record.info.number = commit.number;
  stats_.snapshots.push_back({std::move(record.info)});
  stats_.source_bytes += stats_.snapshots.back().info.source_bytes;
  snapshot_ = static_cast<std::uint32_t>(stats_.snapshots.size());
  if (find(note) != nullptr) HF_TRY(refer(note));
  const FetchChunk inner = source_->fetcher();
  const FetchChunk fetch = [&](const ChunkRef& chunk) -> Result<Bytes> {
    HF_TRY(refer(chunk.id));
    return inner(chunk);
  };
  HF_ASSIGN(TreeReader tree, TreeReader::open(record.tree, fetch));
  while (true) {
    HF_ASSIGN(const EntryView* view, tree.next_view());
    if (view == nullptr) return ok();
    if (view->complete) {
      HF_TRY(view->each_chunk([&](const ChunkId& id) { return refer(id); }));
      continue;
    }
    HF_ASSIGN(const Entry entry, tree.entry_of_view());
    for (const Extent& extent : entry.extents) {
      if (!extent.hole) HF_TRY(refer(extent.chunk));
    }
    for (const ChunkRef& chunk : entry.page_digest_chunks) HF_TRY(refer(chunk.id));
  }
}

Status Counter::count_objects() {
  return core_.store.list("", [&](const ObjectInfo& info) {
    ObjectCount& count = stats_.objects[info.name.substr(0, info.name.find('/'))];
    ++count.objects;
    count.bytes += info.size;
    return ok();
  });
}

void Counter::sum_up() {
  for (const Row& row : rows_) {
    if (row.user == kNobody) continue;
    ++stats_.chunks;
    stats_.plain_bytes += row.plain;
    stats_.stored_bytes += row.stored;
    if (row.user != kSeveral) stats_.snapshots[row.user - 1].unique_bytes += row.stored;
  }
  stats_.unreferenced_bytes -= stats_.stored_bytes;
}

Result<VaultStats> Counter::run() {
  HF_ASSIGN(const std::vector<CommittedRecord> commits, read_commits(core_, nullptr));
  HF_TRY(load_index());                      // after the commits: it has all that they need
  for (const CommittedRecord& commit : commits) {
    Status walked = walk(commit);
    if (!walked) return Error(std::move(walked).error()).with_context("counting what " + commit.object + " needs");
  }
  sum_up();
  HF_TRY(count_objects());
  return std::move(stats_);
}

}  // namespace

Result<VaultStats> measure_vault(Repository& repository) { return Counter(repository).run(); }

}  // namespace hf::vault
