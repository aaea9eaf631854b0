// Parity: damage up to it is repaired wherever it lies, and what goes beyond is refused, never guessed.
#include "vault/pack/parity.h"

#include <gtest/gtest.h>

#include "vault/object/compress.h"
#include "vault/testing.h"

namespace hf::vault {
namespace {

using testing::SeededEntropy;

struct PackedWithParity {
  Created vault = testing::test_vault();
  Bytes object;
  FinishedPack finished;
  PackFooter footer;

  PackedWithParity(std::size_t bytes, unsigned percent, std::uint64_t seed) {
    SeededEntropy entropy(seed);
    Rng rng(seed);
    const ChunkHasher hasher(vault.keys.id_key);
    PackWriter writer = PackWriter::start(entropy, vault.keys.vault, vault.keys.vault_public, PackKind::kData,
                                          PackBuffer::make(2 * bytes + (1u << 16)), percent)
                            .value();
    Compressor compressor(1);
    for (std::size_t left = bytes; left > 0;) {
      const std::size_t n = std::min<std::size_t>(left, 1 + rng.bounded(90'000));
      const Bytes chunk = testing::random_bytes(rng, n);
      EXPECT_TRUE(writer.add(hasher.id(chunk), chunk, compressor).has_value());
      left -= n;
    }
    finished = writer.finish();
    object = to_bytes(writer.bytes());
    footer = parse_pack_footer(ByteView(object).last(kPackFooterBytes), object.size(), "x").value();
  }
  ParityLayout layout() const { return ParityLayout::of(footer).value(); }
};

void expect_repaired(const PackedWithParity& p, const Bytes& damaged, const std::string& what) {
  const auto repaired = repair_pack(damaged, "packs/x");
  ASSERT_TRUE(repaired.has_value()) << what << ": " << repaired.error().text;
  ASSERT_EQ(repaired->object, p.object) << what;
}

TEST(Parity, IsAboutAsLargeAsAskedFor) {
  for (const unsigned percent : {1u, 3u, 10u, 20u}) {
    for (const std::uint64_t covered : {64u << 10, 1u << 20, 16u << 20, 900u << 20}) {
      const ParityLayout layout = ParityLayout::choose(covered, percent);
      const double share = 100.0 * static_cast<double>(layout.length()) / static_cast<double>(covered);
      EXPECT_GE(share, percent) << covered;
      // The checksums of small blocks weigh as much as the blocks of parity.
      EXPECT_LE(share, covered < 500'000 ? percent * 2.1 + 3 : percent * 1.25 + 2.2) << covered;
      EXPECT_LE(layout.data + layout.parity, 255u);
    }
  }
  EXPECT_LT(parity_bytes(16u << 20, 3), (16u << 20) * 36 / 1000);
  EXPECT_EQ(parity_bytes(16u << 20, 0), 0u);
}

TEST(Parity, WhatIsWholeComesBackAsItIs) {
  const PackedWithParity p(300'000, 3, 1);
  const auto same = repair_pack(p.object, "packs/x").value();
  EXPECT_EQ(same.object, p.object);
  EXPECT_EQ(same.blocks + same.records + same.unknown, 0u);
  EXPECT_FALSE(same.footer);
}

// One run of damage of as many percent of the covered bytes as the vault was made with: at the beginning, at every border
// of a region, across them, at the end, and at random.
TEST(Parity, OneRunOfItsShareIsRepairedAnywhere) {
  for (const unsigned percent : {1u, 3u, 20u}) {
    for (const std::size_t bytes : {1u, 700u, 5'000u, 60'000u, 400'000u, 2'500'000u}) {
      const PackedWithParity p(bytes, percent, percent + bytes);
      const std::size_t run = std::max<std::size_t>(1, p.layout().covered * percent / 100);
      std::vector<std::size_t> places = {0, p.footer.directory_offset, p.footer.parity_offset,
                                         p.object.size() - kPackFooterBytes, p.object.size() - run,
                                         p.footer.parity_offset - run, p.footer.parity_offset - run / 2};
      Rng rng(bytes);
      for (int i = 0; i < 12; ++i) places.push_back(rng.bounded(p.object.size()));
      for (const std::size_t at : places) {
        Bytes damaged = p.object;
        for (std::size_t i = at; i < std::min(at + run, damaged.size()); ++i)
          damaged[i] ^= static_cast<std::uint8_t>(1 + rng.bounded(255));
        expect_repaired(p, damaged,
                        std::to_string(bytes) + " bytes, " + std::to_string(percent) + " %, at " + std::to_string(at));
      }
    }
  }
}

TEST(Parity, EveryByteAloneOfASmallPack) {
  const PackedWithParity p(900, 3, 4);
  for (std::size_t at = 0; at < p.object.size(); ++at) {
    Bytes damaged = p.object;
    damaged[at] ^= 0x40;
    expect_repaired(p, damaged, std::to_string(at));
  }
}

// As many blocks and records of each stripe as it has parity, chosen at random; with one more, nothing is handed out.
TEST(Parity, AsManyBlocksOfEachStripeAsItHasParityAndNotOneMore) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const PackedWithParity p(1'000'000 + seed * 37'111, 3, seed);
    const ParityLayout layout = p.layout();
    Rng rng(seed);
    Bytes damaged = p.object;
    const auto hit = [&](std::uint64_t item) {             // blocks, then records, as they are dealt
      const std::uint64_t at = item < layout.blocks ? item * layout.block
                                                    : layout.covered + (item - layout.blocks) * layout.record_bytes();
      damaged[at + rng.bounded(32)] ^= 0x01;
    };
    std::vector<std::uint64_t> spare;
    for (std::uint32_t stripe = 0; stripe < layout.stripes; ++stripe) {
      std::vector<std::uint64_t> items;
      for (std::uint64_t item = stripe; item < layout.blocks + layout.records(); item += layout.stripes) items.push_back(item);
      for (std::size_t i = 0; i < layout.parity + 1; ++i) std::swap(items[i], items[i + rng.bounded(items.size() - i)]);
      for (std::size_t i = 0; i < layout.parity; ++i) hit(items[i]);
      spare.push_back(items[layout.parity]);
    }
    expect_repaired(p, damaged, "seed " + std::to_string(seed));
    hit(spare[rng.bounded(spare.size())]);
    const auto beyond = repair_pack(damaged, "packs/x");
    if (beyond) {                                           // no record is left that tells of this stripe
      EXPECT_EQ(beyond->unknown, 1u);
    } else {
      EXPECT_EQ(beyond.error().kind, ErrorKind::kCorrupt);
      EXPECT_EQ(beyond.error().object, "packs/x");
    }
  }
}

TEST(Parity, ACutOrAddedEndIsRepaired) {
  const PackedWithParity p(500'000, 3, 9);
  const std::size_t region = p.footer.parity_length;
  for (const std::size_t cut : {1u, 63u, 64u, 65u, 3000u}) {
    expect_repaired(p, Bytes(p.object.begin(), p.object.end() - static_cast<std::ptrdiff_t>(cut)), "cut " + std::to_string(cut));
  }
  expect_repaired(p, Bytes(p.object.begin(), p.object.end() - static_cast<std::ptrdiff_t>(region / 2)), "half of the parity");
  Bytes longer = p.object;
  longer.insert(longer.end(), 10'000, 0xee);
  expect_repaired(p, longer, "more at the end");
  const Bytes half(p.object.begin(), p.object.begin() + static_cast<std::ptrdiff_t>(p.object.size() / 2));
  EXPECT_EQ(repair_pack(half, "packs/x").error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(repair_pack({}, "packs/x").error().kind, ErrorKind::kCorrupt);
}

TEST(Parity, WithoutItNothingIsRepaired) {
  PackedWithParity p(50'000, 0, 3);
  EXPECT_EQ(p.footer.parity_kind, 0);
  EXPECT_EQ(p.footer.parity_length, 0u);
  p.object[100] ^= 1;
  EXPECT_NE(repair_pack(p.object, "packs/x").error().text.find("no parity"), std::string::npos);
}

// Whatever lies there: an error, or an object that agrees with all checksums that are left. Never a crash.
TEST(Parity, RandomBytesNeverCrash) {
  const PackedWithParity p(30'000, 3, 5);
  Rng rng(12);
  for (int round = 0; round < 300; ++round) {
    Bytes damaged = p.object;
    const std::size_t hits = 1 + rng.bounded(40);
    for (std::size_t i = 0; i < hits; ++i) damaged[rng.bounded(damaged.size())] = static_cast<std::uint8_t>(rng.u64());
    if (rng.chance(1, 3)) damaged.resize(rng.bounded(damaged.size()));
    const auto repaired = repair_pack(damaged, "packs/x");
    if (repaired) {
      EXPECT_EQ(repaired->object.size(), p.object.size());
    }
  }
}

TEST(Parity, AFooterThatSaysWhatCannotBeIsRefused) {
  const PackedWithParity p(30'000, 3, 6);
  const auto refused = [&](auto change) {
    PackFooter footer = p.footer;
    change(footer);
    return !ParityLayout::of(footer).has_value();
  };
  EXPECT_TRUE(refused([](PackFooter& f) { f.parity_rows = 0; }));
  EXPECT_TRUE(refused([](PackFooter& f) { f.parity_rows += 1; }));
  EXPECT_TRUE(refused([](PackFooter& f) { f.parity_rows = 255; }));
  EXPECT_TRUE(refused([](PackFooter& f) { f.parity_block_log2 = 8; }));
  EXPECT_TRUE(refused([](PackFooter& f) { f.parity_block_log2 = 63; }));
  EXPECT_TRUE(refused([](PackFooter& f) { f.parity_length -= 1; }));
  EXPECT_TRUE(refused([](PackFooter& f) { f.parity_offset = 0; }));
  EXPECT_TRUE(refused([](PackFooter& f) { f.parity_offset = ~0ull; }));
}

TEST(Parity, DamagedRecordsAreCounted) {
  PackedWithParity p(400'000, 3, 7);
  const ParityLayout layout = p.layout();
  const auto check = [&] {
    return check_parity(layout, ByteView(p.object).last(kPackFooterBytes),
                        ByteView(p.object).subspan(layout.covered, layout.length()), "packs/x");
  };
  EXPECT_TRUE(check());
  p.object[layout.covered + 3] ^= 1;
  p.object[layout.covered + layout.record_bytes() + 700] ^= 1;
  const Status damaged = check();
  ASSERT_FALSE(damaged);
  EXPECT_NE(damaged.error().text.find("2 of its"), std::string::npos) << damaged.error().text;
}

}  // namespace
}  // namespace hf::vault
