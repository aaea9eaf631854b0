// For tests: a client whose acknowledged commits are counted, and settings of receivers.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "remote/testing_postgres.h"
#include "sources/wal/receiver.h"

namespace hf::sources {

using remote::TestCluster;

inline WalReceiverOptions options_for(TestCluster& primary, const std::string& spool,
                                      const std::string& name = "rec") {
  WalReceiverOptions o;
  o.dsn = primary.dsn();
  o.name = name;
  o.slot = name;
  o.spool = spool;
  return o;
}

// Writes numbered rows, one commit each, until stopped; remembers the highest acknowledged one.
class Load {
 public:
  explicit Load(TestCluster& cluster) : connection_(cluster.connect("load")) {
    EXPECT_TRUE(connection_.query("CREATE TABLE IF NOT EXISTS numbers (n bigint PRIMARY KEY, filler text)"));
  }
  ~Load() { stop(); }
  void start() {
    thread_ = std::jthread([this](std::stop_token stop) {
      while (!stop.stop_requested()) {
        if (!write(1)) return;
      }
    });
  }
  // So many more, by the caller's own thread; it must not run otherwise.
  bool write(std::uint64_t count) {
    for (; count > 0; --count) {
      std::string n = std::to_string(acknowledged + 1);
      if (!connection_.query("INSERT INTO numbers VALUES ($1, repeat('x', 700))", {n}, 60s)) {
        failed = true;
        return false;
      }
      ++acknowledged;
    }
    return true;
  }
  void stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
  }
  bool reach(std::uint64_t n, Micros timeout = 180s) {
    MonoTime deadline = clock_.mono() + timeout;
    while (acknowledged < n && !failed && clock_.mono() < deadline)
      clock_.sleep_until(clock_.mono() + 5ms, {});
    return acknowledged >= n;
  }
  std::atomic<std::uint64_t> acknowledged{0};
  std::atomic<bool> failed{false};

 private:
  SystemClock clock_;
  remote::PgConnection connection_;
  std::jthread thread_;
};

inline void make_synchronous(TestCluster& cluster, const std::string& names) {
  auto c = cluster.connect();
  ASSERT_TRUE(c.query("ALTER SYSTEM SET synchronous_standby_names = '" + names + "'"));
  ASSERT_TRUE(c.query("SELECT pg_reload_conf()"));
}

}  // namespace hf::sources
