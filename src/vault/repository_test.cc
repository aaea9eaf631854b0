// Backup and restore through the whole module, with every call of the store failing once, and every byte flipped.
#include "vault/repository.h"

#include <gtest/gtest.h>

#include "base/hex.h"
#include "io/testing_each.h"
#include "vault/attachments.h"
#include "vault/store/testing_faulty_store.h"
#include "vault/testing_repository.h"
#include "vault/wal/wal_archive.h"

namespace hf::vault {
namespace {

using testing::backup_files;
using testing::random_bytes;
using testing::restore_files;
using testing::TestFile;
using testing::TestVault;

std::vector<TestFile> some_files(std::uint64_t seed = 7) {
  Rng rng(seed);
  return {{"a", to_bytes("hello")},
          {"b/empty", {}},
          {"b/large", random_bytes(rng, 3'000'000)},
          {"b/text", testing::compressible_bytes(rng, 200'000)},
          {"c", random_bytes(rng, 70'000)}};
}

std::string damage_text(const CheckReport& report) {
  std::string text;
  for (const Damage& d : report.damaged)
    text += d.object + " (" + d.why + ", " + std::to_string(d.snapshots.size()) + " snapshots) ";
  return text;
}

std::string check_text(Repository& repository) {
  CheckOptions options;
  options.read_data = true;
  auto report = repository.check(options);
  return report ? damage_text(*report) : "error: " + report.error().text;
}

void expect_same(const std::vector<TestFile>& a, const std::vector<TestFile>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].path, b[i].path);
    EXPECT_TRUE(a[i].bytes == b[i].bytes) << a[i].path;
  }
}

TEST(Repository, GivesBackWhatWasBackedUp) {
  TestVault vault;
  auto repository = vault.open();
  auto snapshot = backup_files(*repository, some_files());
  ASSERT_TRUE(snapshot) << snapshot.error().text;
  EXPECT_EQ(snapshot->number, 1u);
  EXPECT_EQ(snapshot->files, 5u);
  EXPECT_EQ(snapshot->source_bytes, 3'270'005u);
  EXPECT_GT(snapshot->new_bytes, 3'000'000u);
  auto files = restore_files(*vault.open(), snapshot->id);
  ASSERT_TRUE(files) << files.error().text;
  expect_same(*files, some_files());
  EXPECT_EQ(check_text(*vault.open()), "");
  auto listed = repository->snapshots();
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_EQ(listed->front().id, snapshot->id);
  std::string leases;
  ASSERT_TRUE(vault.store.list("leases/", [&](const ObjectInfo& info) { leases += info.name; return ok(); }));
  EXPECT_EQ(leases, "");
}

TEST(Repository, ASecondBackupStoresNothingNew) {
  TestVault vault;
  auto repository = vault.open();
  ASSERT_TRUE(backup_files(*repository, some_files()));
  auto second = backup_files(*repository, some_files());
  ASSERT_TRUE(second) << second.error().text;
  EXPECT_EQ(second->number, 2u);
  EXPECT_EQ(second->new_bytes, 0u);
}

TEST(Repository, ReadsRangesOfFiles) {
  TestVault vault;
  auto repository = vault.open();
  auto snapshot = backup_files(*repository, some_files());
  ASSERT_TRUE(snapshot);
  auto reader = repository->open_snapshot(snapshot->id);
  ASSERT_TRUE(reader) << reader.error().text;
  auto entry = (*reader)->find_entry("b/large");
  ASSERT_TRUE(entry) << entry.error().text;
  const Bytes whole = some_files()[2].bytes;
  for (auto [offset, length] : {std::pair<std::uint64_t, std::uint64_t>{0, 10},
                                {999'990, 500'000},
                                {2'999'999, 100},
                                {3'000'000, 5},
                                {0, 1u << 30}}) {
    Bytes got;
    ASSERT_TRUE((*reader)->read_content(*entry, offset, length, [&](ByteView b) {
      got.insert(got.end(), b.begin(), b.end());
      return ok();
    }));
    const std::uint64_t n = std::min<std::uint64_t>(length, whole.size() - offset);
    EXPECT_TRUE(got == to_bytes(ByteView(whole).subspan(offset, n))) << offset;
  }
  EXPECT_EQ((*reader)->find_entry("nowhere").error().kind, ErrorKind::kNotFound);
}

TEST(Repository, PagesAreStoredAnewOnlyWhereTheyChanged) {
  TestVault vault;
  auto repository = vault.open();
  Rng rng(3);
  Bytes relation = random_bytes(rng, 200 * 8192);
  std::optional<SnapshotId> previous;
  for (int round = 0; round < 3; ++round) {
    std::optional<PageMap> map;
    if (previous) {
      auto reader = repository->open_snapshot(*previous);
      ASSERT_TRUE(reader);
      auto entry = (*reader)->find_entry("rel");
      ASSERT_TRUE(entry);
      auto read = (*reader)->page_map(*entry);
      ASSERT_TRUE(read) << read.error().text;
      map = std::move(*read);
    }
    auto session = repository->begin_backup({});
    ASSERT_TRUE(session) << session.error().text;
    auto content = (*session)->begin_content(ContentKind::kPages, map ? &*map : nullptr);
    ASSERT_TRUE(content);
    ASSERT_TRUE((*content)->write(relation));
    auto finished = (*content)->finish();
    ASSERT_TRUE(finished) << finished.error().text;
    Entry entry;
    entry.path = "rel";
    Status added = (*session)->add(entry, *finished);
    ASSERT_TRUE(added) << added.error().text;
    auto snapshot = (*session)->commit();
    ASSERT_TRUE(snapshot) << snapshot.error().text;
    if (round == 0) {
      EXPECT_GE(snapshot->new_bytes, relation.size());
    } else {
      EXPECT_LT(snapshot->new_bytes, 8192u * 8 + 8192);
    }
    auto files = restore_files(*repository, snapshot->id);
    ASSERT_TRUE(files) << files.error().text;
    EXPECT_TRUE(files->front().bytes == relation);
    previous = snapshot->id;
    for (int page : {3, 50, 51, 120}) relation[static_cast<std::size_t>(page * 8192 + round)] ^= 0xff;
  }
  EXPECT_EQ(check_text(*repository), "");
}

TEST(Repository, ManyContentsMayBeOpenAtOnce) {
  TestVault vault;
  auto repository = vault.open();
  auto session = repository->begin_backup({});
  ASSERT_TRUE(session);
  Rng rng(9);
  const Bytes x = random_bytes(rng, 700'000);
  const Bytes y = random_bytes(rng, 400'000);
  auto a = (*session)->begin_content(ContentKind::kStream);
  auto b = (*session)->begin_content(ContentKind::kStream);
  auto dropped = (*session)->begin_content(ContentKind::kStream);
  for (std::size_t at = 0; at < x.size(); at += 100'000) {
    ASSERT_TRUE((*a)->write(ByteView(x).subspan(at, 100'000)));
    if (at < y.size()) {
      ASSERT_TRUE((*b)->write(ByteView(y).subspan(at, 100'000)));
    }
    ASSERT_TRUE((*dropped)->write(ByteView(x).subspan(at, 50'000)));
  }
  dropped->reset();
  ASSERT_TRUE((*b)->hole(1'000'000));
  auto second = (*b)->finish();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->size, 1'400'000u);
  Entry one;
  one.path = "a";
  ASSERT_TRUE((*session)->add(one, std::move(*a)));
  one.path = "b";
  ASSERT_TRUE((*session)->add(one, *second));
  EXPECT_EQ((*session)->add(one).error().kind, ErrorKind::kInvalid);
  auto snapshot = (*session)->commit();
  ASSERT_TRUE(snapshot) << snapshot.error().text;
  auto files = restore_files(*repository, snapshot->id);
  ASSERT_TRUE(files);
  EXPECT_TRUE((*files)[0].bytes == x);
  Bytes padded = y;
  padded.resize(1'400'000);
  EXPECT_TRUE((*files)[1].bytes == padded);
}

TEST(Repository, AWrongPassphraseIsDeniedAndLeavesNoTrace) {
  TestVault vault;
  ASSERT_TRUE(backup_files(*vault.open(), some_files()));
  const auto before = vault.store.snapshot();
  auto opened = Repository::open(vault.context(vault.store), Credentials(Passphrase{Secret(std::string_view("wrong"))}));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::kDenied);
  EXPECT_TRUE(vault.store.snapshot() == before);
}

TEST(Repository, SaysWhatIsWrongWithAVault) {
  TestVault vault;
  MemoryStore empty(vault.clock);
  auto none = Repository::open(vault.context(empty), vault.credentials);
  EXPECT_EQ(none.error().kind, ErrorKind::kNotFound);
  EXPECT_NE(none.error().hint.find("vault init"), std::string::npos);
  EXPECT_TRUE(empty.snapshot().empty());

  auto again = Repository::init(vault.context(vault.store), SlotLock(Passphrase{Secret(std::string_view("x"))}), {});
  EXPECT_EQ(again.error().kind, ErrorKind::kExists);

  MemoryStore occupied(vault.clock);
  occupied.set("something", to_bytes("x"));
  EXPECT_EQ(Repository::init(vault.context(occupied), SlotLock(Passphrase{Secret(std::string_view("x"))}), {})
                .error()
                .kind,
            ErrorKind::kExists);

  Bytes config = *vault.store.get("config/1");
  for (std::size_t i = 0; i < config.size(); ++i) {
    Bytes flipped = config;
    flipped[i] ^= 0x10;
    vault.store.set("config/1", flipped);
    auto opened = Repository::open(vault.context(vault.store), vault.credentials);
    ASSERT_FALSE(opened) << "byte " << i;
    EXPECT_EQ(opened.error().kind, ErrorKind::kCorrupt) << "byte " << i << ": " << opened.error().text;
    EXPECT_EQ(opened.error().object, "config/1");
  }
}

TEST(Repository, FindsByPrefixAndByName) {
  TestVault vault;
  auto repository = vault.open();
  auto one = backup_files(*repository, {{"a", to_bytes("1")}}, "web");
  auto two = backup_files(*repository, {{"a", to_bytes("2")}}, "web");
  ASSERT_TRUE(one && two);
  EXPECT_EQ(repository->find("latest", {})->id, two->id);
  EXPECT_EQ(repository->find(to_hex(one->id).substr(0, 8), {})->id, one->id);
  ASSERT_TRUE(backup_files(*repository, {{"a", to_bytes("3")}}, "db"));
  EXPECT_EQ(repository->find("latest", {}).error().kind, ErrorKind::kUsage);
  SnapshotFilter web;
  web.component = "web";
  EXPECT_EQ(repository->find("latest", web)->id, two->id);
  EXPECT_EQ(repository->find("zzz", {}).error().kind, ErrorKind::kNotFound);
}

// After any single failure: the vault is clean, what was committed is whole, and the next backup succeeds.
void enumerate_faults(std::function<StoreFaults(std::uint64_t)> fault_at, bool process_dies) {
  const std::vector<TestFile> files = {{"a", to_bytes("hello")}, {"b", Bytes(300'000, 7)}};
  std::uint64_t calls = 0;
  for (std::uint64_t at = 0; at <= calls; at += kEach) {       // 0: no fault, to count the calls
    TestVault vault(at + 100);
    auto first = backup_files(*vault.open(), {{"x", to_bytes("first")}});
    ASSERT_TRUE(first);
    FaultyStore faulty(vault.store, fault_at(at));
    std::string outcome;
    std::optional<SnapshotInfo> made;
    {
      auto opened = Repository::open(vault.context(faulty), vault.credentials);
      if (opened) {
        auto snapshot = backup_files(**opened, files);
        if (snapshot) made = *snapshot;
        else outcome = snapshot.error().text;
      }
    }
    calls = std::max(calls, faulty.calls());
    EXPECT_TRUE(made || !faulty.lost_create()) << "call " << at << ": what was created must be found when read back: " << outcome;
    auto repository = vault.open();
    EXPECT_EQ(check_text(*repository), "") << "call " << at << " " << outcome;
    auto listed = repository->snapshots();
    ASSERT_TRUE(listed) << "call " << at << ": " << listed.error().text;
    if (made) {
      EXPECT_EQ(listed->size(), 2u) << "call " << at << ": a success that is not there";
    }
    for (const SnapshotInfo& info : *listed) {
      auto restored = restore_files(*repository, info.id);
      ASSERT_TRUE(restored) << "call " << at << ": " << restored.error().text;
      if (info.id != first->id) expect_same(*restored, files);
    }
    auto next = backup_files(*repository, files);
    ASSERT_TRUE(next) << "call " << at << ": " << next.error().text;
    EXPECT_EQ(next->number, listed->size() + 1) << "call " << at << (process_dies ? ", killed" : "");
    EXPECT_EQ(check_text(*repository), "") << "call " << at;
  }
  EXPECT_GT(calls, 15u);
}

TEST(Repository, AnyCallOfTheStoreMayFail) {
  enumerate_faults([](std::uint64_t at) { return StoreFaults{.fail_at = at}; }, false);
}

TEST(Repository, AnyAnswerOfTheStoreMayBeLost) {
  enumerate_faults([](std::uint64_t at) { return StoreFaults{.lose_answer_at = at}; }, false);
}

TEST(Repository, TheWriterMayBeKilledAtAnyCall) {
  enumerate_faults([](std::uint64_t at) { return StoreFaults{.stop_at = at}; }, true);
}

void fill_everything(TestVault& vault) {
  auto repository = vault.open();
  ASSERT_TRUE(backup_files(*repository, {{"a", to_bytes("hello")}, {"b", Bytes(5000, 9)}}));
  WalArchive wal(*repository);
  WalFrame frame{77, 1, 1u << 20, Lsn{1u << 20}, Bytes(3000, 5), {}};
  ASSERT_TRUE(wal.put_frame(frame));
  WalFrame whole{77, 1, 1u << 20, Lsn{2u << 20}, Bytes(1u << 20, 6), {}};
  ASSERT_TRUE(wal.put_segment(whole));
  ASSERT_TRUE(wal.put_history(77, 2, as_bytes("1\t0/3000000\tx\n")));
  ASSERT_TRUE(wal.put_seal({77, 1, Lsn{1u << 20}, "receiver_west", {}, ""}));
  ASSERT_TRUE(Attachments(*repository).put("plan", "holdfast.yaml", as_bytes("version: 1\n")));
}

TEST(Check, FindsEveryFlippedByteOfEveryObject) {
  TestVault vault;
  fill_everything(vault);
  auto repository = vault.open();
  ASSERT_EQ(check_text(*repository), "");
  for (const auto& [name, bytes] : vault.store.snapshot()) {
    for (std::size_t i = 0; i < bytes.size(); i += kEach * (bytes.size() > 100'000 ? 9'973 : bytes.size() > 600 ? 11 : 1)) {
      Bytes flipped = bytes;
      flipped[i] ^= 0x04;
      vault.store.set(name, flipped);
      auto report = repository->check({.read_data = true});
      ASSERT_TRUE(report) << name << " byte " << i << ": " << report.error().text;
      ASSERT_EQ(report->damaged.size(), 1u) << name << " byte " << i << ": " << damage_text(*report);
      EXPECT_EQ(report->damaged[0].object, name) << " byte " << i << ": " << damage_text(*report);
    }
    vault.store.set(name, bytes);
  }
}

TEST(Check, FindsEveryMissingAndShortenedObject) {
  TestVault vault;
  fill_everything(vault);
  auto repository = vault.open();
  for (const auto& [name, bytes] : vault.store.snapshot()) {
    vault.store.set(name, to_bytes(ByteView(bytes).first(bytes.size() / 2)));
    auto report = repository->check({});
    ASSERT_TRUE(report) << name << ": " << report.error().text;
    ASSERT_EQ(report->damaged.size(), 1u) << name << ": " << damage_text(*report);
    EXPECT_EQ(report->damaged[0].object, name);
    vault.store.set(name, bytes);
  }
}

TEST(Check, NamesTheSnapshotsThatLoseSomethingAndRestoreRefusesThem) {
  TestVault vault;
  auto repository = vault.open();
  auto good = backup_files(*repository, {{"a", to_bytes("untouched")}});
  auto bad = backup_files(*repository, {{"b", Bytes(100'000, 3)}});
  ASSERT_TRUE(good && bad);
  std::vector<std::string> packs;
  for (const auto& [name, bytes] : vault.store.snapshot()) {
    if (!name.starts_with("packs/")) continue;
    Bytes flipped = bytes;
    flipped[140] ^= 1;                             // in the first record: the header ends at byte 136
    vault.store.set(name, flipped);
    auto report = repository->check({.read_data = true});
    ASSERT_TRUE(report);
    ASSERT_EQ(report->damaged.size(), 1u) << damage_text(*report);
    EXPECT_EQ(report->damaged[0].object, name);
    ASSERT_EQ(report->damaged[0].snapshots.size(), 1u) << name;
    for (const SnapshotInfo& info : {*good, *bad}) {
      const bool hit = to_hex(info.id) == report->damaged[0].snapshots[0];
      auto restored = restore_files(*vault.open(), info.id);
      EXPECT_EQ(restored.has_value(), !hit) << name;
      if (!restored) {
        EXPECT_EQ(restored.error().kind, ErrorKind::kCorrupt);
        EXPECT_EQ(restored.error().object, name);
      }
    }
    ASSERT_TRUE(vault.store.remove(name));
    report = repository->check({});
    ASSERT_TRUE(report);
    ASSERT_EQ(report->damaged.size(), 1u) << damage_text(*report);
    EXPECT_EQ(report->damaged[0].object, name);
    vault.store.set(name, bytes);
  }
}

TEST(Copy, HoldsTheSameSnapshotsAndCatchesUp) {
  TestVault vault;
  fill_everything(vault);
  auto repository = vault.open();
  MemoryStore other(vault.clock);
  ASSERT_TRUE(repository->init_copy(other));
  auto copy = Repository::open(vault.context(other), vault.credentials);
  ASSERT_TRUE(copy) << copy.error().text;
  EXPECT_EQ((*copy)->vault_id(), repository->vault_id());
  EXPECT_NE((*copy)->store_id(), repository->store_id());
  auto report = repository->copy_to(**copy);
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_EQ(report->commits, 1u);
  EXPECT_EQ(report->wal_objects, 4u);
  EXPECT_EQ(report->attachments, 1u);
  EXPECT_EQ(report->lag.snapshots, 0u);
  EXPECT_EQ(check_text(**copy), "");
  const auto before = other.snapshot();
  auto again = repository->copy_to(**copy);
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(again->packs + again->commits + again->wal_objects + again->attachments, 0u);
  EXPECT_TRUE(other.snapshot() == before);

  // The segment whose frame was copied is sealed in the source; then a backup more.
  WalArchive wal(*repository);
  WalFrame rest{77, 1, 1u << 20, Lsn{(1u << 20) + 3000}, Bytes((1u << 20) - 3000, 5), {}};
  ASSERT_TRUE(wal.put_frame(rest));
  Status sealed = wal.seal_segment(77, 1, 1, 1u << 20);
  ASSERT_TRUE(sealed) << sealed.error().text;
  ASSERT_TRUE(backup_files(*repository, some_files()));
  auto more = repository->copy_to(**copy);
  ASSERT_TRUE(more) << more.error().text;
  EXPECT_EQ(more->commits, 1u);
  EXPECT_EQ(check_text(**copy), "");
  for (const auto& [name, bytes] : other.snapshot()) {     // no frame is left beside the sealed segment
    EXPECT_FALSE(name.starts_with("wal/") && name.find('-') != std::string::npos) << name;
  }
  auto snapshots = (*copy)->snapshots();
  ASSERT_TRUE(snapshots);
  ASSERT_EQ(snapshots->size(), 2u);
  auto files = restore_files(**copy, snapshots->back().id);
  ASSERT_TRUE(files) << files.error().text;
  expect_same(*files, some_files());
  // A copy is a writable peer.
  EXPECT_TRUE(backup_files(**copy, some_files(8)));
}

TEST(Copy, MayBeInterruptedAtAnyCall) {
  std::uint64_t calls = 0;
  for (std::uint64_t at = 0; at <= calls; at += kEach) {
    TestVault vault(at);
    fill_everything(vault);
    auto repository = vault.open();
    MemoryStore other(vault.clock);
    ASSERT_TRUE(repository->init_copy(other));
    FaultyStore faulty(other, {.stop_at = at});
    auto copy = Repository::open(vault.context(faulty), vault.credentials);
    if (copy) (void)repository->copy_to(**copy).has_value();
    calls = std::max(calls, faulty.calls());
    auto healthy = Repository::open(vault.context(other), vault.credentials);
    ASSERT_TRUE(healthy);
    EXPECT_EQ(check_text(**healthy), "") << "call " << at;
    auto report = repository->copy_to(**healthy);
    ASSERT_TRUE(report) << "call " << at << ": " << report.error().text;
    EXPECT_EQ((*healthy)->snapshots()->size(), 1u) << "call " << at;
    EXPECT_EQ(check_text(**healthy), "") << "call " << at;
  }
}

TEST(Copy, RefusesAnotherVaultAndDamage) {
  TestVault vault(1);
  TestVault stranger(2);
  auto repository = vault.open();
  EXPECT_EQ(repository->copy_to(*stranger.open()).error().kind, ErrorKind::kInvalid);
  ASSERT_TRUE(backup_files(*repository, some_files()));
  MemoryStore other(vault.clock);
  ASSERT_TRUE(repository->init_copy(other));
  auto copy = Repository::open(vault.context(other), vault.credentials);
  for (const auto& [name, bytes] : vault.store.snapshot()) {
    if (!name.starts_with("packs/")) continue;
    Bytes flipped = bytes;
    flipped[bytes.size() / 2] ^= 1;
    vault.store.set(name, flipped);
    auto report = repository->copy_to(**copy);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().kind, ErrorKind::kCorrupt);
    EXPECT_EQ(report.error().object, name);
    vault.store.set(name, bytes);
  }
  EXPECT_EQ((*copy)->snapshots()->size(), 0u);
}

TEST(Attachments, HaveVersions) {
  TestVault vault;
  auto repository = vault.open();
  Attachments attachments(*repository);
  EXPECT_EQ(attachments.put("plan", "p", as_bytes("one"))->version, 1u);
  EXPECT_EQ(attachments.put("plan", "p", as_bytes("one"))->version, 1u);
  EXPECT_EQ(attachments.put("plan", "p", as_bytes("two"))->version, 2u);
  EXPECT_EQ(to_text(*attachments.get("plan", "p")), "two");
  EXPECT_EQ(to_text(*attachments.get_version("plan", "p", 1)), "one");
  EXPECT_EQ(attachments.put_version("plan", "p", 2, as_bytes("x")).error().kind, ErrorKind::kExists);
  EXPECT_EQ(attachments.get("plan", "q").error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(attachments.put("Plan", "q", {}).error().kind, ErrorKind::kInvalid);
  ASSERT_TRUE(attachments.put("journal", "000", as_bytes("j")));
  auto all = attachments.list("", true);
  ASSERT_TRUE(all) << all.error().text;
  ASSERT_EQ(all->size(), 3u);
  EXPECT_EQ((*all)[0].kind, "journal");
  EXPECT_EQ((*all)[2].version, 2u);
  EXPECT_EQ(attachments.list("plan")->size(), 1u);
}

}  // namespace
}  // namespace hf::vault
