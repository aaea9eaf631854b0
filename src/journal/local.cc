// See local.h.
#include "journal/local.h"

#include "base/hex.h"
#include "record/step_events.h"

namespace hf::journal {
namespace {

constexpr std::string_view kKeyTitle = "holdfast journal key v1";
constexpr std::size_t kMaxKeyBytes = 4096;
constexpr std::size_t kBatchBytes = 8 << 20;   // read under the lock in one piece, then handed out without it

std::string key_path(const std::string& folder) { return join_path(folder, "key"); }
std::string next_key_path(const std::string& folder) { return join_path(folder, "key.next"); }

struct StoredKey {
  JournalId id{};
  crypto::SigningKey key;
};

// Three lines: title, origin, base64 of the seed.
std::string format_key(const JournalId& id, const crypto::SigningKey& key) {
  return std::string(kKeyTitle) + "\n" + origin_of(id) + "\n" + to_base64(key.seed.reveal()) + "\n";
}

Result<StoredKey> parse_key(const std::string& path, std::string_view text) {
  Error bad = make_error(ErrorKind::kCorrupt, "journal key " + path + ": not a key file")
                  .with_object(path)
                  .with_hint(
                      "Bring the file back from the recovery kit; without it the journal can be read, not "
                      "continued.");
  StoredKey out;
  const std::string_view head = "holdfast/";
  std::size_t at = kKeyTitle.size() + 1 + head.size();
  if (text.size() < at + 33) return bad;
  auto id = from_hex(text.substr(at, 32));
  auto seed = from_base64(text.substr(at + 33, text.size() - at - 34));
  if (!id || !seed || id->size() != 16 || seed->size() != 32) return bad;
  out.id = to_array<16>(*id);
  out.key = crypto::signing_key_from_seed(Secret(std::move(*seed)));
  if (format_key(out.id, out.key) != text) return bad;
  return out;
}

Result<std::optional<StoredKey>> read_key(Files& files, const std::string& path) {
  auto bytes = read_file(files, path, kMaxKeyBytes);
  if (!bytes && bytes.error().kind == ErrorKind::kNotFound) return std::optional<StoredKey>();
  if (!bytes) return std::move(bytes).error();
  HF_ASSIGN(StoredKey key, parse_key(path, as_text(*bytes)));
  return std::optional(std::move(key));
}

Result<StoredKey> make_key(Files& files, crypto::Entropy& entropy, const std::string& folder) {
  StoredKey out{to_array<16>(entropy.bytes(16)), crypto::new_signing_key(entropy)};
  HF_TRY(create_file_atomic(files, key_path(folder), as_bytes(format_key(out.id, out.key)), 0600));
  return out;
}

// A succession interrupted between its event and the change of files is finished here.
Status settle_key(Files& files, const std::string& folder, const Inspection& state, StoredKey& key) {
  auto expected = state.keys.key_at(state.segments.size());
  if (!expected || *expected == key.key.public_key) return ok();
  HF_ASSIGN(std::optional<StoredKey> next, read_key(files, next_key_path(folder)));
  if (!next || next->key.public_key != *expected) {
    return make_error(ErrorKind::kDenied, "journal key " + key_path(folder) + ": the log names another key")
        .with_hint("Bring the newest key file back from the recovery kit.");
  }
  HF_TRY(files.move(next_key_path(folder), key_path(folder), IfExists::kReplace));
  HF_TRY(files.sync_dir(folder));
  key = std::move(*next);
  return ok();
}

// A look that found nothing new, a wait: what a run does again when it is resumed. Signing costs two more syncs, and a
// run that polls has thousands of these.
bool only_watches(const record::Event& e) {
  return record::is<record::StepObserved>(e) || record::is<record::TimerSet>(e) || e.type == "step.running";
}

}  // namespace

struct LocalJournal::Writer {
  std::optional<FileLock> lock;
  Clock& clock;
  Log& log;
  record::Origin here;
  StoredKey key;
};

LocalJournal::LocalJournal(Files& files, std::string folder, Inspection inspection)
    : files_(files), folder_(std::move(folder)), state_(std::move(inspection)) {}

Result<std::unique_ptr<LocalJournal>> LocalJournal::open(Files& files, Clock& clock, Log& log,
                                                         crypto::Entropy& entropy, LocalOptions options) {
  HF_TRY(files.make_dirs(options.folder, 0700));
  std::optional<FileLock> lock;
  if (options.lock) {
    auto taken = FileLock::acquire(join_path(options.folder, "lock"));
    if (!taken) return std::move(taken).error().with_context("journal " + options.folder);
    lock = std::move(*taken);
  }
  HF_ASSIGN(std::optional<StoredKey> key, read_key(files, key_path(options.folder)));
  HF_ASSIGN(Inspection state, inspect(files, options.folder, key ? std::optional(key->id) : std::nullopt));
  if (state.damage) return damage_error(*state.damage);
  if (!key && state.segments.size() > 0) {
    return make_error(ErrorKind::kDenied, "journal key " + key_path(options.folder) + " is missing")
        .with_hint(
            "Bring the file back from the recovery kit; without it the journal can be read, not continued.");
  }
  if (!key) {
    HF_ASSIGN(key, make_key(files, entropy, options.folder));
    HF_ASSIGN(state, inspect(files, options.folder, key->id));
    if (state.damage) return damage_error(*state.damage);
  }
  HF_TRY(settle_key(files, options.folder, state, *key));
  auto out = std::unique_ptr<LocalJournal>(new LocalJournal(files, options.folder, std::move(state)));
  out->writer_.reset(new Writer{std::move(lock), clock, log, options.here, std::move(*key)});
  Status started = out->start(options);
  if (!started) {
    out->writer_.reset();   // nothing more is signed by this object
    return std::move(started).error();
  }
  return out;
}

Result<std::unique_ptr<LocalJournal>> LocalJournal::open_reader(Files& files, std::string folder) {
  HF_ASSIGN(Inspection state, inspect(files, folder));
  if (state.damage) return damage_error(*state.damage);
  if (state.segments.size() == 0) {
    return make_error(ErrorKind::kNotFound, "no journal in " + folder)
        .with_hint("Nothing was recorded here yet; if it should have been, check --state or HOLDFAST_STATE.")
        .with_object(folder);
  }
  return std::unique_ptr<LocalJournal>(new LocalJournal(files, std::move(folder), std::move(state)));
}

LocalJournal::~LocalJournal() {
  std::lock_guard lock(mutex_);
  if (writer_ == nullptr || state_.segments.spent()) return;
  if (Status s = sign(); !s)
    writer_->log.warning("journal", "checkpoint_not_written", {{"why", s.error().text}});
}

// What opening adds to the log: its first event, and what was healed; then everything is signed for.
Status LocalJournal::start(const LocalOptions& options) {
  std::optional<Unfinished> unfinished = state_.segments.unfinished();
  HF_TRY(state_.segments.open_for_append(options.segment_bytes));
  if (state_.segments.size() == 0) {
    std::string recovery = options.recovery_key ? to_base64(*options.recovery_key) : "";
    HF_TRY(append_own(record::event_of(record::JournalOpened{
        origin_of(writer_->key.id), to_base64(writer_->key.key.public_key), recovery})));
    HF_TRY(sign());
  }
  if (unfinished) {
    writer_->log.warning(
        "journal", "healed",
        {{"segment", unfinished->file}, {"removed_bytes", std::to_string(unfinished->bytes)}});
    HF_TRY(append_own(
        record::event_of(record::JournalHealed{unfinished->file, unfinished->offset, unfinished->bytes})));
  }
  HF_TRY(sign());
  return write_public_key();
}

Status LocalJournal::write_public_key() {
  std::string text = format_verifier_key(origin_of(writer_->key.id), writer_->key.key.public_key) + "\n";
  return write_file_atomic(files_, join_path(folder_, "key.pub"), as_bytes(text), 0644);
}

Result<std::uint64_t> LocalJournal::append_own(record::Event event) {
  event.time = writer_->clock.wall();
  event.actor = {"holdfast", "engine"};
  event.origin = writer_->here;
  return append_locked(event);
}

Result<std::uint64_t> LocalJournal::append(const record::Event& event) {
  std::lock_guard lock(mutex_);
  if (writer_ == nullptr)
    return make_error(ErrorKind::kBlocked, "journal " + folder_ + " is open for reading only");
  if (event.type.starts_with("journal.") || record::is<record::KeySuccession>(event))
    return make_error(ErrorKind::kInvalid, "event '" + event.type + "' is written by the journal itself");
  HF_ASSIGN(std::uint64_t seq, append_locked(event));
  if (!checkpoint_due(event)) return seq;
  // The event is durable whatever becomes of the checkpoint; the next event tries again.
  if (Status s = sign(); !s)
    writer_->log.warning("journal", "checkpoint_not_written", {{"why", s.error().text}});
  return seq;
}

Result<std::uint64_t> LocalJournal::append_locked(const record::Event& event) {
  HF_ASSIGN(std::string leaf, record::encode_event(event));
  HF_TRY(state_.segments.append(leaf));
  std::uint64_t seq = state_.segments.size() - 1;
  HF_TRY(state_.keys.add(seq, event));
  return seq;
}

bool LocalJournal::checkpoint_due(const record::Event& last) const {
  std::uint64_t covered = state_.checkpoint ? state_.checkpoint->size : 0;
  return !only_watches(last) || state_.segments.size() - covered >= kCheckpointEvery;
}

Status LocalJournal::sign() {
  Checkpoint next{origin_of(writer_->key.id), state_.segments.size(), state_.segments.tree().root()};
  if (state_.checkpoint == next) return ok();
  std::string note = sign_note(format_checkpoint(next), next.origin, writer_->key.key);
  HF_TRY(write_file_atomic(files_, checkpoint_path(folder_), as_bytes(note), 0644));
  state_.checkpoint = next;
  state_.note = std::move(note);
  return ok();
}

Status LocalJournal::read(std::uint64_t from, const EntryVisitor& visit) {
  const std::uint64_t to = size();
  while (from < to) {
    std::vector<std::string> batch;
    {
      std::lock_guard lock(mutex_);
      std::size_t bytes = 0;
      HF_TRY(state_.segments.read(from, to, [&](std::uint64_t, std::string_view leaf) {
        batch.emplace_back(leaf);
        return (bytes += leaf.size()) < kBatchBytes;
      }));
    }
    for (std::string& leaf : batch) {
      HF_ASSIGN(record::Event event, record::parse_event(leaf));
      if (!visit(Entry{from++, std::move(leaf), std::move(event)})) return ok();
    }
  }
  return ok();
}

std::uint64_t LocalJournal::size() {
  std::lock_guard lock(mutex_);
  return state_.segments.size();
}

Result<std::string> LocalJournal::checkpoint() {
  std::lock_guard lock(mutex_);
  if (writer_ != nullptr) HF_TRY(sign());
  if (!state_.checkpoint)
    return make_error(ErrorKind::kNotFound, "journal " + folder_ + " has no checkpoint yet");
  return state_.note;
}

Result<std::vector<Digest>> LocalJournal::inclusion_proof(std::uint64_t seq, std::uint64_t size) {
  std::lock_guard lock(mutex_);
  if (seq >= size || size > state_.segments.size())
    return make_error(ErrorKind::kInvalid,
                      "no inclusion proof of event " + std::to_string(seq) + " in " + std::to_string(size));
  return state_.segments.tree().inclusion(seq, size);
}

Result<std::vector<Digest>> LocalJournal::consistency_proof(std::uint64_t old_size, std::uint64_t size) {
  std::lock_guard lock(mutex_);
  if (old_size > size || size > state_.segments.size())
    return make_error(ErrorKind::kInvalid, "no consistency proof from " + std::to_string(old_size) + " to " +
                                               std::to_string(size));
  return state_.segments.tree().consistency(old_size, size);
}

Identity LocalJournal::identity() {
  std::lock_guard lock(mutex_);
  return {state_.keys.origin(), state_.keys.key_at(state_.segments.size()).value_or(crypto::PublicKey{})};
}

// The new key is on disk before the log names it, and in the old one's place after.
Status LocalJournal::succeed_key(crypto::Entropy& entropy) {
  std::lock_guard lock(mutex_);
  if (writer_ == nullptr)
    return make_error(ErrorKind::kBlocked, "journal " + folder_ + " is open for reading only");
  StoredKey next{writer_->key.id, crypto::new_signing_key(entropy)};
  HF_TRY(sign());
  HF_TRY(write_file_atomic(files_, next_key_path(folder_), as_bytes(format_key(next.id, next.key)), 0600));
  HF_TRY(append_own(record::event_of(
      sign_succession(origin_of(next.id), next.key.public_key, writer_->key.key, SignerRole::kPrevious))));
  writer_->key = std::move(next);
  HF_TRY(files_.move(next_key_path(folder_), key_path(folder_), IfExists::kReplace));
  HF_TRY(files_.sync_dir(folder_));
  HF_TRY(sign());
  return write_public_key();
}

}  // namespace hf::journal
