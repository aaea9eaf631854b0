// Keys as text: what is written is read again, what is mistyped is seen.
#include <gtest/gtest.h>

#include "vault/keys/key_text.h"
#include "vault/testing.h"

namespace hf::vault {
namespace {

Secret key_of(std::uint8_t first) {
  Bytes bytes(kKitKeyBytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(first + i);
  return Secret(std::move(bytes));
}

// Fixed by hand: sha256 of the line up to its last dash, computed with sha256sum.
TEST(KeyText, TheFormIsTheOneOnTheFormatPage) {
  RecoveryKit kit;
  for (std::size_t i = 0; i < kit.vault.size(); ++i) kit.vault[i] = static_cast<std::uint8_t>(i);
  kit.key = key_of(0x40);
  EXPECT_EQ(kit_text(kit),
            "holdfast-kit-1-000102030405060708090a0b0c0d0e0f-"
            "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f-6100b743");
}

TEST(KeyText, WhatIsWrittenIsReadAgain) {
  testing::SeededEntropy entropy(7);
  const crypto::BoxKey box = crypto::new_box_key(entropy);
  auto identity = parse_identity("  " + identity_text(box) + "\n");
  ASSERT_TRUE(identity) << identity.error().text;
  EXPECT_EQ(identity->public_key, box.public_key);
  auto recipient = parse_recipient(recipient_text(box.public_key));
  ASSERT_TRUE(recipient) << recipient.error().text;
  EXPECT_EQ(*recipient, box.public_key);
}

TEST(KeyText, EveryWrongDigitIsSeenAndTheKeyIsNotShown) {
  RecoveryKit kit;
  kit.key = key_of(1);
  const std::string good = kit_text(kit);
  ASSERT_TRUE(parse_kit(good));
  for (std::size_t i = std::string("holdfast-kit-1-").size(); i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == '0' ? '1' : '0';
    auto parsed = parse_kit(bad);
    ASSERT_FALSE(parsed) << "character " << i;
    EXPECT_EQ(parsed.error().kind, ErrorKind::kInvalid);
    EXPECT_EQ(parsed.error().text.find("0102030405"), std::string::npos);
  }
  for (std::size_t length = 0; length < good.size(); ++length) EXPECT_FALSE(parse_kit(good.substr(0, length)));
  EXPECT_FALSE(parse_kit(good + "0"));
  EXPECT_FALSE(parse_identity(good));
}

TEST(KeyText, CaseDoesNotMatter) {
  RecoveryKit kit;
  kit.key = key_of(0xa0);
  std::string loud = kit_text(kit);
  for (char& c : loud) c = static_cast<char>(std::toupper(c));
  auto parsed = parse_kit(loud);
  ASSERT_TRUE(parsed) << parsed.error().text;
  EXPECT_EQ(to_bytes(parsed->key.reveal()), to_bytes(kit.key.reveal()));
}

TEST(KeyText, TheKeyLineIsFoundOnThePage) {
  RecoveryKit kit;
  kit.key = key_of(9);
  const std::string line = kit_text(kit);
  EXPECT_EQ(find_key_line("HOLDFAST RECOVERY KIT\n\n   " + line + "  \r\nmore\n"), line);
  EXPECT_EQ(find_key_line("# holdfast-recipient-1-00\nholdfast-identity-1-77"), "holdfast-identity-1-77");
  EXPECT_EQ(find_key_line("nothing here"), "");
  EXPECT_EQ(find_key_line(""), "");
}

}  // namespace
}  // namespace hf::vault
