// Seals taken from receivers under load: nothing is acknowledged past them, by a live, a frozen or a killed
// primary.
#include "sources/wal/seal.h"

#include <gtest/gtest.h>

#include "io/testing_folder.h"
#include "sources/testing_load.h"
#include "sources/testing_wal.h"

namespace hf::sources {
namespace {

struct SealWorld {
  SealWorld() : log(), env{clock, rng, files, processes, log} {}
  SystemClock clock;
  Rng rng{1};
  PosixFiles files;
  PosixProcesses processes{clock};
  MemoryLog log;
  Env env;
};

// Commits whose record lies in [from, to) of what the target has.
std::uint64_t commits_between(MemoryTarget& target, Lsn from, Lsn to) {
  std::uint64_t n = 0;
  Lsn start;
  Bytes bytes = target.bytes(1, start);
  WalDecoder decoder(1 << 20, [&](const WalEvent& e) {
    if (e.kind == WalEvent::Kind::kCommit && e.start >= from && e.end <= to) ++n;
  });
  decoder.reset(start);
  decoder.feed(bytes);
  return n;
}

TEST(WalSeal, NothingIsAcknowledgedPastTheSealsOfBothReceivers) {
  SealWorld w;
  TestCluster primary;
  primary.init();
  primary.start();
  TestFolder folder;
  MemoryTarget west;
  MemoryTarget eu;
  TestCluster b;
  b.copy_from(primary, {{"cluster_name", "'b'"}});
  b.set({{"primary_conninfo", "'" + primary.dsn() + " application_name=b'"}});
  b.start();
  RunningReceiver r1(options_for(primary, folder.file("west"), "r1"), west);
  RunningReceiver r2(options_for(primary, folder.file("eu"), "r2"), eu);
  ASSERT_TRUE(r1.wait_streaming() && r2.wait_streaming());
  Load load(primary);
  make_synchronous(primary, "ANY 2 (b, r1, r2)");
  Lsn from = parse_lsn(primary.value("SELECT pg_current_wal_flush_lsn()")).value();
  load.start();
  ASSERT_TRUE(load.reach(200));
  auto first = request_seal(w.env, folder.file("west"), "r1", 60s);
  ASSERT_TRUE(first) << first.error().text;
  EXPECT_TRUE(first->by_running_receiver);
  EXPECT_TRUE(first->in_vault);
  auto second = request_seal(w.env, folder.file("eu"), "r2", 60s);
  ASSERT_TRUE(second) << second.error().text;
  std::uint64_t at_seal = load.acknowledged;
  // One commit may have been acknowledged by both just before; after that, none.
  w.clock.sleep_until(w.clock.mono() + 1500ms, {});
  EXPECT_LE(load.acknowledged, at_seal + 1);
  EXPECT_TRUE(primary.wait_value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'", "1"));
  bool first_is_further = first->seal.lsn > second->seal.lsn;
  MemoryTarget& further = first_is_further ? west : eu;
  EXPECT_LE(load.acknowledged, commits_between(further, from, std::max(first->seal.lsn, second->seal.lsn)));
  EXPECT_EQ(west.end(1), first->seal.lsn);
  EXPECT_EQ(eu.end(1), second->seal.lsn);
  EXPECT_EQ(west.seals().size(), 1U);

  // Asked again it gives the same seal; started again it does not stream.
  EXPECT_EQ(request_seal(w.env, folder.file("west"), "r1", 60s)->seal.lsn, first->seal.lsn);
  EXPECT_TRUE(r1.stop());
  RunningReceiver again(options_for(primary, folder.file("west"), "r1"), west);
  ASSERT_TRUE(
      again.wait_for([](const WalReceiverStatus& s) { return s.error.find("sealed") != s.error.npos; }));
  EXPECT_EQ(again.status().primary, "sealed");
  EXPECT_EQ(again.status().flushed, first->seal.lsn);
  w.clock.sleep_until(w.clock.mono() + 1500ms, {});
  EXPECT_LE(load.acknowledged, at_seal + 1);
  primary.kill_all();
  load.stop();
}

TEST(WalSeal, AFrozenPrimaryThatIsThawedGetsNothingAcknowledged) {
  SealWorld w;
  TestCluster primary;
  primary.init();
  primary.start();
  TestFolder folder;
  MemoryTarget target;
  RunningReceiver receiver(options_for(primary, folder.file("spool"), "r1"), target);
  ASSERT_TRUE(receiver.wait_streaming());
  Load load(primary);
  make_synchronous(primary, "r1");
  load.start();
  ASSERT_TRUE(load.reach(100));
  primary.freeze();
  auto proof = request_seal(w.env, folder.file("spool"), "r1", 60s);
  ASSERT_TRUE(proof) << proof.error().text;
  std::uint64_t at_seal = load.acknowledged;
  primary.thaw();
  w.clock.sleep_until(w.clock.mono() + 2s, {});
  EXPECT_LE(load.acknowledged, at_seal + 1);  // acknowledged before the seal, told after the thaw
  EXPECT_EQ(target.end(1), proof->seal.lsn);
  primary.kill_all();
  load.stop();
}

TEST(WalSeal, WithoutAReceiverTheSpoolIsSealedDirectly) {
  SealWorld w;
  TestCluster primary;
  primary.init();
  primary.start();
  TestFolder folder;
  MemoryTarget target;
  EXPECT_EQ(request_seal(w.env, folder.path(), "r1", 5s).error().kind, ErrorKind::kBlocked);
  {
    RunningReceiver receiver(options_for(primary, folder.file("spool"), "r1"), target);
    ASSERT_TRUE(receiver.wait_for(
        [](const WalReceiverStatus& s) { return s.flushed.value != 0 && s.upload.uploaded == s.flushed; }));
    target.fail(true);
  }
  auto proof = request_seal(w.env, folder.file("spool"), "r1", 5s, &target);
  ASSERT_TRUE(proof) << proof.error().text;
  EXPECT_FALSE(proof->by_running_receiver);
  EXPECT_FALSE(proof->in_vault);
  EXPECT_EQ(proof->vault_error, "the vault does not answer");
  // The receiver's next start brings the seal to the vault, and streams nothing.
  target.fail(false);
  RunningReceiver again(options_for(primary, folder.file("spool"), "r1"), target);
  ASSERT_TRUE(again.wait_for([](const WalReceiverStatus& s) { return s.upload.seal_in_vault.has_value(); }));
  EXPECT_EQ(target.end(1), proof->seal.lsn);
  EXPECT_EQ(read_spool_seals(w.files, folder.file("spool"))->size(), 1U);
}

// Its disk was lost after it sealed: the receiver that takes its place with an empty spool is bound by the vault's seal.
TEST(WalSeal, BindsAReceiverWhoseDiskWasLost) {
  SealWorld w;
  TestCluster primary;
  primary.init();
  primary.start();
  TestFolder folder;
  MemoryTarget target;
  {
    RunningReceiver receiver(options_for(primary, folder.file("spool"), "r1"), target);
    ASSERT_TRUE(receiver.wait_for([](const WalReceiverStatus& s) { return s.flushed.value != 0; }));
    const auto proof = request_seal(w.env, folder.file("spool"), "r1", 60s);
    ASSERT_TRUE(proof && proof->in_vault);
  }
  make_synchronous(primary, "ANY 1 (r1, r2)");
  target.fail(true);
  RunningReceiver again(options_for(primary, folder.file("empty"), "r1"), target);
  ASSERT_TRUE(again.wait_for([](const WalReceiverStatus& s) { return !s.error.empty(); }));
  remote::PgConnection client = primary.connect();
  EXPECT_FALSE(client.query("CREATE TABLE t(a int)", {}, 3s)) << "acknowledged without knowing whether it had sealed";
  target.fail(false);
  const Status refused = again.finish();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kBlocked);
  remote::PgConnection other = primary.connect();
  EXPECT_FALSE(other.query("CREATE TABLE u(a int)", {}, 3s)) << "acknowledged by a receiver that had sealed";
  // What r1 promised binds nobody else.
  RunningReceiver r2(options_for(primary, folder.file("r2"), "r2"), target);
  ASSERT_TRUE(r2.wait_streaming()) << r2.status().error;
  EXPECT_TRUE(other.query("CREATE TABLE v(a int)", {}, 60s) || primary.connect().query("CREATE TABLE w(a int)", {}, 60s));
}

}  // namespace
}  // namespace hf::sources
