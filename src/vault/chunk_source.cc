#include "vault/chunk_source.h"

#include <algorithm>

#include "vault/object/names.h"

namespace hf::vault {
namespace {

constexpr std::int64_t kNotAsked = -1;
constexpr std::int64_t kMissing = -2;
constexpr int kListAttempts = 20;        // an epoch at each of them: more than prunes of one vault make in a row
constexpr int kOpenAttempts = 5;         // a run that is gone when it is opened: replaced since the listing
constexpr Micros kReloadPause = 10s;     // after a reload in vain: a damaged vault must not list its index for each chunk

Result<std::uint64_t> newest_epoch_number(const Repository::Core& core) {
  std::uint64_t newest = 0;
  HF_TRY(core.store.list("epoch/", [&](const ObjectInfo& info) {
    newest = std::max(newest, parse_epoch_name(info.name).value_or(0));
    return ok();
  }));
  return newest;
}

}  // namespace

Result<std::vector<ObjectInfo>> list_runs(const Repository::Core& core) {
  HF_ASSIGN(std::uint64_t before, newest_epoch_number(core));
  for (int attempt = 0; attempt < kListAttempts; ++attempt) {
    HF_ASSIGN(std::vector<ObjectInfo> runs, core.list("index/"));
    HF_ASSIGN(const std::uint64_t after, newest_epoch_number(core));
    if (after == before) return runs;
    before = after;
  }
  return make_error(ErrorKind::kBusy, "the index of " + core.store.properties().place + " is being replaced again and again")
      .with_hint("Try again when the prune there has ended.");
}

RangeReader store_range(Store& store, std::string name) {
  return [&store, name = std::move(name)](std::uint64_t offset, std::size_t length) { return store.get(name, {offset, length}); };
}

Result<std::unique_ptr<ChunkSource>> ChunkSource::open(const Repository::Core& core, Runs runs) {
  std::unique_ptr<ChunkSource> source(new ChunkSource(core, runs));
  HF_TRY(source->reload());
  return source;
}

// Runs that are open stay open.
Status ChunkSource::open_runs(const std::vector<ObjectInfo>& listed) {
  std::map<std::string, IndexRun> open;
  for (IndexRun& run : index_.take()) open.emplace(run.name(), std::move(run));
  broken_.clear();
  numbers_.clear();
  names_.clear();
  for (const ObjectInfo& info : listed) {
    if (auto node = open.extract(info.name); !node.empty()) {
      index_.add(std::move(node.mapped()));
      names_.push_back(info.name);
      continue;
    }
    auto run = IndexRun::open(info.name, info.size, store_range(core_.store, info.name), core_.keys, core_.writers, cache_);
    if (run) index_.add(std::move(*run));
    if (!run) {
      Error error = std::move(run).error();
      error.object = info.name;
      if (error.kind != ErrorKind::kCorrupt) return error;
      broken_.push_back({info.name, std::move(error)});
    }
    names_.push_back(info.name);
  }
  return ok();
}

Result<bool> ChunkSource::reload() {
  const std::vector<std::string> before = names_;
  for (int attempt = 1;; ++attempt) {
    HF_ASSIGN(const std::vector<ObjectInfo> listed, list_runs(core_));
    Status opened = open_runs(listed);
    if (opened) return names_ != before;
    if (opened.error().kind != ErrorKind::kNotFound || attempt == kOpenAttempts) return std::move(opened).error();
  }
}

// After a chunk was not found: are there other runs by now?
Result<bool> ChunkSource::reload_after(const Error& error) {
  if (runs_ == Runs::kFixed || (error.kind != ErrorKind::kCorrupt && error.kind != ErrorKind::kNotFound)) return false;
  const MonoTime now = core_.clock.mono();
  if (in_vain_ && now - *in_vain_ < kReloadPause) return false;
  HF_ASSIGN(const bool other, reload());
  in_vain_ = other ? std::nullopt : std::optional(now);
  return other;
}

Error ChunkSource::not_indexed(const ChunkId& id) const {
  if (broken_.empty()) return make_error(ErrorKind::kCorrupt, "chunk " + to_string(id) + " is in no index run");
  const BrokenObject& run = broken_.front();
  return make_error(ErrorKind::kCorrupt, "chunk " + to_string(id) + " is in no index run that can be read: " + run.error.text)
      .with_object(run.object);
}

Result<PackKey*> ChunkSource::key_of(const IndexPack& pack) {
  auto it = keys_.find(pack.name);
  if (it == keys_.end()) {
    HF_ASSIGN(PackKey key, open_pack(pack.header, core_.keys, pack_object_name(pack.name)));
    it = keys_.emplace(pack.name, std::move(key)).first;
  }
  return &it->second;
}

Result<Bytes> ChunkSource::read(const ChunkLocation& location) {
  const std::string object = pack_object_name(location.pack.name);
  HF_ASSIGN(const Bytes stored, core_.store.get(object, {location.chunk.offset, location.chunk.stored_length}));
  HF_ASSIGN(PackKey* key, key_of(location.pack));
  auto plain = read_chunk(*key, location.chunk, stored, core_.hasher, object);
  if (!plain) return Error(std::move(plain).error()).with_object(object);
  return plain;
}

Result<Bytes> ChunkSource::read(const ChunkId& id) {
  auto plain = read_once(id);
  if (plain) return plain;
  HF_ASSIGN(const bool again, reload_after(plain.error()));
  return again ? read_once(id) : std::move(plain);
}

Result<Bytes> ChunkSource::read_once(const ChunkId& id) {
  HF_ASSIGN(const std::vector<ChunkLocation> places, index_.find_all(id));
  if (places.empty()) return not_indexed(id);
  std::optional<Error> first;
  for (const ChunkLocation& place : places) {
    auto plain = read(place);
    if (plain) return plain;
    Error error = std::move(plain).error();
    if (error.kind != ErrorKind::kCorrupt && error.kind != ErrorKind::kNotFound) return error;
    if (error.kind == ErrorKind::kNotFound) {
      error = make_error(ErrorKind::kCorrupt, "pack " + error.object + " is missing").with_object(error.object);
    }
    if (!first) first = std::move(error);
  }
  return std::move(*first);
}

FetchChunk ChunkSource::fetcher() {
  return [this](const ChunkRef& chunk) { return read(chunk.id); };
}

// The pack's number, if it is there as it was written.
Result<std::optional<std::uint32_t>> ChunkSource::readable(std::size_t run, std::uint32_t row) {
  while (numbers_.size() < index_.runs().size()) numbers_.emplace_back(index_.runs()[numbers_.size()].packs(), kNotAsked);
  std::int64_t& number = numbers_[run][row];
  if (number == kNotAsked) {
    auto pack = std::make_unique<ReadablePack>();
    HF_ASSIGN(pack->row, index_.runs()[run].pack(row));
    pack->object = pack_object_name(pack->row.name);
    auto info = core_.store.stat(pack->object);
    if (!info && info.error().kind != ErrorKind::kNotFound) return std::move(info).error();
    number = kMissing;
    if (info && info->size == pack->row.size) {
      HF_ASSIGN(pack->key, open_pack(pack->row.header, core_.keys, pack->object));
      number = static_cast<std::int64_t>(packs_.size());
      packs_.push_back(std::move(pack));
    }
  }
  if (number == kMissing) return std::optional<std::uint32_t>();
  return std::optional(static_cast<std::uint32_t>(number));
}

Result<ChunkSource::Place> ChunkSource::locate(const ChunkId& id) {
  auto place = locate_once(id);
  if (place) return place;
  HF_ASSIGN(const bool again, reload_after(place.error()));
  return again ? locate_once(id) : std::move(place);
}

Result<ChunkSource::Place> ChunkSource::locate_once(const ChunkId& id) {
  HF_TRY(index_.places(id, found_));
  if (found_.empty()) return not_indexed(id);
  for (const IndexSet::Place& place : found_) {
    HF_ASSIGN(const auto number, readable(place.run, place.row));
    if (number) return Place{place.chunk, *number};
  }
  HF_ASSIGN(const IndexPack pack, index_.runs()[found_.front().run].pack(found_.front().row));
  const std::string object = pack_object_name(pack.name);
  return make_error(ErrorKind::kCorrupt, "pack " + object + " is missing or cut short").with_object(object);
}

}  // namespace hf::vault
