#include "sources/postgres/server.h"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#include "remote/postgres.h"
#include "sources/testing_postgres.h"

namespace hf::sources {
namespace {

using testing::World;

std::string slurp(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// Processes whose command line or title names `word`.
int processes_naming(World& world, const std::string& word) {
  ProcessSpec spec;
  spec.argv = {"/bin/sh", "-c", "for p in /proc/[0-9]*; do [ \"$(readlink $p/cwd)\" = \"" + word + "\" ] && echo x; done; true"};
  const auto exit = run_process(world.processes, world.clock, spec, 20s);
  return exit ? static_cast<int>(std::count(exit->output.begin(), exit->output.end(), 'x')) : -1;
}

TEST(QuoteSetting, DoublesWhatTheServerUnescapes) {
  EXPECT_EQ(quote_setting("it's \\x").value(), "'it''s \\\\x'");
  EXPECT_EQ(quote_setting("a\nb").error().kind, ErrorKind::kInvalid);
}

TEST(FindPostgres, SaysWhatIsMissing) {
  World world;
  const auto none = find_postgres(99);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::kNotFound);
  EXPECT_NE(none.error().text.find("PostgreSQL 99"), std::string::npos);
  EXPECT_NE(none.error().hint.find("postgresql-99"), std::string::npos);
  EXPECT_FALSE(find_postgres({}, world.folder()));
  std::filesystem::create_directories(world.path("9"));
  for (const char* major : {"14", "18", "17", "18.6"}) {
    std::filesystem::create_directories(world.path(major) + "/bin");
    std::ofstream(world.path(major) + "/bin/postgres");
  }
  EXPECT_EQ(find_postgres({}, world.folder()).value().bin_dir, world.path("18/bin"));
  EXPECT_EQ(find_postgres(14, world.folder()).value().major, 14);
  EXPECT_FALSE(find_postgres(15, world.folder()));
  EXPECT_GE(testing::test_binaries().major, 13);
}

TEST(ServerUser, RootIsRefused) {
  EXPECT_EQ(server_user("root").error().kind, geteuid() == 0 ? ErrorKind::kUsage : ErrorKind::kDenied);
  EXPECT_FALSE(server_user("no-such-user-here"));
}

TEST(WriteSettings, ReplacesItsNamesAndKeepsTheRest) {
  World world;
  std::ofstream(world.path("postgresql.auto.conf")) << "# Do not edit\nwork_mem = '1MB'\nPort=1\nport 2\nshared = 'x'";
  ASSERT_TRUE(write_settings(world.env, world.folder(), world.user, {{"port", "3"}, {"cluster_name", "o'brien"}}));
  EXPECT_EQ(slurp(world.path("postgresql.auto.conf")),
            "# Do not edit\nwork_mem = '1MB'\nshared = 'x'\nport = '3'\ncluster_name = 'o''brien'\n");
}

TEST(ReachableBy, NamesTheClosedFolder) {
  World world;
  ASSERT_TRUE(make_owned_dir(world.path("closed"), std::nullopt, 0700));
  std::ofstream(world.path("closed/key")) << "k";
  if (!world.user) {  // nobody else to be: what we own is open to us
    EXPECT_TRUE(reachable_by(world.env, world.user, world.path("closed/key"), Reach::kRead));
    return;
  }
  const Status refused = reachable_by(world.env, world.user, world.path("closed/key"), Reach::kRead);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kDenied);
  EXPECT_NE(refused.error().text.find(world.path("closed") + " is closed"), std::string::npos);
  ASSERT_TRUE(copy_for(world.path("closed/key"), world.path("key"), world.user, 0400));
  EXPECT_TRUE(reachable_by(world.env, world.user, world.path("key"), Reach::kRead));
}

TEST(GiveTree, DoesNotFollowLinks) {
  World world;
  if (!world.user) return;  // only root gives files away
  ASSERT_TRUE(make_owned_dir(world.path("tree/sub"), std::nullopt));
  std::ofstream(world.path("outside")) << "x";
  ASSERT_EQ(symlink(world.path("outside").c_str(), world.path("tree/sub/link").c_str()), 0);
  ASSERT_TRUE(give_tree_to(world.path("tree"), world.user));
  struct stat info{};
  ASSERT_EQ(lstat(world.path("tree/sub/link").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, world.user->uid);
  ASSERT_EQ(stat(world.path("outside").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, geteuid());
}

// The id that postmaster.pid names in its seventh line.
int shared_memory_of(const std::string& data_dir) {
  std::istringstream lines(slurp(data_dir + "/postmaster.pid"));
  std::string line;
  for (int i = 0; i < 7; ++i) std::getline(lines, line);
  return std::stoi(line.substr(line.rfind(' ')));
}

TEST(PostgresServer, StartsAnswersAndStops) {
  World world;
  PostgresServer server = world.make_server("a");
  EXPECT_EQ(world.sql(server, "select 40 + 2"), "42");
  EXPECT_EQ(world.sql(server, "show data_checksums"), "on");
  EXPECT_TRUE(server.stop(StopMode::kFast, world.soon(30s)));
  EXPECT_FALSE(server.running());
  EXPECT_EQ(processes_naming(world, world.path("a")), 0);
  EXPECT_TRUE(server.stop(StopMode::kFast, world.soon(1s)));
}

TEST(PostgresServer, KillTakesEveryBackend) {
  World world;
  PostgresServer server = world.make_server("a");
  EXPECT_GT(processes_naming(world, world.path("a")), 3);
  const int segment = shared_memory_of(world.path("a"));
  shmid_ds state{};
  ASSERT_EQ(shmctl(segment, IPC_STAT, &state), 0);
  remove_shared_memory(world.path("a"));
  ASSERT_EQ(shmctl(segment, IPC_STAT, &state), 0) << "the server lives";
  ASSERT_TRUE(server.kill9());
  EXPECT_EQ(processes_naming(world, world.path("a")), 0);
  EXPECT_NE(shmctl(segment, IPC_STAT, &state), 0) << "a segment is left: see ipcs -m";
  EXPECT_NE(slurp(world.path("a/postmaster.pid")), "");   // nothing was put in order: as after a power cut
  auto again = PostgresServer::start(world.env, world.server_options(world.path("a")));
  ASSERT_TRUE(again) << again.error().text;
  ASSERT_TRUE(again->wait_ready(world.soon(60s)));        // crash recovery
  EXPECT_EQ(world.sql(*again, "select 1"), "1");
  { const PostgresServer gone = std::move(*again); }      // the destructor leaves nothing
  EXPECT_EQ(processes_naming(world, world.path("a")), 0);
}

TEST(PostgresServer, KillTakesBackendsWhosePostmasterDied) {
  World world;
  PostgresServer server = world.make_server("a");
  auto connection = remote::PgConnection::connect(server.dsn(), world.clock);
  ASSERT_TRUE(connection);
  const auto row = connection->query("select pg_backend_pid()");
  ASSERT_TRUE(row);
  const pid_t backend = std::stoi(row->text(0, 0)), postmaster = std::stoi(slurp(world.path("a/postmaster.pid")));
  ASSERT_EQ(::kill(backend, SIGSTOP), 0);                  // it hangs, as one that waits for a lock of the dead
  ASSERT_EQ(::kill(postmaster, SIGKILL), 0);
  while (server.running()) world.clock.sleep_until(world.soon(1ms), {});
  ASSERT_GT(processes_naming(world, world.path("a")), 0);
  ASSERT_TRUE(server.kill9());
  EXPECT_EQ(processes_naming(world, world.path("a")), 0);
}

TEST(PostgresServer, PausedAnswersNothingAndThawedDoes) {
  World world;
  PostgresServer server = world.make_server("a");
  ASSERT_TRUE(server.pause());
  ProcessSpec spec;
  spec.argv = {server.options().binaries.program("pg_isready"), "-q", "-t", "1", "-h", server.options().socket_dir,
               "-p", std::to_string(server.options().port)};
  EXPECT_EQ(run_process(world.processes, world.clock, spec, 20s)->code, 2);  // no response
  ASSERT_TRUE(server.thaw());
  EXPECT_EQ(world.sql(server, "select 7"), "7");
}

// Its archiver is busy, and a fast shutdown waits for it.
TEST(PostgresServer, WhoAsksForHurryDoesNotWaitForItsEnd) {
  World world;
  PostgresServer server =
      world.make_server("a", {{"archive_mode", "on"}, {"archive_command", "touch archiving; sleep 600"}});
  world.sql(server, "create table t (id int); select pg_switch_wal()");
  for (const MonoTime late = world.soon(60s); !file_exists(world.files, world.path("a/archiving"));) {
    ASSERT_LT(world.clock.mono(), late) << server.log_tail();
    world.clock.sleep_until(world.soon(10ms), {});
  }
  std::stop_source hurry;
  std::jthread asks([&] {
    const MonoTime late = world.soon(60s);
    while (server.log_tail().find("fast shutdown request") == std::string::npos && world.clock.mono() < late)
      world.clock.sleep_until(world.soon(10ms), {});
    hurry.request_stop();
  });
  const Status stopped = server.stop(StopMode::kFast, world.soon(90s), hurry.get_token());
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::kCancelled) << stopped.error().text;
  EXPECT_FALSE(server.running());
}

TEST(PostgresServer, SaysWhyItDidNotStart) {
  World world;
  { PostgresServer server = world.make_server("a"); ASSERT_TRUE(server.stop(StopMode::kFast, world.soon(30s))); }
  ServerOptions options = world.server_options(world.path("a"));
  options.settings = {{"shared_buffers", "nonsense"}};
  auto server = PostgresServer::start(world.env, options);
  ASSERT_TRUE(server);
  const Status ready = server->wait_ready(world.soon(30s));
  ASSERT_FALSE(ready);
  EXPECT_EQ(ready.error().kind, ErrorKind::kFailed);
  EXPECT_NE(ready.error().text.find("shared_buffers"), std::string::npos) << ready.error().text;
}

TEST(PostgresServer, AttachFindsAReleasedServer) {
  World world;
  PostgresServer server = world.make_server("a");
  const ServerOptions options = server.options();
  const auto id = server.identity();
  server.release();
  auto found = PostgresServer::attach(world.env, options);
  ASSERT_TRUE(found) << found.error().text;
  EXPECT_EQ(found->identity().pid, id.pid);
  ASSERT_TRUE(found->stop(StopMode::kImmediate, world.soon(30s)));
  EXPECT_EQ(PostgresServer::attach(world.env, options).error().kind, ErrorKind::kNotFound);
}

TEST(PostgresServer, AHotStandbyAnswersButIsNotReadWrite) {
  World world;
  { PostgresServer server = world.make_server("a"); ASSERT_TRUE(server.stop(StopMode::kFast, world.soon(30s))); }
  StandbyOptions standby;
  standby.owner = world.user;
  ASSERT_TRUE(make_standby(world.env, world.path("a"), standby));
  auto server = PostgresServer::start(world.env, world.server_options(world.path("a")));
  ASSERT_TRUE(server);
  ASSERT_TRUE(server->wait_ready(world.soon(60s)));
  EXPECT_EQ(server->wait_ready(world.soon(100ms), {}, ServerState::kReadWrite).error().kind, ErrorKind::kTimeout);
  EXPECT_EQ(world.sql(*server, "select pg_promote(true, 60)"), "t");
  EXPECT_TRUE(server->wait_ready(world.soon(60s), {}, ServerState::kReadWrite));
  EXPECT_EQ(world.sql(*server, "create table t (id int); select pg_is_in_recovery()"), "f");
}

TEST(PostgresServer, SocketPathLimitIsSaid) {
  World world;
  ServerOptions options = world.server_options(world.path("a"));
  options.socket_dir = world.path(std::string(100, 'x'));
  EXPECT_EQ(PostgresServer::start(world.env, options).error().kind, ErrorKind::kInvalid);
}

}  // namespace
}  // namespace hf::sources
