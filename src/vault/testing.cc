#include "vault/testing.h"

#include "base/check.h"

namespace hf::vault::testing {

Bytes random_bytes(Rng& rng, std::size_t n) {
  Bytes out(n);
  for (std::size_t i = 0; i < n; i += 8) {
    const std::uint64_t v = rng.u64();
    std::memcpy(out.data() + i, &v, std::min<std::size_t>(8, n - i));
  }
  return out;
}

Bytes compressible_bytes(Rng& rng, std::size_t n) {
  static constexpr std::string_view kWords[] = {
      "order ", "customer ", "0000", "amount=", "\n", "null,", "2026-"};
  Bytes out;
  while (out.size() < n) {
    const ByteView word = as_bytes(kWords[rng.bounded(std::size(kWords))]);
    out.insert(out.end(), word.begin(), word.end());
  }
  out.resize(n);
  return out;
}

FinishedPack made_up_pack(Rng& rng, std::size_t chunks) {
  FinishedPack pack;
  pack.size = 1'000'000;
  pack.header = random_bytes(rng, 136);
  for (std::size_t i = 0; i < chunks; ++i) {
    PackEntry e;
    const Bytes id = random_bytes(rng, 32);
    std::copy(id.begin(), id.end(), e.id.bytes.begin());
    e.offset = static_cast<std::uint32_t>(rng.bounded(1'000'000));
    e.plain_length = static_cast<std::uint32_t>(rng.bounded(1'000'000));
    e.stored_length = e.plain_length + 16;
    pack.entries.push_back(e);
  }
  return pack;
}

void SeededEntropy::fill(MutableByteView out) {
  const std::lock_guard lock(mutex_);
  for (auto& b : out) b = static_cast<std::uint8_t>(rng_.u64());
}

Created test_vault(std::uint64_t seed) {
  SeededEntropy entropy(seed);
  auto created = create_config(entropy, Passphrase{Secret("test")}, "first", 1'700'000'000, kCheapCost);
  HF_CHECK(created.has_value());
  return std::move(*created);
}

StoreChunk MemoryChunks::store() {
  return [this](ByteView chunk) -> Result<ChunkId> {
    const ChunkId id = hasher.id(chunk);
    chunks[id] = to_bytes(chunk);
    return id;
  };
}

FetchChunk MemoryChunks::fetch() {
  return [this](const ChunkRef& ref) -> Result<Bytes> {
    ++fetched;
    const auto found = chunks.find(ref.id);
    if (found == chunks.end())
      return make_error(ErrorKind::kNotFound, "chunk " + to_string(ref.id) + " is not there");
    return found->second;
  };
}

}  // namespace hf::vault::testing
