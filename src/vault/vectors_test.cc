// Fixed numbers of the formats. They were computed from docs/format/vault.md by a program that shares no code
// with this one, except the bytes of the entry, which were written down by hand field after field. A change that
// turns one of them red makes every vault that exists unreadable, or stops it from deduplicating.
#include <gtest/gtest.h>

#include "base/hex.h"
#include "vault/chunk/chunk.h"
#include "vault/chunk/chunker.h"
#include "vault/chunk/pages.h"
#include "vault/pack/parity.h"
#include "vault/tree/tree_record.h"

namespace hf::vault {
namespace {

Secret key() {   // 00 01 ... 1f
  Bytes bytes;
  for (int i = 0; i < 32; ++i) bytes.push_back(static_cast<std::uint8_t>(i));
  return Secret(bytes);
}

// SHA-256 of the u64 0, of 1, of 2, ..., joined.
Bytes stream(std::size_t n) {
  Bytes out;
  for (std::uint64_t i = 0; out.size() < n; ++i) {
    ByteWriter counter;
    counter.u64(i);
    const crypto::Digest digest = crypto::sha256(counter.bytes());
    out.insert(out.end(), digest.begin(), digest.end());
  }
  out.resize(n);
  return out;
}

std::vector<std::size_t> cuts(std::string_view info, const ChunkerParameters& parameters, ByteView data) {
  std::vector<std::size_t> out;
  GearChunker chunker(gear_table(key(), info), parameters);
  for (std::size_t at = 0; at < data.size();) {
    const GearChunker::Step step = chunker.feed(data.subspan(at));
    at += step.consumed;
    if (step.cut || at == data.size()) out.push_back(at);
  }
  return out;
}

TEST(Vectors, GearTables) {
  const GearTable data = gear_table(key(), kDataGearInfo);
  EXPECT_EQ(data[0], 0x7be173b4d9d316e6);
  EXPECT_EQ(data[255], 0xc6de9ea93c494f8b);
  EXPECT_EQ(gear_table(key(), kTreeGearInfo)[0], 0xd721ef7d0dc212ab);
}

TEST(Vectors, Cuts) {
  using Cuts = std::vector<std::size_t>;
  Cuts small = cuts(kDataGearInfo, {256, 1024, 4096}, stream(40'000));
  EXPECT_EQ(small.size(), 33U);
  small.resize(6);
  EXPECT_EQ(small, (Cuts{1243, 1945, 3002, 4222, 5515, 6673}));
  EXPECT_EQ(cuts(kDataGearInfo, kDataChunker, stream(3'000'000)), (Cuts{270432, 1528342, 2522698, 3000000}));
  Cuts tree = cuts(kTreeGearInfo, kTreeChunker, stream(3'000'000));
  tree.resize(6);
  EXPECT_EQ(tree, (Cuts{132494, 284946, 420379, 576590, 747964, 920253}));
}

TEST(Vectors, ChunkIds) {
  const ChunkHasher hasher(key());
  EXPECT_EQ(to_string(hasher.id({})), "84aabe28e21bd6530aebb632d667ce34a309d8c5053292f7621491a01c6aed28");
  EXPECT_EQ(to_string(hasher.id(stream(40'000))),
            "189eb38a6851e70c82c39711a5be9b8ef4f7fa89abf4e2e5bf711b81462efe27");
}

TEST(Vectors, PageDigest) {
  PageDigest digest{};
  PageHasher(key()).digests(stream(kPageBytes), {&digest, 1});
  EXPECT_EQ(to_hex(digest), "2b0ee25030a8863ce821a5465ff177e8");
}

// One stripe, and three of which two have a column less; the first 64 bytes of the stream stand for the footer.
TEST(Vectors, Parity) {
  const auto digest = [](std::size_t covered, std::uint32_t block, std::uint32_t stripes, std::uint32_t columns) {
    const ParityLayout layout = ParityLayout::choose(covered, 3);
    EXPECT_EQ(layout.block, block);
    EXPECT_EQ(layout.stripes, stripes);
    EXPECT_EQ(layout.data, columns);
    EXPECT_EQ(layout.parity, 4u);
    Bytes region(layout.length());
    write_parity(layout, stream(kPackFooterBytes), stream(covered), region);
    return to_hex(crypto::sha256(region));
  };
  EXPECT_EQ(digest(70'000, 1024, 1, 69), "c7ddfae3a3f89bc44dfbe1163da0f8ed18cfdfa974d1aeb856166189e8d27bb0");
  EXPECT_EQ(digest(1'100'000, 4096, 3, 90), "61de9387811f40241976dc4bc7260d900fe15b9f00a61ce2052a00784f13ac55");
}

// A file of 8192 bytes in a chunk, then a hole of 100, then the chunk again; times -1 s + 5 ns and 1 s.
TEST(Vectors, EntryRecord) {
  Entry e;
  e.path = "a/b";
  e.mode = 0644;
  e.uid = 1000;
  e.user = "u";
  e.mtime = {-1, 5};
  e.ctime = {1, 0};
  e.inode = 300;
  e.device = 2;
  e.size = 8192 + 100 + 16;
  ChunkId id;
  id.bytes.fill(0xaa);
  e.extents = {{0, 8192, false, id, 0, 9000}, {8192, 100, true, {}, 0, 0}, {8292, 16, false, id, 8192, 9000}};
  ASSERT_TRUE(check_entry(e).has_value());
  const std::string expected = std::string("0101") + "03612f62" + "a403" + "e807" + "00" + "0175" + "00" +
                               "0105" + "0200" + "ac02" + "02" + "f440" + "00" + "00" + "00" + "00" + "00" +
                               "00" + "00" + "03" + "03" + "8040" + "01" + std::string(64, 'a') + "a846" +
                               "00" + "6400" + "1002" + "8040";
  EXPECT_EQ(to_hex(encode_entry_record(e)), expected);
}

}  // namespace
}  // namespace hf::vault
