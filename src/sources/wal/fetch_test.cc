// restore_command on real standbys: the sealed tail brings every acknowledged row; a shorter tail never
// shadows.
#include "sources/wal/fetch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "io/testing_folder.h"
#include "sources/testing_load.h"
#include "sources/testing_wal.h"
#include "sources/wal/push.h"
#include "sources/wal/record.h"

namespace hf::sources {
namespace {

constexpr std::uint64_t kFetchSegment = 1 << 20;

class WalFetch : public ::testing::Test {
 protected:
  void SetUp() override {
    primary.init();
    primary.start();
    standby.copy_from(primary);
  }
  // Recovers the standby from its own pg_wal and the target alone, promotes it, counts its rows.
  std::string promoted_rows(WalReader& source) {
    FetchService fetch(source, standby.data());
    standby.set({{"primary_conninfo", "''"}, {"restore_command", "'" + fetch.command() + "'"}});
    standby.start();
    EXPECT_TRUE(standby.promote()) << standby.log_text();
    answers = fetch.answers();
    return standby.value("SELECT count(*) FROM numbers");
  }
  Lsn position() { return parse_lsn(primary.value("SELECT pg_current_wal_flush_lsn()")).value(); }

  SystemClock clock;
  Rng rng{1};
  PosixFiles files;
  PosixProcesses processes{clock};
  MemoryLog log;
  Env env{clock, rng, files, processes, log};
  TestCluster primary;
  TestCluster standby;
  TestFolder folder;
  MemoryTarget target;
  std::vector<std::string> answers;
};

TEST_F(WalFetch, AStandbyThatLagsGetsEveryAcknowledgedRowFromTheSealedTail) {
  RunningReceiver receiver(options_for(primary, folder.file("spool"), "r1"), target);
  ASSERT_TRUE(receiver.wait_streaming());
  Load load(primary);
  make_synchronous(primary, "r1");
  load.start();
  ASSERT_TRUE(load.reach(400));  // the standby does not even run
  primary.kill_all();
  load.stop();
  auto proof = request_seal(env, folder.file("spool"), "r1", 60s);
  ASSERT_TRUE(proof) << proof.error().text;
  ASSERT_NE(proof->seal.lsn.value % kFetchSegment, 0U);
  MemoryReader source(target, kFetchSegment);
  std::uint64_t rows = std::stoull(promoted_rows(source));
  EXPECT_GE(rows, load.acknowledged);
  EXPECT_LE(rows, load.acknowledged + 1);  // one in doubt
  std::string tail = wal_file_name(1, proof->seal.lsn.value / kFetchSegment, kFetchSegment) + " 0";
  EXPECT_NE(std::find(answers.begin(), answers.end(), tail), answers.end());
}

TEST_F(WalFetch, WithoutASealTheTailIsNotServedToAStandby) {
  RunningReceiver receiver(options_for(primary, folder.file("spool"), "r1"), target);
  ASSERT_TRUE(receiver.wait_streaming());
  ASSERT_EQ(primary.value("CREATE TABLE t AS SELECT 1"), "");
  Lsn end = position();
  ASSERT_TRUE(receiver.wait_for([&](const WalReceiverStatus& s) { return s.upload.uploaded >= end; }));
  MemoryReader source(target, kFetchSegment);
  WalFetchOptions o;
  o.data_directory = standby.data();
  o.name = wal_file_name(1, end.value / kFetchSegment, kFetchSegment);
  o.path = folder.file("out");
  std::filesystem::remove(standby.data() + "/pg_wal/" + o.name);
  EXPECT_EQ(exit_code_of(fetch_wal(files, source, o)), kWalAbsent);
  o.tail = WalTail::kAny;
  ASSERT_EQ(exit_code_of(fetch_wal(files, source, o)), kWalFetched);
  EXPECT_EQ(files.stat(o.path)->size, kFetchSegment);
}

// The standby streamed further than the receiver that sealed.
TEST_F(WalFetch, AShorterTailNeverShadowsTheStandbysOwnWal) {
  standby.start();
  Load load(primary);
  {
    RunningReceiver receiver(options_for(primary, folder.file("spool"), "r1"), target);
    ASSERT_TRUE(receiver.wait_streaming());
    ASSERT_TRUE(load.write(60));
    Lsn end = position();
    ASSERT_TRUE(receiver.wait_for([&](const WalReceiverStatus& s) { return s.upload.uploaded >= end; }));
  }
  auto proof = request_seal(env, folder.file("spool"), "r1", 60s, &target);
  ASSERT_TRUE(proof);
  ASSERT_TRUE(load.write(100));
  std::string all = primary.value("SELECT count(*) FROM numbers");
  Lsn end = position();
  ASSERT_EQ(end.value / kFetchSegment, proof->seal.lsn.value / kFetchSegment)
      << "the same segment, or nothing is shown";
  ASSERT_TRUE(standby.wait_value("SELECT pg_last_wal_receive_lsn() >= '" + format_lsn(end) + "'", "t"));
  primary.kill_all();
  standby.stop(SIGQUIT);
  MemoryReader source(target, kFetchSegment);
  EXPECT_EQ(promoted_rows(source), all);
  std::string tail = wal_file_name(1, proof->seal.lsn.value / kFetchSegment, kFetchSegment) + " 1";
  EXPECT_NE(std::find(answers.begin(), answers.end(), tail), answers.end());
}

TEST_F(WalFetch, PushedFilesComeBackAndGapsAreErrors) {
  auto c = primary.connect();
  ASSERT_TRUE(c.query("CREATE TABLE t AS SELECT 1; SELECT pg_switch_wal(); CREATE TABLE u AS SELECT 1"));
  std::uint64_t segment = position().value / kFetchSegment - 1;
  std::string name = wal_file_name(1, segment, kFetchSegment);
  WalPushOptions push;
  push.data_directory = primary.data();
  push.path = "pg_wal/" + name;
  ASSERT_TRUE(push_wal(files, target, push));
  MemoryReader source(target, kFetchSegment);
  WalFetchOptions o;
  o.data_directory = primary.data();
  o.name = name;
  o.path = folder.file("out");
  ASSERT_EQ(exit_code_of(fetch_wal(files, source, o)), kWalFetched);
  EXPECT_EQ(read_file(files, o.path, 2 << 20).value(),
            read_file(files, primary.data() + "/" + push.path, 2 << 20).value());
  // The one before is not there: absent for a standby, which may stream it; an error where a recovery would
  // end.
  o.name = wal_file_name(1, segment - 1, kFetchSegment);
  EXPECT_EQ(exit_code_of(fetch_wal(files, source, o)), kWalAbsent);
  o.tail = WalTail::kAny;
  EXPECT_EQ(exit_code_of(fetch_wal(files, source, o)), kWalFetchError);
  o.name = wal_file_name(1, segment + 1, kFetchSegment);
  EXPECT_EQ(exit_code_of(fetch_wal(files, source, o)), kWalAbsent);
  o.name = "00000002.history";
  EXPECT_EQ(exit_code_of(fetch_wal(files, source, o)), kWalAbsent);
  // A file whose content is not what its name says is not archived.
  files.move(folder.file("out"), folder.file(wal_file_name(1, segment + 5, kFetchSegment)), IfExists::kReplace)
      .value();
  push.path = folder.file(wal_file_name(1, segment + 5, kFetchSegment));
  EXPECT_EQ(push_wal(files, target, push).error().kind, ErrorKind::kCorrupt);
}

TEST_F(WalFetch, StagedFilesAreAbsentOnlyWhenTheStagingWasComplete) {
  auto c = primary.connect();
  ASSERT_TRUE(c.query("CREATE TABLE t AS SELECT 1"));
  std::string name = wal_file_name(1, position().value / kFetchSegment, kFetchSegment);
  Bytes segment = read_file(files, primary.data() + "/pg_wal/" + name, 2 << 20).value();
  segment.resize(3 * kWalPageBytes);
  WalFetchOptions o;
  o.data_directory = primary.data();
  o.path = folder.file("out");
  o.name = name;
  std::string staged = folder.file("staged");
  EXPECT_EQ(exit_code_of(fetch_staged_wal(files, staged, o)), kWalFetchError);
  ASSERT_TRUE(files.make_dirs(staged));
  EXPECT_EQ(exit_code_of(fetch_staged_wal(files, staged, o)), kWalFetchError);
  ASSERT_TRUE(write_file_atomic(files, staged + "/complete", {}));
  EXPECT_EQ(exit_code_of(fetch_staged_wal(files, staged, o)), kWalAbsent);
  ASSERT_TRUE(write_file_atomic(files, staged + "/" + name, segment));
  ASSERT_EQ(exit_code_of(fetch_staged_wal(files, staged, o)), kWalFetched);
  Bytes out = read_file(files, o.path, 2 << 20).value();
  EXPECT_EQ(out.size(), kFetchSegment);
  EXPECT_TRUE(std::equal(segment.begin(), segment.end(), out.begin()));
  o.name = wal_file_name(1, position().value / kFetchSegment + 1, kFetchSegment);  // another segment under this name
  ASSERT_TRUE(write_file_atomic(files, staged + "/" + o.name, segment));
  EXPECT_EQ(exit_code_of(fetch_staged_wal(files, staged, o)), kWalFetchError);
}

}  // namespace
}  // namespace hf::sources
