// Slots, levels and the config: what opens, what does not, and every byte that is not as it was written.
#include "vault/keys/config.h"

#include <gtest/gtest.h>

#include "base/hex.h"
#include "vault/testing.h"

namespace hf::vault {
namespace {

using testing::kCheapCost;
using testing::SeededEntropy;
using testing::test_vault;

TEST(Config, CreateAndUnlock) {
  const Created created = test_vault();
  const Config config = parse_config(created.object, "config/1").value();
  EXPECT_EQ(config.vault, created.keys.vault);
  EXPECT_EQ(config.parameters, FormatParameters{});
  EXPECT_EQ(config.created_s, 1'700'000'000);
  const Keys keys = unlock(config, Passphrase{Secret("test")}).value();
  EXPECT_TRUE(keys.can_read() && keys.can_administer());
  EXPECT_TRUE(keys.id_key == created.keys.id_key);
  EXPECT_TRUE(keys.vault_private->private_key == created.keys.vault_private->private_key);
  EXPECT_EQ(keys.writer.public_key, created.keys.writer.public_key);
  EXPECT_EQ(config.writer_keys(), std::vector<crypto::PublicKey>{keys.writer.public_key});
  EXPECT_EQ(encode_config(config, *keys.admin), created.object);
}

TEST(Config, WrongCredentialsAreDenied) {
  const Created created = test_vault();
  const auto wrong = unlock(created.config, Passphrase{Secret("Test")});
  EXPECT_EQ(wrong.error().kind, ErrorKind::kDenied);
  EXPECT_EQ(wrong.error().text, "wrong passphrase for vault " + to_hex(created.config.vault));
  const auto none = unlock(created.config, KeyFile{Secret(Bytes(32, 1))});
  EXPECT_EQ(none.error().kind, ErrorKind::kDenied);
  EXPECT_NE(none.error().text.find("no slot for a key file"), std::string::npos);
}

TEST(Config, LevelsHoldOnlyTheirKeys) {
  SeededEntropy entropy(5);
  const Created first = test_vault();
  const Secret file = Secret(Bytes(32, 0x42));
  const auto write =
      add_slot(entropy, first.config, first.keys, {KeyFile{file}, Level::kWrite, "host", true}).value();
  const Config two = parse_config(write.object, "config/2").value();
  EXPECT_EQ(two.writers.size(), 2U);
  const Keys host = unlock(two, KeyFile{file}).value();
  EXPECT_EQ(host.level, Level::kWrite);
  EXPECT_FALSE(host.can_read());
  EXPECT_FALSE(host.can_administer());
  EXPECT_NE(host.writer.public_key, first.keys.writer.public_key);
  EXPECT_TRUE(host.id_key == first.keys.id_key);
  EXPECT_EQ(add_slot(entropy, two, host, {KeyFile{file}, Level::kWrite, "x", true}).error().kind,
            ErrorKind::kDenied);
  EXPECT_EQ(unlock(two, KeyFile{Secret(Bytes(32, 0x43))}).error().kind, ErrorKind::kDenied);
  EXPECT_EQ(unlock(two, KeyFile{Secret(Bytes(31, 0x42))}).error().kind, ErrorKind::kInvalid);

  const crypto::BoxKey person = crypto::new_box_key(entropy);
  const auto read =
      add_slot(entropy, two, first.keys, {person.public_key, Level::kRead, "auditor", false}).value();
  const Config three = parse_config(read.object, "config/3").value();
  const Keys auditor = unlock(three, Recipient{person}).value();
  EXPECT_TRUE(auditor.can_read());
  EXPECT_FALSE(auditor.can_administer());
  EXPECT_EQ(three.writers.size(), 2U);
  EXPECT_EQ(unlock(three, Recipient{crypto::new_box_key(entropy)}).error().kind, ErrorKind::kDenied);
}

TEST(Config, DroppingSlots) {
  SeededEntropy entropy(6);
  const Created first = test_vault();
  EXPECT_EQ(drop_slot(first.config, first.keys, 1, false).error().kind, ErrorKind::kBlocked);
  EXPECT_EQ(drop_slot(first.config, first.keys, 9, false).error().kind, ErrorKind::kNotFound);
  const Secret file = Secret(Bytes(32, 0x42));
  const auto added =
      add_slot(entropy, first.config, first.keys, {KeyFile{file}, Level::kWrite, "host", true}).value();
  const auto dropped = drop_slot(added.config, first.keys, 2, true).value();
  const Config config = parse_config(dropped.object, "config/3").value();
  EXPECT_EQ(config.slots.size(), 1U);
  EXPECT_EQ(config.writers.size(), 1U);
  EXPECT_EQ(config.next_slot, 3U);   // numbers are never used again
  EXPECT_EQ(unlock(config, KeyFile{file}).error().kind, ErrorKind::kDenied);
}

TEST(Config, CostOnlyGoesDown) {
  SeededEntropy entropy(7);
  EXPECT_EQ(create_config(entropy, Passphrase{Secret("x")}, "", 0, {128 * 1024, 3}).error().kind,
            ErrorKind::kInvalid);
}

// The bundle seals the slot's parameters: an attacker who can write the store cannot mix slots.
TEST(Config, ExchangedSlotFieldsDoNotOpen) {
  const Created created = test_vault();
  const Passphrase good{Secret("test")};
  Slot slot = created.config.slots[0];
  EXPECT_TRUE(open_slot(slot, created.config.vault, good).has_value());
  slot.level = Level::kWrite;
  EXPECT_EQ(open_slot(slot, created.config.vault, good).error().kind, ErrorKind::kDenied);
  slot = created.config.slots[0];
  slot.number = 2;
  EXPECT_EQ(open_slot(slot, created.config.vault, good).error().kind, ErrorKind::kDenied);
  EXPECT_EQ(open_slot(created.config.slots[0], VaultId{}, good).error().kind, ErrorKind::kDenied);
}

// A config signed by somebody else's admin key, with our slots copied in, parses but does not unlock.
TEST(Config, AReplacedConfigDoesNotUnlock) {
  const Created ours = test_vault(1);
  const Created theirs = test_vault(2);
  Config forged = ours.config;
  forged.admin_public = theirs.config.admin_public;
  forged.writers = theirs.config.writers;
  const Bytes object = encode_config(forged, *theirs.keys.admin);
  const Config parsed = parse_config(object, "config/1").value();
  EXPECT_EQ(unlock(parsed, Passphrase{Secret("test")}).error().kind, ErrorKind::kCorrupt);
}

TEST(Config, TruncatedAndFlippedIsRefused) {
  const Created created = test_vault();
  for (std::size_t n = 0; n < created.object.size(); ++n) {
    const auto parsed = parse_config(ByteView(created.object).first(n), "config/1");
    ASSERT_FALSE(parsed.has_value()) << n;
    EXPECT_EQ(parsed.error().kind, ErrorKind::kCorrupt);
  }
  for (std::size_t bit = 0; bit < created.object.size() * 8; ++bit) {
    Bytes damaged = created.object;
    damaged[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    ASSERT_FALSE(parse_config(damaged, "config/1").has_value()) << bit;
  }
  EXPECT_FALSE(parse_config(created.object, "config/2").has_value());
}

// Bodies that are signed but make no sense: limits hold before anything is allocated or paid for.
TEST(Config, SignedNonsenseIsRefused) {
  const Created created = test_vault();
  const auto refused = [&](auto change) {
    Config config = created.config;
    change(config);
    return parse_config(encode_config(config, *created.keys.admin), "config/1");
  };
  EXPECT_EQ(refused([](Config& c) { c.slots[0].cost.memory_kib = kMaxArgonKib + 1; }).error().kind,
            ErrorKind::kCorrupt);
  EXPECT_EQ(refused([](Config& c) { c.slots[0].cost.passes = kMaxArgonPasses + 1; }).error().kind,
            ErrorKind::kCorrupt);
  EXPECT_EQ(refused([](Config& c) { c.slots[0].salt.resize(15); }).error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(refused([](Config& c) { c.slots[0].wrapped.resize(1025); }).error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(refused([](Config& c) { c.slots[0].label.assign(65, 'x'); }).error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(refused([](Config& c) { c.slots.push_back(c.slots[0]); }).error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(refused([](Config& c) { c.next_slot = 1; }).error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(refused([](Config& c) { c.parameters.data.avg_bytes = 1000; }).error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(refused([](Config& c) { c.parameters.leaf_bytes = 4096; }).error().kind, ErrorKind::kUnsupported);
  EXPECT_EQ(refused([](Config& c) { c.number = 7; }).error().kind, ErrorKind::kCorrupt);
}

}  // namespace
}  // namespace hf::vault
