// Scrub and rebuild: what was read when is remembered; an index, and snapshots, come back from packs alone.
#include "vault/check/scrub.h"

#include <gtest/gtest.h>

#include "vault/check/heal.h"
#include "vault/check/rebuild.h"
#include "vault/collect/collect.h"
#include "vault/keys/slots.h"
#include "vault/object/names.h"
#include "vault/testing_repository.h"

namespace hf::vault {
namespace {

using testing::backup_files;
using testing::restore_files;
using testing::TestFile;
using testing::TestVault;

std::vector<TestFile> scrubbed_files(std::uint64_t seed, std::size_t bytes = 400'000) {
  Rng rng(seed);
  return {{"a", to_bytes("hello")},
          {"b/large", testing::random_bytes(rng, bytes)},
          {"c", testing::compressible_bytes(rng, 90'000)}};
}

void remove_all(MemoryStore& store, const std::string& prefix) {
  for (const auto& [name, bytes] : store.snapshot()) {
    if (name.starts_with(prefix)) {
      ASSERT_TRUE(store.remove(name));
    }
  }
}

std::string scrub_check_text(Repository& repository) {
  CheckOptions options;
  options.read_data = true;
  auto report = repository.check(options);
  if (!report) return report.error().text;
  std::string out;
  for (const Damage& d : report->damaged) out += d.object + " (" + d.why + ") ";
  return out;
}

struct Scrubbed : TestVault {
  Scrubbed() {
    auto repository = open();
    for (std::uint64_t i = 1; i <= 4; ++i) EXPECT_TRUE(backup_files(*repository, scrubbed_files(i), "c" + std::to_string(i)));
    ledger.store = repository->store_id();
  }
  ScrubReport scrub(const ScrubOptions& options = {}) {
    auto report = scrub_vault(*open(), ledger, options);
    EXPECT_TRUE(report) << report.error().text;
    return report ? *report : ScrubReport{};
  }
  ScrubLedger ledger;
};

TEST(Scrub, SeveralPartsReadEverythingOnceAndThenTheOldest) {
  Scrubbed v;
  ScrubOptions part;
  part.limit_percent = 30;
  std::uint64_t verified = 0;
  std::map<std::string, LedgerEntry> before;
  for (int i = 0; i < 10 && (i == 0 || v.ledger.objects.size() < 8); ++i) {
    before = v.ledger.objects;
    const ScrubReport report = v.scrub(part);
    verified += report.verified_objects;
    EXPECT_EQ(report.objects, 8u);
    EXPECT_GT(report.verified_objects, 0u);
    EXPECT_EQ(report.never_verified, 8u - v.ledger.objects.size());
    for (const auto& [name, entry] : before) {
      const bool again = v.ledger.objects.at(name) != entry;
      if (again) {
        EXPECT_EQ(v.ledger.objects.size(), 8u) << "read again before all was read once";
      }
    }
  }
  EXPECT_EQ(v.ledger.objects.size(), 8u);
  EXPECT_LT(verified, 16u);
  WallTime oldest = WallTime::max();
  std::string name;
  for (const auto& [object, entry] : v.ledger.objects) {
    if (entry.verified < oldest) oldest = entry.verified, name = object;
  }
  ScrubOptions one;
  one.limit_percent = 1;
  const ScrubReport report = v.scrub(one);
  EXPECT_LT(report.verified_objects, 8u);                 // the oldest, and more where those were small
  EXPECT_GT(v.ledger.objects.at(name).verified, oldest);
  EXPECT_TRUE(report.oldest);
}

TEST(Scrub, KeepsItsRateAndItsTime) {
  Scrubbed v;
  ScrubOptions slow;
  slow.bytes_per_second = 100'000;
  const MonoTime begun = v.clock.mono();
  const ScrubReport all = v.scrub(slow);
  EXPECT_EQ(all.verified_objects, 8u);
  const double seconds = std::chrono::duration<double>(v.clock.mono() - begun).count();
  std::uint64_t largest = 0;
  for (const auto& [name, entry] : v.ledger.objects) largest = std::max(largest, entry.size);
  EXPECT_GE(seconds, static_cast<double>(all.total_bytes - largest) / 100'000 * 0.99);
  slow.duration = 5s;
  v.ledger.objects.clear();
  const ScrubReport some = v.scrub(slow);
  EXPECT_GT(some.verified_objects, 0u);
  EXPECT_LT(some.verified_objects, 8u);
  EXPECT_GT(some.never_verified, 0u);
}

TEST(Scrub, AStopEndsItAndWhatWasReadIsKept) {
  Scrubbed v;
  std::stop_source stop;
  ScrubOptions options;
  options.stop = stop.get_token();
  stop.request_stop();
  std::size_t saved = 0;
  options.save = [&](const ScrubLedger&) {
    ++saved;
    return ok();
  };
  const ScrubReport report = v.scrub(options);
  EXPECT_TRUE(report.interrupted);
  EXPECT_EQ(report.verified_objects, 0u);
  EXPECT_EQ(saved, 1u);
}

TEST(Scrub, DamageIsFoundNotedAndHealed) {
  Scrubbed v;
  std::string pack;
  for (const auto& [name, bytes] : v.store.snapshot()) {
    if (name.starts_with("packs/") && bytes.size() > 300'000) pack = name;
  }
  Bytes bytes = v.store.snapshot()[pack];
  bytes[200'000] ^= 1;
  v.store.set(pack, bytes);
  const ScrubReport found = v.scrub();
  ASSERT_EQ(found.found.damaged.size(), 1u);
  EXPECT_EQ(found.found.damaged[0].snapshots.size(), 1u);
  EXPECT_FALSE(v.ledger.objects.at(pack).good);
  ScrubOptions repair;
  repair.check.repair = true;
  const ScrubReport healed = v.scrub(repair);
  EXPECT_TRUE(healed.found.damaged.empty());
  ASSERT_EQ(healed.found.healed.size(), 1u);
  EXPECT_EQ(v.scrub().found.damaged.size(), 0u);
  EXPECT_TRUE(v.ledger.objects.at(pack).good);
}

// There is nothing to hold those packs against: they are not noted as verified.
TEST(Scrub, WhoCannotReadVerifiesWhatTheIndexNamesAlone) {
  Scrubbed v;
  const Secret key = v.entropy.secret(32);
  {
    const auto admin = v.open();
    ASSERT_TRUE(Slots(*admin).add({SlotLock(KeyFile{key}), Level::kWrite, "writer", true, {}}));
  }
  const auto as_writer = [&] {
    auto repository = Repository::open(v.context(v.store), Credentials(KeyFile{key}));
    EXPECT_TRUE(repository && !(*repository)->can_read());
    return std::move(*repository);
  };
  ScrubLedger ledger = v.ledger;
  auto report = scrub_vault(*as_writer(), ledger, {});
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_EQ(ledger.objects.size(), 8u);
  remove_all(v.store, "index/");
  ledger.objects.clear();
  report = scrub_vault(*as_writer(), ledger, {});
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_EQ(report->verified_objects, 0u);
  EXPECT_TRUE(ledger.objects.empty());
}

TEST(Scrub, LedgersSurviveAsTextAndNotOtherwise) {
  ScrubLedger ledger;
  ledger.store = std::string(32, 'a');
  ledger.objects["packs/aa/b-1"] = {12, WallTime(Micros(-5)), true};
  ledger.objects["wal/x"] = {0, WallTime(Micros(7)), false};
  const std::string text = encode_ledger(ledger);
  EXPECT_EQ(parse_ledger(text, ledger.store)->objects, ledger.objects);
  EXPECT_FALSE(parse_ledger(text, std::string(32, 'b')));
  for (std::size_t i = 0; i < text.size(); ++i) {
    EXPECT_FALSE(parse_ledger(text.substr(0, i), ledger.store)) << i;
    std::string other = text;
    other[i] ^= 1;
    EXPECT_FALSE(parse_ledger(other, ledger.store)) << i;
  }
}

TEST(Rebuild, TheIndexFromPacksAlone) {
  TestVault v;
  auto snapshot = backup_files(*v.open(), scrubbed_files(1, 2'000'000));
  ASSERT_TRUE(snapshot);
  remove_all(v.store, "index/");
  ASSERT_FALSE(restore_files(*v.open(), snapshot->id));
  auto report = rebuild_vault(*v.open(), {});
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_EQ(report->packs, 2u);
  EXPECT_EQ(report->indexed_packs, 2u);
  auto files = restore_files(*v.open(), snapshot->id);
  ASSERT_TRUE(files) << files.error().text;
  EXPECT_TRUE((*files)[1].bytes == scrubbed_files(1, 2'000'000)[1].bytes);
  EXPECT_EQ(scrub_check_text(*v.open()), "");
  auto again = rebuild_vault(*v.open(), {});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->indexed_packs, 0u);
  auto next = backup_files(*v.open(), scrubbed_files(1, 2'000'000));      // its own packs again: nothing is stored twice
  ASSERT_TRUE(next);
  EXPECT_LT(next->new_bytes, 10'000u);
}

TEST(Rebuild, DamagedRunsAreReplaced) {
  TestVault v;
  auto snapshot = backup_files(*v.open(), scrubbed_files(1));
  std::string run;
  for (const auto& [name, bytes] : v.store.snapshot()) {
    if (name.starts_with("index/")) run = name;
  }
  for (const std::size_t at : {50u, 300u, 20u}) {                    // a header, and a block
    Bytes bytes = v.store.snapshot()[run];
    bytes[at] ^= 1;
    v.store.set(run, bytes);
    auto report = rebuild_vault(*v.open(), {});
    ASSERT_TRUE(report) << report.error().text;
    EXPECT_EQ(report->removed_runs, 1u);
    EXPECT_EQ(scrub_check_text(*v.open()), "");
    EXPECT_FALSE(v.store.snapshot().contains(run));
    for (const auto& [name, content] : v.store.snapshot()) {
      if (name.starts_with("index/")) run = name;
    }
  }
}

TEST(Rebuild, SnapshotsFromPacksAlone) {
  TestVault v;
  ASSERT_TRUE(backup_files(*v.open(), scrubbed_files(1), "web"));
  ASSERT_TRUE(backup_files(*v.open(), scrubbed_files(2), "db"));
  auto before = v.open()->snapshots();
  remove_all(v.store, "index/");
  remove_all(v.store, "commits/");
  auto report = rebuild_vault(*v.open(), {true});
  ASSERT_TRUE(report) << report.error().text;
  ASSERT_EQ(report->snapshots.size(), 2u);
  auto after = v.open()->snapshots();
  ASSERT_TRUE(after);
  ASSERT_EQ(after->size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ((*after)[i].meta.component, (*before)[i].meta.component);
    EXPECT_EQ((*after)[i].started, (*before)[i].started);
    auto files = restore_files(*v.open(), (*after)[i].id);
    ASSERT_TRUE(files) << files.error().text;
    EXPECT_TRUE((*files)[1].bytes == scrubbed_files(i + 1)[1].bytes);
  }
  EXPECT_EQ(scrub_check_text(*v.open()), "");
  EXPECT_TRUE(rebuild_vault(*v.open(), {true})->snapshots.empty());
}

// Every pack is condemned, emptied by repacking, and swept: the note moves with the tree. And a pack that comes back after it
// was swept stays out of the index, because a collector that was suspended may yet remove it.
TEST(Rebuild, NotesOutliveRepackingAndSweptPacksStayOut) {
  TestVault v;
  ASSERT_TRUE(backup_files(*v.open(), scrubbed_files(1), "web"));
  std::set<PackName> packs;
  std::map<std::string, Bytes> old;
  for (const auto& [name, bytes] : v.store.snapshot()) {
    if (const auto pack = parse_pack_name(name)) packs.insert(*pack), old[name] = bytes;
  }
  ASSERT_EQ(packs.size(), 2u);
  auto repository = v.open();
  ASSERT_TRUE(condemn_packs(repository->core(), packs));
  PruneOptions options;
  options.policy.all.last = 100;
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(prune_vault(*repository, options));
  for (const auto& [name, bytes] : old) {
    ASSERT_FALSE(v.store.snapshot().contains(name));
    v.store.set(name, bytes);
  }
  remove_all(v.store, "index/");
  remove_all(v.store, "commits/");
  auto report = rebuild_vault(*v.open(), {true});
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_EQ(report->indexed_packs, report->packs - 2);
  EXPECT_EQ(report->snapshots.size(), 1u);
  EXPECT_TRUE(restore_files(*v.open(), v.open()->snapshots()->front().id));
}

// A snapshot of which a chunk is gone does not come back.
TEST(Rebuild, WhatIsNotWholeDoesNotComeBack) {
  TestVault v;
  ASSERT_TRUE(backup_files(*v.open(), scrubbed_files(1), "web"));
  remove_all(v.store, "index/");
  remove_all(v.store, "commits/");
  for (const auto& [name, bytes] : v.store.snapshot()) {
    if (name.starts_with("packs/") && bytes.size() > 300'000) {
      ASSERT_TRUE(v.store.remove(name));
    }
  }
  auto report = rebuild_vault(*v.open(), {true});
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_TRUE(report->snapshots.empty());
  EXPECT_TRUE(v.open()->snapshots()->empty());
}

// An index rebuilt while a pack was beyond repair knows that pack as it was then: a copy heals both, later.
TEST(Rebuild, WhatWasIndexedDamagedIsHealedFromACopyLater) {
  for (const bool directory_lost : {false, true}) {
    Scrubbed v;
    MemoryStore other(v.clock);
    ASSERT_TRUE(v.open()->init_copy(other));
    ASSERT_TRUE(v.open()->copy_to(*v.open(&other)));
    std::string pack;
    for (const auto& [name, bytes] : v.store.snapshot()) {
      if (name.starts_with("packs/") && bytes.size() > 300'000) pack = name;
    }
    const Bytes whole = v.store.get(pack).value();
    Bytes bad = whole;
    for (std::size_t i = directory_lost ? whole.size() / 2 : 200'000; i < whole.size() - (directory_lost ? 100 : 100'000); ++i) {
      bad[i] ^= 0x55;
    }
    v.store.set(pack, bad);
    remove_all(v.store, "index/");
    auto rebuilt = rebuild_vault(*v.open(), {});
    ASSERT_TRUE(rebuilt) << rebuilt.error().text;
    ASSERT_EQ(rebuilt->damaged.size(), 1u);
    auto copy = v.open(&other);
    CheckOptions options;
    options.read_data = options.repair = true;
    options.copies = {copy.get()};
    auto report = v.open()->check(options);
    ASSERT_TRUE(report) << report.error().text;
    for (const Damage& d : report->damaged) ADD_FAILURE() << d.object << ": " << d.why << "; " << d.not_healed;
    ASSERT_FALSE(report->healed.empty());
    EXPECT_TRUE(v.store.get(pack).value() == whole);
    EXPECT_EQ(scrub_check_text(*v.open()), "");
    const auto snapshots = v.open()->snapshots();
    ASSERT_TRUE(snapshots);
    for (const SnapshotInfo& info : *snapshots) EXPECT_TRUE(restore_files(*v.open(), info.id)) << directory_lost;
    MemoryStore third(v.clock);                        // and the index is right: a copy believes it
    ASSERT_TRUE(v.open()->init_copy(third));
    const auto copied = v.open()->copy_to(*v.open(&third));
    EXPECT_TRUE(copied) << copied.error().text;
  }
}

}  // namespace
}  // namespace hf::vault
