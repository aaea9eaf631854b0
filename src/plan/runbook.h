// Runbooks: ordered graphs of steps. `needs` is the only order; a step has exactly one action.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "plan/values.h"

namespace hf::plan {

// Weakest first: a comparison `level >= kLease` means "at least". kNone must be waived by a named person.
enum class FenceLevel : std::uint8_t { kNone, kAttested, kLease, kNetwork, kQuorum, kPower };
enum class DnsProvider : std::uint8_t { kRoute53, kRfc2136 };
enum class TsigAlgorithm : std::uint8_t { kHmacSha256, kHmacSha384, kHmacSha512 };
enum class RunbookMode : std::uint8_t { kPropose, kAutomatic };
enum class RoutingPolicy : std::uint8_t { kFailover, kWeighted };
enum class RestoreProof : std::uint8_t { kNone, kAssertions };
enum class ActionKind : std::uint8_t {
  kCheck,
  kAnnounce,
  kFence,
  kScale,
  kPromote,
  kConfigure,
  kRestoreServices,
  kVerify,
  kDns,
  kRestore,
  kResync,
  kSwitchover,
  kExec,
};

std::string_view to_string(FenceLevel v);
std::string_view to_string(DnsProvider v);
std::string_view to_string(TsigAlgorithm v);
std::string_view to_string(RunbookMode v);
std::string_view to_string(RoutingPolicy v);
std::string_view to_string(RestoreProof v);
std::string_view to_string(ActionKind v);  // the key in the file: "restore_services"

// Observes preconditions; changes nothing. Each word is one observation (the words: explain checklist).
struct Check {
  std::vector<std::string> checks;
};

struct Announce {
  std::string template_name;
};

// Makes sure that the component's old primary can no longer commit, and brings the proof.
struct Fence {
  std::string component;
  FenceLevel level = FenceLevel::kNone;
};

struct EcsService {
  std::string cluster;
  std::string service;
  int count = 0;
};

struct Deployment {
  std::string context;
  std::string deployment;
  std::string ns;  // "namespace" in the file
  int count = 0;   // scale only
  Pairs env;       // configure only
};

struct Scale {
  std::optional<EcsService> ecs;
  std::optional<Deployment> kubernetes;
};

struct Promote {
  std::string component;
  std::string to;  // a region, or the name of a replica
};

// Sets keys of a KEY=VALUE file, keeping its other lines; written atomically.
struct ConfigFile {
  std::string path;
  Pairs set;
};

// One of kubernetes or file. Values may hold {COMPONENT.host}, {COMPONENT.port}, {REGION.address}, {host}.
struct Configure {
  std::optional<Deployment> kubernetes;
  std::optional<ConfigFile> file;
  Argv reload;  // run after the file changed
};

struct RestoreServices {
  Selection services;
};

// A write as a user makes it: {unique} in the body is a number that is sent once only.
struct Post {
  std::string url;
  std::string body;
  std::optional<int> status;  // default 201
};

// Observes from outside: an answer over HTTP for each service (`{host}` is the service's), a real write through a
// component's new primary. At least one of http, tcp, write, post.
struct Verify {
  std::string http;
  std::vector<std::string> services;  // "for" in the file
  std::optional<int> status;          // default 200
  std::string tcp;                    // host:port
  std::string write;                  // component
  std::optional<Post> post;           // a write through the service
  std::optional<Micros> p95;
};

struct DnsAlias {
  std::string to;
  bool evaluate_health = false;
};

struct Tsig {
  std::string name;
  TsigAlgorithm algorithm = TsigAlgorithm::kHmacSha256;
  SecretRef secret;
};

// Moves a name. One of a/aaaa, cname, alias.
struct Dns {
  DnsProvider provider = DnsProvider::kRfc2136;
  std::string server;  // host:port of the primary name server; rfc2136 only
  std::string zone;
  std::string record;  // relative to the zone
  std::vector<std::string> a;
  std::vector<std::string> aaaa;
  std::string cname;
  std::optional<DnsAlias> alias;
  std::optional<Micros> ttl;
  std::optional<Tsig> tsig;
};

struct Restore {
  std::string component;
  std::string at = "latest";  // "ask", "latest", a time, "lsn:...", "name:..."
  std::string to;             // folder; empty: in place
  RestoreProof verify = RestoreProof::kNone;
};

struct Resync {
  std::string component;
  std::string to;
};

struct Switchover {
  std::string component;
  std::string to;
};

// A command. `observe` exits 0 when the effect is already there; without it the step cannot be repeated safely.
struct Exec {
  Argv argv;
  Argv observe;
};

using Action = std::variant<Check, Announce, Fence, Scale, Promote, Configure, RestoreServices, Verify, Dns, Restore,
                            Resync, Switchover, Exec>;

struct Step {
  std::string name;
  std::vector<std::string> needs;
  Action action;
  std::optional<Micros> timeout;  // the step has failed after this
  std::optional<Micros> expect;   // how long it usually takes, for the budget
  int retries = 0;
  std::string plane;   // region whose control plane the step depends on, where it differs from the provider's
  std::string region;  // where the step acts
  std::optional<bool> irreversible;
  Place place;

  ActionKind kind() const { return static_cast<ActionKind>(action.index()); }
  template <class T>
  const T* as() const {
    return std::get_if<T>(&action);
  }
  // Promotions and switchovers are, unless the plan says otherwise.
  bool is_irreversible() const;
  // Checks, verifications and announcements leave the world as it is.
  bool changes_world() const;
};

// A side of the routing; `require` names the health check that must be good.
struct RoutingSide {
  std::string region;
  std::string require;
};

struct Routing {
  RoutingPolicy policy = RoutingPolicy::kFailover;
  RoutingSide primary;
  RoutingSide secondary;
};

struct Runbook {
  std::string name;    // "failover", "failback", or the key under `runbooks`
  std::string target;  // "to" in the file
  RunbookMode mode = RunbookMode::kPropose;
  std::vector<std::string> detect;  // health checks
  std::optional<Routing> routing;
  std::optional<Micros> cool_down;
  std::optional<int> approvals;
  std::string confirm;  // the word to type, followed by the target
  std::optional<Micros> max_loss;
  std::vector<Step> steps;
  Place place;

  const Step* find_step(std::string_view step) const;
};

}  // namespace hf::plan
