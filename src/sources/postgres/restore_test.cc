// Backup and restore against a real server: nothing here is faked but the receiver (testing_vault.h).
#include "sources/postgres/restore.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "sources/postgres/backup.h"
#include "sources/testing_vault.h"

namespace hf::sources {
namespace {

using testing::archive_wal;
using testing::TestVault;
using testing::World;

PostgresBackupReport must_back_up(World& world, TestVault& vault, const PostgresServer& server) {
  PostgresBackupOptions options;
  options.dsn = server.dsn();
  options.component = "orders";
  options.host = "test-host";
  auto report = backup_postgres(world.env, *vault, options);
  if (!report) {
    ADD_FAILURE() << report.error().text << " / " << report.error().hint;
    std::abort();
  }
  return *report;
}

Result<RestorePlan> plan(TestVault& vault, RecoveryTarget target) { return plan_restore(*vault, target, {}); }

RecoveryTarget at_time(WallTime time) { RecoveryTarget t; t.kind = TargetKind::kTime; t.time = time; return t; }
RecoveryTarget at_lsn(Lsn lsn) { RecoveryTarget t; t.kind = TargetKind::kLsn; t.lsn = lsn; return t; }
RecoveryTarget at_name(const std::string& name) { RecoveryTarget t; t.kind = TargetKind::kName; t.name = name; return t; }
RecoveryTarget at_snapshot(const std::string& id) { RecoveryTarget t; t.kind = TargetKind::kSnapshot; t.snapshot = id; return t; }

Result<PostgresRestoreReport> restore_to(World& world, TestVault& vault, const RestorePlan& plan, const std::string& name) {
  PostgresRestoreOptions options;
  options.data_dir = world.path(name);
  options.owner = world.user;
  return restore_postgres(world.env, *vault, plan, options);
}

// Starts what was restored, past the end of its recovery.
Result<PostgresServer> boot(World& world, const std::string& name) {
  ServerOptions options = world.server_options(world.path(name));
  options.settings = {{"fsync", "off"}};
  HF_ASSIGN(PostgresServer server, PostgresServer::start(world.env, options));
  HF_TRY(server.wait_ready(world.soon(60s), {}, ServerState::kReadWrite));
  return server;
}

// Rows of `orders` after a restore to `target`; or the error.
std::string rows_at(World& world, TestVault& vault, RecoveryTarget target, const std::string& name) {
  const auto decided = plan(vault, target);
  if (!decided) return decided.error().text;
  const auto restored = restore_to(world, vault, *decided, name);
  if (!restored) return restored.error().text;
  auto server = boot(world, name);
  if (!server) return server.error().text;
  return world.sql(*server, "select count(*) from orders");
}

WallTime server_time(World& world, const PostgresServer& server) {
  const std::string text =
      world.sql(server, "select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')");
  return parse_time(text).value();
}

Lsn server_lsn(World& world, const PostgresServer& server) {
  return parse_lsn(world.sql(server, "select pg_current_wal_lsn()")).value();
}

TEST(PostgresRestore, ABackupUnderLoadComesBackRowByRow) {
  World world;
  PostgresServer server = world.make_server("a");
  TestVault vault(world);
  ASSERT_TRUE(make_owned_dir(world.path("fast"), world.user));
  world.sql(server, "create tablespace fast location '" + world.path("fast") + "'");
  world.sql(server,
            "create table orders (id bigserial primary key, note text default repeat('n', 300), sum int default 0);"
            "insert into orders select from generate_series(1, 20000);"
            "create table spaced (id int primary key) tablespace fast; insert into spaced select generate_series(1, 5000);"
            "create unlogged table volatile (id int); insert into volatile select generate_series(1, 1000)");
  std::atomic<bool> stop{false};
  std::atomic<int> acknowledged{0};
  std::jthread load([&] {
    auto connection = remote::PgConnection::connect(server.dsn(), world.clock).value();
    while (!stop) {
      ASSERT_TRUE(connection.query("insert into orders select from generate_series(1, 10); "
                                   "update orders set sum = sum + 1 where id % 997 = 0"));
      ++acknowledged;
    }
  });
  while (acknowledged < 3) world.clock.sleep_until(world.soon(1ms), {});
  const int before = std::stoi(world.sql(server, "select count(*) from orders"));
  const PostgresBackupReport backup = must_back_up(world, vault, server);
  const int after = std::stoi(world.sql(server, "select count(*) from orders"));
  stop = true;
  load.join();
  EXPECT_GE(backup.wal_durable, backup.info.stop_lsn);
  EXPECT_EQ(backup.info.tablespaces.size(), 1u);
  EXPECT_GT(backup.snapshot.files, 900u);

  const auto decided = plan(vault, at_snapshot("latest"));
  ASSERT_TRUE(decided) << decided.error().text;
  const auto restored = restore_to(world, vault, *decided, "b");
  ASSERT_TRUE(restored) << restored.error().text << restored.error().hint;
  struct stat info{};
  ASSERT_EQ(stat(world.path("b").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0700u);
  EXPECT_EQ(info.st_uid, world.user ? world.user->uid : geteuid());
  EXPECT_FALSE(std::filesystem::exists(world.path("b/postmaster.pid")));
  EXPECT_FALSE(std::filesystem::exists(world.path("b/") + kRestoreMarker));
  ProcessSpec check;                                  // PostgreSQL's own opinion of the files that we did not change
  check.argv = {testing::test_binaries().program("pg_verifybackup"), "-n", "-i", "postgresql.auto.conf", "-i", "recovery.signal",
                "-i", "tablespace_map", "-i", kRecoveryFolder, "-i", "tablespaces", "-i", "pg_tblspc", world.path("b")};
  const auto opinion = run_process(world.processes, world.clock, check, 60s);
  ASSERT_TRUE(opinion);
  EXPECT_EQ(opinion->code, 0) << opinion->output << opinion->errors;

  auto twin = boot(world, "b");
  ASSERT_TRUE(twin) << twin.error().text;
  const int found = std::stoi(world.sql(*twin, "select count(*) from orders"));
  EXPECT_GE(found, before);
  EXPECT_LE(found, after + 10);
  EXPECT_EQ(world.sql(*twin, "select count(*) = max(id) from orders"), "t");
  EXPECT_EQ(world.sql(*twin, "select count(*), sum(id) from spaced"), world.sql(server, "select count(*), sum(id) from spaced"));
  EXPECT_EQ(world.sql(*twin, "select count(*) from volatile"), "0");
  EXPECT_EQ(world.sql(*twin, "select pg_tablespace_location(oid) from pg_tablespace where spcname = 'fast'"),
            world.path("b/tablespaces/") + std::to_string(backup.info.tablespaces[0].oid));
  EXPECT_EQ(world.sql(*twin, "create extension amcheck; select count(bt_index_check(c.oid, true)) > 0 from pg_class c "
                             "join pg_am a on a.oid = c.relam where a.amname = 'btree' and c.relkind = 'i' and "
                             "c.relpersistence = 'p'"), "t");
  EXPECT_EQ(world.sql(*twin, "show archive_mode"), "off");
}

TEST(PostgresRestore, ToATimeAPositionANameOrTheEnd) {
  World world;
  PostgresServer server = world.make_server("a");
  TestVault vault(world);
  world.sql(server, "create table orders (id int primary key); insert into orders select generate_series(1, 100)");
  const WallTime too_early = server_time(world, server);
  const PostgresBackupReport backup = must_back_up(world, vault, server);
  world.sql(server, "insert into orders select generate_series(101, 150)");
  world.sql(server, "select pg_create_restore_point('before the delete')");
  const WallTime time = server_time(world, server);
  const Lsn lsn = server_lsn(world, server);
  world.sql(server, "delete from orders where id > 10");
  world.sql(server, "insert into orders values (1000)");
  ASSERT_TRUE(archive_wal(world, *vault, server, backup.info.start_lsn));
  const Lsn end = server_lsn(world, server);

  EXPECT_EQ(rows_at(world, vault, at_time(time), "t"), "150");
  EXPECT_EQ(rows_at(world, vault, at_lsn(lsn), "l"), "150");
  EXPECT_EQ(rows_at(world, vault, at_name("before the delete"), "n"), "150");
  EXPECT_EQ(rows_at(world, vault, {}, "e"), "11");
  EXPECT_EQ(rows_at(world, vault, at_snapshot(to_hex(backup.snapshot.id).substr(0, 10)), "s"), "100");

  // Each refusal says the nearest target, and that one works.
  const auto early = plan(vault, at_time(too_early));
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().kind, ErrorKind::kBlocked);
  EXPECT_EQ(early.error().object, format_time(backup.info.finished));
  const auto late = plan(vault, at_time(server_time(world, server) + 1h));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, ErrorKind::kBlocked);
  EXPECT_EQ(rows_at(world, vault, at_time(parse_time(late.error().object).value()), "late"), "11");
  const auto far = plan(vault, at_lsn(end + (1u << 30)));
  ASSERT_FALSE(far);
  EXPECT_EQ(far.error().kind, ErrorKind::kBlocked);
  EXPECT_EQ(rows_at(world, vault, at_lsn(parse_lsn(far.error().object).value()), "far"), "11");
  EXPECT_EQ(plan(vault, at_lsn(Lsn{backup.info.start_lsn.value - 1})).error().object, format_lsn(backup.info.stop_lsn));
  const auto unnamed = plan(vault, at_name("nobody made it"));
  ASSERT_FALSE(unnamed);
  EXPECT_NE(unnamed.error().hint.find("before the delete"), std::string::npos);
  vault::SnapshotFilter other;
  other.component = "invoices";
  EXPECT_EQ(plan_restore(*vault, {}, other).error().kind, ErrorKind::kNotFound);

  ASSERT_TRUE(make_owned_dir(world.path("full"), world.user));
  std::ofstream(world.path("full/file")) << "mine";
  const auto full = restore_to(world, vault, plan(vault, {}).value(), "full");
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().kind, ErrorKind::kBlocked);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(world.path("full")), {}), 1);
}

TEST(PostgresRestore, FollowsTheBranchThatIsAskedFor) {
  World world;
  PostgresServer server = world.make_server("a");
  TestVault vault(world);
  world.sql(server, "create table orders (id int primary key); insert into orders select generate_series(1, 100)");
  const PostgresBackupReport first = must_back_up(world, vault, server);
  world.sql(server, "insert into orders select generate_series(101, 150)");
  const Lsn fork = server_lsn(world, server);
  world.sql(server, "insert into orders select generate_series(151, 175)");     // the old branch goes on
  ASSERT_TRUE(archive_wal(world, *vault, server, first.info.start_lsn));
  ASSERT_TRUE(restore_to(world, vault, plan(vault, at_lsn(fork)).value(), "b"));
  {
    auto promoted = boot(world, "b");
    ASSERT_TRUE(promoted) << promoted.error().text;
    EXPECT_EQ(world.sql(*promoted, "select count(*) from orders"), "150");
    world.sql(*promoted, "insert into orders select generate_series(1001, 1300)");
    ASSERT_TRUE(archive_wal(world, *vault, *promoted, fork, 2));
    EXPECT_EQ(rows_at(world, vault, {}, "new-from-old-base"), "450") << "from the first base, across the switch";
    world.sql(*promoted, "insert into orders values (2000)");
    const PostgresBackupReport second = must_back_up(world, vault, *promoted);
    EXPECT_EQ(second.info.timeline, 2u);
    EXPECT_EQ(second.info.system_id, first.info.system_id);
  }
  RecoveryTarget old_branch;
  old_branch.timeline = 1;
  EXPECT_EQ(rows_at(world, vault, old_branch, "old"), "175");
  EXPECT_EQ(rows_at(world, vault, {}, "new"), "451");
  EXPECT_EQ(plan(vault, {}).value().timeline, 2u);
  EXPECT_EQ(rows_at(world, vault, at_lsn(fork), "fork"), "150");
  RecoveryTarget unknown;
  unknown.timeline = 7;
  EXPECT_EQ(plan(vault, unknown).error().kind, ErrorKind::kBlocked);
}

TEST(PostgresBackup, TheSecondOneStoresWhatChanged) {
  World world;
  PostgresServer server = world.make_server("a");
  TestVault vault(world);
  world.sql(server, "create table orders (id int primary key, note text); "
                    "insert into orders select g, md5(g::text) || md5((g+1)::text) from "
                    "generate_series(1, 200000) g; checkpoint");
  const PostgresBackupReport first = must_back_up(world, vault, server);
  world.sql(server, "update orders set note = 'changed' where id = 777");
  const PostgresBackupReport second = must_back_up(world, vault, server);
  EXPECT_GT(first.snapshot.new_bytes, 20u << 20);
  EXPECT_LT(second.snapshot.new_bytes, first.snapshot.new_bytes / 20);
  EXPECT_EQ(rows_at(world, vault, at_snapshot(to_hex(second.snapshot.id)), "b"), "200000");
}

TEST(PostgresBackup, RefusesWhatCannotBecomeConsistent) {
  World world;
  PostgresServer server = world.make_server("a", {{"full_page_writes", "off"}});
  TestVault vault(world);
  PostgresBackupOptions options;
  options.dsn = server.dsn();
  const auto torn = backup_postgres(world.env, *vault, options);
  ASSERT_FALSE(torn);
  EXPECT_EQ(torn.error().kind, ErrorKind::kBlocked);
  EXPECT_NE(torn.error().hint.find("full_page_writes = on"), std::string::npos);
  EXPECT_TRUE(vault->snapshots().value().empty());
  world.sql(server, "alter system set full_page_writes = on");
  world.sql(server, "select pg_reload_conf()");
  options.component = "orders";
  std::stop_source stop;
  stop.request_stop();
  options.stop = stop.get_token();
  EXPECT_FALSE(backup_postgres(world.env, *vault, options));
  EXPECT_TRUE(vault->snapshots().value().empty()) << "what was stopped is no snapshot";
  options.stop = {};
  ASSERT_TRUE(backup_postgres(world.env, *vault, options));
  EXPECT_EQ(world.sql(server, "select count(*) from pg_replication_slots"), "0");
  PostgresServer other = world.make_server("other");
  options.dsn = other.dsn();
  const auto wrong = backup_postgres(world.env, *vault, options);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().kind, ErrorKind::kBlocked);
  options.accept_new_cluster = true;
  EXPECT_TRUE(backup_postgres(world.env, *vault, options));
}

TEST(PostgresRestore, DamageIsRefusedAndTheFolderDoesNotStart) {
  World world;
  PostgresServer server = world.make_server("a");
  TestVault vault(world);
  world.sql(server, "create table orders (id int primary key); insert into orders select generate_series(1, 1000)");
  must_back_up(world, vault, server);
  const RestorePlan decided = plan(vault, at_snapshot("latest")).value();
  std::filesystem::path largest;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(vault.folder() + "/packs")) {
    if (!entry.is_regular_file()) continue;
    if (largest.empty() || entry.file_size() > std::filesystem::file_size(largest)) largest = entry.path();
  }
  {
    std::filesystem::permissions(largest, std::filesystem::perms::owner_all);
    std::fstream pack(largest, std::ios::in | std::ios::out | std::ios::binary);
    const auto middle = static_cast<std::streamoff>(std::filesystem::file_size(largest) / 2);
    pack.seekg(middle);
    const char byte = static_cast<char>(pack.get());
    pack.seekp(middle);
    pack.put(static_cast<char>(byte ^ 1));
  }
  vault.reopen();
  const auto restored = restore_to(world, vault, decided, "b");
  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().kind, ErrorKind::kCorrupt) << restored.error().text;
  EXPECT_TRUE(std::filesystem::exists(world.path("b/") + kRestoreMarker));
  EXPECT_FALSE(std::filesystem::exists(world.path("b/PG_VERSION")));
  EXPECT_FALSE(boot(world, "b"));
  const auto again = restore_to(world, vault, decided, "b");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::kBlocked) << "a half-done restore is not taken for an empty folder";
}

TEST(RestoreCommand, QuotesForTheShellAndForPostgres) {
  WalAccess staged;
  EXPECT_EQ(restore_command(staged, "/x/100%/it's"),
            "test -e '/x/100%%/it'\\''s'/complete || exit 255; test -e '/x/100%%/it'\\''s'/%f || exit 1; "
            "cp '/x/100%%/it'\\''s'/%f \"%p\" || exit 255");
  staged.program = "/usr/bin/holdfast";
  EXPECT_EQ(restore_command(staged, "/x"), "'/usr/bin/holdfast' wal fetch --staged '/x' %f \"%p\"");
  WalAccess keyed{"/etc/key", "/srv/vault", "/usr/bin/holdfast"};
  EXPECT_EQ(restore_command(keyed, ""),
            "'/usr/bin/holdfast' wal fetch --vault '/srv/vault' --key-file '/etc/key' --tail any %f \"%p\"");
}

}  // namespace
}  // namespace hf::sources
