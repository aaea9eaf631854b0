// A session's own chunks: known from the moment they are claimed, by memory until an index run names them, then by that run.
#include "vault/backup/chunk_store.h"

#include <gtest/gtest.h>

#include "vault/testing_repository.h"

namespace hf::vault {
namespace {

constexpr std::uint32_t kManyChunks = 500'000;       // more than an index run takes
constexpr std::uint32_t kBatch = 1000;

// The n-th of many different tiny chunks.
Bytes tiny_chunk(std::uint32_t n) {
  ByteWriter out;
  out.u32(n);
  return out.take();
}

// How many of the chunks from `first` on were not known; those are stored.
std::uint32_t store_chunks(const Repository::Core& core, ChunkStore& store, std::uint32_t first, ChunkEncoder& encoder) {
  std::vector<Bytes> plain;
  for (std::uint32_t n = first; n < first + kBatch; ++n) plain.push_back(tiny_chunk(n));
  const std::vector<ByteView> views(plain.begin(), plain.end());
  std::vector<ChunkId> ids(views.size());
  core.hasher.ids(views, ids);
  std::vector<std::uint8_t> fresh(views.size());
  EXPECT_TRUE(store.claim(ids, fresh));
  std::uint32_t stored = 0;
  for (std::size_t i = 0; i < views.size(); ++i) {
    if (fresh[i] == 0) continue;
    ++stored;
    EXPECT_TRUE(store.put(PackKind::kData, ids[i], views[i], encoder));
  }
  return stored;
}

TEST(ChunkStore, WhatItKeepsOfItsOwnChunksDoesNotGrowWithTheBackup) {
  testing::TestVault vault;
  const auto repository = vault.open();
  const Repository::Core& core = repository->core();
  const auto lease = Lease::open(core);
  ASSERT_TRUE(lease);
  const auto store = ChunkStore::open(core, **lease);
  ASSERT_TRUE(store);
  ChunkEncoder encoder;
  for (std::uint32_t n = 0; n < kManyChunks; n += kBatch) ASSERT_EQ(store_chunks(core, **store, n, encoder), kBatch);
  EXPECT_LT((*store)->remembered(), kManyChunks / 2) << "an index run names the others";
  for (std::uint32_t n = 0; n < kManyChunks; n += kBatch) ASSERT_EQ(store_chunks(core, **store, n, encoder), 0u) << n;
  ASSERT_TRUE((*store)->flush());
  EXPECT_EQ((*store)->runs(), 2u);
  EXPECT_EQ((*store)->own_runs().size(), 2u);
  EXPECT_TRUE((*store)->rests_on(false).empty()) << "all of it was put by this session";
  std::uint64_t rows = 0;
  const auto source = ChunkSource::open(core);
  ASSERT_TRUE(source);
  for (const IndexRun& run : (*source)->index().runs()) rows += run.chunks();
  EXPECT_EQ(rows, kManyChunks);
}

}  // namespace
}  // namespace hf::vault
