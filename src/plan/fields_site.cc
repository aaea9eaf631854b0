// The table of fields, part: people, classes, regions, services, health checks.
#include "plan/codec.h"
#include "plan/lint.h"
#include "plan/suggest.h"

namespace hf::plan {

const std::vector<std::string>& check_words();
void require_port(Reader& reader, const Node& node, const std::string& path, std::string_view key,
                  const std::string& address);

namespace {

const std::vector<std::string>& disaster_words() {
  static const std::vector<std::string> kWords = {
      "region-loss", "datacenter-loss",     "zone-loss",           "server-loss",
      "cache-loss",  "database-corruption", "application-failure", "noncritical-service-failure"};
  return kWords;
}

}  // namespace

template <>
const ObjectType& object_of<Review>() {
  static const ObjectType kType =
      TypeBuilder<Review>("review", "When the plan itself is reviewed.")
          .field("every", &Review::every, {.doc = "at least this often", .example = "6mo"})
          .field("after", &Review::after,
                 {.doc = "after incidents of these severities", .example = "[P1, P2]", .refers = Refers::kSeverity})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Contact>() {
  static const ObjectType kType =
      TypeBuilder<Contact>("contact", "A person or a number.")
          .field("name", &Contact::name, {.doc = "who", .example = "Dana Reyes"})
          .field("email", &Contact::email, {.doc = "address", .example = "dr-coordinator@example.com"})
          .field("phone", &Contact::phone, {.doc = "number", .example = "\"+1-555-0100\""})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Contacts>() {
  static const ObjectType kType = TypeBuilder<Contacts>("contacts", "Who is called.")
                                      .field("coordinator", &Contacts::coordinator, {.doc = "owns the plan"})
                                      .field("hotline", &Contacts::hotline, {.doc = "answers at any hour"})
                                      .field("phone_tree", &Contacts::phone_tree,
                                             {.doc = "groups called in turn until one acknowledges",
                                              .example = "[devops, engineering]",
                                              .refers = Refers::kGroup})
                                      .done();
  return kType;
}

template <>
const ObjectType& object_of<Group>() {
  static const ObjectType kType =
      TypeBuilder<Group>("group", "People with the same permissions.")
          .field("email", &Group::email, {.doc = "address", .example = "devops@example.com"})
          .field("phone", &Group::phone, {.doc = "number", .example = "\"+1-555-0101\""})
          .field("may", &Group::may, {.doc = "what they may do", .example = "[operate, approve]"})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Objectives>() {
  static const ObjectType kType =
      TypeBuilder<Objectives>("objectives", "Targets of recovery.")
          .field("rto", &Objectives::rto, {.doc = "recovery time objective", .example = "4h", .positive = true})
          .field("rpo", &Objectives::rpo,
                 {.doc = "recovery point objective; 0s: no acknowledged change may be lost", .example = "1h"})
          .field("mttr", &Objectives::mttr, {.doc = "mean time to recovery", .example = "2h", .positive = true})
          .field("data_loss", &Objectives::data_loss, {.doc = "tolerated data loss", .example = "1h"})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<DisasterClass>() {
  static const ObjectType kType =
      TypeBuilder<DisasterClass>("class", "A class of disasters, and what recovery from it must meet.")
          .field("name", &DisasterClass::title, {.doc = "its title", .example = "Critical"})
          .field("means", &DisasterClass::means, {.doc = "in words", .example = "complete system failure"})
          .field("covers", &DisasterClass::covers,
                 {.doc = "disasters that belong to it", .example = "[region-loss]", .words = disaster_words()})
          .objectives(&DisasterClass::objectives, "in disasters of this class")
          .field("severity", &DisasterClass::severity,
                 {.doc = "severity of the incident", .example = "P1", .refers = Refers::kSeverity})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<OffHours>() {
  static const ObjectType kType =
      TypeBuilder<OffHours>("off hours", "A smaller standby when few people work.")
          .field("window", &OffHours::window, {.doc = "when", .example = "\"20:00-06:00 UTC\"", .required = true})
          .field("count", &OffHours::count, {.doc = "how many then", .example = "1", .required = true})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Warm>() {
  static const ObjectType kType =
      TypeBuilder<Warm>("warm standby", "What already runs in a standby region.")
          .field("ecs", &Warm::ecs, {.doc = "a service on AWS ECS"})
          .field(
              "spot", &Warm::spot,
              {.doc = "services that may run on spot capacity", .example = "[reporting]", .refers = Refers::kService})
          .field("off_hours", &Warm::off_hours, {.doc = "a smaller standby for some hours"})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Region>() {
  static const ObjectType kType =
      TypeBuilder<Region>("region", "A failure domain with a role.")
          .field("role", &Region::role, {.doc = "what it is for", .example = "primary", .required = true})
          .field("address", &Region::address,
                 {.doc = "where its services listen; {REGION.address} in templates", .example = "127.0.2.1"})
          .field("host", &Region::host,
                 {.doc = "what {host} becomes for services that do not say", .example = "orders.us-west.demo.test"})
          .field("warm", &Region::warm, {.doc = "what already runs there"})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Coordination>() {
  static const ObjectType kType =
      TypeBuilder<Coordination>("coordination", "Where several Holdfasts agree: leases and votes.")
          .field("kind", &Coordination::kind,
                 {.doc = "local: a folder of this machine; etcd: three regions", .example = "etcd", .required = true})
          .field("endpoints", &Coordination::endpoints,
                 {.doc = "etcd members, one in each region", .example = "[\"https://etcd.us-east-1:2379\"]"})
          .field("dir", &Coordination::dir, {.doc = "local: the folder", .example = "/var/lib/holdfast/coordination"})
          .check([](Reader& r, const Node& node, const std::string& path, const Coordination& c) {
            const char* needed = c.kind == CoordinationKind::kEtcd ? "endpoints" : "dir";
            const char* other = c.kind == CoordinationKind::kEtcd ? "dir" : "endpoints";
            if (node.find("kind") == nullptr) return;
            if (node.find(needed) == nullptr) {
              r.report("missing-key", node.place, path, std::string("'") + needed + "' is missing", "Add it.");
            }
            if (node.find(other) != nullptr) {
              r.report("exactly-one", node.find(other)->key_place, path + "." + other,
                       std::string("'") + other + "' belongs to the other kind", "Take it away.");
            }
          })
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Resolver>() {
  static const ObjectType kType =
      TypeBuilder<Resolver>("resolver", "The DNS server through which services and checks are resolved.")
          .field("server", &Resolver::server, {.doc = "HOST:PORT", .example = "\"127.0.3.1:5353\"", .required = true})
          .check([](Reader& r, const Node& node, const std::string& path, const Resolver& v) {
            require_port(r, node, path, "server", v.server);
          })
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Scrub>() {
  static const ObjectType kType =
      TypeBuilder<Scrub>("scrub", "Reading all bytes of a vault.")
          .field("every", &Scrub::every,
                 {.doc = "each byte at least this often", .example = "30d", .required = true, .positive = true})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Maintenance>() {
  static const ObjectType kType =
      TypeBuilder<Maintenance>("maintenance", "When vaults are looked after.")
          .field("prune", &Maintenance::prune, {.doc = "what is past its retention goes", .example = "\"04:00 UTC\""})
          .field("check", &Maintenance::check, {.doc = "structure is checked", .example = "\"05:00 UTC\""})
          .field("scrub", &Maintenance::scrub, {.doc = "bytes are read"})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<ServiceRestore>() {
  static const ObjectType kType =
      TypeBuilder<ServiceRestore>("service restore", "How a service is brought up.")
          .field("kubernetes", &ServiceRestore::kubernetes,
                 {.doc = "a manifest", .example = "manifests/api.yaml", .group = "how"})
          .field("run", &ServiceRestore::run,
                 {.doc = "a command that starts it and returns",
                  .example = "[systemctl, start, orders]",
                  .group = "how"})
          .field("ready", &ServiceRestore::ready,
                 {.doc = "what tells that it is up: a label selector, or an address that answers",
                  .example = "\"app=api\""})
          .field("timeout", &ServiceRestore::timeout,
                 {.doc = "it has failed after this", .example = "300s", .positive = true})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<ServiceHealth>() {
  static const ObjectType kType =
      TypeBuilder<ServiceHealth>("service health", "What a healthy service answers.")
          .field("path", &ServiceHealth::path, {.doc = "of its address", .example = "/health", .required = true})
          .field("status", &ServiceHealth::status, {.doc = "the answer", .example = "200", .positive = true})
          .field("p95", &ServiceHealth::p95,
                 {.doc = "95th percentile of its answers", .example = "500ms", .positive = true})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Service>() {
  static const ObjectType kType =
      TypeBuilder<Service>("service", "A thing that users reach; restored in the order of needs, then of priority.")
          .field("priority", &Service::priority,
                 {.doc = "among services that are ready together", .example = "critical"})
          .field("component", &Service::component,
                 {.doc = "the data behind it", .example = "orders-db", .refers = Refers::kComponent})
          .field(
              "needs", &Service::needs,
              {.doc = "services that must be up before", .example = "[database, cache]", .refers = Refers::kService})
          .field("restore", &Service::restore, {.doc = "how it is brought up"})
          .field("host", &Service::host, {.doc = "what {host} becomes", .example = "api"})
          .field("port", &Service::port, {.doc = "what {port} becomes", .example = "8080", .positive = true})
          .field("url", &Service::url, {.doc = "its public address", .example = "\"https://api.example.com\""})
          .field("health", &Service::health, {.doc = "what healthy means"})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<PostgresCheck>() {
  static const ObjectType kType =
      TypeBuilder<PostgresCheck>("PostgreSQL check", "Connects and runs a query.")
          .field("dsn", &PostgresCheck::dsn,
                 {.doc = "how to connect", .example = "env:ORDERS_DB_PRIMARY", .required = true, .dsn = true})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<HealthCheck>() {
  static const ObjectType kType =
      TypeBuilder<HealthCheck>("health check",
                               "An observation from several vantage points, with hysteresis and quorum.")
          .field(
              "url", &HealthCheck::url,
              {.doc = "address that must answer", .example = "\"https://api.example.com/health\"", .group = "what"})
          .field("tcp", &HealthCheck::tcp,
                 {.doc = "HOST:PORT that must accept", .example = "127.0.1.1:5432", .group = "what"})
          .field("postgres", &HealthCheck::postgres, {.doc = "server that must answer a query", .group = "what"})
          .field("status", &HealthCheck::status,
                 {.doc = "of url: the answer; 200 is the default", .example = "200", .positive = true})
          .field("every", &HealthCheck::every,
                 {.doc = "interval", .example = "30s", .required = true, .positive = true})
          .field("timeout", &HealthCheck::timeout,
                 {.doc = "of one probe", .example = "5s", .required = true, .positive = true})
          .field("fall", &HealthCheck::fall,
                 {.doc = "failures in a row that make it bad", .example = "2", .positive = true})
          .field("rise", &HealthCheck::rise,
                 {.doc = "successes in a row that make it good", .example = "3", .positive = true})
          .field("from", &HealthCheck::from,
                 {.doc = "regions that probe",
                  .example = "[us-east-1, us-west-2, eu-west-1]",
                  .required = true,
                  .refers = Refers::kRegion})
          .field("quorum", &HealthCheck::quorum,
                 {.doc = "how many must agree; absent: a majority", .example = "2", .positive = true})
          .field("controls", &HealthCheck::controls,
                 {.doc = "HOST:PORT that should always accept: if they do not, the own uplink is down and the vote "
                         "is withheld",
                  .example = "[\"1.1.1.1:53\"]"})
          .check([](Reader& r, const Node& node, const std::string& path, const HealthCheck& c) {
            if (c.quorum > static_cast<int>(c.from.size()) && node.find("from") != nullptr) {
              r.report("bad-value", c.place, path,
                       "a quorum of " + std::to_string(c.quorum) + " cannot be reached by " +
                           std::to_string(c.from.size()) + " vantage points",
                       "Lower quorum, or add regions to from.");
            }
            require_port(r, node, path, "tcp", c.tcp);
          })
          .done();
  return kType;
}

}  // namespace hf::plan
