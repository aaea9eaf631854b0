// Slots of a real vault in memory: who can open it before and after each change, and what a copy learns of it.
#include <gtest/gtest.h>

#include "vault/keys/slots.h"
#include "vault/rehearsal.h"
#include "vault/testing_repository.h"

namespace hf::vault {
namespace {

constexpr crypto::Argon2Cost kCheap{8, 1};

Credentials passphrase(std::string_view text) { return Passphrase{Secret(text)}; }
SlotRequest request(SlotLock lock, Level level) { return {std::move(lock), level, "somebody", true, kCheap}; }

struct SlotsTest : ::testing::Test {
  testing::TestVault vault;
  Result<std::unique_ptr<Repository>> open(const Credentials& credentials, Store* store = nullptr) {
    return Repository::open(vault.context(store != nullptr ? *store : vault.store), credentials);
  }
};

TEST_F(SlotsTest, ARecipientOpensWithItsPrivateKeyAloneAndDoesWhatItsLevelSays) {
  auto admin = vault.open();
  auto snapshot = testing::backup_files(*admin, {{"a", to_bytes("one")}});
  ASSERT_TRUE(snapshot);
  const crypto::BoxKey writer = crypto::new_box_key(vault.entropy), reader = crypto::new_box_key(vault.entropy);
  ASSERT_TRUE(Slots(*admin).add(request(writer.public_key, Level::kWrite)));
  admin = vault.open();
  ASSERT_TRUE(Slots(*admin).add(request(reader.public_key, Level::kRead)));

  auto as_writer = open(Recipient{writer});
  ASSERT_TRUE(as_writer) << as_writer.error().text;
  EXPECT_FALSE((*as_writer)->can_read());
  EXPECT_TRUE(testing::backup_files(**as_writer, {{"b", to_bytes("two")}}, "other"));
  EXPECT_EQ(Slots(**as_writer).drop(1).error().kind, ErrorKind::kDenied);

  auto as_reader = open(Recipient{reader});
  ASSERT_TRUE(as_reader) << as_reader.error().text;
  auto files = testing::restore_files(**as_reader, snapshot->id);
  ASSERT_TRUE(files) << files.error().text;
  EXPECT_EQ(to_text(files->at(0).bytes), "one");
  EXPECT_EQ(Slots(**as_reader).add(request(writer.public_key, Level::kRead)).error().kind, ErrorKind::kDenied);
  EXPECT_EQ(open(Recipient{crypto::new_box_key(vault.entropy)}).error().kind, ErrorKind::kDenied);
}

TEST_F(SlotsTest, AfterARotationTheOldCredentialOpensNothingInTheVaultAndInItsCopy) {
  auto admin = vault.open();
  auto snapshot = testing::backup_files(*admin, {{"a", to_bytes("one")}});
  ASSERT_TRUE(snapshot);
  MemoryStore other(vault.clock);
  ASSERT_TRUE(admin->init_copy(other));
  auto old = Slots(*admin).opened_by(vault.credentials);
  ASSERT_TRUE(old);
  auto change = Slots(*admin).replace(old->number, Passphrase{Secret(std::string_view("fresh"))}, kCheap);
  ASSERT_TRUE(change) << change.error().text;

  EXPECT_EQ(open(vault.credentials).error().kind, ErrorKind::kDenied);
  auto fresh = open(passphrase("fresh"));
  ASSERT_TRUE(fresh) << fresh.error().text;
  EXPECT_EQ(Slots(**fresh).list().size(), 1U);
  EXPECT_EQ(Slots(**fresh).list()[0].level, Level::kAdmin);
  EXPECT_TRUE(testing::restore_files(**fresh, snapshot->id));
  // No older config is left to open with the old passphrase.
  std::size_t configs = 0;
  ASSERT_TRUE(vault.store.list("config/", [&](const ObjectInfo&) { ++configs; return ok(); }));
  EXPECT_EQ(configs, 1U);

  auto copy = open(vault.credentials, &other);  // has not heard of it yet
  ASSERT_TRUE(copy) << copy.error().text;
  ASSERT_TRUE((*fresh)->copy_to(**copy));
  EXPECT_EQ(open(vault.credentials, &other).error().kind, ErrorKind::kDenied);
  copy = open(passphrase("fresh"), &other);
  ASSERT_TRUE(copy) << copy.error().text;
  EXPECT_TRUE(testing::restore_files(**copy, snapshot->id));
  EXPECT_TRUE((*fresh)->check({})->damaged.empty());
}

TEST_F(SlotsTest, ACopyThatIsBehindDoesNotBringADroppedSlotBack) {
  auto admin = vault.open();
  MemoryStore other(vault.clock);
  ASSERT_TRUE(admin->init_copy(other));
  auto behind = open(vault.credentials, &other);
  ASSERT_TRUE(behind);
  ASSERT_TRUE(Slots(*admin).replace(1, Passphrase{Secret(std::string_view("fresh"))}, kCheap));
  auto fresh = open(passphrase("fresh"));
  ASSERT_TRUE(fresh);
  ASSERT_TRUE((*behind)->copy_to(**fresh));
  EXPECT_EQ(open(vault.credentials).error().kind, ErrorKind::kDenied);
  EXPECT_TRUE(open(passphrase("fresh")));
}

TEST_F(SlotsTest, TwoAdministratorsAtOnceDoNotOverwriteEachOther) {
  auto one = vault.open(), two = vault.open();
  ASSERT_TRUE(Slots(*one).add(request(Passphrase{Secret(std::string_view("one"))}, Level::kRead)));
  auto late = Slots(*two).add(request(Passphrase{Secret(std::string_view("two"))}, Level::kRead));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, ErrorKind::kExists);
  EXPECT_TRUE(open(passphrase("one")));
  EXPECT_FALSE(open(passphrase("two")));
}

TEST_F(SlotsTest, TheLastAdministratorStays) {
  auto admin = vault.open();
  ASSERT_TRUE(Slots(*admin).add(request(Passphrase{Secret(std::string_view("reader"))}, Level::kRead)));
  EXPECT_EQ(Slots(*vault.open()).drop(1).error().kind, ErrorKind::kBlocked);
  EXPECT_TRUE(open(vault.credentials));
}

TEST_F(SlotsTest, ARehearsalReadsTheNewestSnapshotsWholeAndIsRemembered) {
  auto admin = vault.open();
  ASSERT_TRUE(testing::backup_files(*admin, {{"a", to_bytes("one")}}, "web"));
  ASSERT_TRUE(testing::backup_files(*admin, {{"a", to_bytes("three")}, {"b", Bytes(3'000'000, 7)}}, "web"));
  ASSERT_TRUE(testing::backup_files(*admin, {{"c", to_bytes("four")}}, "mail"));
  EXPECT_FALSE(*last_rehearsal(*admin));
  auto report = rehearse(*admin, [](const RehearsalProgress&) {}, {});
  ASSERT_TRUE(report) << report.error().text;
  ASSERT_EQ(report->snapshots.size(), 2U);
  EXPECT_EQ(report->snapshots[0].component, "mail");
  EXPECT_EQ(report->snapshots[1].files, 2U);
  EXPECT_EQ(report->snapshots[1].bytes, 3'000'005U);
  auto last = last_rehearsal(*admin);
  ASSERT_TRUE(last && *last);
  EXPECT_EQ((*last)->host, "alpha");
}

TEST_F(SlotsTest, ARehearsalFailsOnDamageAndWithoutASnapshot) {
  auto admin = vault.open();
  EXPECT_EQ(rehearse(*admin, [](const RehearsalProgress&) {}, {}).error().kind, ErrorKind::kNotFound);
  ASSERT_TRUE(testing::backup_files(*admin, {{"a", vault.entropy.bytes(300'000)}}));
  std::string pack;
  std::uint64_t largest = 0;
  ASSERT_TRUE(vault.store.list("packs/", [&](const ObjectInfo& info) {
    if (info.size > largest) pack = info.name;
    largest = std::max(largest, info.size);
    return ok();
  }));
  Bytes bytes = *vault.store.get(pack);
  bytes[bytes.size() / 3] ^= 1;
  ASSERT_TRUE(vault.store.remove(pack));
  ASSERT_TRUE(vault.store.put(pack, bytes, PutMode::kCreate));
  EXPECT_FALSE(rehearse(*admin, [](const RehearsalProgress&) {}, {}));
  EXPECT_FALSE(*last_rehearsal(*admin));
}

}  // namespace
}  // namespace hf::vault
