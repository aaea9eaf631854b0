// Relations: what is restored from the map is what was fed, over many backups; only changed pages are stored;
// the spread of a range and the waste in old chunks stay bounded.
#include "vault/chunk/pages.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "vault/testing.h"

namespace hf::vault {
namespace {

struct Vault {
  ChunkHasher hasher{Secret(Bytes(32, 9))};
  PageHasher pages{Secret(Bytes(32, 9))};
  std::map<ChunkId, Bytes> chunks;
  std::size_t stored = 0;   // bytes given out by the last backup

  PageMap backup(ByteView file, const PageMap* previous, Rng* splits = nullptr) {
    std::vector<ChunkId> ids;
    stored = 0;
    PageChunker chunker(pages, previous, [&](ByteView chunk) {
      EXPECT_LE(chunk.size(), kRangeBytes);
      ids.push_back(hasher.id(chunk));
      chunks[ids.back()] = to_bytes(chunk);
      stored += chunk.size();
      return ok();
    });
    for (std::size_t at = 0; at < file.size();) {
      const std::size_t n = splits == nullptr ? file.size() : splits->bounded(300'000) + 1;
      const std::size_t take = std::min(n, file.size() - at);
      EXPECT_TRUE(chunker.feed(file.subspan(at, take)).has_value());
      at += take;
    }
    EXPECT_TRUE(chunker.finish().has_value());
    EXPECT_EQ(chunker.emitted(), ids.size());
    return chunker.map(ids);
  }

  Bytes restore(const PageMap& map, std::size_t size) {
    EXPECT_TRUE(check_extents(map.extents, size).has_value());
    Bytes out;
    for (const Extent& e : map.extents) {
      const Bytes& chunk = chunks.at(e.chunk);
      EXPECT_EQ(chunk.size(), e.chunk_length);
      const auto begin = chunk.begin() + static_cast<std::ptrdiff_t>(e.chunk_offset);
      out.insert(out.end(), begin, begin + static_cast<std::ptrdiff_t>(e.length));
    }
    return out;
  }
};

void change_page(Rng& rng, Bytes& file, std::size_t page) {
  const std::size_t at =
      page * kPageBytes + rng.bounded(std::min(kPageBytes, file.size() - page * kPageBytes));
  file[at] ^= static_cast<std::uint8_t>(1 + rng.bounded(255));
}

TEST(Pages, FirstTimeIsWholeRanges) {
  Rng rng(1);
  Vault vault;
  for (const std::size_t size :
       {0UL, 1UL, 8192UL, 8193UL, kRangeBytes, kRangeBytes + 1, 5 * kRangeBytes + 12345}) {
    const Bytes file = testing::random_bytes(rng, size);
    const PageMap map = vault.backup(file, nullptr, &rng);
    EXPECT_EQ(vault.restore(map, size), file);
    EXPECT_EQ(map.extents.size(), (size + kRangeBytes - 1) / kRangeBytes);
    EXPECT_EQ(map.digests.size(), (size + kPageBytes - 1) / kPageBytes);
    EXPECT_EQ(vault.stored, size);
  }
}

TEST(Pages, UnchangedStoresNothing) {
  Rng rng(2);
  Vault vault;
  const Bytes file = testing::random_bytes(rng, 3 * kRangeBytes + 100);
  const PageMap one = vault.backup(file, nullptr);
  const PageMap two = vault.backup(file, &one);
  EXPECT_EQ(vault.stored, 0U);
  EXPECT_EQ(two.extents, one.extents);
  EXPECT_EQ(two.digests, one.digests);
}

TEST(Pages, OnlyChangedPagesAreStoredDensely) {
  Rng rng(3);
  Vault vault;
  Bytes file = testing::random_bytes(rng, 40 * kRangeBytes);
  const PageMap one = vault.backup(file, nullptr);
  for (std::size_t range = 0; range < 40; ++range) change_page(rng, file, range * kRangePages + 5);
  const std::size_t before = vault.chunks.size();
  const PageMap two = vault.backup(file, &one);
  EXPECT_EQ(vault.stored, 40 * kPageBytes);
  EXPECT_EQ(vault.chunks.size() - before, 2U);   // 40 pages, 32 a chunk
  EXPECT_EQ(vault.restore(two, file.size()), file);
}

TEST(Pages, MoreThanHalfChangedIsWrittenWhole) {
  Rng rng(4);
  Vault vault;
  Bytes file = testing::random_bytes(rng, 2 * kRangeBytes);
  const PageMap one = vault.backup(file, nullptr);
  for (std::size_t page = 0; page < 17; ++page) change_page(rng, file, page);
  const PageMap two = vault.backup(file, &one);
  EXPECT_EQ(vault.stored, kRangeBytes);
  EXPECT_EQ(two.extents.size(), 2U);
  EXPECT_EQ(vault.restore(two, file.size()), file);
}

TEST(Pages, ShrinkingGrowingAndShortLastPage) {
  Rng rng(5);
  Vault vault;
  Bytes file = testing::random_bytes(rng, 3 * kRangeBytes + 5000);
  PageMap map = vault.backup(file, nullptr);
  for (const std::size_t size :
       {3 * kRangeBytes + 4999, kRangeBytes + 8192, kRangeBytes, 1000UL, 9 * kRangeBytes + 1, 0UL}) {
    const std::size_t old = file.size();
    file.resize(size);
    for (std::size_t i = old; i < size; ++i) file[i] = static_cast<std::uint8_t>(rng.u64());
    map = vault.backup(file, &map);
    EXPECT_EQ(vault.restore(map, size), file) << size;
  }
}

std::size_t widest_range(const PageMap& map, std::size_t size) {
  std::size_t widest = 0;
  for (std::size_t begin = 0; begin < size; begin += kRangeBytes) {
    std::set<ChunkId> chunks;
    for (const Extent& e : map.extents) {
      if (e.offset < begin + kRangeBytes && e.offset + e.length > begin) chunks.insert(e.chunk);
    }
    widest = std::max(widest, chunks.size());
  }
  return widest;
}

std::size_t held_bytes(const PageMap& map) {
  std::map<ChunkId, std::size_t> lengths;
  for (const Extent& e : map.extents) lengths[e.chunk] = e.chunk_length;
  std::size_t sum = 0;
  for (const auto& [id, length] : lengths) sum += length;
  return sum;
}

// 60 backups with 2 % of the pages changed at random: always restored exactly, bounded spread, bounded waste.
TEST(Pages, ManyBackupsStayExactAndCompact) {
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    Rng rng(seed);
    Vault vault;
    Bytes file = testing::random_bytes(rng, 24 * kRangeBytes + 777);
    PageMap map = vault.backup(file, nullptr);
    std::size_t total = 0;
    for (int day = 0; day < 60; ++day) {
      const std::size_t pages = map.digests.size();
      for (std::size_t i = 0; i < pages / 50; ++i) change_page(rng, file, rng.bounded(pages));
      const PageMap next = vault.backup(file, &map, &rng);
      ASSERT_EQ(vault.restore(next, file.size()), file) << day;
      EXPECT_LE(widest_range(next, file.size()), kMaxRangeChunks + 2)
          << day;  // kept chunks, and two dense ones
      total += vault.stored;
      map = next;
    }
    EXPECT_LT(held_bytes(map), file.size() * 2);
    EXPECT_LT(total,
              60 * file.size() / 5);  // whole chunks would have stored about half of the file each time
  }
}

// A digest that is wrong must not matter silently: the chunker believes digests, so they must be of the page
// itself.
TEST(Pages, DigestsAreTheDefinition) {
  Rng rng(6);
  const Bytes key(32, 9);
  const Bytes page = testing::random_bytes(rng, kPageBytes);
  PageDigest digest{};
  PageHasher{Secret(key)}.digests(page, {&digest, 1});
  const Secret page_key = crypto::hkdf_sha256(key, {}, "holdfast/v1 page", 32);
  const crypto::Digest expected = crypto::hmac_sha256(page_key.reveal(), crypto::sha256(page));
  EXPECT_TRUE(std::equal(digest.begin(), digest.end(), expected.begin()));
}

TEST(Pages, AMapWithoutExtentsOrWithHolesKeepsNothing) {
  Rng rng(7);
  Vault vault;
  const Bytes file = testing::random_bytes(rng, kRangeBytes);
  PageMap map = vault.backup(file, nullptr);
  map.extents = {{0, kRangeBytes, true, {}, 0, 0}};
  EXPECT_EQ(vault.restore(vault.backup(file, &map), file.size()), file);
  map.extents.clear();
  EXPECT_EQ(vault.restore(vault.backup(file, &map), file.size()), file);
}

}  // namespace
}  // namespace hf::vault
