// Chunk ids against their definition, and extents that do not fit.
#include "vault/chunk/chunk.h"

#include <gtest/gtest.h>

#include "vault/object/object.h"
#include "vault/testing.h"

namespace hf::vault {
namespace {

ChunkId id_by_definition(ByteView key, ByteView data) {
  ByteWriter message;
  message.u8(kSuite).u64(data.size());
  for (std::size_t at = 0; at < data.size(); at += 32768) {
    message.raw(crypto::sha256(data.subspan(at, std::min<std::size_t>(32768, data.size() - at))));
  }
  return {crypto::hmac_sha256(key, message.bytes())};
}

TEST(Chunk, IdIsTheDefinition) {
  Rng rng(3);
  const Bytes key = testing::random_bytes(rng, 32);
  const ChunkHasher hasher{Secret(key)};
  for (const std::size_t n : {0U, 1U, 32767U, 32768U, 32769U, 65536U, 1'000'000U}) {
    const Bytes data = testing::random_bytes(rng, n);
    EXPECT_EQ(hasher.id(data), id_by_definition(key, data)) << n;
  }
}

TEST(Chunk, ManyAtOnceAreTheSameAsOneByOne) {
  Rng rng(4);
  const ChunkHasher hasher{Secret(testing::random_bytes(rng, 32))};
  std::vector<Bytes> data;
  for (int i = 0; i < 200; ++i) data.push_back(testing::random_bytes(rng, rng.bounded(100'000)));
  const std::vector<ByteView> views(data.begin(), data.end());
  std::vector<ChunkId> ids(data.size());
  hasher.ids(views, ids);
  for (std::size_t i = 0; i < data.size(); ++i) EXPECT_EQ(ids[i], hasher.id(data[i]));
}

TEST(Chunk, KeyAndLengthMatter) {
  const ChunkHasher a{Secret(Bytes(32, 1))};
  const ChunkHasher b{Secret(Bytes(32, 2))};
  EXPECT_NE(a.id(as_bytes("x")), b.id(as_bytes("x")));
  EXPECT_NE(a.id(Bytes(5, 0)), a.id(Bytes(6, 0)));
}

TEST(Chunk, ExtentsMustCoverTheFile) {
  const ChunkId id{};
  const std::vector<Extent> good = {
      {0, 10, false, id, 5, 15}, {10, 90, true, {}, 0, 0}, {100, 4, false, id, 0, 4}};
  EXPECT_TRUE(check_extents(good, 104).has_value());
  EXPECT_TRUE(check_extents({}, 0).has_value());
  EXPECT_FALSE(check_extents(good, 105).has_value());
  EXPECT_FALSE(check_extents(good, 103).has_value());
  const auto refused = [&](auto change) {
    auto bad = good;
    change(bad);
    return !check_extents(bad, 104).has_value();
  };
  EXPECT_TRUE(refused([](auto& e) { e[1].offset = 11; }));
  EXPECT_TRUE(refused([](auto& e) { e[1].length = 0; }));
  EXPECT_TRUE(refused([](auto& e) { e[0].chunk_offset = 6; }));
  EXPECT_TRUE(refused([](auto& e) { e[2].chunk_offset = 5; }));
  EXPECT_TRUE(refused([](auto& e) { e[1].length = ~std::uint64_t{0}; }));
  EXPECT_TRUE(refused([](auto& e) { e[0].chunk_length = UINT32_MAX; }));
}

}  // namespace
}  // namespace hf::vault
