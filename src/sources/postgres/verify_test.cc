#include "sources/postgres/verify.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "remote/testing_postgres.h"
#include "sources/postgres/backup.h"
#include "sources/testing_vault.h"

namespace hf::sources {
namespace {

using testing::archive_wal;
using testing::TestVault;
using testing::World;

const Secret kCanaryKey{Bytes(32, 0x33)};

class PostgresVerify : public ::testing::Test {
 protected:
  PostgresVerify() {
    world.sql(server, "create table orders (id int primary key); insert into orders select generate_series(1, 100)");
    PostgresBackupOptions backup;
    backup.dsn = server.dsn();
    backup.component = "orders";
    const auto report = backup_postgres(world.env, *vault, backup);
    EXPECT_TRUE(report) << report.error().text;
    if (report) start = report->info.start_lsn;
    EXPECT_TRUE(make_owned_dir(root(), std::nullopt, 0711));
    options.scratch_root = root();
    options.postgres_root = remote::test_postgres_root();
    options.owner = world.user;
    options.check = hmac_check(kCanaryKey);
  }
  std::string root() const { return world.path("scratch"); }
  bool nothing_left() const { return std::filesystem::is_empty(root()); }
  CanaryRow write_canaries(int count) {
    CanaryOptions canary;
    canary.dsn = server.dsn();
    canary.origin = "test";
    canary.sign = hmac_signer(kCanaryKey);
    CanaryWriter writer(world.env, canary);
    EXPECT_TRUE(writer.prepare());
    CanaryRow last;
    for (int i = 0; i < count; ++i) last = writer.write().value();
    return last;
  }

  World world;
  PostgresServer server = world.make_server("a");
  TestVault vault{world};
  VerifyOptions options;
  Lsn start;
};

TEST_F(PostgresVerify, MeasuresWhatCameBack) {
  const CanaryRow archived = write_canaries(5);
  ASSERT_TRUE(archive_wal(world, *vault, server, start));
  options.last_written = write_canaries(3);                       // these never reached the vault
  options.reference = options.last_written->written + 10s;
  options.assertions = {{"orders", "select count(*) = 100 from orders", "", "t"}, {"by value", "select 6 * 7", "", "42"}};
  options.amcheck = true;
  options.rto_objective = 1h;
  options.rpo_objective = 1us;
  int asked = 0;
  options.more = [&](const PostgresServer& scratch, remote::PgConnection& connection) -> Status {
    ++asked;
    EXPECT_TRUE(scratch.options().listen_address.empty());
    return connection.query_value("select 1") ? ok() : make_error(ErrorKind::kFailed, "no answer");
  };
  const auto report = verify_postgres(world.env, *vault, options);
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_TRUE(report->passed());
  EXPECT_TRUE(report->torn_down);
  EXPECT_TRUE(nothing_left());
  EXPECT_EQ(asked, 1);
  ASSERT_TRUE(report->last_found);
  EXPECT_EQ(report->last_found->number, archived.number);
  EXPECT_EQ(report->lost, 3u);
  EXPECT_EQ(*report->rpo, *options.reference - archived.written);
  ASSERT_EQ(report->assertions.size(), 3u);
  EXPECT_TRUE(report->assertions[2].ok) << report->assertions[2].detail;
  ASSERT_EQ(report->objectives.size(), 2u);
  EXPECT_TRUE(report->objectives[0].met);
  EXPECT_FALSE(report->objectives[1].met);
  EXPECT_EQ(report->timeline, 2u);
  EXPECT_GE(*report->rto, report->booted_after);
  const Json json = to_json(*report);
  EXPECT_EQ(json["component"].as_string(), "orders");
  EXPECT_EQ(json["canary"]["lost"].as_string(), "3");
  EXPECT_TRUE(json["torn_down"].as_bool());
}

TEST_F(PostgresVerify, AFailingAssertionFailsIt) {
  options.assertions = {{"too many", "select count(*) > 100 from orders", "", "t"}, {"broken", "select * from nowhere", "", "t"}};
  const auto report = verify_postgres(world.env, *vault, options);
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_FALSE(report->passed());
  EXPECT_TRUE(report->torn_down);
  EXPECT_FALSE(report->assertions[0].ok);
  EXPECT_NE(report->assertions[1].detail.find("nowhere"), std::string::npos);
  EXPECT_FALSE(report->last_found);
  EXPECT_EQ(report->rpo_by, report->rpo ? "commit" : "");
  EXPECT_TRUE(nothing_left());
}

TEST_F(PostgresVerify, AStopWhileTheServerRunsLeavesNothing) {
  std::stop_source stop;
  options.stop = stop.get_token();
  pid_t pid = 0;
  std::ifstream log;
  options.more = [&](const PostgresServer& scratch, remote::PgConnection&) -> Status {
    pid = scratch.identity().pid;
    log.open(scratch.options().log_file);
    stop.request_stop();
    return make_error(ErrorKind::kCancelled, "stopped");
  };
  const auto report = verify_postgres(world.env, *vault, options);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::kCancelled);
  ASSERT_NE(pid, 0);
  EXPECT_NE(kill(pid, 0), 0);
  EXPECT_TRUE(nothing_left());
  const std::string said{std::istreambuf_iterator<char>(log), {}};
  EXPECT_NE(said.find("ready to accept connections"), std::string::npos);
  EXPECT_EQ(said.find("shutdown request"), std::string::npos) << "a stop waits for no orderly end of what is thrown away";
  const auto never = verify_postgres(world.env, *vault, options);  // stopped before it began
  EXPECT_FALSE(never);
  EXPECT_TRUE(nothing_left());
}

TEST_F(PostgresVerify, AServerThatCannotRecoverIsAnErrorAndLeavesNothing) {
  options.target.kind = TargetKind::kTime;
  options.target.time = world.clock.wall() + 24h;
  EXPECT_EQ(verify_postgres(world.env, *vault, options).error().kind, ErrorKind::kBlocked);
  options.target = {};
  options.wal.program = "/bin/false";                              // "no such WAL" for everything: recovery cannot begin
  const auto report = verify_postgres(world.env, *vault, options);
  ASSERT_FALSE(report);
  EXPECT_TRUE(nothing_left());
}

}  // namespace
}  // namespace hf::sources
