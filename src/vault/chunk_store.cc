#include "vault/chunk_store.h"

#include "vault/names.h"

namespace hf::vault {
namespace {

constexpr std::size_t kRunChunks = 200'000;   // about 20 MB of memory while it is collected

}  // namespace

Result<std::unique_ptr<ChunkStore>> ChunkStore::open(const Repository::Core& core, Lease& lease) {
  std::unique_ptr<ChunkStore> store(new ChunkStore(core, lease));
  HF_ASSIGN(store->source_, ChunkSource::open(core));
  for (const BrokenObject& b : store->source_->broken()) {      // its chunks are stored again
    core.log.warning("vault", "index run not used", {{"object", b.object}, {"error", b.error.text}});
  }
  HF_TRY(core.store.list("packs/", [&](const ObjectInfo& info) {
    if (auto name = parse_pack_name(info.name)) store->present_.insert(*name);
    return ok();
  }));
  store->usable_ = [s = store.get()](const PackName& pack, const crypto::PublicKey& writer) {
    // Another writer's packs are not trusted: their chunks are proven only by reading them.
    return writer == s->core_.keys.writer.public_key && !s->lease_.epoch().forbids(pack) && s->present_.contains(pack);
  };
  return store;
}

Result<bool> ChunkStore::known(const ChunkId& id) const {
  if (ours_.contains(id)) return true;
  HF_ASSIGN(const auto location, source_->index().find(id, usable_));
  return location.has_value();
}

Status ChunkStore::put(PackKind kind, const ChunkId& id, ByteView plain) {
  HF_ASSIGN(const bool stored, known(id));
  if (stored) return ok();
  HF_TRY(add_to_pack(kind == PackKind::kData ? data_ : trees_, id, plain));
  ours_.insert(id);
  totals_.new_bytes += plain.size();
  return ok();
}

StoreChunk ChunkStore::metadata() {
  return [this](ByteView chunk) -> Result<ChunkId> {
    const ChunkId id = core_.hasher.id(chunk);
    HF_TRY(put(PackKind::kMetadata, id, chunk));
    return id;
  };
}

Status ChunkStore::add_to_pack(OpenPack& pack, const ChunkId& id, ByteView plain) {
  if (!pack.writer) {
    PackWriter::Options options;
    options.kind = pack.kind;
    options.decode_after_encode = true;
    auto sink = [bytes = pack.bytes.get()](ByteView more) {
      bytes->insert(bytes->end(), more.begin(), more.end());
      return ok();
    };
    HF_ASSIGN(pack.writer, PackWriter::start(core_.entropy, core_.keys.vault, core_.keys.vault_public, options, std::move(sink)));
  }
  HF_TRY(pack.writer->add(id, plain));
  if (pack.writer->size() < kDefaultPackBytes) return ok();
  return close_pack(pack);
}

Status ChunkStore::close_pack(OpenPack& pack) {
  if (!pack.writer) return ok();
  HF_ASSIGN(const FinishedPack finished, pack.writer->finish());
  pack.writer.reset();
  const PackName name{lease_.session(), next_pack_++};
  HF_TRY(core_.create_once(pack_object_name(name), *pack.bytes));
  totals_.stored_bytes += pack.bytes->size();
  pack.bytes->clear();
  run_.add(name, finished);
  HF_TRY(lease_.beat_if_due());
  if (run_.chunks() < kRunChunks) return ok();
  return write_run();
}

Status ChunkStore::write_run() {
  if (run_.empty()) return ok();
  const std::string name = index_name(lease_.session(), next_run_++);
  HF_ASSIGN(const Bytes bytes, run_.finish(core_.entropy, core_.keys, name));
  HF_TRY(core_.create_once(name, bytes));
  totals_.stored_bytes += bytes.size();
  run_ = IndexRunWriter();
  return ok();
}

Status ChunkStore::flush() {
  HF_TRY(close_pack(data_));
  HF_TRY(close_pack(trees_));
  return write_run();
}

}  // namespace hf::vault
