// The spool's last bytes after a power cut and after errors of the disk: what no checksum vouches for is streamed
// again, what was told to a primary never goes, and no byte is told that may not be on disk.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/check.h"
#include "io/testing_files.h"
#include "sources/testing_wal.h"
#include "sources/wal/seal.h"
#include "sources/wal/spool.h"
#include "sources/wal/upload.h"

namespace hf::sources {
namespace {

constexpr std::uint64_t kLeftBehind = 40;
const std::string kTornSpool = "/spool";

class TornSpool : public ::testing::Test {
 protected:
  TornSpool() { new_disk(); }
  void new_disk() {
    disk.emplace();
    HF_CHECK(memory().make_dirs(kTornSpool).has_value());
    HF_CHECK(memory().sync_dir("/").has_value());
  }
  MemoryFiles& memory() { return *disk; }
  std::unique_ptr<SpoolTimeline> open(Files& files) {
    auto spool = SpoolTimeline::open(files, kTornSpool, wal.key());
    EXPECT_TRUE(spool) << spool.error().text;
    return spool ? std::move(*spool) : nullptr;
  }
  std::unique_ptr<SpoolTimeline> open() { return open(memory()); }
  std::string file_of(Lsn lsn) const {
    return kTornSpool + "/" + std::to_string(wal.system_id) + "/1/" + wal_file_name(1, lsn.value / kTestSegment, kTestSegment) +
           ".wal";
  }
  // What the kernel may have written of bytes that were never synced.
  void leave_behind(Lsn at, ByteView bytes) {
    auto file = memory().open(file_of(at), OpenMode::kCreate).value();
    ASSERT_TRUE(file->write_at(at.value % kTestSegment, bytes));
    ASSERT_TRUE(file->sync());
  }
  // Up to `end`, each segment synced before the next, as the receiver does.
  void fill(SpoolTimeline& spool, Lsn end) {
    const Lsn from = spool.empty() ? wal.start : spool.end();
    ASSERT_TRUE(spool.append(from, wal.from(from, end - from)));
    ASSERT_TRUE(spool.sync());
  }
  void expect_the_log(SpoolTimeline& spool) {
    const Bytes kept = spooled_bytes(spool);
    ASSERT_LE(spool.end(), wal.end());
    EXPECT_TRUE(std::ranges::equal(kept, wal.from(spool.begin(), kept.size())));
  }
  Lsn last_record_end(Lsn end) const { return end_of_valid_wal(wal.from(wal.start, end - wal.start), wal.start, kTestSegment); }
  // The first place from `at` on in a record that goes on for more than what is left behind there.
  Lsn inside_a_record(Lsn at) const {
    while (last_record_end(at) + 24 > at || last_record_end(at + kLeftBehind) > at) at = at + 8;
    return at;
  }

  const RealWal& wal = ordinary_wal();
  std::optional<MemoryFiles> disk;
};

TEST_F(TornSpool, GarbageInTheLastRecordIsCutAndStreamedAgain) {
  Rng rng(1);
  for (const std::uint64_t base : {200'000U, 900'000U, 1'500'000U, 2'700'000U}) {
    for (const bool zeros : {true, false}) {
      SCOPED_TRACE(std::to_string(base) + (zeros ? " zeros" : " a hole"));
      new_disk();
      const Lsn synced = inside_a_record(wal.start + base + rng.bounded(50'000));
      fill(*open(), synced);
      // Behind it: zeros to the middle of the same record; or the log's own bytes with a hole in that record.
      Bytes behind(kLeftBehind, 0);
      if (!zeros) {
        behind = to_bytes(wal.from(synced, 30'000));
        std::fill_n(behind.begin(), kLeftBehind, 0);
      }
      leave_behind(synced, behind);
      auto spool = open();
      ASSERT_NE(spool, nullptr);
      EXPECT_GE(spool->end(), last_record_end(synced));
      expect_the_log(*spool);
      fill(*spool, synced + 300'000);
      expect_the_log(*spool);
    }
  }
}

TEST_F(TornSpool, WhatTheVaultHasStays) {
  const Lsn uploaded = inside_a_record(wal.start + 1'300'000);
  auto spool = open();
  fill(*spool, uploaded);
  ASSERT_TRUE(spool->set_uploaded(uploaded));
  leave_behind(uploaded, Bytes(kLeftBehind, 0));
  spool = open();
  EXPECT_EQ(spool->end(), uploaded);
  expect_the_log(*spool);
}

// The server may drop a segment whose end it was told: that end is taken up again even within a record. A whole
// file alone says nothing.
TEST_F(TornSpool, TheEndOfAWholeSegmentCountsOnceItWasSynced) {
  const Lsn boundary = wal.start + kTestSegment;
  ASSERT_LT(last_record_end(boundary), boundary) << "no record runs into the second segment";
  fill(*open(), boundary);
  memory().crash();
  EXPECT_EQ(open()->end(), boundary);

  new_disk();
  const Lsn synced = wal.start + (kTestSegment - 100'000);
  fill(*open(), synced);
  Bytes behind = to_bytes(wal.from(synced, 100'000));
  std::fill(behind.end() - 4096, behind.end(), 0);
  leave_behind(synced, behind);
  auto spool = open();
  ASSERT_NE(spool, nullptr);
  EXPECT_GE(spool->end(), last_record_end(synced));
  expect_the_log(*spool);
}

TEST_F(TornSpool, DamageInAnOlderSegmentTakesNothingFromTheLastOne) {
  const Lsn end = wal.start + 2 * kTestSegment + 700'000;
  fill(*open(), end);
  Bytes damaged = to_bytes(wal.from(wal.start + kTestSegment + 500'000, 64));
  for (std::uint8_t& byte : damaged) byte ^= 1;
  leave_behind(wal.start + kTestSegment + 500'000, damaged);
  EXPECT_GE(open()->end(), last_record_end(end));
}

// A record longer than a segment: its rest has no checksum of its own.
TEST(TornGiant, IsProvenFromItsBeginning) {
  const RealWal wal = make_real_wal(
      "BEGIN; INSERT INTO t VALUES (1, 'x'); SELECT pg_logical_emit_message(true, 'x', repeat('y', 3300000)); COMMIT",
      5 * kTestSegment);
  MemoryFiles memory;
  ASSERT_TRUE(memory.make_dirs(kTornSpool));
  auto spool = SpoolTimeline::open(memory, kTornSpool, wal.key()).value();
  const Lsn synced = wal.start + 3 * kTestSegment + 5 * kWalPageBytes + 4096;  // within the long record
  ASSERT_LT(end_of_valid_wal(wal.from(wal.start, synced - wal.start), wal.start, kTestSegment), wal.start + kTestSegment);
  ASSERT_TRUE(spool->append(wal.start, wal.from(wal.start, synced - wal.start)));
  ASSERT_TRUE(spool->sync());
  MemoryTarget target;
  MemoryLog log;
  TimelineUpload upload(*spool, target, log);
  ASSERT_TRUE(upload.run(synced));
  ASSERT_TRUE(upload.trim(1));
  EXPECT_EQ(spool->begin(), wal.start);  // the record began in the first segment
  Bytes behind = to_bytes(wal.from(synced, 50 * kWalPageBytes));
  std::fill_n(behind.begin(), 4096, 0);  // a block that was never written; every page keeps its header
  auto file = memory.open(kTornSpool + "/" + std::to_string(wal.system_id) + "/1/" +
                              wal_file_name(1, synced.value / kTestSegment, kTestSegment) + ".wal",
                          OpenMode::kReadWrite).value();
  ASSERT_TRUE(file->write_at(synced.value % kTestSegment, behind));
  spool = SpoolTimeline::open(memory, kTornSpool, wal.key()).value();
  EXPECT_EQ(spool->end(), synced);
}

// The folder entry of a segment whose first write failed is not durable yet when the second one is synced.
TEST_F(TornSpool, ANameMadeBeforeAnErrorIsDurableWithTheNextSync) {
  const Lsn boundary = wal.start + kTestSegment;
  for (std::size_t call = 0;; ++call) {  // any call of going over into the next segment
    SCOPED_TRACE("call " + std::to_string(call));
    new_disk();
    FaultyFiles files(memory());
    auto spool = open(files);
    const Lsn last_byte = wal.start + (kTestSegment - 1);
    fill(*spool, last_byte);
    files.set_fault({.at = call, .torn = true});
    const Status appended = spool->append(last_byte, wal.from(last_byte, 5000));
    const Status synced = appended ? spool->sync() : ok();
    const bool fired = files.fired();
    files.set_fault({});
    ASSERT_TRUE(spool->roll_back());
    const Lsn from = spool->end();
    ASSERT_GE(from, last_byte);
    ASSERT_TRUE(spool->append(from, wal.from(from, boundary + 9000 - from)));
    ASSERT_TRUE(spool->sync());
    memory().crash();
    spool = open(files);
    ASSERT_GE(spool->end(), last_record_end(boundary + 9000));
    expect_the_log(*spool);
    if (!fired) break;
  }
}

// After an error the next session begins at end() and tells it at once.
TEST_F(TornSpool, WhatIsLeftAfterAnErrorIsDurable) {
  for (std::size_t call = 0;; ++call) {
    SCOPED_TRACE("call " + std::to_string(call));
    new_disk();
    FaultyFiles files(memory());
    auto spool = open(files);
    fill(*spool, wal.start + (kTestSegment - 1));
    files.set_fault({.at = call});
    const Status appended = spool->append(spool->end(), wal.from(spool->end(), 50'000));
    const Status synced = appended ? spool->sync() : ok();
    const bool fired = files.fired();
    files.set_fault({});
    ASSERT_TRUE(spool->roll_back());
    const Lsn told = spool->end();
    memory().crash();
    spool = open(files);
    ASSERT_GE(spool->end(), last_record_end(told));
    if (!fired) break;
  }
}

TEST_F(TornSpool, WhatAKilledProcessLeftIsDurableOnceItIsTakenUp) {
  {
    auto spool = open();
    fill(*spool, wal.start + 100'000);
    ASSERT_TRUE(spool->append(spool->end(), wal.from(spool->end(), 200'000)));
  }
  const Lsn told = open()->end();
  EXPECT_GE(told, last_record_end(wal.start + 300'000));
  memory().crash();
  EXPECT_GE(open()->end(), told);
}

// A sync that failed may work the next time although its bytes are gone.
TEST_F(TornSpool, DoubtfulBytesAreNeverSyncedAgainNorSealed) {
  FaultyFiles files(memory());
  auto spool = open(files);
  fill(*spool, wal.start + 100'000);
  ASSERT_TRUE(spool->append(spool->end(), wal.from(spool->end(), 50'000)));
  files.set_fault({.at = 0, .for_ever = true});
  EXPECT_FALSE(spool->sync());
  EXPECT_FALSE(spool->roll_back());  // the disk is gone for that, too
  files.set_fault({});
  EXPECT_EQ(spool->sync().error().kind, ErrorKind::kBlocked);
  EXPECT_EQ(spool->append(spool->end(), wal.from(spool->end(), 10)).error().kind, ErrorKind::kBlocked);
  SystemClock clock;
  auto seal = seal_timeline(*spool, "r1", clock);
  ASSERT_TRUE(seal) << seal.error().text;
  EXPECT_EQ(seal->lsn, wal.start + 100'000);
}

// A seal that somebody can read binds, whatever putting it returned.
TEST_F(TornSpool, ASealThatCanBeReadIsKept) {
  for (const bool after : {false, true}) {
    for (std::size_t call = 0;; ++call) {
      SCOPED_TRACE((after ? "after call " : "call ") + std::to_string(call));
      new_disk();
      FaultyFiles files(memory());
      auto spool = open(files);
      fill(*spool, wal.start + 100'000);
      SystemClock clock;
      files.set_fault({.at = call, .after = after});
      const auto sealed = seal_timeline(*spool, "r1", clock);
      const bool fired = files.fired();
      files.set_fault({});
      const bool seen = !read_spool_seals(memory(), kTornSpool).value().empty();
      EXPECT_TRUE(!sealed || seen);
      if (!seen) (void)spool->roll_back();
      EXPECT_NE(seen, spool->append(spool->end(), wal.from(spool->end(), 10)).has_value());
      if (seen) {
        const auto again = seal_timeline(*spool, "r1", clock);
        ASSERT_TRUE(again) << again.error().text;
        EXPECT_EQ(again->lsn, wal.start + 100'000);
      }
      if (!fired) break;
    }
  }
}

TEST_F(TornSpool, AnEmptyFileOfAKilledProcessIsNoBeginning) {
  { auto spool = open(); }
  leave_behind(wal.start, {});
  auto spool = open();
  ASSERT_NE(spool, nullptr);
  EXPECT_TRUE(spool->empty());
  const Lsn later = wal.start + kTestSegment;  // the server keeps no older WAL
  ASSERT_TRUE(spool->append(later, wal.from(later, 100'000)));
  ASSERT_TRUE(spool->sync());
  memory().crash();
  spool = open();
  ASSERT_NE(spool, nullptr);
  EXPECT_EQ(spool->begin(), later);
  EXPECT_GE(spool->end(), end_of_valid_wal(wal.from(later, 100'000), later, kTestSegment));
}

// The rest of a record that began before the spool has no checksum here: a hole in it would look like WAL.
TEST_F(TornSpool, ABeginningThatWasNeverSyncedIsStreamedAgain) {
  const Lsn second = wal.start + kTestSegment;
  const auto decoded_from = [&] {
    WalDecoder decoder(kTestSegment);
    decoder.reset(second);
    return decoder.feed(wal.from(second, 100'000)), decoder.valid_end();
  };
  ASSERT_GT(decoded_from(), second);
  {
    auto spool = open();
    ASSERT_TRUE(spool->append(second, wal.from(second, 100'000)));
  }
  leave_behind(second + 40, Bytes(8));  // in the rest of the record that began before, behind the page's header
  auto spool = open();
  ASSERT_NE(spool, nullptr);
  EXPECT_TRUE(spool->empty()) << "kept " << spool->end().value - second.value << " bytes that were never synced";
  ASSERT_TRUE(spool->append(second, wal.from(second, 100'000)));
  ASSERT_TRUE(spool->sync());
  memory().crash();
  spool = open();
  ASSERT_NE(spool, nullptr);
  EXPECT_EQ(spool->begin(), second);
  EXPECT_GE(spool->end(), decoded_from()) << "what was synced stays";
  expect_the_log(*spool);
}

// What was synced of that record is there, and was told; no checksum shows a hole in its rest.
TEST(TornGiant, ABeginningThatWasSyncedInPartIsKeptInPart) {
  const RealWal whole = make_real_wal(
      "BEGIN; INSERT INTO t VALUES (1, 'x'); SELECT pg_logical_emit_message(true, 'x', repeat('y', 3300000)); COMMIT",
      5 * kTestSegment);
  const Lsn begin = whole.start + kTestSegment;  // in the long record
  for (const std::uint64_t first : {5'000U, 300'000U, 1U << 20, (1U << 20) + 5'000U}) {
    SCOPED_TRACE(first);
    MemoryFiles memory;
    ASSERT_TRUE(memory.make_dirs(kTornSpool));
    ASSERT_TRUE(memory.sync_dir("/"));
    auto spool = SpoolTimeline::open(memory, kTornSpool, whole.key()).value();
    ASSERT_TRUE(spool->append(begin, whole.from(begin, first)));
    ASSERT_TRUE(spool->sync());
    const std::string folder = kTornSpool + "/" + std::to_string(whole.system_id) + "/1/";
    const auto leave_behind = [&](Lsn at, std::uint64_t size) {
      const std::string name = wal_file_name(1, at.value / kTestSegment, kTestSegment) + ".wal";
      auto file = memory.open(folder + name, OpenMode::kCreate).value();
      Bytes bytes = to_bytes(whole.from(at, size));
      std::fill_n(bytes.begin() + 2000, 1000, 0);  // a block that was never written, between the headers of pages
      ASSERT_TRUE(file->write_at(at.value % kTestSegment, bytes));
      ASSERT_TRUE(file->sync());
      ASSERT_TRUE(memory.sync_dir(folder));
    };
    leave_behind(begin + first, kTestSegment - first % kTestSegment);
    spool = SpoolTimeline::open(memory, kTornSpool, whole.key()).value();
    EXPECT_EQ(spool->begin(), begin);
    EXPECT_EQ(spool->end(), begin + first);
    // Behind the long record everything is proven, so the mark goes.
    const Lsn end = begin + 3 * kTestSegment;
    ASSERT_TRUE(spool->append(spool->end(), whole.from(spool->end(), end - spool->end())));
    ASSERT_TRUE(spool->sync());
    EXPECT_FALSE(file_exists(memory, folder + "beginning"));
    memory.crash();
    spool = SpoolTimeline::open(memory, kTornSpool, whole.key()).value();
    EXPECT_EQ(spool->begin(), begin);
    const Bytes kept = spooled_bytes(*spool);
    EXPECT_GT(kept.size(), 2 * kTestSegment);
    EXPECT_TRUE(std::ranges::equal(kept, whole.from(begin, kept.size())));
  }
}

// A new spool, too, tells after an error what is durable: its mark says so.
TEST_F(TornSpool, WhatIsLeftOfABeginningAfterAnErrorIsDurable) {
  for (std::size_t call = 0;; ++call) {
    SCOPED_TRACE("call " + std::to_string(call));
    new_disk();
    FaultyFiles files(memory());
    auto spool = open(files);
    files.set_fault({.at = call});
    const Status appended = spool->append(wal.start, wal.from(wal.start, 50'000));
    const Status synced = appended ? spool->sync() : ok();
    const bool fired = files.fired();
    files.set_fault({});
    ASSERT_TRUE(spool->roll_back());
    const Lsn told = spool->end();
    const bool nothing = spool->empty();
    memory().crash();
    spool = open(files);
    ASSERT_NE(spool, nullptr);
    if (!nothing) { ASSERT_GE(spool->end(), last_record_end(told)); }
    if (!fired) break;
  }
}

TEST_F(TornSpool, TrimmingLeavesNoHoleAcrossAPowerCut) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    new_disk();
    auto spool = open();
    fill(*spool, wal.end());
    ASSERT_TRUE(spool->remove_segments_below(wal.start.value / kTestSegment + 3));
    Rng rng(seed);
    memory().crash(rng);
    spool = open();
    ASSERT_NE(spool, nullptr);
    EXPECT_GE(spool->end(), last_record_end(wal.end()));
  }
}

}  // namespace
}  // namespace hf::sources
