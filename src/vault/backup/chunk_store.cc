#include "vault/backup/chunk_store.h"

#include <algorithm>

#include "base/check.h"
#include "vault/object/names.h"
#include "vault/pack/parity.h"

namespace hf::vault {
namespace {

constexpr std::size_t kRunChunks = 400'000;   // about 40 MB of memory while it is collected
// A pack is closed at kDefaultPackBytes; its last chunk may be of the largest size, and its directory follows.
constexpr std::size_t kDirectoryRoom = 2u << 20;
constexpr std::size_t kBufferBytes = kDefaultPackBytes + kMaxChunkBytes + kDirectoryRoom;
constexpr std::size_t kMaxPackChunks = 32'000;   // their directory fits in its room
// One record in so many is opened again and compared with its chunk: memory or a processor that goes bad shows itself
// within a few packs, at a small part of the cost of decoding everything that was just encoded.
constexpr std::uint64_t kVerifyOneIn = 16;
constexpr int kReloads = 3;                       // of the index, for one chunk
// Looking at every pack of this writer costs a read for each 64; it pays where the snapshot has about as many entries.
constexpr std::uint64_t kPacksAnEntry = 4;
constexpr std::uint64_t kPacksAnyway = 1024;

}  // namespace

Result<std::unique_ptr<ChunkStore>> ChunkStore::open(const Repository::Core& core, Lease& lease, SessionJournal* journal) {
  std::unique_ptr<ChunkStore> store(new ChunkStore(core, lease, journal));
  HF_ASSIGN(store->source_, ChunkSource::open(core));
  for (const BrokenObject& b : store->source_->broken()) {      // its chunks are stored again
    core.log.warning("vault", "index run not used", {{"object", b.object}, {"error", b.error.text}});
  }
  HF_TRY(core.store.list("packs/", [&](const ObjectInfo& info) {
    if (auto name = parse_pack_name(info.name)) store->present_[*name] = info.size;
    return ok();
  }));
  store->use_index();
  if (journal != nullptr) HF_TRY(store->adopt_journal());
  return store;
}

// Packs of earlier sessions that are durable, and that no index run names.
Status ChunkStore::adopt_journal() {
  for (const SessionJournal::Pack& pack : journal_->take_packs()) {
    const auto there = present_.find(pack.name);
    if (there == present_.end() || there->second != pack.pack.size || lease_.epoch().forbids(pack.name)) continue;
    bool all_known = true;
    for (const PackEntry& entry : pack.pack.entries) {
      HF_ASSIGN(const bool one, known(entry.id));
      all_known = all_known && one;
    }
    if (all_known) continue;
    journal_->pack(pack.name, pack.pack);        // for the next run, should this one be cut short, too
    HF_TRY(adopt(pack.name, pack.pack));
  }
  return ok();
}

void ChunkStore::use_index() {
  const auto usable = [this](const PackName& pack, const crypto::PublicKey& writer) {
    // Another writer's packs are not trusted: their chunks are proven only by reading them.
    return writer == core_.keys.writer.public_key && !lease_.epoch().forbids(pack) && present_.contains(pack);
  };
  indexed_.emplace(source_->index(), usable);
}

void ChunkStore::note_found() {
  indexed_->each_found([this](std::size_t run, std::uint32_t row) {
    const IndexRun& from = source_->index().runs()[run];
    const auto pack = from.pack(row);
    if (!pack) return;                   // a damaged run: whoever reads it says so
    if (pack->name.session == lease_.session()) return;      // own_ has it
    found_[pack_object_name(pack->name)] = pack->size;
    found_[from.name()] = 0;
  });
}

std::map<std::string, std::uint64_t> ChunkStore::rests_on(bool own) {
  note_found();
  std::map<std::string, std::uint64_t> out = found_;
  if (own) out.insert(own_.begin(), own_.end());
  return out;
}

Result<bool> ChunkStore::known_locked(const ChunkId& id) {
  if (ours_.contains(id)) return true;
  auto known = indexed_->contains(id);
  for (int attempt = 0; !known && known.error().kind == ErrorKind::kNotFound && attempt < kReloads; ++attempt) {
    note_found();
    HF_TRY(source_->reload());           // a run was replaced since it was opened; the packs stay those of our own listing
    use_index();
    known = indexed_->contains(id);
  }
  return known;
}

Result<bool> ChunkStore::known(const ChunkId& id) {
  const std::lock_guard lock(index_mutex_);
  return known_locked(id);
}

// The session that committed it referred to a chunk only where known() said so, or where it had stored it: in a pack of this
// writer that its epoch does not forbid and that was there. No epoch was published since: so this session's epoch, which was
// read under its lease, forbids none of these packs, and no collector may remove one before it has published another and
// resolved this lease (rules "respect the epoch", "carry over", "since" of docs/design/gc): the state of every single
// chunk that known() would look up. What is not by the protocol, runs or packs that somebody removed, is looked for.
Result<bool> ChunkStore::vouches(const Vouched& snapshot) {
  const Epoch& epoch = lease_.epoch();
  if (snapshot.writer != core_.keys.writer.public_key) return false;
  if (snapshot.epoch != epoch.number || snapshot.epoch_nonce != epoch.nonce) return false;
  const std::lock_guard lock(index_mutex_);
  std::set<std::string_view> there;
  std::uint64_t packs = 0;
  for (const IndexRun& run : source_->index().runs()) {
    if (run.writer() != core_.keys.writer.public_key) continue;
    there.insert(run.name());
    packs += run.packs();
  }
  const auto is_there = [&](const std::string& name) { return there.contains(name); };
  if (packs > kPacksAnyway + snapshot.entries * kPacksAnEntry || !std::ranges::all_of(snapshot.runs, is_there)) return false;
  for (const IndexRun& run : source_->index().runs()) {
    if (run.writer() != core_.keys.writer.public_key) continue;
    for (std::uint32_t row = 0; row < run.packs(); ++row) {
      const auto pack = run.pack(row);
      if (!pack) return false;             // damaged, or replaced meanwhile: known() says what to do
      if (!epoch.forbids(pack->name) && !present_.contains(pack->name)) return false;
    }
  }
  return true;
}

std::vector<std::string> ChunkStore::own_runs() const {
  std::set<std::string> names(runs_written_.begin(), runs_written_.end());
  for (const IndexRun& run : source_->index().runs()) {
    if (run.writer() == core_.keys.writer.public_key) names.insert(run.name());
  }
  return {names.begin(), names.end()};
}

std::size_t ChunkStore::runs() const {
  std::set<std::string> names(runs_written_.begin(), runs_written_.end());
  for (const IndexRun& run : source_->index().runs()) names.insert(run.name());
  return names.size();
}

Status ChunkStore::claim(std::span<const ChunkId> ids, std::span<std::uint8_t> fresh) {
  HF_CHECK(ids.size() == fresh.size());
  const std::lock_guard lock(index_mutex_);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    HF_ASSIGN(const bool there, known_locked(ids[i]));
    fresh[i] = there ? 0 : 1;
    if (!there) ours_.insert(ids[i]);
  }
  return ok();
}

StoreChunk ChunkStore::metadata() {
  return [this](ByteView chunk) -> Result<ChunkId> {
    const ChunkId id = core_.hasher.id(chunk);
    HF_TRY(put(PackKind::kMetadata, id, chunk));
    return id;
  };
}

Status ChunkStore::put(PackKind kind, const ChunkId& id, ByteView plain) {
  std::uint8_t fresh = 0;
  HF_TRY(claim({&id, 1}, {&fresh, 1}));
  return fresh != 0 ? put(kind, id, plain, metadata_encoder_) : ok();
}

Status ChunkStore::put(PackKind kind, const ChunkId& id, ByteView plain, ChunkEncoder& encoder) {
  const ByteView frame = encoder.compressor.try_compress(plain);
  const ByteView stored = frame.empty() ? plain : frame;
  HF_ASSIGN(const Place place, reserve(kind, id, plain.size(), stored.size(), !frame.empty()));
  place.pack->writer.seal(place.entry, stored);
  Status good = place.verify ? place.pack->writer.verify(place.entry, plain, encoder.decompressor, encoder.scratch) : ok();
  std::unique_ptr<OpenPack> full = sealed(place.pack);
  HF_TRY(std::move(good));
  new_bytes_ += plain.size();
  return full ? finish(std::move(full)) : ok();
}

// A place in the open pack of that kind, which is begun if there is none, and closed if it is full by it.
Result<ChunkStore::Place> ChunkStore::reserve(PackKind kind, const ChunkId& id, std::size_t plain, std::size_t stored,
                                              bool compressed) {
  const std::lock_guard lock(pack_mutex_);
  std::unique_ptr<OpenPack>& open = slot(kind);
  if (!open) {
    PackBuffer buffer;
    if (!buffers_.empty()) {
      buffer = std::move(buffers_.back());
      buffers_.pop_back();
    } else {
      buffer = PackBuffer::make(kBufferBytes + parity_bytes(kBufferBytes, core_.config.parity_percent));
    }
    HF_ASSIGN(PackWriter writer,
              PackWriter::start(core_.entropy, core_.keys.vault, core_.keys.vault_public, kind, std::move(buffer),
                                core_.config.parity_percent));
    open = std::make_unique<OpenPack>(kind, std::move(writer));
  }
  Place place;
  place.pack = open.get();
  place.entry = open->writer.reserve(id, plain, stored, compressed);
  place.verify = records_++ % kVerifyOneIn == 0;
  ++open->sealing;
  if (open->writer.size() >= kDefaultPackBytes || open->writer.count() >= kMaxPackChunks) {
    open->closed = true;
    closing_.push_back(std::move(open));
  }
  return place;
}

// The pack, if it is closed and this was the last place that was not sealed: then it is the caller's to finish.
std::unique_ptr<ChunkStore::OpenPack> ChunkStore::sealed(OpenPack* pack) {
  const std::lock_guard lock(pack_mutex_);
  --pack->sealing;
  if (!pack->closed || pack->sealing > 0) return nullptr;
  const auto at = std::ranges::find(closing_, pack, [](const auto& p) { return p.get(); });
  HF_CHECK(at != closing_.end());
  std::unique_ptr<OpenPack> out = std::move(*at);
  closing_.erase(at);
  return out;
}

Status ChunkStore::finish(std::unique_ptr<OpenPack> pack) {
  const FinishedPack finished = pack->writer.finish();
  PackName name{lease_.session(), 0};
  {
    const std::lock_guard lock(pack_mutex_);
    name.number = next_pack_++;
  }
  if (journal_ != nullptr) journal_->pack(name, finished);
  HF_TRY(core_.create_once(pack_object_name(name), pack->writer.bytes()));
  stored_bytes_ += pack->writer.bytes().size();
  {
    const std::lock_guard lock(pack_mutex_);
    own_[pack_object_name(name)] = finished.size;
    buffers_.push_back(pack->writer.take_buffer());
  }
  return index(name, finished);
}

// Into the run that is being collected, which is written once it is full.
Status ChunkStore::index(const PackName& name, const FinishedPack& pack) {
  IndexRunWriter full;
  std::vector<PackName> packs;
  std::uint32_t number = 0;
  {
    const std::lock_guard lock(pack_mutex_);
    run_.add(name, pack);
    run_packs_.push_back(name);
    if (run_.chunks() < kRunChunks) return ok();
    full = std::exchange(run_, IndexRunWriter());
    packs = std::exchange(run_packs_, {});
    number = next_run_++;
  }
  HF_TRY(write_run(full, std::move(packs), number));
  return know_by_index(index_name(lease_.session(), number), full);
}

// Where the run cannot be listed yet, its chunks stay in memory: nothing is stored twice.
Status ChunkStore::know_by_index(const std::string& name, const IndexRunWriter& run) {
  const std::lock_guard lock(index_mutex_);
  note_found();
  const auto reloaded = source_->reload();
  if (!reloaded && reloaded.error().kind != ErrorKind::kBusy) return reloaded.error();
  for (const IndexPack& pack : run.packs()) present_[pack.name] = pack.size;
  use_index();
  const auto is_it = [&](const IndexRun& open) { return open.name() == name; };
  if (!std::ranges::any_of(source_->index().runs(), is_it)) return ok();
  for (const IndexEntry& row : run.rows()) ours_.erase(row.chunk.id);
  return ok();
}

Status ChunkStore::adopt(const PackName& name, const FinishedPack& pack) {
  HF_CHECK(!lease_.epoch().forbids(name));
  {
    const std::lock_guard lock(index_mutex_);
    for (const PackEntry& entry : pack.entries) ours_.insert(entry.id);
    found_[pack_object_name(name)] = pack.size;
  }
  return index(name, pack);
}

Status ChunkStore::write_run(IndexRunWriter& run, std::vector<PackName> packs, std::uint32_t number) {
  if (run.empty()) return ok();
  const std::string name = index_name(lease_.session(), number);
  HF_ASSIGN(const Bytes bytes, run.finish(core_.entropy, core_.keys, name));
  HF_TRY(core_.create_once(name, bytes));
  if (journal_ != nullptr) journal_->run(packs);
  {
    const std::lock_guard lock(pack_mutex_);
    runs_written_.push_back(name);
  }
  stored_bytes_ += bytes.size();
  const std::lock_guard lock(pack_mutex_);
  own_[name] = 0;
  return ok();
}

void ChunkStore::close() {
  indexed_.reset();
  source_.reset();
  ours_ = IdSet();
}

Status ChunkStore::flush() {
  HF_CHECK(closing_.empty());
  for (const PackKind kind : {PackKind::kData, PackKind::kMetadata}) {
    if (slot(kind)) HF_TRY(finish(std::move(slot(kind))));
  }
  IndexRunWriter last = std::exchange(run_, IndexRunWriter());
  return write_run(last, std::exchange(run_packs_, {}), next_run_++);
}

}  // namespace hf::vault
