#include "sources/canary.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "sources/testing_postgres.h"

namespace hf::sources {
namespace {

using testing::World;

const Secret kKey{Bytes(32, 0x11)};

CanaryOptions options_for(const PostgresServer& server, const Secret& key) {
  CanaryOptions options;
  options.dsn = server.dsn();
  options.origin = "us-east";
  options.interval = 20ms;
  options.sign = hmac_signer(key);
  return options;
}

Result<CanaryFinding> look(World& world, const PostgresServer& server, const Secret& key) {
  auto connection = remote::PgConnection::connect(server.dsn(), world.clock);
  if (!connection) return connection.error();
  return find_canary(*connection, hmac_check(key));
}

TEST(Canary, SignaturesBindEveryField) {
  const CanaryRow row{7, WallTime(Seconds(1000)), "us-east"};
  const Bytes message = canary_message(1, row);
  const Bytes signature = hmac_signer(kKey)(message).value();
  EXPECT_TRUE(hmac_check(kKey)(message, signature));
  EXPECT_FALSE(hmac_check(Secret(Bytes(32, 0x12)))(message, signature));
  for (const Bytes& other :
       {canary_message(2, row), canary_message(1, {8, row.written, row.origin}),
        canary_message(1, {7, row.written + 1us, row.origin}), canary_message(1, {7, row.written, "us-west"})}) {
    EXPECT_FALSE(hmac_check(kKey)(other, signature));
  }
  EXPECT_FALSE(hmac_signer(Secret(Bytes(8, 1)))(message));
  EXPECT_FALSE(hmac_check(Secret(Bytes(8, 1)))(message, signature));
}

TEST(Canary, NumbersWithoutGapsAcrossWritersAndRestarts) {
  World world;
  PostgresServer server = world.make_server("a");
  EXPECT_FALSE(look(world, server, kKey).value().newest);
  CanaryWriter first(world.env, options_for(server, kKey));
  ASSERT_TRUE(first.prepare());
  ASSERT_TRUE(first.prepare());
  EXPECT_EQ(first.write().value().number, 1u);
  EXPECT_EQ(first.write().value().number, 2u);
  CanaryWriter second(world.env, options_for(server, kKey));
  const CanaryRow third = second.write().value();
  EXPECT_EQ(third.number, 3u);
  EXPECT_FALSE(first.write()) << "its next number was taken";
  EXPECT_EQ(first.write().value().number, 4u) << "and it looks again";
  const CanaryFinding finding = look(world, server, kKey).value();
  EXPECT_EQ(finding.newest->number, 4u);
  EXPECT_EQ(finding.rows, 4u);
  EXPECT_EQ(world.sql(server, "select count(*) = max(number) from holdfast.canary"), "t");

  world.sql(server, "insert into holdfast.canary values (9, 99, 'forger', 'abcd'), (10, 99, 'forger', 'not hex')");
  const CanaryFinding forged = look(world, server, kKey).value();
  EXPECT_EQ(forged.newest->number, 4u);
  EXPECT_EQ(forged.unsigned_rows, 2u);
  EXPECT_FALSE(look(world, server, Secret(Bytes(32, 0x12))).value().newest);
}

TEST(Canary, TheLoopSurvivesTheServersDeath) {
  World world;
  PostgresServer server = world.make_server("a");
  const ServerOptions options = server.options();
  CanaryWriter writer(world.env, options_for(server, kKey));
  ASSERT_TRUE(writer.prepare());
  std::atomic<std::uint64_t> written{0};
  std::atomic<int> failed{0};
  std::jthread loop([&](std::stop_token stop) {
    writer.run(stop, [&](const Result<CanaryRow>& row) {
      if (row) written = row->number;
      else ++failed;
    });
  });
  const auto wait = [&](auto until) {
    const MonoTime end = world.soon(30s);
    while (!until() && world.clock.mono() < end) world.clock.sleep_until(world.soon(5ms), {});
    return until();
  };
  EXPECT_TRUE(wait([&] { return written >= 3; }));
  ASSERT_TRUE(server.kill9());
  EXPECT_TRUE(wait([&] { return failed >= 1; }));
  auto again = PostgresServer::start(world.env, options);
  ASSERT_TRUE(again);
  ASSERT_TRUE(again->wait_ready(world.soon(60s)));
  const std::uint64_t before = written;
  EXPECT_TRUE(wait([&] { return written > before + 2; }));
  loop.request_stop();
  loop.join();
  EXPECT_EQ(look(world, *again, kKey).value().newest->number, written.load());
}

}  // namespace
}  // namespace hf::sources
