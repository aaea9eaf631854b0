#include "vault/chunk_source.h"

#include "vault/names.h"

namespace hf::vault {

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

Result<Bytes> ChunkSource::read_record(const ChunkLocation& location, ByteView stored) {
  const std::string object = pack_object_name(location.pack.name);
  HF_ASSIGN(PackKey* key, key_of(location.pack));
  auto plain = read_chunk(*key, location.chunk, stored, core_.hasher, object);
  if (!plain) return Error(std::move(plain).error()).with_object(object);
  return plain;
}

Result<Bytes> ChunkSource::read(const ChunkLocation& location) {
  HF_ASSIGN(const Bytes stored, core_.store.get(pack_object_name(location.pack.name),
                                                {location.chunk.offset, location.chunk.stored_length}));
  return read_record(location, stored);
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

Result<bool> ChunkSource::pack_present(const IndexPack& pack) {
  auto it = present_.find(pack.name);
  if (it != present_.end()) return it->second;
  auto info = core_.store.stat(pack_object_name(pack.name));
  if (!info && info.error().kind != ErrorKind::kNotFound) return std::move(info).error();
  return present_[pack.name] = info && info->size == pack.size;
}

Result<ChunkLocation> ChunkSource::locate(const ChunkId& id) {
  HF_ASSIGN(const std::vector<ChunkLocation> places, index_.find_all(id));
  if (places.empty()) return not_indexed(id);
  for (const ChunkLocation& place : places) {
    HF_ASSIGN(const bool present, pack_present(place.pack));
    if (present) return place;
  }
  const std::string object = pack_object_name(places.front().pack.name);
  return make_error(ErrorKind::kCorrupt, "pack " + object + " is missing or cut short").with_object(object);
}

}  // namespace hf::vault
