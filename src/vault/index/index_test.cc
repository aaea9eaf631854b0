// Index runs: every chunk is found where it lies, whatever the number of blocks; every changed byte is found;
// memory is bounded by the cache.
#include "vault/index/index.h"

#include <gtest/gtest.h>

#include "vault/testing.h"

namespace hf::vault {
namespace {

using testing::made_up_pack;
using testing::SeededEntropy;

struct Written {
  Created vault = testing::test_vault();
  std::vector<crypto::PublicKey> writers = {vault.keys.writer.public_key};
  std::vector<FinishedPack> packs;
  Bytes object;

  Written(std::size_t pack_count, std::size_t chunks_each, std::uint64_t seed = 1) {
    Rng rng(seed);
    SeededEntropy entropy(seed);
    IndexRunWriter writer;
    for (std::size_t i = 0; i < pack_count; ++i) {
      packs.push_back(made_up_pack(rng, chunks_each));
      writer.add({SessionId{7}, static_cast<std::uint32_t>(i)}, packs.back());
    }
    object = writer.finish(entropy, vault.keys, "index/s-1").value();
  }
  Result<IndexRun> open(ByteView bytes, BlockCache& cache, std::string name = "index/s-1") const {
    return IndexRun::open(std::move(name), bytes.size(), memory_range(bytes), vault.keys, writers, cache);
  }
};

TEST(Index, FindsEveryChunkAndNoOther) {
  for (const auto& [packs, chunks] :
       {std::pair<std::size_t, std::size_t>{0, 0}, {1, 0}, {1, 1}, {1, 315}, {1, 316}, {70, 40}}) {
    const Written r(packs, chunks);
    BlockCache cache(1 << 20);
    const IndexRun run = r.open(r.object, cache).value();
    EXPECT_EQ(run.chunks(), packs * chunks);
    EXPECT_EQ(run.packs(), packs);
    for (std::size_t p = 0; p < packs; ++p) {
      const IndexPack row = run.pack(static_cast<std::uint32_t>(p)).value();
      EXPECT_EQ(row.name.number, p);
      EXPECT_EQ(row.header, r.packs[p].header);
      for (const PackEntry& e : r.packs[p].entries) {
        const auto found = run.lookup(e.id).value();
        ASSERT_EQ(found.size(), 1U);
        EXPECT_EQ(found[0].chunk, e);
        EXPECT_EQ(found[0].pack, p);
        ChunkId other = e.id;
        other.bytes[31] ^= 1;
        EXPECT_TRUE(run.lookup(other).value().empty());
      }
    }
    ChunkId low{};
    ChunkId high{};
    high.bytes.fill(0xff);
    EXPECT_TRUE(run.lookup(low).value().empty());
    EXPECT_TRUE(run.lookup(high).value().empty());
  }
}

// Ids that agree in the fences' 8 bytes, over several blocks, and one chunk in many packs.
TEST(Index, EqualPrefixesAndDuplicatesAcrossBlocks) {
  Rng rng(2);
  SeededEntropy entropy(2);
  const Created vault = testing::test_vault();
  IndexRunWriter writer;
  std::vector<PackEntry> all;
  PackEntry twin;
  twin.id.bytes.fill(0x55);
  twin.stored_length = 16;
  for (std::uint32_t p = 0; p < 4; ++p) {
    FinishedPack pack = made_up_pack(rng, 300);
    for (PackEntry& e : pack.entries) std::fill_n(e.id.bytes.begin(), 8, std::uint8_t{0x55});
    all.insert(all.end(), pack.entries.begin(), pack.entries.end());
    for (twin.offset = 0; twin.offset < 200; ++twin.offset) pack.entries.push_back(twin);
    writer.add({SessionId{1}, p}, pack);
  }
  const Bytes object = writer.finish(entropy, vault.keys, "index/t-1").value();
  BlockCache cache(1 << 20);
  const std::vector<crypto::PublicKey> writers = {vault.keys.writer.public_key};
  const IndexRun run =
      IndexRun::open("index/t-1", object.size(), memory_range(object), vault.keys, writers, cache).value();
  for (const PackEntry& e : all) ASSERT_EQ(run.lookup(e.id).value().size(), 1U);
  EXPECT_EQ(run.lookup(twin.id).value().size(), 800U);
}

TEST(Index, ForEachIsInOrderAndComplete) {
  const Written r(3, 400);
  BlockCache cache(1 << 20);
  const IndexRun run = r.open(r.object, cache).value();
  std::size_t count = 0;
  ChunkId last{};
  ASSERT_TRUE(run.for_each([&](const IndexEntry& e) {
    EXPECT_LT(last, e.chunk.id);
    last = e.chunk.id;
    ++count;
    return ok();
  }).has_value());
  EXPECT_EQ(count, 1200U);
  EXPECT_EQ(cache.bytes(), 0U);
  EXPECT_EQ(
      run.for_each([](const IndexEntry&) -> Status { return make_error(ErrorKind::kCancelled, "stop"); })
          .error()
          .kind,
      ErrorKind::kCancelled);
}

TEST(Index, NameWriterAndVaultAreBound) {
  Written r(1, 3);
  BlockCache cache(1 << 20);
  EXPECT_EQ(r.open(r.object, cache, "index/s-2").error().kind, ErrorKind::kCorrupt);
  r.writers = {testing::test_vault(9).keys.writer.public_key};
  EXPECT_EQ(r.open(r.object, cache).error().kind, ErrorKind::kCorrupt);
  r.writers = {r.vault.keys.writer.public_key};
  r.vault = testing::test_vault(9);
  EXPECT_EQ(r.open(r.object, cache).error().kind, ErrorKind::kCorrupt);
}

// Opens, looks everything up and walks it: what of the original is returned, if anything.
bool intact(const Written& r, ByteView bytes) {
  BlockCache cache(1 << 20);
  const auto run = r.open(bytes, cache);
  if (!run.has_value() || run->chunks() != r.packs.size() * r.packs[0].entries.size()) return false;
  for (std::uint32_t p = 0; p < r.packs.size(); ++p) {
    const auto row = run->pack(p);
    if (!row.has_value() || row->header != r.packs[p].header) return false;
    for (const PackEntry& e : r.packs[p].entries) {
      const auto found = run->lookup(e.id);
      if (!found.has_value() || found->size() != 1 || (*found)[0].chunk != e) return false;
    }
  }
  return true;
}

TEST(Index, EveryFlippedBitIsFound) {
  const Written r(1, 2);
  ASSERT_TRUE(intact(r, r.object));
  for (std::size_t bit = 0; bit < r.object.size() * 8; ++bit) {
    Bytes damaged = r.object;
    damaged[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    ASSERT_FALSE(intact(r, damaged)) << bit;
  }
}

TEST(Index, EveryTruncationIsFound) {
  const Written r(1, 2);
  BlockCache cache(1 << 20);
  for (std::size_t n = 0; n < r.object.size(); ++n) {
    const auto run = r.open(ByteView(r.object).first(n), cache);
    ASSERT_FALSE(run.has_value()) << n;
    EXPECT_EQ(run.error().kind, ErrorKind::kCorrupt);
  }
}

// A writer of the vault who signs tables that cannot be: refused with bounded reads, never believed.
TEST(Index, SignedNonsenseIsRefused) {
  Rng rng(4);
  SeededEntropy entropy(4);
  Written r(1, 1);
  IndexRunWriter writer;
  FinishedPack pack = made_up_pack(rng, 1);
  pack.entries[0].plain_length = UINT32_MAX;
  writer.add({SessionId{7}, 0}, pack);
  r.object = writer.finish(entropy, r.vault.keys, "index/s-1").value();
  BlockCache cache(1 << 20);
  const IndexRun run = r.open(r.object, cache).value();
  EXPECT_EQ(run.lookup(pack.entries[0].id).error().kind, ErrorKind::kCorrupt);
}

TEST(Index, RandomDamageNeverCrashes) {
  const Written r(2, 100);
  Rng rng(5);
  for (int round = 0; round < 500; ++round) {
    Bytes damaged = r.object;
    for (int i = 0; i < 3; ++i) {
      const std::size_t at =
          rng.chance(1, 2) ? rng.bounded(damaged.size()) : damaged.size() - 1 - rng.bounded(160);
      damaged[at] = static_cast<std::uint8_t>(rng.u64());
    }
    if (rng.chance(1, 4)) damaged.resize(rng.bounded(damaged.size()));
    if (damaged != r.object) {
      EXPECT_FALSE(intact(r, damaged));
    }
  }
}

TEST(Index, TheCacheStaysWithinItsLimit) {
  const Written r(8, 400);
  BlockCache cache(40'000);   // two blocks
  const IndexRun run = r.open(r.object, cache).value();
  for (int round = 0; round < 2; ++round) {
    for (const FinishedPack& pack : r.packs) {
      for (const PackEntry& e : pack.entries) {
        ASSERT_EQ(run.lookup(e.id).value().size(), 1U);
        ASSERT_LE(cache.bytes(), 40'000U);
      }
    }
  }
}

TEST(Index, ASecondLookupReadsNothing) {
  const Written r(1, 1000);
  BlockCache cache(1 << 20);
  std::size_t reads = 0;
  const RangeReader memory = memory_range(r.object);
  const RangeReader counted = [&](std::uint64_t offset, std::size_t length) {
    ++reads;
    return memory(offset, length);
  };
  const IndexRun run =
      IndexRun::open("index/s-1", r.object.size(), counted, r.vault.keys, r.writers, cache).value();
  EXPECT_EQ(reads, 3U);   // header, footer, fences
  const ChunkId& id = r.packs[0].entries[500].id;
  ASSERT_EQ(run.lookup(id).value().size(), 1U);
  const std::size_t once = reads;
  EXPECT_LE(once, 5U);
  ASSERT_EQ(run.lookup(id).value().size(), 1U);
  EXPECT_EQ(reads, once);
}

// 400 unknown chunks in ten blocks: without filters nearly each block is read; with them one look-up in 500 reads one.
TEST(Index, AnUnknownChunkReadsNoBlock) {
  const Written r(1, 3150);
  for (const bool filters : {true, false}) {
    SeededEntropy entropy(1);
    IndexRunWriter writer;
    writer.add({SessionId{7}, 0}, r.packs[0]);
    const Bytes object = writer.finish(entropy, r.vault.keys, "index/s-1", filters).value();
    BlockCache cache(1);                 // holds one block: what is read again counts again
    std::size_t reads = 0;
    const RangeReader memory = memory_range(object);
    const RangeReader counted = [&](std::uint64_t offset, std::size_t length) {
      ++reads;
      return memory(offset, length);
    };
    const IndexRun run = IndexRun::open("index/s-1", object.size(), counted, r.vault.keys, r.writers, cache).value();
    reads = 0;
    Rng rng(99);
    for (const PackEntry& e : made_up_pack(rng, 400).entries) EXPECT_TRUE(run.lookup(e.id).value().empty());
    if (filters) EXPECT_LE(reads, 8U);
    else EXPECT_GE(reads, 300U);
    for (const PackEntry& e : r.packs[0].entries) ASSERT_EQ(run.lookup(e.id).value().size(), 1U);
  }
}

TEST(Index, SetAsksTheNewestFirstAndSkipsWhatIsNotUsable) {
  Rng rng(6);
  SeededEntropy entropy(6);
  const Created vault = testing::test_vault();
  const std::vector<crypto::PublicKey> writers = {vault.keys.writer.public_key};
  const FinishedPack pack = made_up_pack(rng, 5);
  BlockCache cache(1 << 20);
  IndexSet set;
  std::vector<Bytes> objects;
  objects.reserve(2);
  for (std::uint32_t n = 1; n <= 2; ++n) {
    IndexRunWriter writer;
    writer.add({SessionId{1}, n}, pack);
    const std::string name = "index/x-" + std::to_string(n);
    objects.push_back(writer.finish(entropy, vault.keys, name).value());
    set.add(
        IndexRun::open(name, objects.back().size(), memory_range(objects.back()), vault.keys, writers, cache)
            .value());
  }
  const ChunkId& id = pack.entries[2].id;
  EXPECT_EQ(set.find(id).value()->pack.name.number, 2U);
  const auto not_two = [](const PackName& p, const crypto::PublicKey&) { return p.number != 2; };
  EXPECT_EQ(set.find(id, not_two).value()->pack.name.number, 1U);
  EXPECT_FALSE(
      set.find(id, [](const PackName&, const crypto::PublicKey&) { return false; }).value().has_value());
  EXPECT_EQ(set.find_all(id).value().size(), 2U);
  EXPECT_FALSE(set.find(ChunkId{}).value().has_value());
}

}  // namespace
}  // namespace hf::vault
