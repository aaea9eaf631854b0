// The spool under power cuts: the records that sync() returned for are there afterwards, byte for byte; what was told
// to a primary was synced before; a seal holds for ever.
#include "sources/wal/spool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "io/testing_files.h"
#include "io/testing_folder.h"
#include "sources/testing_load.h"
#include "sources/testing_wal.h"
#include "sources/wal/record.h"

namespace hf::sources {
namespace {

const std::string kRoot = "/spool";

std::unique_ptr<SpoolTimeline> open_spool(Files& files, const SpoolKey& key, const std::string& root = kRoot) {
  auto spool = SpoolTimeline::open(files, root, key);
  EXPECT_TRUE(spool) << spool.error().text;
  return spool ? std::move(*spool) : nullptr;
}

// Appends pieces of any size and syncs now and then, until the power goes; the end that the last sync() returned for.
Lsn write_until_the_power_goes(SpoolTimeline& spool, const RealWal& wal, Rng& rng) {
  Lsn synced = spool.end();
  const std::uint64_t steps = 1 + rng.bounded(24);
  for (std::uint64_t i = 0; i < steps; ++i) {
    const std::uint64_t at = spool.empty() ? 0 : spool.end() - wal.start;
    const std::uint64_t size = std::min<std::uint64_t>(wal.bytes.size() - at, 1 + rng.bounded(300'000));
    EXPECT_TRUE(spool.append(wal.start + at, ByteView(wal.bytes).subspan(at, size)));
    if (!rng.chance(1, 3)) continue;
    EXPECT_TRUE(spool.sync());
    synced = spool.end();
  }
  return synced;
}

TEST(WalSpool, WhatSyncReturnedForSurvivesPowerCuts) {
  const RealWal& wal = ordinary_wal();
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed);
    MemoryFiles files;
    ASSERT_TRUE(files.make_dirs(kRoot));
    ASSERT_TRUE(files.sync_dir("/"));
    auto spool = open_spool(files, wal.key());
    for (int cut = 0; cut < 3; ++cut) {
      const Lsn synced = write_until_the_power_goes(*spool, wal, rng);
      if (rng.chance(1, 2)) files.crash();
      else files.crash(rng);
      spool = open_spool(files, wal.key());
      ASSERT_NE(spool, nullptr);
      // An incomplete record behind the last whole one may go: no commit waited for it.
      if (synced > wal.start) {
        const ByteView all = wal.from(wal.start, synced - wal.start);
        ASSERT_GE(spool->end(), end_of_valid_wal(all, wal.start, kTestSegment));
      }
      const Bytes kept = spooled_bytes(*spool);
      ASSERT_TRUE(kept.empty() || spool->begin() == wal.start);
      ASSERT_LE(kept.size(), wal.bytes.size());
      ASSERT_TRUE(std::equal(kept.begin(), kept.end(), wal.bytes.begin()));
    }
  }
}

TEST(WalSpool, ASealHoldsAcrossAPowerCut) {
  const RealWal& wal = ordinary_wal();
  MemoryFiles files;
  ASSERT_TRUE(files.make_dirs(kRoot));
  ASSERT_TRUE(files.sync_dir("/"));
  auto spool = open_spool(files, wal.key());
  ASSERT_TRUE(spool->append(wal.start, ByteView(wal.bytes).first(kTestSegment + 500'000)));
  TimelineSeal seal;
  seal.system_id = wal.system_id;
  seal.timeline = 1;
  seal.lsn = spool->end();
  seal.receiver = "r1";
  ASSERT_TRUE(spool->put_seal(seal));
  const ByteView rest = ByteView(wal.bytes).subspan(kTestSegment + 500'000, 1000);
  for (bool after_power_cut : {false, true}) {
    SCOPED_TRACE(after_power_cut ? "after the power cut" : "before");
    if (after_power_cut) {
      files.crash();
      spool = open_spool(files, wal.key());
    }
    ASSERT_TRUE(spool->seal());
    EXPECT_EQ(spool->seal()->lsn, seal.lsn);
    const Status refused = spool->append(seal.lsn, rest);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::kBlocked);
    EXPECT_EQ(spool->end(), seal.lsn);
    EXPECT_EQ(spooled_bytes(*spool).size(), kTestSegment + 500'000);
  }
}

TEST(WalSpool, AFailedSyncTakesItsBytesBack) {
  const RealWal& wal = ordinary_wal();
  MemoryFiles memory;
  ASSERT_TRUE(memory.make_dirs(kRoot));
  FaultyFiles files(memory);
  auto spool = open_spool(files, wal.key());
  ASSERT_TRUE(spool->append(wal.start, ByteView(wal.bytes).first(100'000)));
  ASSERT_TRUE(spool->sync());
  ASSERT_TRUE(spool->append(spool->end(), ByteView(wal.bytes).subspan(100'000, 50'000)));
  files.set_fault({.at = 0});
  EXPECT_FALSE(spool->sync());
  ASSERT_TRUE(spool->roll_back());
  EXPECT_EQ(spool->end(), wal.start + 100'000);
  ASSERT_TRUE(spool->append(spool->end(), ByteView(wal.bytes).subspan(100'000, 7'000)));
  ASSERT_TRUE(spool->sync());
  const Bytes kept = spooled_bytes(*spool);
  EXPECT_EQ(kept.size(), 107'000U);
  EXPECT_TRUE(std::equal(kept.begin(), kept.end(), wal.bytes.begin()));
}

// Every commit that the primary acknowledged waited for this receiver. Its disk goes away under load, and then
// all that was never synced.
TEST(WalSpool, WhatAPrimaryWasToldIsThereAfterAPowerCut) {
  TestCluster primary;
  primary.init();
  primary.start();
  TestFolder folder;
  const std::string root = folder.file("spool");
  std::filesystem::create_directories(root);
  MemoryFiles memory;
  ASSERT_TRUE(memory.make_dirs(root));
  for (std::string at = root; at.size() > 1; at = std::filesystem::path(at).parent_path())
    ASSERT_TRUE(memory.sync_dir(std::filesystem::path(at).parent_path()));
  FaultyFiles disk(memory);
  MemoryTarget target;
  RunningReceiver receiver(options_for(primary, root), target, &disk);
  ASSERT_TRUE(receiver.wait_streaming());
  Load load(primary);
  make_synchronous(primary, "rec");
  load.start();
  ASSERT_TRUE(load.reach(300));
  disk.set_fault({.at = 0, .for_ever = true});
  ASSERT_TRUE(receiver.wait_for([](const WalReceiverStatus& s) { return s.primary != "streaming"; }));
  (void)receiver.stop();
  primary.kill_all();
  load.stop();
  memory.crash();

  const std::vector<SpoolKey> keys = list_spool(memory, root).value();
  ASSERT_EQ(keys.size(), 1U);
  auto spool = open_spool(memory, keys[0], root);
  ASSERT_NE(spool, nullptr);
  std::uint64_t commits = 0;
  WalDecoder decoder(kTestSegment, [&](const WalEvent& e) { commits += e.kind == WalEvent::Kind::kCommit ? 1 : 0; });
  decoder.reset(spool->begin());
  decoder.feed(spooled_bytes(*spool));
  EXPECT_GE(commits, load.acknowledged);
}

}  // namespace
}  // namespace hf::sources
