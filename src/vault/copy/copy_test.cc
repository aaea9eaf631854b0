// A copy of a part of a vault: what was chosen is whole there by itself, and nothing there rests on what was not.
#include <gtest/gtest.h>

#include "base/hex.h"
#include "vault/attachments.h"
#include "vault/collect/collect.h"
#include "vault/collect/pins.h"
#include "vault/copy/copy_lag.h"
#include "vault/index/index_merge.h"
#include "vault/testing_repository.h"
#include "vault/wal/wal_archive.h"

namespace hf::vault {
namespace {

using testing::backup_files;
using testing::restore_files;
using testing::TestFile;
using testing::TestVault;

constexpr std::uint64_t kCopySegment = 1u << 20;

std::vector<TestFile> files_of(std::uint8_t seed) {
  std::vector<TestFile> out;
  for (std::uint8_t i = 0; i < 4; ++i) {
    Bytes bytes(30'000);
    for (std::size_t at = 0; at < bytes.size(); ++at)
      bytes[at] = static_cast<std::uint8_t>((at * (seed + 1u) * 2654435761u + i * 977u) >> 13);
    out.push_back({"file" + std::to_string(i), std::move(bytes)});
  }
  return out;
}

struct CopyOfAPart : ::testing::Test {
  TestVault vault;
  std::unique_ptr<Repository> source = vault.open();
  MemoryStore there{vault.clock};
  std::unique_ptr<Repository> copy;

  void SetUp() override {
    ASSERT_TRUE(source->init_copy(there));
    copy = vault.open(&there);
  }
  SnapshotId back_up(const std::string& component, std::uint8_t seed) {
    auto made = backup_files(*source, files_of(seed), component);
    EXPECT_TRUE(made);
    return made->id;
  }
  SnapshotId base_backup(const std::string& component, std::uint64_t system) {
    SnapshotMeta meta{.host = "alpha", .component = component, .kind = SnapshotKind::kPostgres};
    meta.attributes["system_id"] = std::to_string(system);
    meta.attributes["start_lsn"] = format_lsn(Lsn{kCopySegment});
    meta.attributes["wal_segment_bytes"] = std::to_string(kCopySegment);
    return source->begin_backup(meta).value()->commit()->id;
  }
  void put_wal(std::uint64_t system, std::uint64_t segment, WallTime commit) {
    WalFrame frame{system, 1, kCopySegment, Lsn{segment * kCopySegment}, Bytes(kCopySegment, 1), {}};
    frame.times.first_commit = frame.times.last_commit = commit;
    frame.times.last_commit_lsn = Lsn{segment * kCopySegment + 100};
    ASSERT_TRUE(WalArchive(*source).put_segment(frame));
  }
  std::size_t count(MemoryStore& store, const std::string& prefix) {
    std::size_t n = 0;
    for (const auto& [name, bytes] : store.snapshot()) n += name.starts_with(prefix) ? 1 : 0;
    return n;
  }
  void expect_whole(Repository& repository, const SnapshotId& id, std::uint8_t seed) {
    const auto files = restore_files(repository, id);
    ASSERT_TRUE(files) << files.error().text;
    const std::vector<TestFile> wanted = files_of(seed);
    ASSERT_EQ(files->size(), wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_TRUE((*files)[i].bytes == wanted[i].bytes) << i;
  }
  void expect_clean() {
    const auto report = copy->check({.read_data = true});
    ASSERT_TRUE(report) << report.error().text;
    for (const Damage& d : report->damaged) ADD_FAILURE() << d.object << ": " << d.why;
  }
  CopyReport bring(CopyFilter filter = {}) {
    auto report = source->copy_to(*copy, filter);
    EXPECT_TRUE(report) << report.error().text;
    return report ? *report : CopyReport{};
  }
};

CopyFilter of_component(const std::string& name) { return {.components = {{name}}, .named = {name}, .must_match = true}; }

// Both with a run for each backup, and with one run that names the packs of all.
TEST_F(CopyOfAPart, TakesThePacksOfWhatWasChosenAndABackupThereRestsOnNothingElse) {
  for (const bool merged : {false, true}) {
    TestVault fresh(merged ? 2 : 1);
    MemoryStore other(fresh.clock);
    auto from = fresh.open();
    ASSERT_TRUE(from->init_copy(other));
    auto to = fresh.open(&other);
    const auto orders = backup_files(*from, files_of(1), "orders");
    ASSERT_TRUE(orders);
    ASSERT_TRUE(backup_files(*from, files_of(2), "web"));
    if (merged) {
      ASSERT_TRUE(merge_runs(from->core(), 100));
    }
    const auto report = from->copy_to(*to, of_component("orders"));
    ASSERT_TRUE(report) << report.error().text;
    EXPECT_EQ(report->commits, 1u);
    EXPECT_EQ(*report->chosen, 1u);
    EXPECT_EQ(report->lag.snapshots, 0u) << "of what was chosen";
    EXPECT_EQ(count(other, "packs/") * 2, count(fresh.store, "packs/"));
    expect_whole(*to, orders->id, 1);
    // The same files as those that were not copied, backed up into the copy: stored there, not taken for there.
    const auto later = backup_files(*to, files_of(2), "web");
    ASSERT_TRUE(later);
    expect_whole(*to, later->id, 2);
    const auto checked = to->check({.read_data = true});
    ASSERT_TRUE(checked);
    EXPECT_TRUE(checked->damaged.empty());
    EXPECT_EQ(from->copy_to(*to, of_component("orders"))->copied_bytes, 0u) << "a second copy has nothing to do";
  }
}

TEST_F(CopyOfAPart, TheRestComesWithALaterCopyOfEverything) {
  const SnapshotId orders = back_up("orders", 1);
  const SnapshotId web = back_up("web", 2);
  ASSERT_TRUE(merge_runs(source->core(), 100));
  bring(of_component("orders"));
  EXPECT_EQ(copy->snapshots()->size(), 1u);
  EXPECT_EQ(bring().commits, 1u);
  expect_whole(*copy, orders, 1);
  expect_whole(*copy, web, 2);
  expect_clean();
  ASSERT_TRUE(prune_vault(*copy, {}));
  expect_whole(*copy, orders, 1);
  expect_whole(*copy, web, 2);
}

TEST_F(CopyOfAPart, WalGoesWithTheBaseBackupsOfItsComponent) {
  base_backup("orders", 1);
  base_backup("billing", 2);
  put_wal(1, 1, WallTime(Seconds(1000)));
  put_wal(2, 1, WallTime(Seconds(1000)));
  put_wal(3, 1, WallTime(Seconds(1000)));        // a cluster that no base backup names
  EXPECT_EQ(bring({.components = {{"orders"}}, .wal = false}).wal_objects, 0u);
  EXPECT_EQ(bring({.components = {{"orders"}}}).wal_objects, 1u);
  EXPECT_EQ(*WalArchive(*copy).clusters(), std::vector<std::uint64_t>{1});
  EXPECT_EQ(bring({.kinds = {{SnapshotKind::kPostgres}}, .wal = false}).wal_objects, 0u);
  EXPECT_EQ(bring({.kinds = {{}}}).wal_objects, 2u) << "WAL of every component, and no snapshot";
  EXPECT_EQ(copy->snapshots()->size(), 2u);
}

TEST_F(CopyOfAPart, PinsGoWithTheirSnapshotsAndOtherAttachmentsAlways) {
  const SnapshotId orders = back_up("orders", 1);
  const SnapshotId web = back_up("web", 2);
  ASSERT_TRUE(set_pin(*source, orders, Pin::kPinned, true, "audit"));
  ASSERT_TRUE(set_pin(*source, web, Pin::kHeld, true, "lawyers"));
  ASSERT_TRUE(Attachments(*source).put("plan", "plan.yaml", as_bytes("plan: 1")));
  EXPECT_EQ(bring(of_component("orders")).attachments, 2u);
  EXPECT_TRUE(read_pins(*copy)->contains(orders));
  EXPECT_FALSE(read_pins(*copy)->contains(web));
  EXPECT_EQ(to_text(*Attachments(*copy).get("plan", "plan.yaml")), "plan: 1");
}

TEST_F(CopyOfAPart, WhatMatchesNothingIsAnErrorThatSaysWhatIsThere) {
  back_up("orders", 1);
  back_up("", 2);
  base_backup("billing", 2);
  const auto unknown = source->copy_to(*copy, of_component("ordres"));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(unknown.error().hint, "There are: snapshots of no component (files), billing (postgres), orders (files).");
  CopyFilter logical = of_component("orders");
  logical.kinds = {{SnapshotKind::kLogical}};
  const auto none = source->copy_to(*copy, logical);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(count(there, "packs/") + count(there, "commits/"), 0u);
  logical.must_match = false;                    // the plan may run before the first backup
  EXPECT_EQ(*bring(logical).chosen, 0u);
}

TEST_F(CopyOfAPart, SaysHowFarTheCopyIsBehind) {
  const CopyChoice all = *CopyChoice::of(source->core(), {});
  base_backup("orders", 7);
  put_wal(7, 1, WallTime(Seconds(1000)));
  CopyLag lag = *measure_lag(source->core(), copy->core(), all);
  EXPECT_EQ(lag.snapshots, 1u);
  EXPECT_FALSE(lag.time()) << "the copy has none";
  ASSERT_EQ(lag.wal.size(), 1u);
  EXPECT_FALSE(lag.wal[0].copy || lag.wal[0].bytes() || lag.wal[0].time());
  lag = bring().lag;
  EXPECT_EQ(lag.snapshots, 0u);
  EXPECT_EQ(lag.time(), Micros(0));
  EXPECT_EQ(lag.wal[0].bytes(), 0u);
  EXPECT_EQ(lag.wal[0].time(), Micros(0));
  // Two hours later another backup, and two segments more.
  vault.clock.advance(2h);
  base_backup("orders", 7);
  put_wal(7, 2, WallTime(Seconds(1500)));
  put_wal(7, 3, WallTime(Seconds(1600)));
  lag = *measure_lag(source->core(), copy->core(), all);
  EXPECT_EQ(lag.snapshots, 1u);
  EXPECT_GE(lag.time(), Micros(2h));
  EXPECT_LT(lag.time(), Micros(2h) + Micros(1min));
  EXPECT_EQ(lag.wal[0].system_id, 7u);
  EXPECT_EQ(lag.wal[0].source.lsn, Lsn{4 * kCopySegment});
  EXPECT_EQ(lag.wal[0].copy->lsn, Lsn{2 * kCopySegment});
  EXPECT_EQ(lag.wal[0].bytes(), 2 * kCopySegment);
  EXPECT_EQ(lag.wal[0].time(), Micros(600s));
  // Of what a filter takes, nothing else counts.
  const CopyChoice web = *CopyChoice::of(source->core(), {.components = {{"web"}}});
  lag = *measure_lag(source->core(), copy->core(), web);
  EXPECT_EQ(lag.snapshots, 0u);
  EXPECT_TRUE(lag.wal.empty());
}

TEST(CopyLagTest, AFrameOfTheNewestSegmentIsTheEnd) {
  TestVault vault;
  auto repository = vault.open();
  WalArchive wal(*repository);
  ASSERT_TRUE(wal.put_segment({7, 1, kCopySegment, Lsn{kCopySegment}, Bytes(kCopySegment, 1), {}}));
  ASSERT_TRUE(wal.put_frame({7, 1, kCopySegment, Lsn{2 * kCopySegment}, Bytes(300, 1), {}}));
  ASSERT_TRUE(wal.put_frame({7, 1, kCopySegment, Lsn{2 * kCopySegment + 300}, Bytes(50, 1), {}}));
  const CopyLag lag = *measure_lag(repository->core(), repository->core(), *CopyChoice::of(repository->core(), {}));
  ASSERT_EQ(lag.wal.size(), 1u);
  EXPECT_EQ(lag.wal[0].source.lsn, Lsn{2 * kCopySegment + 350});
}

}  // namespace
}  // namespace hf::vault
