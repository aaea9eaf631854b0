// A primary that hangs (SIGSTOP to every process of its region) is failed over, with Holdfast killed at appends chosen
// by a seed; then it goes on where it was. It may acknowledge nothing that the new primary does not have.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "lab/testing_failover.h"
#include "remote/postgres.h"

namespace hf::lab {
namespace {

constexpr std::uint64_t kSeed = 20260501;
constexpr int kCrashes = 5;
constexpr std::uint64_t kFewestAppends = 2, kMostAppends = 5;  // five times five is still less than a failover appends
constexpr long kFirstDirectOrder = 8'000'000, kFirstLateOrder = 9'000'000;
constexpr int kDirectCustomers = 6;
constexpr Micros kCustomerPatience = 30s;
constexpr Micros kLateCustomerTime = 2s;  // from the first attempt on

// Customers with sessions of their own at the old primary, who wait for an answer as long as it takes.
class DirectCustomers {
 public:
  DirectCustomers(FailoverBench& bench) : bench_(bench) {
    for (int i = 0; i < kDirectCustomers; ++i) threads_.emplace_back([this](std::stop_token stop) { order(stop); });
  }
  // Sends nothing new; what is in flight stays so.
  void send_no_more() {
    for (std::jthread& t : threads_) t.request_stop();
  }
  void wait() { threads_.clear(); }
  // Orders sent that were not answered.
  long in_flight() {
    std::lock_guard lock(mutex_);
    return next_ - kFirstDirectOrder - static_cast<long>(acknowledged_.size());
  }
  bool orders_flow() { return acknowledged().size() > kDirectCustomers; }
  std::vector<long> acknowledged() {
    std::lock_guard lock(mutex_);
    return acknowledged_;
  }

 private:
  void order(std::stop_token stop) {
    auto db = remote::PgConnection::connect(bench_.lab->dsn("primary"), bench_.clock);
    while (db && !stop.stop_requested()) {
      const long number = next_++;
      auto done = db->query("insert into orders (number, item) values ($1, 'direct')", {std::to_string(number)},
                            kCustomerPatience);
      if (!done) return;
      std::lock_guard lock(mutex_);
      acknowledged_.push_back(number);
    }
  }

  FailoverBench& bench_;
  std::atomic<long> next_{kFirstDirectOrder};
  std::mutex mutex_;
  std::vector<long> acknowledged_;
  std::vector<std::jthread> threads_;
};

std::string fail_over_with_crashes(FailoverBench& bench) {
  Rng seeded(kSeed);
  const SavedPlan saved = bench.plan();
  std::string run;
  for (int i = 0; i < kCrashes; ++i) {
    const std::string point =
        "append:" + std::to_string(kFewestAppends + seeded.bounded(kMostAppends - kFewestAppends + 1));
    const CommandResult crashed = run.empty() ? bench.apply(saved, point) : bench.resume(run, point);
    EXPECT_EQ(crashed.exit_code, kKilledExit) << point << ": " << said(crashed);
    if (run.empty()) run = bench.open_run();
  }
  const CommandResult done = bench.resume(run);
  EXPECT_EQ(done.data()["state"].as_string(), "succeeded") << said(done);
  return run;
}

// Orders sent to the old primary's own address. Gives how many were tried and how many acknowledged.
std::pair<std::size_t, std::size_t> order_at_the_old_primary(FailoverBench& bench) {
  Environment& lab = *bench.lab;
  const std::string acknowledged = lab.root() + "/late.acknowledged", attempted = lab.root() + "/late.attempted";
  ProcessSpec spec;
  spec.argv = {lab.orders_program(),
               "buy",
               "--resolver",
               lab.resolver(),
               "--name",
               "orders.us-east.demo.test",
               "--address",
               "127.0.1.1",
               "--port",
               std::to_string(lab.service_port()),
               "--acknowledgements",
               acknowledged,
               "--attempts",
               attempted,
               "--rate",
               "20",
               "--first",
               std::to_string(kFirstLateOrder)};
  EXPECT_TRUE(lab.spawn("eu-west/late-customer", spec).has_value());
  EXPECT_TRUE(bench.wait_until([&] { return !bench.text_of(attempted).empty(); })) << "no order reached the old primary";
  bench.clock.sleep_until(bench.clock.mono() + kLateCustomerTime, {});
  EXPECT_TRUE(lab.end_process("eu-west/late-customer", SIGTERM).has_value());
  return {count_of(bench.text_of(attempted), "\n"), count_of(bench.text_of(acknowledged), "\n")};
}

TEST(FailoverFrozen, AThawedPrimaryAcknowledgesNothingThatIsLost) {
  FailoverBench bench;
  ASSERT_TRUE(bench.ready());
  const std::string serial = bench.zone_serial();
  DirectCustomers direct(bench);
  ASSERT_TRUE(bench.wait_until([&] { return direct.orders_flow(); }));
  ASSERT_TRUE(bench.lab->freeze_region("us-east").has_value());
  ASSERT_TRUE(bench.wait_until([&] { return direct.in_flight() == kDirectCustomers; }));  // nobody answers them any more
  direct.send_no_more();

  const std::string run = fail_over_with_crashes(bench);
  bench.expect_taken_over(run);
  EXPECT_EQ(std::stol(bench.zone_serial()), std::stol(serial) + 1);

  ASSERT_TRUE(bench.lab->thaw_region("us-east").has_value());
  const auto [tried, answered] = order_at_the_old_primary(bench);
  EXPECT_GT(tried, 0U);
  EXPECT_EQ(answered, 0U) << "the old primary acknowledged orders after the failover";
  EXPECT_EQ(bench.value("primary", "select (count(*) > 0)::text from pg_stat_activity where wait_event = 'SyncRep'"),
            "true")
      << "the old primary runs, and its commits wait for a quorum that cannot come";
  direct.wait();
  auto present = orders_in(bench.clock, bench.lab->dsn("standby"));
  ASSERT_TRUE(present.has_value());
  for (const long number : direct.acknowledged())
    EXPECT_TRUE(present->contains(number)) << number << " was acknowledged and is not there";
  bench.expect_orders_flow_and_none_is_lost(bench.clock.wall());
}

}  // namespace
}  // namespace hf::lab
