#include "vault/chunk_source.h"

#include "vault/names.h"

namespace hf::vault {
namespace {

constexpr std::int64_t kNotAsked = -1;
constexpr std::int64_t kMissing = -2;

}  // namespace

RangeReader store_range(Store& store, std::string name) {
  return [&store, name = std::move(name)](std::uint64_t offset, std::size_t length) { return store.get(name, {offset, length}); };
}

Result<std::unique_ptr<ChunkSource>> ChunkSource::open(const Repository::Core& core) {
  std::unique_ptr<ChunkSource> source(new ChunkSource(core));
  HF_ASSIGN(const std::vector<ObjectInfo> runs, core.list("index/"));
  for (const ObjectInfo& info : runs) {
    auto run = IndexRun::open(info.name, info.size, store_range(core.store, info.name), core.keys, core.writers, source->cache_);
    if (run) {
      source->index_.add(std::move(*run));
      continue;
    }
    Error error = std::move(run).error();
    error.object = info.name;
    const bool of_the_object = error.kind == ErrorKind::kCorrupt || error.kind == ErrorKind::kDenied;
    if (!of_the_object) return error;
    source->broken_.push_back({info.name, std::move(error)});
  }
  return source;
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
