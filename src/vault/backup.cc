// A backup session: lease, contents, tree, and the commit in the protocol's order.
#include "vault/backup.h"

#include <deque>

#include "vault/content.h"
#include "vault/parts.h"
#include "vault/tree.h"

namespace hf::vault {
namespace {

constexpr std::size_t kMaxWaitingEntries = 4096;   // entries whose chunks are still in the queue, or that stand behind such

class Session final : public BackupSession {
 public:
  Session(const Repository::Core& core, SnapshotMeta meta, std::unique_ptr<Lease> lease, std::unique_ptr<ChunkStore> chunks)
      : core_(core),
        lease_(std::move(lease)),
        chunks_(std::move(chunks)),
        queue_(core, *chunks_, [this]() -> Status {
          HF_TRY(alive());
          return lease_->beat_if_due();
        }),
        tree_(core.tree_table, core.config.parameters.tree, chunks_->metadata()) {
    info_.meta = std::move(meta);
    info_.started = core.clock.wall();
  }
  ~Session() override { abandon(); }

  Result<std::unique_ptr<ContentWriter>> begin_content(ContentKind kind, const PageMap* previous) override {
    HF_TRY(alive());
    if (kind == ContentKind::kStream) return std::unique_ptr<ContentWriter>(make_stream_content(core_, queue_));
    if (previous != nullptr) {
      HF_ASSIGN(const bool usable, may_reuse(previous->extents));
      if (!usable) previous = nullptr;
    }
    return std::unique_ptr<ContentWriter>(make_pages_content(core_, queue_, previous));
  }

  Result<bool> may_reuse(std::span<const Extent> extents) override {
    const ChunkId* last = nullptr;
    for (const Extent& extent : extents) {
      if (extent.hole || (last != nullptr && *last == extent.chunk)) continue;
      HF_ASSIGN(const bool known, chunks_->known(extent.chunk));
      if (!known) return false;
      last = &extent.chunk;
    }
    return true;
  }

  Result<bool> add_unchanged(const EntryView& entry) override;
  Status add(const Entry& entry) override { return enqueue({Entry(entry), nullptr, {}}); }

  Status add(Entry entry, const Content& content) override {
    entry.size = content.size;
    entry.extents = content.extents;
    if (!content.digests.empty()) HF_TRY(set_page_digests(entry, content.digests, chunks_->metadata()));
    return enqueue({std::move(entry), nullptr, {}});
  }

  Status add(Entry entry, std::unique_ptr<ContentWriter> content) override {
    std::unique_ptr<QueuedContent> queued(static_cast<QueuedContent*>(content.release()));   // all are of begin_content
    HF_TRY(queued->end());
    return enqueue({std::move(entry), std::move(queued), {}});
  }

  Result<SnapshotInfo> commit(const std::map<std::string, std::string>& attributes, bool partial) override;
  void abandon() override;

  BackupProgress progress() const override {
    const StoredTotals totals = chunks_->totals();
    return {info_.entries, info_.files, info_.source_bytes, totals.new_bytes, totals.stored_bytes};
  }

 private:
  struct Waiting {
    Entry entry;
    std::unique_ptr<QueuedContent> content;   // null: the entry is complete
    Bytes record;                             // of an unchanged entry: that of the previous tree
  };
  Status alive() const {
    if (lease_ != nullptr) return ok();
    return make_error(ErrorKind::kBlocked, "this backup has ended");
  }
  Status next_path(std::string_view path);
  Status enqueue(Waiting waiting);
  Status drain(bool all);
  Status write_entry(Waiting& waiting);
  void count(EntryType type, std::uint64_t size);
  Result<Bytes> finish_record(const std::map<std::string, std::string>& attributes, bool partial);
  void finish_commit(ByteView sealed);

  const Repository::Core& core_;
  std::unique_ptr<Lease> lease_;              // null once committed, abandoned or undecided
  std::unique_ptr<ChunkStore> chunks_;
  ChunkQueue queue_;
  TreeWriter tree_;
  std::deque<Waiting> waiting_;
  std::string last_path_;
  bool any_path_ = false;
  SnapshotInfo info_;
};

// Each path comes after the last one.
Status Session::next_path(std::string_view path) {
  HF_TRY(alive());
  if (any_path_ && compare_paths(last_path_, path) >= 0) {
    return make_error(ErrorKind::kInvalid,
                      "'" + std::string(path) + "' does not come after '" + last_path_ + "' in the tree's order");
  }
  any_path_ = true;
  last_path_.assign(path);
  return ok();
}

Status Session::enqueue(Waiting waiting) {
  HF_TRY(next_path(waiting.entry.path));
  waiting_.push_back(std::move(waiting));
  HF_TRY(lease_->beat_if_due());
  return drain(waiting_.size() >= kMaxWaitingEntries);
}

Result<bool> Session::add_unchanged(const EntryView& entry) {
  HF_TRY(alive());
  if (!entry.complete) return false;
  bool usable = true;
  HF_TRY(entry.each_chunk([&](const ChunkId& id) -> Status {
    if (!usable) return ok();
    HF_ASSIGN(usable, chunks_->known(id));
    return ok();
  }));
  if (!usable) return false;
  if (!waiting_.empty()) {
    Waiting waiting;
    waiting.entry.path = entry.path;
    waiting.entry.type = entry.type;
    waiting.entry.size = entry.size;
    waiting.record = to_bytes(entry.record);
    HF_TRY(enqueue(std::move(waiting)));
    return true;
  }
  HF_TRY(next_path(entry.path));
  HF_TRY(lease_->beat_if_due());
  HF_TRY(tree_.add_unchanged(entry.path, entry.record, entry.size));
  count(entry.type, entry.size);
  return true;
}

// Writes the entries at the front that are complete; all of them if asked to.
Status Session::drain(bool all) {
  if (all) HF_TRY(queue_.flush());
  while (!waiting_.empty()) {
    Waiting& front = waiting_.front();
    if (front.content != nullptr && !front.content->ready()) return ok();
    HF_TRY(write_entry(front));
    waiting_.pop_front();
  }
  return ok();
}

Status Session::write_entry(Waiting& waiting) {
  Entry& entry = waiting.entry;
  if (waiting.content != nullptr) {
    Content content = waiting.content->take();
    entry.size = content.size;
    entry.extents = std::move(content.extents);
    if (!content.digests.empty()) HF_TRY(set_page_digests(entry, content.digests, chunks_->metadata()));
  }
  HF_TRY(waiting.record.empty() ? tree_.add(entry) : tree_.add_unchanged(entry.path, waiting.record, entry.size));
  count(entry.type, entry.size);
  return ok();
}

void Session::count(EntryType type, std::uint64_t size) {
  ++info_.entries;
  if (type != EntryType::kFile) return;
  ++info_.files;
  info_.source_bytes += size;
}

// Everything but the decision: after it the vault holds all that the record names.
Result<Bytes> Session::finish_record(const std::map<std::string, std::string>& attributes, bool partial) {
  HF_TRY(drain(true));
  SnapshotRecord record;
  HF_ASSIGN(record.tree, tree_.finish());
  for (const auto& [key, value] : attributes) info_.meta.attributes[key] = value;
  info_.partial = partial;
  info_.finished = core_.clock.wall();
  record.session = lease_->session();
  record.info = info_;
  // With it the snapshot can be known from packs alone. Where nothing new was stored there is an earlier one of the same tree.
  if (chunks_->stored_any()) HF_TRY(chunks_->metadata()(encode_snapshot_note(record)));
  HF_TRY(chunks_->flush());
  info_.new_bytes = chunks_->totals().new_bytes;
  info_.stored_bytes = chunks_->totals().stored_bytes;
  record.info = info_;
  return seal_record(core_.entropy, core_.keys, record);
}

Result<SnapshotInfo> Session::commit(const std::map<std::string, std::string>& attributes, bool partial) {
  HF_TRY(alive());
  auto sealed = finish_record(attributes, partial);
  if (!sealed) {
    abandon();
    return std::move(sealed).error();
  }
  info_.id = id_of_sealed(*sealed);
  Status decided = lease_->decide(*sealed);
  if (!decided) {
    // The lease stays: the fate may yet arrive at the store, and must find it there.
    lease_.reset();
    return Error(std::move(decided).error()).with_context("committing the snapshot");
  }
  finish_commit(*sealed);
  lease_.reset();
  return info_;
}

// The snapshot exists by its fate; what is left is its number. Where the store fails now, the next run finishes it.
void Session::finish_commit(ByteView sealed) {
  auto number = write_commit(core_, sealed, lease_->epoch().highest_commit);
  if (!number) {
    core_.log.warning("vault", "snapshot committed, its number is left to the next run", {{"error", number.error().text}});
    return;
  }
  info_.number = *number;
  Status removed = lease_->remove();
  if (!removed) core_.log.warning("vault", "lease not removed", {{"error", removed.error().text}});
}

void Session::abandon() {
  waiting_.clear();
  queue_.stop();                                 // its workers use the lease
  if (lease_ != nullptr) lease_->give_up();
  lease_.reset();
}

}  // namespace

Result<std::unique_ptr<BackupSession>> begin_session(const Repository::Core& core, SnapshotMeta meta) {
  HF_TRY(core.check_writable());
  HF_ASSIGN(const auto finished, finish_committed_leases(core, false));
  for (const std::string& session : finished)
    core.log.info("vault", "finished the commit of an earlier run", {{"session", session}});
  HF_ASSIGN(std::unique_ptr<Lease> lease, Lease::open(core));
  auto chunks = ChunkStore::open(core, *lease);
  if (!chunks) {
    lease->give_up();
    return std::move(chunks).error();
  }
  return std::unique_ptr<BackupSession>(std::make_unique<Session>(core, std::move(meta), std::move(lease), std::move(*chunks)));
}

}  // namespace hf::vault
