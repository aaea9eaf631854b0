// References joined with the index: however often the buffer fills, every chunk meets its rows, and memory stays as it is.
#include "vault/index/references.h"

#include <gtest/gtest.h>

#include "vault/testing.h"

namespace hf::vault {
namespace {

struct JoinedIndex {
  Created vault = testing::test_vault();
  std::vector<crypto::PublicKey> writers = {vault.keys.writer.public_key};
  std::vector<Bytes> objects;
  std::vector<ChunkId> ids;               // of all runs
  BlockCache cache{1 << 20};
  IndexSet set;

  explicit JoinedIndex(std::size_t runs, std::size_t chunks) {
    Rng rng(5);
    testing::SeededEntropy entropy(5);
    objects.reserve(runs);
    for (std::size_t r = 0; r < runs; ++r) {
      const FinishedPack pack = testing::made_up_pack(rng, chunks);
      for (const PackEntry& e : pack.entries) ids.push_back(e.id);
      IndexRunWriter writer;
      writer.add({SessionId{7}, static_cast<std::uint32_t>(r)}, pack);
      const std::string name = "index/s-" + std::to_string(r);
      objects.push_back(writer.finish(entropy, vault.keys, name).value());
      set.add(IndexRun::open(name, objects.back().size(), memory_range(objects.back()), vault.keys, writers, cache).value());
    }
  }
};

Status nothing_after() { return ok(); }

TEST(References, AChunkMeetsItsRowsHoweverSmallTheBufferIs) {
  JoinedIndex index(3, 400);
  for (const std::size_t buffer : {std::size_t{1}, std::size_t{7}, std::size_t{1000}, std::size_t{1'000'000}}) {
    References references(buffer);
    std::map<ChunkId, int> met;
    int joins = 0;
    const auto join = [&] {
      ++joins;
      const auto match = [&](std::size_t, std::uint64_t, const IndexEntry& entry) { return ++met[entry.chunk.id], true; };
      EXPECT_TRUE(*references.join(index.set, match, nothing_after));
    };
    for (int round = 0; round < 3; ++round) {              // as snapshots do that share their chunks
      for (const ChunkId& id : index.ids) {
        if (references.add(id)) join();
      }
    }
    join();
    EXPECT_EQ(met.size(), index.ids.size()) << buffer;
    EXPECT_GE(joins, static_cast<int>(index.ids.size() / buffer)) << "the buffer holds no more than that";
    const std::size_t once = index.ids.size() + index.ids.size() / 50;      // some share a place in the table of what came lately
    EXPECT_LE(joins, static_cast<int>(once / buffer) + 1) << "what came lately is not added again";
  }
}

TEST(References, AFullBufferSaysSoAndIsEmptyAfterTheJoin) {
  JoinedIndex index(1, 50);
  References references(10);
  const auto match = [](std::size_t, std::uint64_t, const IndexEntry&) { return true; };
  for (std::size_t i = 0; i < index.ids.size(); ++i) {
    const bool full = references.add(index.ids[i]);
    ASSERT_EQ(full, i % 10 == 9) << i;
    if (full) {
      EXPECT_TRUE(*references.join(index.set, match, nothing_after));
    }
  }
}

TEST(References, WhatLiesNowhereOrCannotBeHadIsSaid) {
  JoinedIndex index(2, 30);
  References references(1000);
  ChunkId unknown{};
  unknown.bytes.fill(0x77);
  references.add(index.ids[3]);
  references.add(unknown);
  EXPECT_FALSE(*references.join(index.set, [](auto, auto, const auto&) { return true; }, nothing_after));
  references.add(index.ids[4]);
  EXPECT_TRUE(*references.join(index.set, [](auto, auto, const auto&) { return true; }, nothing_after)) << "it is asked once";
  references.add(index.ids[5]);
  EXPECT_FALSE(*references.join(index.set, [](auto, auto, const auto&) { return false; }, nothing_after));
}

// Of four million references between two joins, 16 bytes each: what docs/benchmarks.md says of memory rests on it.
TEST(References, TheBufferOfAVaultHoldsFourMillion) {
  References references;
  ChunkId id{};
  std::uint64_t added = 0;
  do {
    ++added;
    const std::uint64_t mixed = added * 0x9E3779B97F4A7C15u;
    std::memcpy(id.bytes.data(), &mixed, sizeof mixed);
  } while (!references.add(id) && added < (1u << 23));
  EXPECT_LE(added, (4u << 20) + 10u);
  EXPECT_GE(added, (4u << 20) - 10u);
}

}  // namespace
}  // namespace hf::vault
