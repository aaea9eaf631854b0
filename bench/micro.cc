// Micro-benchmarks of the vault's hot loops, one core each, and what this machine's libraries give at best ("ceiling").
#include <benchmark/benchmark.h>
#include <zstd.h>

#include "base/rng.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "crypto/keys.h"
#include "crypto/leaves.h"
#include "vault/chunk/chunk.h"
#include "vault/chunk/chunker.h"
#include "vault/index/index.h"
#include "vault/keys/config.h"
#include "vault/object/compress.h"
#include "vault/pack/pack.h"

namespace hf::vault {
namespace {

constexpr std::size_t kBuffer = 8u << 20;

Bytes random_data(std::size_t size) {
  Rng rng(1);
  Bytes out(size);
  for (std::size_t i = 0; i + 8 <= size; i += 8) {
    const std::uint64_t v = rng.u64();
    std::memcpy(out.data() + i, &v, 8);
  }
  return out;
}

Bytes text_data(std::size_t size) {
  Rng rng(2);
  std::vector<std::string> words;
  for (int i = 0; i < 4000; ++i) {
    std::string word;
    for (std::uint64_t n = 2 + rng.u64() % 9; n > 0; --n) word.push_back(static_cast<char>('a' + rng.u64() % 26));
    words.push_back(word);
  }
  Bytes out;
  while (out.size() < size) {
    const std::string& word = words[(rng.u64() % words.size()) * (rng.u64() % words.size()) / words.size()];
    out.insert(out.end(), word.begin(), word.end());
    out.push_back(' ');
  }
  out.resize(size);
  return out;
}

std::vector<ByteView> cut(const Bytes& data, std::size_t piece) {
  std::vector<ByteView> out;
  for (std::size_t at = 0; at + piece <= data.size(); at += piece) out.push_back(ByteView(data).subspan(at, piece));
  return out;
}

void done(benchmark::State& state, std::size_t bytes) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * static_cast<std::int64_t>(bytes)));
}

void ceiling_sha256_one_stream(benchmark::State& state) {
  const Bytes data = random_data(kBuffer);
  for (auto _ : state) benchmark::DoNotOptimize(crypto::sha256(data));
  done(state, data.size());
}
BENCHMARK(ceiling_sha256_one_stream);

void ceiling_sha256_lanes(benchmark::State& state) {
  const Bytes data = random_data(kBuffer);
  const std::vector<ByteView> leaves = cut(data, kLeafBytes);
  std::vector<crypto::Digest> digests(leaves.size());
  for (auto _ : state) crypto::sha256_leaves(leaves, digests);
  done(state, data.size());
}
BENCHMARK(ceiling_sha256_lanes);

void ceiling_aes256_gcm_openssl(benchmark::State& state) {
  const Bytes data = random_data(1u << 20);
  const Secret key(Bytes(crypto::kAeadKeyBytes, 7));
  Bytes out;
  std::uint64_t n = 0;
  for (auto _ : state) {
    out.clear();
    crypto::seal_append(key, crypto::counter_nonce(++n), {}, data, out);
  }
  done(state, data.size());
}
BENCHMARK(ceiling_aes256_gcm_openssl);

void zstd_one(benchmark::State& state, const Bytes& data, std::size_t piece) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  Bytes out(ZSTD_compressBound(piece));
  const std::vector<ByteView> pieces = cut(data, piece);
  for (auto _ : state) {
    for (const ByteView p : pieces) {
      benchmark::DoNotOptimize(ZSTD_compressCCtx(context, out.data(), out.size(), p.data(), p.size(), 1));
    }
  }
  ZSTD_freeCCtx(context);
  done(state, pieces.size() * piece);
}

void ceiling_zstd1_text(benchmark::State& state) { zstd_one(state, text_data(kBuffer), 1u << 20); }
BENCHMARK(ceiling_zstd1_text);

void zstd1_text_5k_pieces(benchmark::State& state) { zstd_one(state, text_data(kBuffer), 5220); }
BENCHMARK(zstd1_text_5k_pieces);

void chunk_gear(benchmark::State& state) {
  const Bytes data = random_data(4 * kBuffer);
  GearChunker chunker(gear_table(Secret(Bytes(32, 3)), kDataGearInfo), kDataChunker);
  for (auto _ : state) {
    ByteView rest(data);
    while (!rest.empty()) rest = rest.subspan(chunker.feed(rest).consumed);
  }
  done(state, data.size());
}
BENCHMARK(chunk_gear);

void hash_ids(benchmark::State& state) {
  const Bytes data = random_data(kBuffer);
  const ChunkHasher hasher(Secret(Bytes(32, 5)));
  const std::vector<ByteView> chunks = cut(data, static_cast<std::size_t>(state.range(0)));
  std::vector<ChunkId> ids(chunks.size());
  for (auto _ : state) hasher.ids(chunks, ids);
  done(state, chunks.size() * chunks.front().size());
}
BENCHMARK(hash_ids)->Arg(1 << 20)->Arg(5220)->Arg(512);

void ceiling_aes256_gcm(benchmark::State& state) {
  const Bytes data = random_data(1u << 20);
  const crypto::AeadKey key(Secret(Bytes(crypto::kAeadKeyBytes, 7)));
  Bytes out(data.size() + crypto::kAeadTagBytes);
  std::uint64_t n = 0;
  for (auto _ : state) key.seal(crypto::counter_nonce(++n), {}, data, out);
  done(state, data.size());
}
BENCHMARK(ceiling_aes256_gcm);

// Compress, if it pays, and seal into a pack.
void seal_chunks(benchmark::State& state, const Bytes& data, std::size_t piece) {
  crypto::SystemEntropy entropy;
  const crypto::BoxKey vault = crypto::new_box_key(entropy);
  const std::vector<ByteView> chunks = cut(data, piece);
  Compressor compressor(1);
  PackBuffer buffer = PackBuffer::make(2 * kBuffer);
  for (auto _ : state) {
    PackWriter pack = PackWriter::start(entropy, VaultId{}, vault.public_key, PackKind::kData, std::move(buffer)).value();
    for (const ByteView chunk : chunks) {
      if (!pack.add(ChunkId{}, chunk, compressor)) state.SkipWithError("the pack is full");
    }
    benchmark::DoNotOptimize(pack.finish());
    buffer = pack.take_buffer();
  }
  done(state, chunks.size() * piece);
}
void seal_random_1m(benchmark::State& state) { seal_chunks(state, random_data(kBuffer), 1u << 20); }
BENCHMARK(seal_random_1m);
void seal_text_1m(benchmark::State& state) { seal_chunks(state, text_data(kBuffer), 1u << 20); }
BENCHMARK(seal_text_1m);
void seal_text_5k(benchmark::State& state) { seal_chunks(state, text_data(kBuffer), 5220); }
BENCHMARK(seal_text_5k);

// Look-ups in one run of so many chunks, all blocks in the cache.
void look_up(benchmark::State& state) {
  crypto::SystemEntropy entropy;
  const Keys keys = create_config(entropy, Passphrase{Secret("x")}, "x", 0, crypto::Argon2Cost{8, 1}).value().keys;
  Rng rng(3);
  IndexRunWriter writer;
  std::vector<ChunkId> ids;
  FinishedPack pack;
  pack.header = Bytes(160, 1);
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    ChunkId id;
    for (std::uint8_t& b : id.bytes) b = static_cast<std::uint8_t>(rng.u64());
    ids.push_back(id);
    pack.entries.push_back({id, static_cast<std::uint32_t>(i), 116, 100, 0});
  }
  writer.add({}, pack);
  const Bytes object = writer.finish(entropy, keys, "index/x").value();
  BlockCache cache(256u << 20);
  IndexSet set;
  set.add(IndexRun::open("index/x", object.size(), memory_range(object), keys, {&keys.writer.public_key, 1}, cache).value());
  KnownChunks known(set, [](const PackName&, const crypto::PublicKey&) { return true; });
  for (const ChunkId& id : ids) benchmark::DoNotOptimize(known.contains(id));
  for (auto _ : state) benchmark::DoNotOptimize(known.contains(ids[rng.bounded(ids.size())]));
}
BENCHMARK(look_up)->Arg(100'000)->Arg(1'000'000);

}  // namespace
}  // namespace hf::vault

BENCHMARK_MAIN();
