// The note of Go's golang.org/x/mod/sumdb/note tests, byte for byte, and every bit of a checkpoint flipped.
#include "journal/note.h"

#include <gtest/gtest.h>

#include "base/hex.h"

namespace hf::journal {
namespace {

const char* const kGoKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const char* const kGoSeed = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";  // 0x01, then the Ed25519 seed
const std::string kGoText =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const std::string kGoNote =
    kGoText +
    "\n\xe2\x80\x94 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

crypto::SigningKey go_key() {
  Bytes raw = *from_base64(kGoSeed);
  return crypto::signing_key_from_seed(Secret(to_bytes(ByteView(raw).subspan(1))));
}

TEST(Note, SignsAndVerifiesAsGoDoes) {
  auto key = parse_verifier_key(kGoKey);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->name, "PeterNeumann");
  EXPECT_EQ(note_key_id(key->name, key->key), 0xc74f20a3u);
  EXPECT_EQ(format_verifier_key(key->name, key->key), kGoKey);
  EXPECT_EQ(go_key().public_key, key->key);
  EXPECT_EQ(sign_note(kGoText, "PeterNeumann", go_key()), kGoNote);
  EXPECT_EQ(*open_note(kGoNote, key->name, key->key), kGoText);
}

TEST(Note, VerifierKeyRefusesEveryChange) {
  for (std::size_t i = 0; i < std::string(kGoKey).size(); ++i) {
    std::string other = kGoKey;
    ++other[i];
    EXPECT_FALSE(parse_verifier_key(other)) << other;
    EXPECT_FALSE(parse_verifier_key(std::string(kGoKey).substr(0, i)));
  }
}

TEST(Note, OtherSignaturesArePassedOver) {
  auto key = parse_verifier_key(kGoKey);
  crypto::SigningKey witness = crypto::signing_key_from_seed(Secret(Bytes(32, 7)));
  std::string line = sign_note(kGoText, "witness", witness).substr(kGoText.size() + 1);
  EXPECT_EQ(*open_note(kGoNote + line, "PeterNeumann", key->key), kGoText);
  EXPECT_EQ(*open_note(kGoNote + line, "witness", witness.public_key), kGoText);
  EXPECT_EQ(open_note(kGoNote, "witness", witness.public_key).error().kind, ErrorKind::kDenied);
}

TEST(Note, CheckpointRoundTripAndEveryBitFlipped) {
  crypto::SigningKey key = crypto::signing_key_from_seed(Secret(Bytes(32, 7)));
  Checkpoint c{"holdfast/0123456789abcdef0123456789abcdef", 42, crypto::sha256(as_bytes("x"))};
  std::string note = sign_note(format_checkpoint(c), c.origin, key);
  EXPECT_EQ(*open_checkpoint(note, c.origin, key.public_key), c);
  EXPECT_EQ(*peek_checkpoint(note), c);
  for (std::size_t i = 0; i < note.size() * 8; ++i) {
    std::string other = note;
    other[i / 8] = static_cast<char>(other[i / 8] ^ (1 << (i % 8)));
    EXPECT_FALSE(open_checkpoint(other, c.origin, key.public_key)) << i / 8;
  }
  for (std::size_t n = 0; n < note.size(); ++n)
    EXPECT_FALSE(open_checkpoint(note.substr(0, n), c.origin, key.public_key)) << n;
}

TEST(Note, CheckpointRefusesWhatIsNotCanonical) {
  std::string root = to_base64(crypto::sha256({}));
  EXPECT_TRUE(parse_checkpoint("o\n0\n" + root + "\n"));
  const std::vector<std::string> bad = {"o\n00\n" + root + "\n",
                                        "o\n-1\n" + root + "\n",
                                        "\n0\n" + root + "\n",
                                        "o\n0\n" + root,
                                        "o\n0\n" + root + "\nmore\n",
                                        "o\n0\nAAAA\n",
                                        "o\n0\n",
                                        "o"};
  for (const std::string& text : bad) EXPECT_FALSE(parse_checkpoint(text)) << text;
}

}  // namespace
}  // namespace hf::journal
