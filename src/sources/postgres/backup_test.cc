#include "sources/postgres/backup.h"

#include <gtest/gtest.h>

#include "sources/postgres/backup_sink.h"
#include "sources/postgres/backup_wal.h"

namespace hf::sources {
namespace {

TEST(RelationFile, ByNameAndPlace) {
  for (const char* yes : {"base/5/16384", "base/5/16384.2", "base/5/16384_vm", "base/5/16384_init", "base/5/16384_vm.1",
                          "global/1262",
                          "PG_15_202209061/5/16390"}) {
    EXPECT_TRUE(is_relation_file(yes)) << yes;
  }
  for (const char* no : {"base/5/16384_fsm", "base/5/PG_VERSION", "base/5/pg_filenode.map", "global/pg_control", "pg_xact/0000",
                         "16384",
                         "base/x/16384", "base/5/", "base/5/16384.", "base/5/16384_vm_vm", "pg_wal/5/1", "PG_15/x/5/1"}) {
    EXPECT_FALSE(is_relation_file(no)) << no;
  }
}

PostgresBackupInfo sample() {
  PostgresBackupInfo info;
  info.system_id = 7500000000000000001ull;
  info.server_version = 150020;
  info.timeline = 3;
  info.start_lsn = Lsn{0x5000028};
  info.stop_lsn = Lsn{0x5000138};
  info.wal_segment_bytes = 16u << 20;
  info.block_bytes = 8192;
  info.page_checksums = true;
  info.started = WallTime(Micros(1700000000123456));
  info.finished = WallTime(Micros(1700000009000000));
  info.limits = {{"max_connections", "100"}};
  info.databases = {{"post\"gres", 7000000}};
  info.tablespaces = {{16384, "/srv/fast disk"}};
  return info;
}

TEST(BackupInfo, SurvivesTheSnapshotRecord) {
  vault::SnapshotInfo snapshot;
  snapshot.meta.kind = vault::SnapshotKind::kPostgres;
  snapshot.meta.attributes = to_attributes(sample());
  const auto back = backup_info(snapshot);
  ASSERT_TRUE(back) << back.error().text;
  EXPECT_EQ(*back, sample());
}

TEST(BackupInfo, EveryMissingOrBrokenAttributeIsNamed) {
  vault::SnapshotInfo snapshot;
  snapshot.meta.kind = vault::SnapshotKind::kPostgres;
  for (const auto& [name, value] : to_attributes(sample())) {
    if (name.starts_with("limit.")) continue;
    snapshot.meta.attributes = to_attributes(sample());
    snapshot.meta.attributes.erase(name);
    const auto missing = backup_info(snapshot);
    ASSERT_FALSE(missing) << name;
    EXPECT_NE(missing.error().text.find(name), std::string::npos);
  }
  snapshot.meta.attributes = to_attributes(sample());
  snapshot.meta.attributes["wal_segment_bytes"] = "16777217";
  EXPECT_FALSE(backup_info(snapshot));
  snapshot.meta.attributes = to_attributes(sample());
  snapshot.meta.kind = vault::SnapshotKind::kFiles;
  EXPECT_FALSE(backup_info(snapshot));
}

TEST(WalCutter, CutsAtSegmentsAndKeepsTheRest) {
  constexpr std::uint64_t kSegment = 1u << 20;
  std::vector<vault::WalFrame> whole;
  std::vector<vault::WalFrame> parts;
  const BackupWalTarget target = {[&](const vault::WalFrame& f) { whole.push_back(f); return ok(); },
                            [&](const vault::WalFrame& f) { parts.push_back(f); return ok(); }};
  WalCutter cutter(1, 1, kSegment, Lsn{4 * kSegment}, target);
  Lsn at{4 * kSegment};
  const Bytes piece(300000, 7);
  for (int i = 0; i < 8; ++i, at = at + piece.size()) ASSERT_TRUE(cutter.take(at, piece));
  EXPECT_FALSE(cutter.take(at + 1, piece));
  EXPECT_FALSE(cutter.take(Lsn{at.value - 1}, piece));
  ASSERT_EQ(whole.size(), 2u);
  EXPECT_EQ(whole[1].start, Lsn{5 * kSegment});
  EXPECT_EQ(whole[1].bytes.size(), kSegment);
  EXPECT_EQ(cutter.durable(), Lsn{6 * kSegment});
  ASSERT_TRUE(cutter.flush());
  ASSERT_TRUE(cutter.flush());
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(parts[0].start, Lsn{6 * kSegment});
  EXPECT_EQ(cutter.durable(), at);
}

}  // namespace
}  // namespace hf::sources
