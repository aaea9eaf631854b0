// The table of fields, part: runbooks, steps, one type for each action.
#include "base/lsn.h"
#include "plan/codec.h"

namespace hf::plan {

void require_port(Reader& reader, const Node& node, const std::string& path, std::string_view key,
                  const std::string& address);

// What a check step can observe.
const std::vector<std::string>& check_words() {
  static const std::vector<std::string> kWords = {"standby-healthy",
                                                  "replica-lag",
                                                  "receivers-reachable",
                                                  "vault-fresh",
                                                  "fence-possible",
                                                  "primary-down",
                                                  "quorum-agrees",
                                                  "dns-reachable",
                                                  "channels-open",
                                                  "runbooks-accessible",
                                                  "backups-running",
                                                  "metrics-flowing",
                                                  "data-intact",
                                                  "backups-current-and-verified",
                                                  "dr-infrastructure-ready",
                                                  "team-notified",
                                                  "dns-updated",
                                                  "database-promoted",
                                                  "services-started",
                                                  "health-passing",
                                                  "monitoring-active",
                                                  "services-operational",
                                                  "performance-acceptable",
                                                  "users-reach-system",
                                                  "transactions-processing",
                                                  "primary-restored",
                                                  "data-synchronized",
                                                  "failback-completed",
                                                  "lessons-documented",
                                                  "runbooks-updated"};
  return kWords;
}

namespace {

bool is_restore_target(std::string_view at) {
  if (at == "ask" || at == "latest") return true;
  if (at.starts_with("lsn:")) return parse_lsn(at.substr(4)).has_value();
  if (at.starts_with("name:")) return at.size() > 5;
  return parse_time(at).has_value();
}

const ObjectType* check_keys() {
  static const ObjectType kType = TypeBuilder<Check>("check step", "Observes preconditions; changes nothing.")
                                      .field("check", &Check::checks,
                                             {.doc = "what must hold",
                                              .example = "[standby-healthy, replica-lag]",
                                              .required = true,
                                              .words = check_words()})
                                      .done();
  return &kType;
}

const ObjectType* fence_keys() {
  static const ObjectType kType =
      TypeBuilder<Fence>("fence step", "Makes sure that the old primary can no longer commit, and brings the proof.")
          .field("fence", &Fence::component,
                 {.doc = "the component", .example = "orders-db", .required = true, .refers = Refers::kComponent})
          .field("level", &Fence::level,
                 {.doc = "how strong the proof must be, weakest first", .example = "quorum", .required = true})
          .done();
  return &kType;
}

const ObjectType* promote_keys() {
  static const ObjectType kType =
      TypeBuilder<Promote>("promote step", "Makes a standby the primary. Cannot be undone.")
          .field("promote", &Promote::component,
                 {.doc = "the component", .example = "orders-db", .required = true, .refers = Refers::kComponent})
          .field("to", &Promote::to,
                 {.doc = "a region, or a replica by name",
                  .example = "us-west-2",
                  .required = true,
                  .refers = Refers::kTarget})
          .done();
  return &kType;
}

const ObjectType* resync_keys() {
  static const ObjectType kType =
      TypeBuilder<Resync>("resync step", "Makes a former primary a standby again.")
          .field("resync", &Resync::component,
                 {.doc = "the component", .example = "orders-db", .required = true, .refers = Refers::kComponent})
          .field("to", &Resync::to,
                 {.doc = "a region, or a replica by name",
                  .example = "us-east-1",
                  .required = true,
                  .refers = Refers::kTarget})
          .done();
  return &kType;
}

const ObjectType* switchover_keys() {
  static const ObjectType kType =
      TypeBuilder<Switchover>("switchover step", "Moves the primary as planned, without loss, or refuses.")
          .field("switchover", &Switchover::component,
                 {.doc = "the component", .example = "orders-db", .required = true, .refers = Refers::kComponent})
          .field("to", &Switchover::to,
                 {.doc = "a region, or a replica by name",
                  .example = "us-east-1",
                  .required = true,
                  .refers = Refers::kTarget})
          .done();
  return &kType;
}

const ObjectType* restore_services_keys() {
  static const ObjectType kType =
      TypeBuilder<RestoreServices>("restore_services step", "Starts services in the order of their needs.")
          .field("restore_services", &RestoreServices::services,
                 {.doc = "which", .example = "all", .required = true, .refers = Refers::kService})
          .done();
  return &kType;
}

template <class T>
const ObjectType* self_keys(const char* tag, const char* doc) {
  static const ObjectType kType =
      TypeBuilder<T>(std::string(tag) + " step", doc).self(tag, {.doc = doc, .required = true}).done();
  return &kType;
}

}  // namespace

template <>
const ObjectType& object_of<Announce>() {
  static const ObjectType kType =
      TypeBuilder<Announce>("announcement", "Tells people, by the severity's channels.")
          .field("template", &Announce::template_name,
                 {.doc = "the message", .example = "failover-started", .required = true, .refers = Refers::kTemplate})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<EcsService>() {
  static const ObjectType kType =
      TypeBuilder<EcsService>("ECS service", "A service on AWS ECS.")
          .field("cluster", &EcsService::cluster, {.doc = "its cluster", .example = "dr-cluster", .required = true})
          .field("service", &EcsService::service, {.doc = "its name", .example = "app-service", .required = true})
          .field("count", &EcsService::count, {.doc = "how many tasks", .example = "10", .required = true})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Deployment>() {
  static const ObjectType kType =
      TypeBuilder<Deployment>("deployment", "A Kubernetes deployment.")
          .field("context", &Deployment::context,
                 {.doc = "kubeconfig context; never the current one", .example = "prod-west", .required = true})
          .field("deployment", &Deployment::deployment, {.doc = "its name", .example = "app", .required = true})
          .field("namespace", &Deployment::ns, {.doc = "its namespace", .example = "production", .required = true})
          .field("count", &Deployment::count, {.doc = "replicas; for scale", .example = "10"})
          .field(
              "env", &Deployment::env,
              {.doc =
                   "variables to set; for configure. Templates: {COMPONENT.host}, {COMPONENT.port}, {REGION.address}",
               .example = "{DATABASE_HOST: \"{orders-db.host}\"}"})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Scale>() {
  static const ObjectType kType =
      TypeBuilder<Scale>("scaling", "Sets how many instances run.")
          .field("ecs", &Scale::ecs, {.doc = "on AWS ECS", .group = "what"})
          .field("kubernetes", &Scale::kubernetes, {.doc = "on Kubernetes", .group = "what"})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<ConfigFile>() {
  static const ObjectType kType =
      TypeBuilder<ConfigFile>("configuration file",
                              "A file of KEY=VALUE lines; other lines stay, the change is atomic.")
          .field("path", &ConfigFile::path,
                 {.doc = "the file", .example = "/etc/orders/orders.env", .required = true})
          .field("set", &ConfigFile::set,
                 {.doc = "keys and values; templates as in env",
                  .example = "{DATABASE_HOST: \"{orders-db.host}\"}",
                  .required = true})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Configure>() {
  static const ObjectType kType =
      TypeBuilder<Configure>("configuration", "Points services at what is the primary now.")
          .field("kubernetes", &Configure::kubernetes, {.doc = "variables of a deployment", .group = "what"})
          .field("file", &Configure::file, {.doc = "keys of a file", .group = "what"})
          .field("reload", &Configure::reload,
                 {.doc = "command that makes the change take effect", .example = "[systemctl, reload, orders]"})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Post>() {
  static const ObjectType kType =
      TypeBuilder<Post>("write as a user", "A POST through the service; the answer's status shows that it was taken.")
          .field("url", &Post::url,
                 {.doc = "where to", .example = "\"https://orders.dr.example.com/orders\"", .required = true})
          .field("body", &Post::body,
                 {.doc = "the body, JSON; {unique} becomes a number that is sent once only",
                  .example = "'{\"number\": {unique}, \"item\": \"verification\"}'",
                  .required = true})
          .field("status", &Post::status,
                 {.doc = "the answer's status; 201 is the default", .example = "201", .positive = true})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Verify>() {
  static const ObjectType kType =
      TypeBuilder<Verify>("verification", "Observes from outside; fails the run if what it wants is not there.")
          .field("http", &Verify::http,
                 {.doc = "address that must answer; {host} and {port} are the service's",
                  .example = "\"https://{host}.dr.example.com/health\""})
          .field("for", &Verify::services,
                 {.doc = "services to ask", .example = "[api-gateway]", .refers = Refers::kService})
          .field("status", &Verify::status,
                 {.doc = "the answer's status; 200 is the default", .example = "200", .positive = true})
          .field("tcp", &Verify::tcp, {.doc = "HOST:PORT that must accept", .example = "127.0.2.1:5432"})
          .field("write", &Verify::write,
                 {.doc = "component through which a real write must pass",
                  .example = "orders-db",
                  .refers = Refers::kComponent})
          .field("post", &Verify::post, {.doc = "a write through the service, as a user makes it"})
          .field("p95", &Verify::p95,
                 {.doc = "the answers' 95th percentile must not pass this", .example = "500ms", .positive = true})
          .check([](Reader& r, const Node& node, const std::string& path, const Verify& v) {
            if (node.find("http") == nullptr && node.find("tcp") == nullptr && node.find("write") == nullptr &&
                node.find("post") == nullptr) {
              r.report("exactly-one", node.place, path, "the verification looks at nothing",
                       "Add http, tcp, write or post.");
            }
            bool per_service =
                v.http.find("{host}") != std::string::npos || v.http.find("{port}") != std::string::npos;
            if (per_service && node.find("for") == nullptr) {
              r.report("missing-key", node.place, path, "the address has {host} or {port}, but no service is named",
                       "Add for: [SERVICE].");
            }
            require_port(r, node, path, "tcp", v.tcp);
          })
          .done();
  return kType;
}

template <>
const ObjectType& object_of<DnsAlias>() {
  static const ObjectType kType =
      TypeBuilder<DnsAlias>("alias", "A Route 53 alias.")
          .field("to", &DnsAlias::to,
                 {.doc = "the target's name", .example = "dr-alb.us-west-2.elb.amazonaws.com", .required = true})
          .field("evaluate_health", &DnsAlias::evaluate_health,
                 {.doc = "answer only while the target is healthy", .example = "true"})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Tsig>() {
  static const ObjectType kType =
      TypeBuilder<Tsig>("TSIG key", "Signs DNS updates (RFC 8945).")
          .field("name", &Tsig::name,
                 {.doc = "the key's name at the server", .example = "holdfast", .required = true})
          .field("algorithm", &Tsig::algorithm, {.doc = "hmac-sha256 is the default", .example = "hmac-sha256"})
          .field("secret", &Tsig::secret,
                 {.doc = "its secret, base64", .example = "file:/etc/holdfast/tsig.key", .required = true})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Dns>() {
  static const ObjectType kType =
      TypeBuilder<Dns>("DNS change", "Moves a name.")
          .field("provider", &Dns::provider, {.doc = "who holds the zone", .example = "rfc2136", .required = true})
          .field("server", &Dns::server,
                 {.doc = "rfc2136: the zone's primary server", .example = "\"127.0.3.1:5353\""})
          .field("zone", &Dns::zone, {.doc = "the zone", .example = "example.com", .required = true})
          .field("record", &Dns::record, {.doc = "the name in it", .example = "api", .required = true})
          .field("a", &Dns::a, {.doc = "IPv4 addresses", .example = "[\"127.0.2.1\"]"})
          .field("aaaa", &Dns::aaaa, {.doc = "IPv6 addresses", .example = "[\"2001:db8::1\"]"})
          .field("cname", &Dns::cname, {.doc = "another name", .example = "api.us-west-2.example.com"})
          .field("alias", &Dns::alias, {.doc = "route53: an alias"})
          .field("ttl", &Dns::ttl, {.doc = "how long resolvers may keep it", .example = "5s"})
          .field("tsig", &Dns::tsig, {.doc = "rfc2136: the key that signs updates"})
          .check([](Reader& r, const Node& node, const std::string& path, const Dns& d) {
            bool addresses = node.find("a") != nullptr || node.find("aaaa") != nullptr;
            int targets = int{addresses} + int{node.find("cname") != nullptr} + int{node.find("alias") != nullptr};
            if (targets != 1)
              r.report("exactly-one", node.place, path,
                       "a name moves to addresses, to a cname or to an alias: exactly one",
                       "Write one of a (with aaaa), cname, alias.");
            bool update = d.provider == DnsProvider::kRfc2136;
            if (update && node.find("provider") != nullptr && node.find("server") == nullptr)
              r.report("missing-key", node.place, path, "'server' is missing",
                       "Name the zone's primary server as HOST:PORT.");
            if (update && node.find("alias") != nullptr)
              r.report("exactly-one", node.find("alias")->key_place, path, "an alias exists at route53 only",
                       "Write a or cname.");
            for (const char* key : {"server", "tsig"}) {
              if (!update && node.find(key) != nullptr)
                r.report("exactly-one", node.find(key)->key_place, path + "." + key,
                         std::string("'") + key + "' belongs to rfc2136 only", "Take it away.");
            }
            require_port(r, node, path, "server", d.server);
          })
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Restore>() {
  static const ObjectType kType =
      TypeBuilder<Restore>("restore", "Brings a component back from its backups.")
          .field("component", &Restore::component,
                 {.doc = "which", .example = "orders-db", .required = true, .refers = Refers::kComponent})
          .field("at", &Restore::at, {.doc = "latest, ask, a time, lsn:X/Y or name:RESTORE_POINT", .example = "ask"})
          .field("to", &Restore::to, {.doc = "a folder; absent: in place", .example = "/restore"})
          .field("verify", &Restore::verify, {.doc = "what must hold before it counts", .example = "assertions"})
          .check([](Reader& r, const Node& node, const std::string& path, const Restore& v) {
            const Member* at = node.find("at");
            if (at == nullptr || is_restore_target(v.at)) return;
            r.report("bad-value", at->value.place, path + ".at", "'" + v.at + "' is no moment to restore",
                     "Write latest, ask, 2026-05-01T10:02:31Z, lsn:0/16B3748 or name:NAME.");
          })
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Exec>() {
  static const ObjectType kType =
      TypeBuilder<Exec>("command", "Runs a command.")
          .field("argv", &Exec::argv,
                 {.doc = "program and arguments; no shell",
                  .example = "[/usr/local/bin/warm-caches, us-west-2]",
                  .required = true})
          .field(
              "observe", &Exec::observe,
              {.doc =
                   "command that exits 0 when the effect is there; without it a run that was cut off asks a person",
               .example = "[/usr/local/bin/caches-warm]"})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Step>() {
  static const ObjectType kType =
      TypeBuilder<Step>("step", "Observe, act if needed, verify by observing. It has exactly one action.")
          .field("name", &Step::name,
                 {.doc = "its name in needs, waivers and reports", .example = "promote", .required = true})
          .field("needs", &Step::needs,
                 {.doc = "steps that must have succeeded; the only order",
                  .example = "[fence]",
                  .refers = Refers::kStep})
          .field("timeout", &Step::timeout,
                 {.doc = "the step has failed after this", .example = "5m", .positive = true})
          .field("expect", &Step::expect, {.doc = "how long it usually takes; for the budget", .example = "30s"})
          .field("retries", &Step::retries,
                 {.doc = "how often a failure that certainly had no effect is tried again", .example = "2"})
          .field("plane", &Step::plane,
                 {.doc = "region whose control plane the step depends on, where it is not the provider's usual one",
                  .example = "us-west-2",
                  .refers = Refers::kRegion})
          .field("region", &Step::region, {.doc = "where it acts", .example = "us-west-2", .refers = Refers::kRegion})
          .field("irreversible", &Step::irreversible,
                 {.doc = "promotions and switchovers are, unless this says otherwise", .example = "true"})
          .variant<Check>("check", &Step::action, &check_keys)
          .variant<Announce>("announce", &Step::action,
                             [] { return self_keys<Announce>("announce", "tells people"); })
          .variant<Fence>("fence", &Step::action, &fence_keys)
          .variant<Scale>("scale", &Step::action,
                          [] { return self_keys<Scale>("scale", "sets how many instances run"); })
          .variant<Promote>("promote", &Step::action, &promote_keys)
          .variant<Configure>("configure", &Step::action,
                              [] { return self_keys<Configure>("configure", "points services at the new primary"); })
          .variant<RestoreServices>("restore_services", &Step::action, &restore_services_keys)
          .variant<Verify>("verify", &Step::action,
                           [] { return self_keys<Verify>("verify", "observes from outside"); })
          .variant<Dns>("dns", &Step::action, [] { return self_keys<Dns>("dns", "moves a name"); })
          .variant<Restore>("restore", &Step::action,
                            [] { return self_keys<Restore>("restore", "brings a component back from its backups"); })
          .variant<Resync>("resync", &Step::action, &resync_keys)
          .variant<Switchover>("switchover", &Step::action, &switchover_keys)
          .variant<Exec>("exec", &Step::action, [] { return self_keys<Exec>("exec", "runs a command"); })
          .done();
  return kType;
}

template <>
const ObjectType& object_of<RoutingSide>() {
  static const ObjectType kType =
      TypeBuilder<RoutingSide>("routing side", "One of the two sides that traffic goes to.")
          .field("region", &RoutingSide::region,
                 {.doc = "its region", .example = "us-east-1", .required = true, .refers = Refers::kRegion})
          .field("require", &RoutingSide::require,
                 {.doc = "health check that must be good", .example = "api", .refers = Refers::kHealth})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Routing>() {
  static const ObjectType kType =
      TypeBuilder<Routing>("routing", "How the name is answered while nothing fails over.")
          .field("policy", &Routing::policy, {.doc = "failover, or weighted", .example = "failover"})
          .field("primary", &Routing::primary, {.doc = "where traffic goes", .required = true})
          .field("secondary", &Routing::secondary, {.doc = "where it goes instead", .required = true})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Runbook>() {
  static const ObjectType kType =
      TypeBuilder<Runbook>("runbook", "An ordered graph of steps.")
          .field("mode", &Runbook::mode,
                 {.doc = "propose waits for approval; automatic starts by itself", .example = "propose"})
          .field("detect", &Runbook::detect,
                 {.doc = "health checks whose quorum starts or proposes it",
                  .example = "[api]",
                  .refers = Refers::kHealth})
          .field("routing", &Runbook::routing, {.doc = "how the name is answered otherwise"})
          .field("cool_down", &Runbook::cool_down, {.doc = "no second start before this has passed", .example = "1h"})
          .field("approvals", &Runbook::approvals, {.doc = "how many people must agree", .example = "2"})
          .field(
              "confirm", &Runbook::confirm,
              {.doc = "the word to type, followed by the target; the expected loss is shown", .example = "FAILOVER"})
          .field("max_loss", &Runbook::max_loss, {.doc = "it refuses if more would be lost", .example = "15m"})
          .field("to", &Runbook::target,
                 {.doc = "the region that takes over", .example = "us-west-2", .refers = Refers::kRegion})
          .field("steps", &Runbook::steps, {.doc = "what is done; needs is the only order", .required = true})
          .done();
  return kType;
}

}  // namespace hf::plan
