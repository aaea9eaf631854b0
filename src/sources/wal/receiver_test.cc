// The receiver against real servers: what it acknowledged is on its disk and in the target, whatever is
// killed.
#include "sources/wal/receiver.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>

#include "io/testing_folder.h"
#include "remote/testing_postgres.h"
#include "sources/testing_load.h"
#include "sources/testing_wal.h"

namespace hf::sources {
namespace {

// The bytes that the target has equal the server's own WAL, as far as they go.
void expect_equals_server(TestCluster& cluster, MemoryTarget& target, Timeline timeline) {
  Lsn start;
  Bytes bytes = target.bytes(timeline, start);
  ASSERT_FALSE(bytes.empty());
  EXPECT_EQ(target.conflicts(), 0U);
  constexpr std::uint64_t kSegment = 1 << 20;
  for (std::uint64_t at = 0; at < bytes.size(); at += kSegment) {
    std::uint64_t segment = (start.value + at) / kSegment;
    std::ifstream in(cluster.data() + "/pg_wal/" + wal_file_name(timeline, segment, kSegment),
                     std::ios::binary);
    std::string own((std::istreambuf_iterator<char>(in)), {});
    if (own.size() != kSegment) continue;  // recycled already
    std::uint64_t n = std::min<std::uint64_t>(kSegment, bytes.size() - at);
    EXPECT_TRUE(std::equal(bytes.begin() + static_cast<long>(at), bytes.begin() + static_cast<long>(at + n),
                           as_bytes(own).begin()))
        << "segment " << segment;
  }
}

TEST(WalReceiver, WhatIsAcknowledgedIsInTheTargetAcrossRestarts) {
  TestCluster primary;
  primary.init();
  primary.start();
  TestFolder folder;
  MemoryTarget target;
  Load load(primary);
  {
    RunningReceiver receiver(options_for(primary, folder.file("spool")), target);
    ASSERT_TRUE(receiver.wait_streaming());
    make_synchronous(primary, "rec");
    load.start();
    ASSERT_TRUE(load.reach(600));
    EXPECT_TRUE(receiver.stop());
  }
  std::uint64_t before = load.acknowledged;
  RunningReceiver again(options_for(primary, folder.file("spool")), target);
  ASSERT_TRUE(again.wait_streaming());
  ASSERT_TRUE(load.reach(before + 900));
  load.stop();
  auto c = primary.connect();
  ASSERT_TRUE(c.query("SELECT pg_create_restore_point('mark')"));
  ASSERT_TRUE(c.query("SELECT pg_switch_wal()"));
  ASSERT_TRUE(c.query("INSERT INTO numbers VALUES (0)"));
  Lsn end = parse_lsn(primary.value("SELECT pg_current_wal_flush_lsn()")).value();
  ASSERT_TRUE(again.wait_for(
      [&](const WalReceiverStatus& s) { return s.flushed >= end && s.upload.uploaded >= end; }));
  EXPECT_TRUE(primary.wait_value("SELECT sync_state || (flush_lsn >= '" + format_lsn(end) +
                                     "') || coalesce(replay_lsn::text, 'never') FROM pg_stat_replication "
                                     "WHERE application_name = 'rec'",
                                 "synctruenever"));
  EXPECT_TRUE(again.stop());
  expect_equals_server(primary, target, 1);
  EXPECT_GT(target.sealed_segments(), 1U);
  EXPECT_TRUE(target.times().last_commit);
  ASSERT_EQ(target.times().restore_points.size(), 1U);
  EXPECT_EQ(target.times().restore_points[0].name, "mark");
  PosixFiles files;
  auto spooled = list_spool(files, folder.file("spool"));
  ASSERT_TRUE(spooled);
  auto kept = files.list(folder.file("spool") + "/" + std::to_string((*spooled)[0].system_id) + "/1");
  ASSERT_TRUE(kept);
  EXPECT_LE(kept->size(), kKeepSegments + 2);  // whole ones behind, the one being written, "uploaded"
}

TEST(WalReceiver, AnUnreachableVaultNeverStopsCommitsAndTheBacklogDrains) {
  TestCluster primary;
  primary.init();
  primary.start();
  TestFolder folder;
  MemoryTarget target;
  RunningReceiver receiver(options_for(primary, folder.file("spool")), target);
  ASSERT_TRUE(receiver.wait_streaming());
  target.fail(true);
  const Lsn before = target.end(1);
  make_synchronous(primary, "rec");
  Load load(primary);
  load.start();
  ASSERT_TRUE(load.reach(1300));
  load.stop();
  EXPECT_TRUE(receiver.wait_for([](const WalReceiverStatus& s) {
    return s.upload.backlog_bytes > (1 << 20) && s.upload.error == "the vault does not answer";
  }));
  EXPECT_EQ(target.end(1), before);
  target.fail(false);
  ASSERT_TRUE(receiver.wait_for([](const WalReceiverStatus& s) {
    return s.upload.backlog_bytes == 0 && s.upload.error.empty() && s.upload.uploaded == s.flushed;
  }));
  EXPECT_TRUE(receiver.stop());
  expect_equals_server(primary, target, 1);
}

// The receiver as a process of its own, killed with SIGKILL under synchronous load; its spool then holds
// every acknowledged row, and the next one goes on from there.
TEST(WalReceiver, KilledAndStartedAgainItLosesNothing) {
  TestCluster primary;
  primary.init();
  primary.start();
  TestFolder folder;
  MemoryTarget target;
  {
    RunningReceiver once(options_for(primary, folder.file("spool")), target);  // makes the slot
    ASSERT_TRUE(once.wait_streaming());
  }
  Load load(primary);
  make_synchronous(primary, "rec");
  WalReceiverOptions options = options_for(primary, folder.file("spool"));
  for (int round = 0; round < 3; ++round) {
    pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      MemoryTarget mine;
      mine.fail(true);  // what it uploaded would be gone with it
      RunningReceiver receiver(options, mine);
      receiver.wait_for([](const WalReceiverStatus&) { return false; }, 120s);
      ::_exit(0);
    }
    if (round == 0) load.start();
    std::uint64_t wanted = load.acknowledged + 100;
    EXPECT_TRUE(load.reach(wanted));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  RunningReceiver last(options, target);
  ASSERT_TRUE(load.reach(load.acknowledged + 100));
  load.stop();
  Lsn end = parse_lsn(primary.value("SELECT pg_current_wal_flush_lsn()")).value();
  ASSERT_TRUE(last.wait_for([&](const WalReceiverStatus& s) { return s.upload.uploaded >= end; }));
  EXPECT_TRUE(last.stop());
  expect_equals_server(primary, target, 1);
}

TEST(WalReceiver, FollowsAPromotionAndArchivesTheHistoryFirst) {
  TestCluster primary;
  primary.init();
  primary.start();
  TestCluster standby;
  standby.copy_from(primary);
  standby.start();
  TestFolder folder;
  MemoryTarget target;
  ASSERT_EQ(primary.value("CREATE TABLE t AS SELECT generate_series(1, 20000) AS a"), "");
  Lsn end = parse_lsn(primary.value("SELECT pg_current_wal_flush_lsn()")).value();
  {
    RunningReceiver receiver(options_for(primary, folder.file("spool")), target);
    ASSERT_TRUE(receiver.wait_for([&](const WalReceiverStatus& s) { return s.upload.uploaded >= end; }));
  }
  ASSERT_TRUE(standby.wait_value("SELECT pg_last_wal_replay_lsn() >= '" + format_lsn(end) + "'", "t"));
  {
    MemoryTarget other;
    RunningReceiver cascading(options_for(standby, folder.file("cascading")), other);
    ASSERT_TRUE(cascading.wait_streaming()) << cascading.status().error;
    const auto said = cascading.log().lines();
    EXPECT_TRUE(std::ranges::any_of(said, [](const std::string& line) { return line.find("is a standby") != line.npos; }))
        << "no commit waits for what is received there";
  }
  primary.kill_all();
  ASSERT_TRUE(standby.promote());
  ASSERT_EQ(standby.value("INSERT INTO t SELECT generate_series(1, 20000)"), "");
  Lsn after = parse_lsn(standby.value("SELECT pg_current_wal_flush_lsn()")).value();
  RunningReceiver receiver(options_for(standby, folder.file("spool")), target);
  ASSERT_TRUE(receiver.wait_for([&](const WalReceiverStatus& s) {
    return s.timeline == 2 && s.upload.uploaded >= after;
  })) << receiver.status().error;
  ASSERT_EQ(target.histories().count(2), 1U);
  expect_equals_server(standby, target, 2);
  EXPECT_TRUE(receiver.stop());
  // The old primary comes back: its timeline is not taken up again.
  primary.start();
  RunningReceiver old(options_for(primary, folder.file("spool")), target);
  ASSERT_TRUE(old.wait_for([](const WalReceiverStatus& s) { return !s.error.empty(); }));
  EXPECT_NE(old.status().error.find("already on 2"), std::string::npos) << old.status().error;
  EXPECT_EQ(old.stop().error().kind, ErrorKind::kBlocked);
}

// The primary's disk was put back to a snapshot of itself: same cluster, same timeline, other WAL at the same places.
TEST(WalReceiver, NothingOfAServerWithAnotherHistoryIsTakenOrAcknowledged) {
  namespace fs = std::filesystem;
  TestCluster primary;
  primary.init();
  primary.start();
  ASSERT_EQ(primary.value("CREATE TABLE t(a text)"), "");
  primary.stop();
  const std::string older = primary.data() + ".older";
  ASSERT_EQ(std::system(("cp -a " + primary.data() + " " + older).c_str()), 0);
  primary.start();
  TestFolder folder;
  MemoryTarget target;
  const auto options = options_for(primary, folder.file("spool"));
  const auto flushed = [&] { return parse_lsn(primary.value("SELECT pg_current_wal_flush_lsn()")).value(); };
  Lsn received;
  {
    RunningReceiver receiver(options, target);
    ASSERT_TRUE(receiver.wait_streaming());
    ASSERT_EQ(primary.value("INSERT INTO t SELECT 'acknowledged' || g FROM generate_series(1, 3000) g"), "");
    received = flushed();
    ASSERT_TRUE(receiver.wait_for([&](const WalReceiverStatus& s) { return s.upload.uploaded >= received; }));
  }
  {  // taken up again where nothing happened to the server, it goes on
    RunningReceiver receiver(options, target);
    ASSERT_EQ(primary.value("INSERT INTO t VALUES ('more')"), "");
    received = flushed();
    ASSERT_TRUE(receiver.wait_for([&](const WalReceiverStatus& s) { return s.flushed >= received; }))
        << receiver.status().error;
  }
  primary.stop();
  fs::remove_all(primary.data());
  fs::rename(older, primary.data());
  primary.start();
  while (flushed() < received + (1 << 16))
    ASSERT_EQ(primary.value("INSERT INTO t SELECT 'another history' || g FROM generate_series(1, 500) g"), "");
  make_synchronous(primary, "ANY 1 (" + options.name + ")");
  RunningReceiver receiver(options, target);
  ASSERT_TRUE(receiver.wait_for([](const WalReceiverStatus& s) { return !s.error.empty(); }));
  EXPECT_NE(receiver.status().error.find("two histories"), std::string::npos) << receiver.status().error;
  EXPECT_FALSE(primary.connect().query("INSERT INTO t VALUES ('not acknowledged')", {}, 3s));
  EXPECT_EQ(receiver.status().received, target.end(1)) << "its WAL was put behind the other history";
}

TEST(WalReceiver, RefusesAnotherClusterASecondProcessAndAFullSlotTable) {
  TestCluster one;
  TestCluster two;
  one.init();
  two.init({{"max_replication_slots", "1"}});
  one.start();
  two.start();
  TestFolder folder;
  MemoryTarget target;
  RunningReceiver receiver(options_for(one, folder.file("spool")), target);
  ASSERT_TRUE(receiver.wait_for([](const WalReceiverStatus& s) { return s.upload.uploaded.value != 0; }));
  {
    RunningReceiver second(options_for(one, folder.file("spool")), target);
    EXPECT_EQ(second.finish().error().kind, ErrorKind::kBusy);
  }
  EXPECT_TRUE(receiver.stop());
  RunningReceiver other(options_for(two, folder.file("spool"), "other"), target);
  ASSERT_TRUE(other.wait_for([](const WalReceiverStatus& s) { return !s.error.empty(); }));
  EXPECT_EQ(other.stop().error().kind, ErrorKind::kBlocked);
  ASSERT_TRUE(two.replicate().create_physical_slot("taken"));
  RunningReceiver full(options_for(two, folder.file("spool2"), "other"), target);
  ASSERT_TRUE(full.wait_for([](const WalReceiverStatus& s) { return !s.error.empty(); }));
  Error error = full.stop().error();
  EXPECT_EQ(error.kind, ErrorKind::kExhausted);
  EXPECT_NE(error.hint.find("max_replication_slots"), std::string::npos);
}

}  // namespace
}  // namespace hf::sources
