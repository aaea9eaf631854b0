// A backup session: lease, contents, tree, and the commit in the protocol's order.
#include "vault/backup/backup.h"

#include <deque>

#include "vault/backup/content.h"
#include "vault/backup/session_journal.h"
#include "vault/index/index_merge.h"
#include "vault/object/names.h"
#include "vault/parts.h"
#include "vault/tiers/locks.h"
#include "vault/tree/tree.h"

namespace hf::vault {
namespace {

constexpr std::size_t kMaxWaitingEntries = 4096;   // entries whose chunks are still in the queue, or that stand behind such

class Session final : public BackupSession {
 public:
  Session(const Repository::Core& core, SnapshotMeta meta, std::unique_ptr<SessionJournal> journal,
          std::unique_ptr<Lease> lease, std::unique_ptr<ChunkStore> chunks, std::optional<crypto::Digest> vouched)
      : core_(core),
        vouched_(vouched),
        journal_(std::move(journal)),
        lease_(std::move(lease)),
        chunks_(std::move(chunks)),
        queue_(core, *chunks_, [this]() -> Status {
          HF_TRY(alive());
          return lease_->beat_if_due();
        }),
        tree_(core.tree_table, core.config.parameters.tree, chunks_->metadata()) {
    info_.meta = std::move(meta);
    info_.started = core.clock.wall();
    sure_ = info_.started;
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

  const BegunEntry* begun(std::string_view path) override { return journal_ ? journal_->find(path) : nullptr; }
  Result<std::uint64_t> go_on(ContentWriter& content, const std::string& path, const FileState& state) override;
  void note(ContentWriter& content, const std::string& path, const FileState& state) override;

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
    return {info_.entries, info_.files, info_.source_bytes, totals.new_bytes, totals.stored_bytes, resumed_bytes_};
  }

 private:
  struct Waiting {
    Entry entry;
    std::unique_ptr<QueuedContent> content;   // null: the entry is complete
    Bytes record;                             // of an unchanged entry: that of the previous tree
    std::optional<TreePlace> place;           // of that record, if it is vouched for
    WallTime sure{};                          // a time before it was read
  };
  Status alive() const {
    if (lease_ != nullptr) return core_.check_going();
    return make_error(ErrorKind::kBlocked, "this backup has ended");
  }
  bool vouched_for(const EntryView& entry) const { return vouched_ && entry.place != nullptr && entry.place->tree == *vouched_; }
  Status next_path(std::string_view path);
  Status enqueue(Waiting waiting);
  Status drain(bool all);
  Status write_entry(Waiting& waiting);
  void count(EntryType type, std::uint64_t size);
  Result<Bytes> finish_record(const std::map<std::string, std::string>& attributes, bool partial);
  Status lock_what_it_rests_on();
  void finish_commit(ByteView sealed);
  void merge_index();

  const Repository::Core& core_;
  const std::optional<crypto::Digest> vouched_;   // the tree of which this session may refer to every chunk
  std::unique_ptr<SessionJournal> journal_;   // may be null
  std::unique_ptr<Lease> lease_;              // null once committed, abandoned or undecided
  std::unique_ptr<ChunkStore> chunks_;
  ChunkQueue queue_;
  TreeWriter tree_;
  std::deque<Waiting> waiting_;
  std::string last_path_;
  bool any_path_ = false;
  WallTime sure_{};                           // when the last entry came: what comes next is read after it
  std::uint64_t resumed_bytes_ = 0;
  // The large file that is being read, as far as the journal has it.
  const ContentWriter* noted_ = nullptr;
  std::size_t noted_extents_ = 0;
  std::uint64_t noted_bytes_ = 0;
  SnapshotInfo info_;
  crypto::Digest tree_digest_{};
};

Result<std::uint64_t> Session::go_on(ContentWriter& content, const std::string& path, const FileState& state) {
  noted_ = &content;
  noted_extents_ = 0;
  noted_bytes_ = 0;
  if (!journal_) return std::uint64_t{0};
  std::vector<Extent> extents = journal_->find_part(path, state, core_.clock.wall());
  std::size_t durable = 0;
  std::uint64_t bytes = 0;
  for (; durable < extents.size(); ++durable) {
    HF_ASSIGN(const bool known, may_reuse(std::span(extents).subspan(durable, 1)));
    if (!known || bytes + extents[durable].length > state.size) break;
    bytes += extents[durable].length;
  }
  extents.resize(durable);
  if (durable == 0 || !static_cast<QueuedContent&>(content).go_on(std::move(extents))) return std::uint64_t{0};
  noted_extents_ = durable;
  noted_bytes_ = bytes;
  resumed_bytes_ += bytes;
  return bytes;
}

void Session::note(ContentWriter& content, const std::string& path, const FileState& state) {
  if (!journal_ || noted_ != &content) return;
  const std::vector<Extent> extents = static_cast<QueuedContent&>(content).known_extents(noted_extents_);
  if (extents.empty()) return;
  journal_->part(path, state, noted_bytes_, extents, sure_);
  noted_extents_ += extents.size();
  for (const Extent& extent : extents) noted_bytes_ += extent.length;
}

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
  waiting.sure = sure_;
  sure_ = core_.clock.wall();
  waiting_.push_back(std::move(waiting));
  HF_TRY(lease_->beat_if_due());
  return drain(waiting_.size() >= kMaxWaitingEntries);
}

Result<bool> Session::add_unchanged(const EntryView& entry) {
  HF_TRY(alive());
  if (!entry.complete) return false;
  const TreePlace* place = vouched_for(entry) ? entry.place : nullptr;
  bool usable = true;
  const auto look_up = [&](const ChunkId& id) -> Status {
    if (!usable) return ok();
    HF_ASSIGN(usable, chunks_->known(id));
    return ok();
  };
  if (place == nullptr) HF_TRY(entry.each_chunk(look_up));
  if (!usable) return false;
  if (!waiting_.empty()) {
    Waiting waiting;
    waiting.entry.path = entry.path;
    waiting.entry.type = entry.type;
    waiting.entry.size = entry.size;
    waiting.record = to_bytes(entry.record);
    if (place != nullptr) waiting.place = *place;
    HF_TRY(enqueue(std::move(waiting)));
    return true;
  }
  HF_TRY(next_path(entry.path));
  HF_TRY(lease_->beat_if_due());
  HF_TRY(tree_.add_unchanged(entry.path, entry.record, entry.size, place));
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
  const TreePlace* place = waiting.place ? &*waiting.place : nullptr;
  HF_TRY(waiting.record.empty() ? tree_.add(entry) : tree_.add_unchanged(entry.path, waiting.record, entry.size, place));
  const bool noted = journal_ && waiting.record.empty() && entry.type == EntryType::kFile && entry.size > 0;
  if (noted && !tree_.last_record().empty()) journal_->entry(tree_.last_record(), waiting.sure);
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
  tree_digest_ = tree_digest(record.tree);
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
  HF_TRY(lock_what_it_rests_on());
  return seal_record(core_.entropy, core_.keys, record);
}

// What this session put is locked from then on, and by a stride for longer: only a session that took longer locks it anew.
Status Session::lock_what_it_rests_on() {
  const std::optional<Micros> retain = retain_of(core_);
  if (!retain) return ok();
  const WallTime until = core_.clock.wall() + kCommitWait + *retain;
  const bool own = until > info_.started + *retain + lock_stride(*retain);
  std::vector<LockNeed> needs;
  for (const auto& [object, size] : chunks_->rests_on(own)) needs.push_back({object, size, until});
  HF_ASSIGN(info_.locks, renew_locks(core_, std::move(needs)));
  return ok();
}

Result<SnapshotInfo> Session::commit(const std::map<std::string, std::string>& attributes, bool partial) {
  HF_TRY(alive());
  auto sealed = finish_record(attributes, partial);
  if (!sealed) {
    abandon();
    return std::move(sealed).error();
  }
  info_.id = id_of_sealed(*sealed);
  if (journal_) journal_->deciding();
  Status decided = lease_->decide(*sealed);
  if (!decided) {
    const bool sent = decided.error().kind != ErrorKind::kCancelled || decided.error().effect != Effect::kNone;
    if (!sent) lease_->give_up();            // a stop came before
    // The lease stays: the fate may yet arrive at the store, and must find it there.
    lease_.reset();
    return Error(std::move(decided).error()).with_context("committing the snapshot");
  }
  if (journal_) {
    journal_->end();
    write_vouched(core_, info_.meta,
                  {info_.id, tree_digest_, info_.entries, core_.keys.writer.public_key, lease_->epoch().number,
                   lease_->epoch().nonce, chunks_->own_runs()});
  }
  finish_commit(*sealed);
  lease_.reset();
  merge_index();
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

// The snapshot is there; an index that stays as it is only makes look-ups slower.
void Session::merge_index() {
  const std::size_t runs = chunks_->runs();
  chunks_->close();
  if (runs < kFewestMerged) return;
  const auto gone = merge_runs(core_, kMergesAfterBackup);
  if (!gone) core_.log.warning("vault", "index runs not merged", {{"error", gone.error().text}});
  if (gone && *gone != 0) core_.log.info("vault", "index runs merged", {{"runs", std::to_string(*gone)}});
}

void Session::abandon() {
  waiting_.clear();
  queue_.stop();                                 // its workers use the lease
  if (journal_ && lease_ != nullptr) journal_->flush();
  if (lease_ != nullptr) lease_->give_up();
  lease_.reset();
}

}  // namespace

// The sessions of this journal's earlier runs: their processes have ended, or the journal would be locked.
static void end_leases(const Repository::Core& core, const SessionJournal& journal) {
  for (const SessionId& session : journal.ended_sessions()) {
    for (const char* part : {"beat", "open"}) (void)core.store.remove(lease_name(session, part));
  }
}

Result<std::unique_ptr<BackupSession>> begin_session(const Repository::Core& core, SnapshotMeta meta) {
  HF_TRY(core.check_writable());
  HF_TRY(check_retain(core));
  HF_ASSIGN(const auto finished, finish_committed_leases(core, false));
  for (const std::string& session : finished)
    core.log.info("vault", "finished the commit of an earlier run", {{"session", session}});
  std::unique_ptr<SessionJournal> journal = SessionJournal::open(core, meta);
  HF_ASSIGN(std::unique_ptr<Lease> lease, Lease::open(core));
  if (journal) {
    end_leases(core, *journal);                  // only now: this lease protects their packs
    journal->begin(lease->session());
  }
  auto chunks = ChunkStore::open(core, *lease, journal.get());
  if (!chunks) {
    lease->give_up();
    return std::move(chunks).error();
  }
  std::optional<crypto::Digest> tree;
  // Where locks are renewed, each chunk is asked for: which packs the snapshot rests on is known by that alone.
  if (const auto vouched = meta.previous && journal && !retain_of(core) ? read_vouched(core, meta) : std::nullopt) {
    const auto holds = vouched->snapshot == *meta.previous ? (*chunks)->vouches(*vouched) : Result<bool>(false);
    if (holds && *holds) tree = vouched->tree;
  }
  return std::unique_ptr<BackupSession>(
      std::make_unique<Session>(core, std::move(meta), std::move(journal), std::move(lease), std::move(*chunks), tree));
}

}  // namespace hf::vault
