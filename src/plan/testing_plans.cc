#include "plan/testing_plans.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace hf::plan::testing {

// One text, read like a pass list.
std::string sound_plan() {
  return R"(plan: 1
organization: Test
groups:
  ops: {email: ops@example.com, may: [operate, approve, waive]}
objectives: {mttr: 2h}
classes:
  L1: {name: Critical, means: a region is lost, covers: [region-loss], rto: 10m, rpo: 0s, severity: P1}
  L4: {name: Minor, means: a server is lost, covers: [server-loss], rto: 8h, rpo: 1d, severity: P4}
regions:
  us-east: {role: primary, address: 127.0.1.1}
  us-west: {role: standby, address: 127.0.2.1, host: orders.us-west.demo.test}
  eu-west: {role: backup, address: 127.0.3.1}
coordination: {kind: local, dir: /var/tmp/votes}
resolver: {server: "127.0.3.1:5353"}
vaults:
  main: {region: us-east, url: /vaults/main, key_file: /keys/main}
  copy: {region: eu-west, url: /vaults/copy, copy_of: main, within: 1m}
components:
  orders-db:
    kind: postgres
    class: L1
    primary: {region: us-east, dsn: env:PRIMARY, host: 127.0.1.1, port: 5432}
    replicas:
      - {name: orders_db_b, region: us-east, mode: sync, dsn: env:REPLICA_B}
      - {name: orders_db_west, region: us-west, mode: async, dsn: "host=127.0.2.1 dbname=orders", host: 127.0.2.1}
    receivers:
      - {name: receiver_west, region: us-west, spool: /spool/west, vault: copy, slot: receiver_west}
      - {name: receiver_eu, region: eu-west, spool: /spool/eu, vault: copy, slot: receiver_eu}
    quorum: {any: 2, of: [orders_db_b, receiver_west, receiver_eu]}
    canary: {every: 1s}
    backups:
      - {kind: full, at: "02:00 UTC", vault: main, keep: 30d}
      - {kind: wal, continuous: true, vault: main, keep: 7d}
    assertions:
      - {name: has orders, sql: "select count(*) > 0 from orders"}
  settings: {kind: files, class: L4, paths: [/etc/app], backups: [{every: 6h, vault: main, keep: 14d}]}
services:
  database: {priority: critical, component: orders-db}
  orders: {priority: high, needs: [database], host: orders, port: 8080, health: {path: /health}}
health:
  orders: {url: "http://orders.demo.test:8080/health", every: 1s, timeout: 1s, fall: 2, rise: 2,
           from: [us-east, us-west, eu-west], quorum: 2,
           controls: ["127.0.3.1:5353"]}
failover:
  mode: propose
  detect: [orders]
  cool_down: 1h
  approvals: 2
  confirm: FAILOVER
  max_loss: 0s
  to: us-west
  steps:
    - {name: checks, check: [standby-healthy, fence-possible]}
    - {name: fence, fence: orders-db, level: quorum, needs: [checks]}
    - {name: promote, promote: orders-db, to: us-west, timeout: 1m, needs: [fence]}
    - {name: configure, configure: {file: {path: /etc/orders.env, set: {DATABASE_HOST: "{orders-db.host}"}},
                   reload: [kill, -HUP, "1"]}, needs: [promote]}
    - {name: verify, verify: {http: "http://{host}:{port}/health", for: [orders], write: orders-db}, needs: [configure]}
    - {name: traffic, dns: {provider: rfc2136, server: "127.0.3.1:5353", zone: demo.test, record: orders,
         a: ["127.0.2.1"], ttl: 5s,
         tsig: {name: holdfast, algorithm: hmac-sha256, secret: file:/keys/tsig}}, needs: [verify]}
    - {name: users, verify: {http: "http://orders.demo.test:8080/health"}, needs: [traffic]}
failback:
  to: us-east
  approvals: 2
  steps:
    - {name: checks, check: [data-synchronized]}
    - {name: resync, resync: orders-db, to: us-east, needs: [checks]}
    - {name: switch, switchover: orders-db, to: us-east, needs: [resync]}
    - {name: verify, verify: {write: orders-db}, needs: [switch]}
runbooks:
  corruption:
    approvals: 2
    steps:
      - {name: ready, check: [vault-fresh]}
      - {name: recover, restore: {component: orders-db, at: ask, to: /restore, verify: assertions}, needs: [ready]}
)";
}

std::string changed_in(std::string text, std::string_view from, std::string_view to) {
  std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << "the plan does not hold: " << from;
  if (at == std::string::npos) return text;
  EXPECT_EQ(text.find(from, at + 1), std::string::npos) << "the plan holds twice: " << from;
  return text.replace(at, from.size(), to);
}

std::string changed(std::string_view from, std::string_view to) { return changed_in(sound_plan(), from, to); }

std::vector<Finding> findings_of(const std::string& text) {
  return load_and_lint({{"holdfast.yaml", text}}, parse_time("2026-05-01T00:00:00Z").value()).findings;
}

std::vector<std::string> names_of(const std::vector<Finding>& findings) {
  std::vector<std::string> out;
  for (const Finding& f : findings) out.push_back(f.rule + "@" + f.place.path);
  return out;
}

bool has(const std::vector<Finding>& findings, std::string_view rule, std::string_view path) {
  return std::ranges::any_of(
      findings, [&](const Finding& f) { return f.rule == rule && (path.empty() || f.place.path == path); });
}

std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << path;
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace hf::plan::testing
