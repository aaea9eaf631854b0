// Gear: cuts by definition, whatever the feeding; sizes in bounds; an insertion moves only the cuts beside
// it.
#include "vault/chunk/chunker.h"

#include <gtest/gtest.h>

#include <bit>
#include <set>

#include "base/hex.h"
#include "vault/chunk/chunk.h"
#include "vault/testing.h"

namespace hf::vault {
namespace {

constexpr ChunkerParameters kSmall{256, 1024, 4096};

GearTable table(std::uint8_t key = 1) { return gear_table(Secret(Bytes(32, key)), kDataGearInfo); }

// The definition in the header, written the slow way: h of byte n looks at the last 64 bytes only.
std::vector<std::size_t> cuts_by_definition(const GearTable& t, const ChunkerParameters& p, ByteView data) {
  std::vector<std::size_t> cuts;
  const int bits = std::bit_width(p.avg_bytes) - 1;
  std::size_t begin = 0;
  while (begin < data.size()) {
    std::size_t n = 0;
    std::uint64_t h = 0;
    bool cut = false;
    while (!cut && begin + n < data.size()) {
      ++n;
      if (n > p.min_bytes - 64) h = (h << 1) + t[data[begin + n - 1]];
      if (n < p.min_bytes) continue;
      const int zero = n < p.avg_bytes ? bits + 2 : bits - 2;
      cut = (h >> (64 - zero)) == 0 || n == p.max_bytes;
    }
    begin += n;
    cuts.push_back(begin);
  }
  return cuts;
}

std::vector<std::size_t> chunked(const GearTable& t, const ChunkerParameters& p, ByteView data, Rng* splits,
                                 std::uint64_t longest = 700) {
  std::vector<std::size_t> cuts;
  GearChunker chunker(t, p);
  for (std::size_t at = 0; at < data.size();) {
    const std::size_t n =
        splits == nullptr ? data.size() - at : std::min<std::size_t>(splits->bounded(longest), data.size() - at);
    const GearChunker::Step step = chunker.feed(data.subspan(at, n));
    at += step.consumed;
    if (step.cut) cuts.push_back(at);
  }
  if (chunker.open_bytes() > 0) cuts.push_back(data.size());
  return cuts;
}

TEST(Chunker, CutsAreTheDefinitionHoweverFed) {
  Rng rng(5);
  for (int round = 0; round < 20; ++round) {
    const Bytes data = testing::random_bytes(rng, rng.bounded(60'000));
    const auto expected = cuts_by_definition(table(), kSmall, data);
    EXPECT_EQ(chunked(table(), kSmall, data, nullptr), expected);
    EXPECT_EQ(chunked(table(), kSmall, data, &rng), expected);
  }
}

// Chunks so long that they are scanned in lanes, with cuts in each of these.
TEST(Chunker, CutsAreTheDefinitionInLongChunksToo) {
  constexpr ChunkerParameters kLong{2048, 16'384, 131'072};
  Rng rng(9);
  std::size_t cuts = 0;
  for (int round = 0; round < 8; ++round) {
    const Bytes data = testing::random_bytes(rng, 1'000'000 + rng.bounded(100'000));
    const auto expected = cuts_by_definition(table(), kLong, data);
    EXPECT_EQ(chunked(table(), kLong, data, nullptr), expected);
    EXPECT_EQ(chunked(table(), kLong, data, &rng, 100'000), expected);
    cuts += expected.size();
  }
  EXPECT_GT(cuts, 300u);
}

TEST(Chunker, ConstantDataIsCutAtTheMaximum) {
  const auto cuts = chunked(table(), kSmall, Bytes(20'000, 0), nullptr);
  EXPECT_EQ(cuts, cuts_by_definition(table(), kSmall, Bytes(20'000, 0)));
  for (std::size_t i = 1; i + 1 < cuts.size(); ++i) EXPECT_EQ(cuts[i] - cuts[i - 1], cuts[1] - cuts[0]);
}

TEST(Chunker, SizesAreInBoundsAndNearTheAverage) {
  Rng rng(6);
  const Bytes data = testing::random_bytes(rng, 2'000'000);
  const auto cuts = chunked(table(), kSmall, data, nullptr);
  std::size_t before = 0;
  for (std::size_t i = 0; i < cuts.size(); ++i) {
    const std::size_t length = cuts[i] - before;
    EXPECT_LE(length, kSmall.max_bytes);
    if (i + 1 < cuts.size()) {
      EXPECT_GE(length, kSmall.min_bytes);
    }
    before = cuts[i];
  }
  const std::size_t average = data.size() / cuts.size();
  EXPECT_GT(average, kSmall.avg_bytes * 3 / 4);
  EXPECT_LT(average, kSmall.avg_bytes * 5 / 4);
}

TEST(Chunker, AnInsertionMovesOnlyTheCutsBesideIt) {
  Rng rng(7);
  Bytes data = testing::random_bytes(rng, 500'000);
  const auto before = chunked(table(), kSmall, data, nullptr);
  data.insert(data.begin() + 250'000, {1, 2, 3});
  const auto after = chunked(table(), kSmall, data, nullptr);
  std::set<std::size_t> moved(before.begin(), before.end());
  std::size_t same = 0;
  for (const std::size_t cut : after) same += moved.count(cut < 250'000 ? cut : cut - 3);
  EXPECT_GT(same + 12, after.size());
}

TEST(Chunker, AnotherKeyCutsElsewhere) {
  Rng rng(8);
  const Bytes data = testing::random_bytes(rng, 200'000);
  EXPECT_NE(chunked(table(1), kSmall, data, nullptr), chunked(table(2), kSmall, data, nullptr));
  EXPECT_NE(table(1), gear_table(Secret(Bytes(32, 1)), kTreeGearInfo));
}

// The numbers of the format page: they never change, or old vaults no longer deduplicate.
TEST(Chunker, TableIsThatOfTheFormatPage) {
  const Secret bytes = crypto::hkdf_sha256(Bytes(32, 1), {}, "holdfast/v1 gear data", 2048);
  const GearTable t = table(1);
  for (std::size_t i = 0; i < 256; ++i) {
    std::uint64_t v = 0;
    std::memcpy(&v, bytes.reveal().data() + 8 * i, 8);
    EXPECT_EQ(t[i], v);
  }
}

TEST(Chunker, ParametersThatMakeNoSenseAreRefused) {
  EXPECT_TRUE(check_parameters(kDataChunker).has_value());
  EXPECT_TRUE(check_parameters(kTreeChunker).has_value());
  EXPECT_FALSE(check_parameters({63, 1024, 4096}).has_value());
  EXPECT_FALSE(check_parameters({256, 1000, 4096}).has_value());
  EXPECT_FALSE(check_parameters({1024, 1024, 4096}).has_value());
  EXPECT_FALSE(check_parameters({256, 1024, 1024}).has_value());
  EXPECT_FALSE(check_parameters({256, 1024, kMaxChunkBytes + 1}).has_value());
}

}  // namespace
}  // namespace hf::vault
