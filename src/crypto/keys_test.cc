// Ed25519 (RFC 8032), X25519 (RFC 7748) through the boxes, Argon2id against the reference implementation's
// vector.
#include "crypto/keys.h"

#include <gtest/gtest.h>
#include <sodium.h>

#include <set>

#include "base/hex.h"
#include "crypto/aead.h"

namespace hf::crypto {
namespace {

Bytes octets(std::string_view text) { return from_hex(text).value(); }

TEST(Keys, Ed25519Rfc8032) {
  const SigningKey one =
      signing_key_from_seed(Secret(octets("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")));
  EXPECT_EQ(to_hex(one.public_key), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  EXPECT_EQ(to_hex(sign(one, {})),
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
            "d25bf5f0595bbe24"
            "655141438e7a100b");
  const SigningKey three =
      signing_key_from_seed(Secret(octets("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7")));
  EXPECT_EQ(to_hex(sign(three, octets("af82"))),
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
            "4a7c15e9716ed28d"
            "c027beceea1ec40a");
}

TEST(Keys, AFlippedBitBreaksTheSignature) {
  SystemEntropy entropy;
  const SigningKey key = new_signing_key(entropy);
  const Bytes message = to_bytes("promote us-west");
  const Signature good = sign(key, message);
  EXPECT_TRUE(verify(key.public_key, message, good));
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    Signature bad = good;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_FALSE(verify(key.public_key, message, bad)) << bit;
  }
  EXPECT_FALSE(verify(key.public_key, to_bytes("promote us-east"), good));
  EXPECT_FALSE(verify(new_signing_key(entropy).public_key, message, good));
}

TEST(Keys,
     X25519Rfc7748) {  // section 6.1: Alice's and Bob's keys; the box's key is derived as the header says
  const BoxKey alice =
      box_key_from_private(Secret(octets("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")));
  EXPECT_EQ(to_hex(alice.public_key), "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  const BoxKey bob =
      box_key_from_private(Secret(octets("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")));
  EXPECT_EQ(to_hex(bob.public_key), "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  // A box made by hand from the RFC's shared secret opens with Bob's key.
  const Bytes alice_public = octets("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  Bytes salt = alice_public;
  salt.insert(salt.end(), bob.public_key.begin(), bob.public_key.end());
  const Secret key =
      hkdf_sha256(octets("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"), salt, "test", 32);
  Bytes box = alice_public;
  seal_append(key, counter_nonce(0), {}, as_bytes("hello"), box);
  EXPECT_EQ(to_text(box_open(bob, "test", box).value()), "hello");
}

TEST(Keys, BoxRoundTripAndEveryBit) {
  SystemEntropy entropy;
  const BoxKey key = new_box_key(entropy);
  const Bytes box = box_seal(entropy, key.public_key, "pack key", as_bytes("secret")).value();
  EXPECT_EQ(box.size(), 32U + 6U + 16U);
  EXPECT_EQ(to_text(box_open(key, "pack key", box).value()), "secret");
  EXPECT_FALSE(box_open(key, "other", box).has_value());
  EXPECT_FALSE(box_open(new_box_key(entropy), "pack key", box).has_value());
  for (std::size_t bit = 0; bit < box.size() * 8; ++bit) {
    Bytes bad = box;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    const auto opened = box_open(key, "pack key", bad);
    // X25519 ignores the top bit of a public key (RFC 7748, section 5), but the salt of the key derivation
    // does not.
    EXPECT_FALSE(opened.has_value()) << bit;
  }
  for (std::size_t n = 0; n < box.size(); ++n)
    EXPECT_FALSE(box_open(key, "pack key", ByteView(box).first(n)).has_value());
}

TEST(Keys, BoxToALowOrderPointIsRefused) {
  SystemEntropy entropy;
  EXPECT_FALSE(box_seal(entropy, PublicKey{}, "x", as_bytes("secret")).has_value());
}

TEST(Keys, EntropyDoesNotRepeat) {
  SystemEntropy entropy;
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = entropy.hex_id();
    EXPECT_EQ(id.size(), 32U);
    EXPECT_TRUE(seen.insert(id).second);
  }
}

// The reference implementation's test vector (phc-winner-argon2, src/test.c) has an 8-byte salt, which
// libsodium's raw call does not take: its verifier does. Our output is then checked with that verifier.
TEST(Keys, Argon2idReferenceVector) {
  ASSERT_GE(sodium_init(), 0);
  const std::string reference =
      "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
  EXPECT_EQ(crypto_pwhash_argon2id_str_verify(reference.c_str(), "password", 8), 0);
  EXPECT_NE(crypto_pwhash_argon2id_str_verify(reference.c_str(), "passwore", 8), 0);
}

TEST(Keys, Argon2idRawEqualsTheEncodedForm) {
  const Bytes salt = to_bytes("0123456789abcdef");
  const Secret raw = argon2id(Secret("correct horse"), salt, {256, 3}, 32).value();
  const auto unpadded = [](std::string text) { return text.erase(text.find_last_not_of('=') + 1); };
  const std::string encoded =
      "$argon2id$v=19$m=256,t=3,p=1$" + unpadded(to_base64(salt)) + "$" + unpadded(to_base64(raw.reveal()));
  EXPECT_EQ(crypto_pwhash_argon2id_str_verify(encoded.c_str(), "correct horse", 13), 0);
  EXPECT_FALSE(argon2id(Secret("correct horse"), salt, {256, 2}, 32).value() == raw);
  EXPECT_FALSE(argon2id(Secret("correct horsf"), salt, {256, 3}, 32).value() == raw);
}

TEST(Keys, Argon2idCostBelowTheMinimumIsInvalid) {
  EXPECT_EQ(argon2id(Secret("x"), Bytes(16), {1, 1}, 32).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(argon2id(Secret("x"), Bytes(16), {64, 0}, 32).error().kind, ErrorKind::kInvalid);
}

}  // namespace
}  // namespace hf::crypto
