// Which WAL is old, and until when the rest is needed.
#include "vault/collect/needed_wal.h"

#include <gtest/gtest.h>

#include "vault/testing_repository.h"
#include "vault/wal/wal_archive.h"

namespace hf::vault {
namespace {

using testing::TestVault;

constexpr std::uint64_t kNeededSegment = 1u << 20;

struct NeededWalTest : ::testing::Test {
  TestVault vault;
  std::unique_ptr<Repository> repository = vault.open();
  std::map<std::uint64_t, SnapshotId> backups;      // by system and start, in segments
  std::map<std::uint64_t, WallTime> committed;

  void back_up(std::uint64_t system, std::uint64_t start) {
    SnapshotMeta meta{.host = "alpha", .component = "orders", .kind = SnapshotKind::kPostgres};
    meta.attributes = {{"system_id", std::to_string(system)},
                       {"start_lsn", format_lsn(Lsn{start * kNeededSegment})},
                       {"wal_segment_bytes", std::to_string(kNeededSegment)}};
    const auto info = repository->begin_backup(meta).value()->commit();
    ASSERT_TRUE(info);
    backups[start] = info->id;
    const std::vector<CommittedRecord> commits = *read_commits(repository->core(), nullptr);
    for (const CommittedRecord& c : commits) {
      if (c.id == info->id) committed[start] = c.written;
    }
  }
  void put(std::uint64_t system, std::uint64_t segment, Timeline timeline = 1) {
    ASSERT_TRUE(WalArchive(*repository).put_segment({system, timeline, kNeededSegment, Lsn{segment * kNeededSegment},
                                                     Bytes(kNeededSegment, 1), {}}));
    vault.clock.advance(1h);
  }
  std::vector<ObjectInfo> listed() { return *repository->core().list("wal/"); }
  // By segment; histories as 0.
  std::map<std::uint64_t, WallTime> needs() {
    const NeededWal needed = *NeededWal::read(repository->core());
    std::map<SnapshotId, WallTime> points = needed.last_points(listed());
    std::map<std::uint64_t, WallTime> out;
    const auto until = [&](const SnapshotId& id, WallTime) { return points.at(id); };
    for (const LockNeed& need : needed.needs(listed(), until)) {
      const auto name = parse_wal_name(need.object);
      out[name->part == WalPart::kHistory ? 0 : name->segment] = need.until;
    }
    return out;
  }
  std::vector<std::uint64_t> old() {
    std::vector<std::uint64_t> out;
    const std::vector<std::string> objects = *find_old_wal(repository->core(), listed());
    for (const std::string& object : objects) out.push_back(parse_wal_name(object)->segment);
    return out;
  }
};

TEST_F(NeededWalTest, ABaseBackupCarriesThePointsUpToTheNextOneAndTheNewestThoseUpToTheEnd) {
  put(1, 1);
  back_up(1, 2);
  put(1, 2);
  put(1, 3);
  back_up(1, 4);
  put(1, 4);
  ASSERT_TRUE(WalArchive(*repository).put_history(1, 2, as_bytes("1\t0/300000\tx\n")));
  put(1, 5);
  EXPECT_EQ(old(), std::vector<std::uint64_t>{1});
  WallTime newest{};
  for (const ObjectInfo& info : listed()) newest = std::max(newest, info.modified);
  const std::map<std::uint64_t, WallTime> wanted = {
      {0, newest}, {2, committed[4]}, {3, committed[4]}, {4, newest}, {5, newest}};
  EXPECT_EQ(needs(), wanted);
}

TEST_F(NeededWalTest, EachClusterHasItsOwnFloor) {
  put(1, 1);
  put(2, 1);
  put(3, 1);
  back_up(1, 7);
  back_up(2, 1);
  EXPECT_EQ(find_old_wal(repository->core(), listed())->size(), 1u) << "of the third nothing says what is old";
  EXPECT_EQ(needs().size(), 1u);
}

TEST_F(NeededWalTest, ABaseBackupWithoutItsStartIsAnErrorAndRemovesNothing) {
  SnapshotMeta meta{.host = "alpha", .component = "orders", .kind = SnapshotKind::kPostgres};
  meta.attributes = {{"system_id", "1"}};
  ASSERT_TRUE(repository->begin_backup(meta).value()->commit());
  const auto needed = NeededWal::read(repository->core());
  ASSERT_FALSE(needed);
  EXPECT_EQ(needed.error().kind, ErrorKind::kCorrupt);
}

TEST_F(NeededWalTest, ASegmentThatHoldsTheStartIsNeeded) {
  SnapshotMeta meta{.host = "alpha", .component = "orders", .kind = SnapshotKind::kPostgres};
  meta.attributes = {{"system_id", "1"}, {"start_lsn", format_lsn(Lsn{2 * kNeededSegment + 40})},
                     {"wal_segment_bytes", std::to_string(kNeededSegment)}};
  ASSERT_TRUE(repository->begin_backup(meta).value()->commit());
  put(1, 1);
  put(1, 2);
  EXPECT_EQ(old(), std::vector<std::uint64_t>{1});
}

}  // namespace
}  // namespace hf::vault
