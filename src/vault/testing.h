// Fixtures for tests of the vault: random bytes by seed, a vault's keys at no cost, a store of chunks in
// memory.
#pragma once

#include <map>
#include <mutex>

#include "base/rng.h"
#include "vault/keys/config.h"
#include "vault/pack/pack.h"
#include "vault/tree/tree.h"

namespace hf::vault::testing {

// The cheapest Argon2id that exists, so that a test takes no 64 MiB.
inline constexpr crypto::Argon2Cost kCheapCost{8, 1};

Bytes random_bytes(Rng& rng, std::size_t n);
Bytes compressible_bytes(Rng& rng, std::size_t n);   // words from a small list
FinishedPack made_up_pack(Rng& rng, std::size_t chunks);   // as an index knows it: there are no such bytes

// Entropy by seed: tests are repeatable, and corpora the same on every machine. Never outside tests.
class SeededEntropy final : public crypto::Entropy {
 public:
  explicit SeededEntropy(std::uint64_t seed) : rng_(seed) {}
  void fill(MutableByteView out) override;   // from any thread

 private:
  std::mutex mutex_;
  Rng rng_;
};

Created test_vault(std::uint64_t seed = 1);          // passphrase "test"

// Chunks by id.
struct MemoryChunks {
  explicit MemoryChunks(const Secret& id_key) : hasher(id_key) {}
  StoreChunk store();
  FetchChunk fetch();
  ChunkHasher hasher;
  std::map<ChunkId, Bytes> chunks;
  std::size_t fetched = 0;
};

}  // namespace hf::vault::testing
