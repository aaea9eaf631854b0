// AES-256-GCM against the vectors of the GCM specification (test cases 13, 14, 16), and every bit flipped.
#include "crypto/aead.h"

#include <gtest/gtest.h>

#include "base/hex.h"

namespace hf::crypto {
namespace {

Bytes unhex(std::string_view text) { return from_hex(text).value(); }

TEST(Aead, EmptyMessage) {   // test case 13
  EXPECT_EQ(to_hex(seal(Secret(Bytes(32)), Nonce{}, {}, {})), "530f8afbc74536b9a963b4f1c4cb738b");
}

TEST(Aead, OneBlock) {       // test case 14
  EXPECT_EQ(to_hex(seal(Secret(Bytes(32)), Nonce{}, {}, Bytes(16))),
            "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
}

struct Case16 {
  Secret key{unhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")};
  Nonce nonce = to_array<12>(unhex("cafebabefacedbaddecaf888"));
  Bytes associated = unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  Bytes plain =
      unhex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
          "b16aedf5aa0de657ba637b39");
  Bytes sealed =
      unhex("522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
          "c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b");
};

TEST(Aead, WithAssociatedData) {
  const Case16 c;
  EXPECT_EQ(to_hex(seal(c.key, c.nonce, c.associated, c.plain)), to_hex(c.sealed));
  EXPECT_EQ(open(c.key, c.nonce, c.associated, c.sealed).value(), c.plain);
}

TEST(Aead, EveryFlippedBitIsRefused) {
  Case16 c;
  for (std::size_t bit = 0; bit < c.sealed.size() * 8; ++bit) {
    Bytes damaged = c.sealed;
    damaged[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    const auto opened = open(c.key, c.nonce, c.associated, damaged);
    ASSERT_FALSE(opened.has_value()) << bit;
    EXPECT_EQ(opened.error().kind, ErrorKind::kCorrupt);
  }
  c.associated[3] ^= 1;
  EXPECT_FALSE(open(c.key, c.nonce, c.associated, c.sealed).has_value());
}

TEST(Aead, TooShortIsCorruptAndNothingIsLeft) {
  const Case16 c;
  for (std::size_t n = 0; n < c.sealed.size(); ++n) {
    EXPECT_EQ(open(c.key, c.nonce, c.associated, ByteView(c.sealed).first(n)).error().kind,
              ErrorKind::kCorrupt);
  }
  Bytes damaged = c.sealed;
  damaged.back() ^= 1;
  Bytes plain(c.plain.size(), 0x55);
  EXPECT_FALSE(open_into(c.key, c.nonce, c.associated, damaged, plain).has_value());
  EXPECT_EQ(plain, Bytes(c.plain.size(), 0));
}

TEST(Aead, CounterNonceIsBigEndian) { EXPECT_EQ(to_hex(counter_nonce(0x0102)), "000000000000000000000102"); }

// The expanded key gives the same bytes as the plain calls, at every length around the blocks that it takes at once.
TEST(AeadKey, AgreesWithTheSimpleCalls) {
  const Secret secret(unhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"));
  const AeadKey key(secret);
  Bytes plain;
  for (std::size_t n = 0; n < 70'000; n = n < 600 ? n + 1 : n * 2 + 13) {
    plain.resize(n);
    for (std::size_t i = 0; i < n; ++i) plain[i] = static_cast<std::uint8_t>(i * 31 + n);
    const Bytes associated(n % 100, 9);
    const Bytes expected = seal(secret, counter_nonce(n), associated, plain);
    Bytes sealed(n + kAeadTagBytes);
    key.seal(counter_nonce(n), associated, plain, sealed);
    ASSERT_EQ(sealed, expected) << n;
    Bytes opened(n);
    ASSERT_TRUE(key.open(counter_nonce(n), associated, sealed, opened)) << n;
    ASSERT_EQ(opened, plain) << n;
    sealed[n / 2] ^= 1;
    ASSERT_EQ(key.open(counter_nonce(n), associated, sealed, opened).error().kind, ErrorKind::kCorrupt) << n;
    ASSERT_EQ(opened, Bytes(n)) << "nothing of what is not proven is left";
  }
  EXPECT_EQ(key.open(Nonce{}, {}, Bytes(15), {}).error().kind, ErrorKind::kCorrupt);
}

TEST(AeadKey, SealsInPlace) {
  const Case16 c;
  const AeadKey key(c.key);
  Bytes buffer = c.plain;
  buffer.resize(c.plain.size() + kAeadTagBytes);
  key.seal(c.nonce, c.associated, ByteView(buffer).first(c.plain.size()), buffer);
  EXPECT_EQ(to_hex(buffer), to_hex(c.sealed));
}

}  // namespace
}  // namespace hf::crypto
