// Real servers on loopback, real vote files, several vantage points in threads of their own.
#include <gtest/gtest.h>

#include <thread>

#include "health/runner.h"
#include "health/watcher.h"
#include "io/testing_folder.h"
#include "io/testing_net.h"

namespace hf::health {
namespace {

// Answers every request with `status`.
TestServer::Handler web(int status) {
  return [status](TcpStream& s, const Limit& limit) {
    Bytes buffer(4096);
    (void)s.receive(buffer, limit);
    (void)s.send_all(as_bytes("HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: 0\r\n\r\n"), limit);
  };
}

// Knows exactly the names given; the real one is tested against BIND beside it.
class TableDns final : public remote::DnsClient {
 public:
  std::map<std::string, std::string> names;
  bool answers = true;
  Result<remote::DnsAnswer> query(const Endpoint&, const std::string& name, remote::DnsType type, Micros,
                                  std::stop_token) override {
    if (!answers) return make_error(ErrorKind::kTimeout, "asking the resolver: no answer in time");
    remote::DnsAnswer out{0, "NOERROR", true, 1, {}};
    if (names.contains(name)) out.records.push_back({name, type, 1, names[name]});
    else out = {3, "NXDOMAIN", true, 0, {}};
    return out;
  }
  Status update(const Endpoint&, const remote::DnsUpdate&, Micros, std::stop_token) override {
    return make_error(ErrorKind::kUnsupported, "no updates here");
  }
};

struct HealthTest : ::testing::Test {
  SystemClock clock;
  Rng rng{7};
  PosixFiles files;
  PosixProcesses processes{clock};
  MemoryLog log;
  Env env{clock, rng, files, processes, log};
  remote::CurlHttpClient http{clock};
  TableDns dns;
  TestFolder folder;
  ProbeTools tools{clock, http, dns, Endpoint{"127.0.0.1", 53}, [](const plan::SecretRef& s) -> Result<std::string> {
                     if (s.value.empty()) return make_error(ErrorKind::kNotFound, "there is no secret");
                     return s.value;
                   }};

  static std::string url(const TestServer& s) { return "http://" + to_string(s.endpoint()) + "/health"; }
  static plan::HealthCheck check(const std::string& address) {
    plan::HealthCheck c;
    c.name = "orders";
    c.url = address;
    c.every = 40ms;
    c.timeout = 2s;
    c.fall = 2;
    c.rise = 2;
    c.from = {"east", "west", "eu"};
    c.quorum = 2;
    return c;
  }
  static plan::Plan plan_of(const plan::HealthCheck& c) {
    plan::Plan plan;
    plan.regions.resize(1);
    plan.regions[0].name = "east";
    plan.regions[0].role = plan::RegionRole::kPrimary;
    plan.classes.resize(1);
    plan.classes[0].name = "L1";
    plan.classes[0].covers = {"region-loss"};
    plan.health = {c};
    plan.failover.emplace();
    plan.failover->name = "failover";
    plan.failover->detect = {c.name};
    return plan;
  }
};

TEST_F(HealthTest, HttpCheck) {
  TestServer good("127.0.0.1", web(200));
  TestServer bad("127.0.0.1", web(503));
  const auto look = [&](const std::string& address, int status = 200) { return http_check(tools, address, status, 10s, {}); };
  EXPECT_EQ(look(url(good)).outcome, Outcome::kHealthy);
  EXPECT_GT(look(url(good)).latency.count(), 0);
  EXPECT_EQ(look(url(bad)).outcome, Outcome::kUnhealthy);
  EXPECT_EQ(look(url(bad)).detail, "status 503 instead of 200");
  EXPECT_EQ(look(url(bad), 503).outcome, Outcome::kHealthy);
  good.stop();
  EXPECT_EQ(look(url(good)).outcome, Outcome::kUnhealthy);
  EXPECT_EQ(look("nonsense").outcome, Outcome::kUnknown);
}

TEST_F(HealthTest, NamesGoThroughOurResolverAndItsSilenceIsNotTheTargetsFault) {
  TestServer good("127.0.0.1", web(200));
  dns.names["orders.demo.test"] = "127.0.0.1";
  const std::string port = std::to_string(good.endpoint().port);
  const std::string address = "http://orders.demo.test:" + port + "/";
  EXPECT_EQ(http_check(tools, address, 200, 10s, {}).outcome, Outcome::kHealthy);
  EXPECT_EQ(http_check(tools, "http://absent.demo.test:" + port + "/", 200, 10s, {}).outcome, Outcome::kUnhealthy);
  EXPECT_EQ(tcp_check(tools, "orders.demo.test:" + port, 10s, {}).outcome, Outcome::kHealthy);
  dns.answers = false;
  EXPECT_EQ(http_check(tools, address, 200, 10s, {}).outcome, Outcome::kUnknown);
  tools.resolver.reset();
  EXPECT_EQ(http_check(tools, address, 200, 10s, {}).outcome, Outcome::kUnknown);
}

TEST_F(HealthTest, TcpAndPostgresChecks) {
  TestServer server("127.0.0.1", [](TcpStream&, const Limit&) {});
  EXPECT_EQ(tcp_check(tools, to_string(server.endpoint()), 10s, {}).outcome, Outcome::kHealthy);
  const std::string nobody = "127.0.0.1:" + std::to_string(free_port("127.0.0.1"));
  EXPECT_EQ(tcp_check(tools, nobody, 10s, {}).outcome, Outcome::kUnhealthy);
  EXPECT_EQ(tcp_check(tools, "no-port", 10s, {}).outcome, Outcome::kUnknown);
  plan::SecretRef dsn;
  EXPECT_EQ(postgres_check(tools, dsn, 10s, {}).outcome, Outcome::kUnknown) << "without its DSN it cannot be looked at";
  dsn.value = "hostaddr=127.0.0.1 port=" + std::to_string(server.endpoint().port) + " user=x dbname=x";
  EXPECT_EQ(postgres_check(tools, dsn, 10s, {}).outcome, Outcome::kUnhealthy) << "it closes every connection";
}

TEST_F(HealthTest, UplinkIsDownOnlyWhenEveryControlIs) {
  TestServer alive("127.0.0.1", [](TcpStream&, const Limit&) {});
  const std::string dead = "127.0.0.1:" + std::to_string(free_port("127.0.0.1"));
  plan::HealthCheck c = check("http://127.0.0.1:1/");
  EXPECT_EQ(check_uplink(tools, c, {}), Uplink::kUnchecked);
  c.controls = {dead};
  EXPECT_EQ(check_uplink(tools, c, {}), Uplink::kDown);
  c.controls = {dead, to_string(alive.endpoint())};
  EXPECT_EQ(check_uplink(tools, c, {}), Uplink::kOk);
}

// Three vantage points and a watcher, until `until` says so of a status or a minute has passed.
struct Scene {
  HealthTest& test;
  std::vector<std::unique_ptr<ProbeRunner>> runners;
  std::vector<std::jthread> threads;

  void add(const std::string& region, const plan::HealthCheck& c) {
    runners.push_back(std::make_unique<ProbeRunner>(
        test.env, test.tools, RunnerOptions{test.folder.file("c"), region, {c}}));
    threads.emplace_back([r = runners.back().get()](std::stop_token stop) { EXPECT_TRUE(r->run(stop)); });
  }
  std::optional<Detection> watch(QuorumWatcher& watcher, WatchStatus& status,
                                 const std::function<bool(const WatchStatus&)>& until) const {
    for (const MonoTime end = test.clock.mono() + 60s; test.clock.mono() < end;) {
      auto detection = watcher.look(status);
      if (detection || until(status)) return detection;
      std::this_thread::sleep_for(5ms);
    }
    ADD_FAILURE() << "nothing happened in a minute";
    return std::nullopt;
  }
};

bool decided_up(const WatchStatus& s) { return s.decisions.at("orders").up == 3; }

TEST_F(HealthTest, ServerThatDiesIsDetectedByTheQuorumAndItsReturnIsSeen) {
  TestServer target("127.0.0.1", web(200));
  const plan::HealthCheck c = check(url(target));
  const plan::Plan plan = plan_of(c);
  auto watcher = QuorumWatcher::make(env, plan, *plan.failover, folder.file("c"), {});
  ASSERT_TRUE(watcher) << watcher.error().text;
  Scene scene{*this, {}, {}};
  for (const char* region : {"east", "west", "eu"}) scene.add(region, c);
  WatchStatus status;
  EXPECT_FALSE(scene.watch(*watcher, status, decided_up));
  const WallTime killed = clock.wall();
  target.stop();
  scene.threads[0].request_stop();  // the vantage point in the lost region dies with it
  scene.threads[0].join();
  auto detection = scene.watch(*watcher, status, [](const WatchStatus&) { return false; });
  ASSERT_TRUE(detection);
  EXPECT_EQ(detection->event.region, "east");
  EXPECT_EQ(detection->event.disaster_class, "L1");
  EXPECT_GE(detection->down_votes, 2);
  EXPECT_EQ(detection->event.votes.size(), 3U);
  ASSERT_TRUE(detection->event.first_failure_at && detection->event.quorum_at);
  EXPECT_GE(*detection->event.first_failure_at, killed - 30s) << "a look that began before the end may be the first to fail";
  EXPECT_GE(*detection->event.quorum_at, killed);
  EXPECT_EQ(to_json(*detection)["class"].as_string(), "L1");
  EXPECT_FALSE(watcher->look(status)) << "told once";
  target.restart();
  EXPECT_FALSE(scene.watch(*watcher, status, [](const WatchStatus& s) { return s.decisions.at("orders").up == 2; }));
  EXPECT_EQ(status.decisions.at("orders").verdict, Verdict::kUp);
}

TEST_F(HealthTest, VantagePointWithoutAnUplinkDoesNotCount) {
  TestServer target("127.0.0.1", web(200));
  TestServer control("127.0.0.1", [](TcpStream&, const Limit&) {});
  const std::string dead = "127.0.0.1:" + std::to_string(free_port("127.0.0.1"));
  // Two of three cannot reach the target; one of those two cannot reach its control either.
  plan::HealthCheck sees = check(url(target));
  plan::HealthCheck blind = check("http://" + dead + "/");
  blind.controls = {to_string(control.endpoint())};
  plan::HealthCheck cut_off = blind;
  cut_off.controls = {dead};
  const plan::Plan plan = plan_of(sees);
  auto watcher = QuorumWatcher::make(env, plan, *plan.failover, folder.file("c"), {});
  ASSERT_TRUE(watcher);
  Scene scene{*this, {}, {}};
  scene.add("east", sees);
  scene.add("west", blind);
  scene.add("eu", cut_off);
  WatchStatus status;
  const auto settled = [](const WatchStatus& s) {
    const Decision& d = s.decisions.at("orders");
    return d.up == 1 && d.down == 1 && d.reasons[2].find("its own uplink is down") != std::string::npos;
  };
  EXPECT_FALSE(scene.watch(*watcher, status, settled));
  EXPECT_EQ(status.decisions.at("orders").verdict, Verdict::kUndecided);
  // The same with its control alive: now two of three count.
  scene.threads[2].request_stop();
  scene.threads[2].join();
  scene.add("eu", blind);
  auto detection = scene.watch(*watcher, status, [](const WatchStatus&) { return false; });
  ASSERT_TRUE(detection);
  EXPECT_EQ(detection->down_votes, 2);
}

TEST_F(HealthTest, SecondProbeOfARegionIsRefused) {
  TestServer target("127.0.0.1", web(200));
  Scene scene{*this, {}, {}};
  scene.add("west", check(url(target)));
  while (!file_exists(files, vote_path(folder.file("c"), "west"))) std::this_thread::sleep_for(2ms);
  ProbeRunner second(env, tools, {folder.file("c"), "west", {check(url(target))}});
  EXPECT_EQ(second.run({}).error().kind, ErrorKind::kBusy);
}

TEST_F(HealthTest, RunUntilTheCallerHasSeenEnough) {
  const plan::HealthCheck c = check("http://127.0.0.1:" + std::to_string(free_port("127.0.0.1")) + "/");
  const plan::Plan plan = plan_of(c);
  Scene scene{*this, {}, {}};
  scene.add("west", c);
  scene.add("eu", c);
  auto watcher = QuorumWatcher::make(env, plan, *plan.failover, folder.file("c"), {});
  ASSERT_TRUE(watcher);
  int told = 0;
  int detected = 0;
  EXPECT_TRUE(watcher->run({}, [&](const WatchStatus&) { ++told; }, [&](const Detection&) { return ++detected > 1; }));
  EXPECT_EQ(detected, 1);
  EXPECT_GE(told, 2);
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_EQ(watcher->run(stopped.get_token(), [](const WatchStatus&) {}, [](const Detection&) { return true; }).error().kind,
            ErrorKind::kCancelled);
}

TEST_F(HealthTest, PlansWithoutWorkAreRefused) {
  plan::Plan plan = plan_of(check("http://127.0.0.1:1/"));
  EXPECT_EQ(checks_of(plan, "west")->size(), 1U);
  EXPECT_EQ(checks_of(plan, "mars").error().kind, ErrorKind::kUsage) << "the plan has no such region";
  plan.failover->detect = {"absent"};
  EXPECT_FALSE(QuorumWatcher::make(env, plan, *plan.failover, "/c", {}));
  plan.failover->detect = {};
  EXPECT_FALSE(QuorumWatcher::make(env, plan, *plan.failover, "/c", {}));
}

}  // namespace
}  // namespace hf::health
