// Against a real server: queries, errors, slots, streaming, base backup.
#include "remote/postgres.h"

#include <gtest/gtest.h>

#include <thread>

#include "remote/postgres_preflight.h"
#include "remote/postgres_replication.h"
#include "remote/testing_postgres.h"

namespace hf::remote {
namespace {

class Postgres : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    cluster = new TestCluster;
    cluster->init({{"max_replication_slots", "3"}});
    cluster->start();
  }
  static void TearDownTestSuite() {
    delete cluster;
    cluster = nullptr;
  }
  static TestCluster* cluster;
  SystemClock clock;
};
TestCluster* Postgres::cluster = nullptr;

TEST_F(Postgres, QueryReturnsTextNullsAndTag) {
  PgConnection c = cluster->connect("my name");
  EXPECT_GE(c.server_version(), kPgOldestVersion);
  auto rows = c.query("SELECT $1::int + 1 AS n, NULL, 'x'", {"41"});
  ASSERT_TRUE(rows) << rows.error().text;
  EXPECT_EQ(rows->columns[0], "n");
  EXPECT_EQ(rows->text(0, 0), "42");
  EXPECT_TRUE(rows->is_null(0, 1));
  EXPECT_EQ(rows->tag, "SELECT 1");
  EXPECT_EQ(c.query_value("SHOW application_name").value(), "my name");
  EXPECT_EQ(c.query_value("SELECT 1; SELECT 2").value(), "2");
  EXPECT_FALSE(c.query_value("SELECT 1 WHERE false"));
}

TEST_F(Postgres, ErrorsKeepTheirStateAndTheConnectionStaysUsable) {
  PgConnection c = cluster->connect();
  auto bad = c.query("SELEC 1");
  ASSERT_FALSE(bad);
  EXPECT_EQ(sqlstate_of(bad.error()), "42601");
  EXPECT_EQ(bad.error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(bad.error().effect, Effect::kNone);
  EXPECT_TRUE(c.usable());
  EXPECT_EQ(c.query_value("SELECT 1").value(), "1");
}

TEST_F(Postgres, ASlowStatementIsEndedByTheServerBeforeTheDeadline) {
  PgConnection c = cluster->connect();
  auto slow = c.query("SELECT pg_sleep(60)", {}, 600ms);
  // The server's answer has to come before our own deadline: a busy machine gets more time for it.
  for (Micros timeout = 3s; !c.usable() && timeout < 60s; timeout *= 4) {
    c = cluster->connect();
    slow = c.query("SELECT pg_sleep(60)", {}, timeout);
  }
  ASSERT_FALSE(slow);
  EXPECT_EQ(slow.error().kind, ErrorKind::kTimeout);
  EXPECT_EQ(sqlstate_of(slow.error()), "57014");
  EXPECT_EQ(slow.error().effect, Effect::kNone);
  EXPECT_TRUE(c.usable());
}

TEST_F(Postgres, NoServerAndBadStringsSayWhatToDo) {
  auto none = PgConnection::connect("host=/nonexistent user=x", clock);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::kUnavailable);
  EXPECT_FALSE(none.error().hint.empty());
  auto password = PgConnection::connect(cluster->dsn() + " password=x", clock);
  ASSERT_FALSE(password);
  EXPECT_EQ(password.error().kind, ErrorKind::kUsage);
  auto unknown = PgConnection::connect("nonsense=1", clock);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::kUsage);
  auto role = PgConnection::connect("host=" + cluster->folder() + " user=nobody dbname=postgres", clock);
  ASSERT_FALSE(role);
  EXPECT_EQ(role.error().kind, ErrorKind::kDenied) << role.error().text;
  EXPECT_EQ(sqlstate_of(role.error()), "28000");
}

TEST_F(Postgres, SlotsAreMadeReadLimitedAndDropped) {
  PgReplication r = cluster->replicate();
  auto system = r.identify_system();
  ASSERT_TRUE(system) << system.error().text;
  EXPECT_EQ(system->timeline, 1U);
  EXPECT_EQ(r.wal_segment_size().value(), 1U << 20);
  EXPECT_FALSE(r.read_slot("a")->exists);
  ASSERT_TRUE(r.create_physical_slot("a"));
  auto slot = r.read_slot("a");
  ASSERT_TRUE(slot);
  EXPECT_TRUE(slot->exists && slot->physical && slot->restart_lsn);
  EXPECT_EQ(r.create_physical_slot("a").error().kind, ErrorKind::kExists);
  ASSERT_TRUE(r.create_physical_slot("b"));
  ASSERT_TRUE(r.create_physical_slot("c"));
  EXPECT_EQ(r.create_physical_slot("d").error().kind, ErrorKind::kExhausted);
  PgConnection c = cluster->connect();
  PgPreflightOptions options{"d", system->system_id + 1};
  auto findings = replication_preflight(c, options);
  ASSERT_TRUE(findings) << findings.error().text;
  ASSERT_EQ(findings->size(), 2U);
  EXPECT_EQ((*findings)[0].error.kind, ErrorKind::kBlocked);    // another cluster
  EXPECT_EQ((*findings)[1].error.kind, ErrorKind::kExhausted);  // no slot left
  for (const char* name : {"a", "b", "c"}) EXPECT_TRUE(r.drop_slot(name));
  EXPECT_EQ(r.drop_slot("a").error().kind, ErrorKind::kNotFound);
  EXPECT_TRUE(replication_preflight(c, {"d", system->system_id})->empty());
  EXPECT_EQ(r.timeline_history(1).error().kind, ErrorKind::kNotFound);
}

TEST_F(Postgres, PreflightNamesRemoteApply) {
  PgConnection c = cluster->connect();
  ASSERT_TRUE(c.query("CREATE ROLE careful; ALTER ROLE careful SET synchronous_commit = remote_apply"));
  auto findings = replication_preflight(c, {});
  ASSERT_TRUE(findings) << findings.error().text;
  ASSERT_EQ(findings->size(), 1U);
  EXPECT_FALSE((*findings)[0].fatal);
  EXPECT_NE((*findings)[0].error.text.find("role careful"), std::string::npos);
  ASSERT_TRUE(c.query("DROP ROLE careful"));
}

TEST_F(Postgres, PreflightNamesAStandbyToWhoeverAcknowledges) {
  TestCluster standby;
  standby.copy_from(*cluster);
  standby.start();
  PgPreflightOptions receiver;
  receiver.acknowledges = true;
  PgConnection there = standby.connect();
  const auto findings = replication_preflight(there, receiver);
  ASSERT_TRUE(findings) << findings.error().text;
  ASSERT_EQ(findings->size(), 1U);
  EXPECT_FALSE((*findings)[0].fatal);
  EXPECT_NE((*findings)[0].error.text.find("is a standby"), std::string::npos);
  EXPECT_TRUE(replication_preflight(there, {})->empty()) << "a backup may well come from a standby";
  PgConnection here = cluster->connect();
  EXPECT_TRUE(replication_preflight(here, receiver)->empty());
}

TEST_F(Postgres, StreamDeliversWhatIsWrittenAndAFlushReleasesASynchronousCommit) {
  PgReplication r = cluster->replicate("rec");
  auto system = r.identify_system();
  ASSERT_TRUE(system);
  Lsn start{system->flushed.value / (1 << 20) * (1 << 20)};
  auto stream = r.start_streaming("", start, 1);
  ASSERT_TRUE(stream) << stream.error().text;
  PgConnection c = cluster->connect();
  ASSERT_TRUE(c.query("ALTER SYSTEM SET synchronous_standby_names = 'rec'"));
  ASSERT_TRUE(c.query("SELECT pg_reload_conf()"));
  std::jthread writer([&] { EXPECT_TRUE(c.query("CREATE TABLE s AS SELECT 1", {}, 60s)); });
  Lsn at = start;
  MonoTime deadline = clock.mono() + 60s;
  bool committed = false;
  while (!committed && clock.mono() < deadline) {
    auto m = stream->next(50ms);
    ASSERT_TRUE(m) << m.error().text;
    if (m->kind == WalMessage::Kind::kWal) {
      ASSERT_EQ(m->start, at);
      at = m->start + m->data.size();
    }
    ASSERT_TRUE(stream->send_status(at, at, Lsn{}));
    committed = cluster->value("SELECT count(*) FROM pg_class WHERE relname = 's'") == "1";
  }
  EXPECT_TRUE(committed);
  writer.join();
  PgConnection other = cluster->connect();
  ASSERT_TRUE(other.query("ALTER SYSTEM RESET synchronous_standby_names"));
  ASSERT_TRUE(other.query("SELECT pg_reload_conf()"));
}

TEST_F(Postgres, ACommitWhoseWaitIsCancelledIsNotReportedAsCommitted) {
  PgConnection c = cluster->connect();
  ASSERT_TRUE(c.query("ALTER SYSTEM SET synchronous_standby_names = 'nobody'"));
  ASSERT_TRUE(c.query("SELECT pg_reload_conf()"));
  PgConnection writer = cluster->connect("waits");
  Result<PgRows> done;
  std::jthread thread([&] { done = writer.query("CREATE TABLE w AS SELECT 1", {}, 60s); });
  MonoTime deadline = clock.mono() + 30s;
  std::string cancel =
      "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
  while (clock.mono() < deadline && c.query_value(cancel).value() == "0") {}
  thread.join();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().effect, Effect::kMaybe);
  ASSERT_TRUE(c.query("ALTER SYSTEM RESET synchronous_standby_names"));
  ASSERT_TRUE(c.query("SELECT pg_reload_conf()"));
}

TEST_F(Postgres, AFrozenServerEndsInATimeoutThatMayHaveHappened) {
  TestCluster frozen;
  frozen.init();
  frozen.start();
  PgConnection c = frozen.connect();
  frozen.freeze();
  auto lost = c.query("SELECT 1", {}, 500ms);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().kind, ErrorKind::kTimeout);
  EXPECT_FALSE(c.usable());
  PgConnectOptions options;
  options.timeout = 500ms;
  auto refused = PgConnection::connect(frozen.dsn(), clock, options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kTimeout);
  frozen.thaw();
}

TEST_F(Postgres, BaseBackupIsFramedAndEndsWithAPosition) {
  PgReplication r = cluster->replicate();
  std::vector<std::string> archives;
  Bytes manifest;
  std::uint64_t bytes = 0;
  BaseBackupSink sink;
  BaseBackupStart started;
  sink.on_start = [&](const BaseBackupStart& s) {
    started = s;
    return ok();
  };
  sink.on_archive = [&](const std::string& name, const std::string&) {
    archives.push_back(name);
    return ok();
  };
  sink.on_data = [&](ByteView d) {
    bytes += d.size();
    return ok();
  };
  sink.on_manifest = [&](ByteView d) {
    manifest.insert(manifest.end(), d.begin(), d.end());
    return ok();
  };
  BaseBackupOptions options;
  options.manifest = true;
  auto end = r.base_backup(options, sink);
  ASSERT_TRUE(end) << end.error().text;
  EXPECT_EQ(archives, std::vector<std::string>{"base.tar"});
  EXPECT_GT(bytes, 5U << 20);
  EXPECT_GE(end->end_lsn, started.lsn);
  EXPECT_NE(as_text(manifest).find("WAL-Ranges"), std::string_view::npos);
  EXPECT_TRUE(r.usable());
  EXPECT_TRUE(r.identify_system());
  sink.on_data = [](ByteView) -> Status { return make_error(ErrorKind::kExhausted, "full"); };
  auto stopped = r.base_backup(options, sink);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::kExhausted);
  EXPECT_FALSE(r.usable());
}

}  // namespace
}  // namespace hf::remote
