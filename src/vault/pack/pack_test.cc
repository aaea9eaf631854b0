// Packs: what goes in comes out; anything changed, cut or exchanged is refused; the directory alone rebuilds
// the index.
#include "vault/pack/pack.h"

#include <gtest/gtest.h>

#include "vault/object/compress.h"
#include "vault/pack/parity.h"
#include "vault/testing.h"

namespace hf::vault {
namespace {

using testing::SeededEntropy;

struct Packed {
  Created vault = testing::test_vault();
  ChunkHasher hasher{vault.keys.id_key};
  std::vector<Bytes> chunks;
  Bytes object;
  FinishedPack finished;

  explicit Packed(std::vector<Bytes> content, PackKind kind = PackKind::kData, std::uint64_t seed = 1)
      : chunks(content) {
    SeededEntropy entropy(seed);
    PackWriter writer =
        PackWriter::start(entropy, vault.keys.vault, vault.keys.vault_public, kind, PackBuffer::make(4u << 20)).value();
    Compressor compressor(1);
    for (const Bytes& chunk : chunks) EXPECT_TRUE(writer.add(hasher.id(chunk), chunk, compressor).has_value());
    finished = writer.finish();
    object = to_bytes(writer.bytes());
  }
  Result<OpenedPack> open(ByteView bytes) const {
    return read_pack_directory(memory_range(bytes), bytes.size(), vault.keys, "packs/x");
  }
  Result<Bytes> read(const OpenedPack& pack, ByteView bytes, std::size_t i) const {
    const PackEntry& e = pack.entries[i];
    return read_chunk(pack.key, e, bytes.subspan(e.offset, e.stored_length), hasher, "packs/x");
  }
};

std::vector<Bytes> some_chunks(std::uint64_t seed) {
  Rng rng(seed);
  return {testing::compressible_bytes(rng, 100'000),
          testing::random_bytes(rng, 70'000),
          Bytes{},
          to_bytes("x"),
          testing::compressible_bytes(rng, 300),
          Bytes(200'000, 0)};
}

TEST(Pack, RoundTrip) {
  const Packed p(some_chunks(1), PackKind::kMetadata);
  const OpenedPack pack = p.open(p.object).value();
  EXPECT_EQ(pack.entries, p.finished.entries);
  EXPECT_EQ(pack.header, p.finished.header);
  EXPECT_EQ(pack.key.kind, PackKind::kMetadata);
  EXPECT_EQ(p.finished.size, p.object.size());
  EXPECT_EQ(p.finished.digest, pack_digest(p.object));
  for (std::size_t i = 0; i < p.chunks.size(); ++i)
    EXPECT_EQ(p.read(pack, p.object, i).value(), p.chunks[i]) << i;
  EXPECT_LT(p.finished.entries[0].stored_length, 60'000U);
  EXPECT_EQ(p.finished.entries[1].flags, 0);             // the probe found nothing to save
  EXPECT_EQ(p.finished.entries[5].flags, kChunkCompressed);
}

TEST(Pack, EmptyPack) {
  const Packed p({});
  EXPECT_TRUE(p.open(p.object).value().entries.empty());
}

TEST(Pack, KeysAreFreshAndOnlyForReaders) {
  const Packed a({to_bytes("x")}, PackKind::kData, 1);
  const Packed b({to_bytes("x")}, PackKind::kData, 2);
  EXPECT_NE(a.object, b.object);
  Keys writer = a.vault.keys;
  writer.vault_private.reset();
  EXPECT_EQ(open_pack(a.finished.header, writer, "packs/x").error().kind, ErrorKind::kDenied);
  const Created other = testing::test_vault(2);
  EXPECT_EQ(open_pack(a.finished.header, other.keys, "packs/x").error().kind, ErrorKind::kCorrupt);
}

// Directory or chunk: every flipped bit of the object is found by who reads all of it.
bool reads_whole(const Packed& p, ByteView bytes) {
  const auto pack = p.open(bytes);
  if (!pack.has_value()) return false;
  for (std::size_t i = 0; i < p.chunks.size(); ++i) {
    const auto chunk = p.read(*pack, bytes, i);
    if (!chunk.has_value() || *chunk != p.chunks[i]) return false;
  }
  const PackFooter& footer = pack->footer;
  return check_parity(*ParityLayout::of(footer), bytes.last(kPackFooterBytes),
                      bytes.subspan(footer.parity_offset, footer.parity_length), "packs/x")
      .has_value();
}

TEST(Pack, EveryFlippedBitIsFound) {
  const Packed p({to_bytes("some data"), Bytes(200, 7)});
  ASSERT_TRUE(reads_whole(p, p.object));
  for (std::size_t bit = 0; bit < p.object.size() * 8; ++bit) {
    Bytes damaged = p.object;
    damaged[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    ASSERT_FALSE(reads_whole(p, damaged)) << bit;
  }
}

TEST(Pack, EveryTruncationIsFound) {
  const Packed p({to_bytes("some data"), Bytes(200, 7)});
  for (std::size_t n = 0; n < p.object.size(); ++n) {
    const auto pack = p.open(ByteView(p.object).first(n));
    ASSERT_FALSE(pack.has_value()) << n;
    EXPECT_EQ(pack.error().kind, ErrorKind::kCorrupt);
  }
  Bytes longer = p.object;
  longer.push_back(0);
  EXPECT_FALSE(p.open(longer).has_value());
}

TEST(Pack, ChunksCannotChangePlacesOrPacks) {
  const Packed p({Bytes(64, 1), Bytes(64, 2)});
  const OpenedPack pack = p.open(p.object).value();
  PackEntry other = pack.entries[0];
  other.id = pack.entries[1].id;
  const ByteView record = ByteView(p.object).subspan(pack.entries[0].offset, pack.entries[0].stored_length);
  EXPECT_FALSE(read_chunk(pack.key, other, record, p.hasher, "x").has_value());
  PackEntry moved = pack.entries[0];
  moved.offset = pack.entries[1].offset;
  EXPECT_FALSE(read_chunk(pack.key, moved, record, p.hasher, "x").has_value());
}

// Somebody who knows the public key can make a pack, but cannot give content a name that it does not have.
TEST(Pack, ContentThatIsNotItsIdIsRefused) {
  const Packed p({});
  SeededEntropy entropy(5);
  const Keys& keys = p.vault.keys;
  PackWriter writer =
      PackWriter::start(entropy, keys.vault, keys.vault_public, PackKind::kData, PackBuffer::make(1u << 20)).value();
  Compressor compressor(1);
  ASSERT_TRUE(writer.add(p.hasher.id(as_bytes("good")), as_bytes("evil"), compressor).has_value());
  writer.finish();
  const Bytes object = to_bytes(writer.bytes());
  const OpenedPack pack = p.open(object).value();
  const auto chunk = p.read(pack, object, 0);
  EXPECT_EQ(chunk.error().kind, ErrorKind::kCorrupt);
  EXPECT_NE(chunk.error().text.find("not what its id says"), std::string::npos);
}

TEST(Pack, LengthsThatCannotBeAreRefusedBeforeAllocation) {
  const Packed p({to_bytes("data")});
  const OpenedPack pack = p.open(p.object).value();
  PackEntry e = pack.entries[0];
  e.plain_length = UINT32_MAX;
  e.flags = kChunkCompressed;
  EXPECT_EQ(read_chunk(pack.key, e, Bytes(e.stored_length), p.hasher, "x").error().kind, ErrorKind::kCorrupt);
  e.flags = 0x80;
  EXPECT_EQ(read_chunk(pack.key, e, Bytes(e.stored_length), p.hasher, "x").error().kind,
            ErrorKind::kUnsupported);
}

TEST(Pack, WhatDoesNotFitIsRefused) {
  const Created vault = testing::test_vault();
  SeededEntropy entropy(1);
  PackWriter writer =
      PackWriter::start(entropy, vault.keys.vault, vault.keys.vault_public, PackKind::kData, PackBuffer::make(4096)).value();
  Compressor compressor(1);
  Rng rng(4);
  EXPECT_EQ(writer.add({}, testing::random_bytes(rng, 4000), compressor).error().kind, ErrorKind::kExhausted);
  EXPECT_TRUE(writer.add({}, testing::random_bytes(rng, 2000), compressor));
  writer.finish();
  EXPECT_LE(writer.bytes().size(), 4096u);
}

TEST(Pack, MemoryThatChangedIsFoundBeforeThePackIsStored) {
  const Packed p({});
  SeededEntropy entropy(6);
  const Keys& keys = p.vault.keys;
  PackWriter writer =
      PackWriter::start(entropy, keys.vault, keys.vault_public, PackKind::kData, PackBuffer::make(1u << 20)).value();
  Rng rng(5);
  for (const Bytes& chunk : {testing::compressible_bytes(rng, 9000), testing::random_bytes(rng, 9000)}) {
    Compressor compressor(1);
    const Bytes frame = compressor.compress(chunk).value_or(chunk);
    const PackEntry entry = writer.reserve(p.hasher.id(chunk), chunk.size(), frame.size(), frame.size() < chunk.size());
    writer.seal(entry, frame);
    Decompressor decompressor;
    Bytes scratch;
    EXPECT_TRUE(writer.verify(entry, chunk, decompressor, scratch));
    Bytes other = chunk;
    other[4500] ^= 1;
    EXPECT_EQ(writer.verify(entry, other, decompressor, scratch).error().kind, ErrorKind::kCorrupt);
  }
}

TEST(Pack, RandomDamageNeverCrashes) {
  const Packed p(some_chunks(3));
  Rng rng(17);
  for (int round = 0; round < 300; ++round) {
    Bytes damaged = p.object;
    for (int i = 0; i < 4; ++i) {
      // Mostly header and end, where lengths are.
      const std::size_t at = rng.chance(1, 2) ? rng.bounded(200) : damaged.size() - 1 - rng.bounded(400);
      damaged[at] = static_cast<std::uint8_t>(rng.u64());
    }
    if (rng.chance(1, 4)) damaged.resize(rng.bounded(damaged.size()));
    if (damaged != p.object) {
      EXPECT_FALSE(reads_whole(p, damaged));
    }
  }
}

TEST(Pack, CompressionIsRefusedWhereItLies) {
  Rng rng(9);
  Compressor compressor(1);
  const Bytes plain = testing::compressible_bytes(rng, 5000);
  const Bytes frame = compressor.compress(plain).value();
  EXPECT_EQ(decompress(frame, plain.size()).value(), plain);
  EXPECT_FALSE(decompress(frame, plain.size() - 1).has_value());
  EXPECT_FALSE(decompress(frame, plain.size() + 1).has_value());
  for (std::size_t n = 0; n < frame.size(); ++n)
    EXPECT_FALSE(decompress(ByteView(frame).first(n), plain.size()).has_value());
  Bytes twice = frame;
  twice.insert(twice.end(), frame.begin(), frame.end());
  EXPECT_FALSE(decompress(twice, plain.size()).has_value());
}

}  // namespace
}  // namespace hf::vault
