// Hashes against the published vectors: FIPS 180 examples, RFC 4231, RFC 5869; lanes against OpenSSL.
#include "crypto/hash.h"

#include <gtest/gtest.h>

#include "base/hex.h"
#include "base/rng.h"
#include "crypto/leaves.h"

namespace hf::crypto {
namespace {

Bytes hex(std::string_view text) { return from_hex(text).value(); }

TEST(Hash, Sha256Fips180) {
  EXPECT_EQ(to_hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(sha256(as_bytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(sha256(as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Hash, Sha256InPartsIsTheSame) {
  const Bytes million(1'000'000, 'a');
  Sha256 hash;
  for (std::size_t at = 0; at < million.size(); at += 777) {
    hash.update(ByteView(million).subspan(at, std::min<std::size_t>(777, million.size() - at)));
  }
  EXPECT_EQ(to_hex(hash.finish()), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Hash, HmacRfc4231) {
  EXPECT_EQ(to_hex(hmac_sha256(Bytes(20, 0x0b), as_bytes("Hi There"))),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(to_hex(hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(to_hex(hmac_sha256(Bytes(20, 0xaa), Bytes(50, 0xdd))),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  EXPECT_EQ(to_hex(hmac_sha256(Bytes(131, 0xaa),
                               as_bytes("Test Using Larger Than Block-Size Key - Hash Key First"))),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Hash, HmacKeyIsReusable) {
  const HmacSha256Key key(as_bytes("Jefe"));
  EXPECT_EQ(key.mac(as_bytes("one")), hmac_sha256(as_bytes("Jefe"), as_bytes("one")));
  EXPECT_EQ(key.mac(Bytes(1000, 7)), hmac_sha256(as_bytes("Jefe"), Bytes(1000, 7)));
}

TEST(Hash, HkdfRfc5869) {
  const Bytes info = hex("f0f1f2f3f4f5f6f7f8f9");
  const Secret one = hkdf_sha256(Bytes(22, 0x0b), hex("000102030405060708090a0b0c"), as_text(info), 42);
  EXPECT_EQ(to_hex(one.reveal()),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  const Secret three = hkdf_sha256(Bytes(22, 0x0b), {}, "", 42);
  EXPECT_EQ(to_hex(three.reveal()),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST(Hash, LeavesEqualOpenSslForEveryLength) {
  Rng rng(7);
  Bytes data(32 * 1024);
  for (auto& b : data) b = static_cast<std::uint8_t>(rng.u64());
  for (const std::size_t count : {1U, 2U, 7U, 16U, 17U, 100U, 300U}) {
    std::vector<ByteView> pieces;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t length = i < 70 ? i : rng.bounded(data.size() + 1);
      pieces.push_back(ByteView(data).subspan(rng.bounded(data.size() - length + 1), length));
    }
    pieces.back() = data;   // the longest allowed
    std::vector<Digest> lanes(count);
    std::vector<Digest> serial(count);
    sha256_leaves(pieces, lanes);
    sha256_leaves_serial(pieces, serial);
    EXPECT_EQ(lanes, serial) << count;
    EXPECT_EQ(lanes.back(), sha256(data));
  }
}

}  // namespace
}  // namespace hf::crypto
