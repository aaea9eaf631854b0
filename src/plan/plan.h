// The plan: the machine-readable Disaster Recovery Plan, as types. This is the front header of the module.
//
//   Loaded loaded = load({{"holdfast.yaml", text}});       // load.h: strict reading, findings with places
//   lint(loaded, now);                                     // lint.h: rules with DR semantics, waivers
//
// Everything here is plain data in the order of the file. Names that point at other parts of the plan are strings;
// load() has checked that they exist (rule dangling-name). No YAML type leaves the reader.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "plan/component.h"
#include "plan/runbook.h"
#include "plan/values.h"

namespace hf::plan {

enum class Permission : std::uint8_t { kOperate, kApprove, kWaive };
enum class RegionRole : std::uint8_t { kPrimary, kStandby, kBackup };
enum class CoordinationKind : std::uint8_t { kLocal, kEtcd };
enum class Sse : std::uint8_t { kNone, kAes256, kKms };
enum class ObjectLock : std::uint8_t { kNone, kKeep };
enum class Priority : std::uint8_t { kCritical, kHigh, kMedium, kLow };
enum class DrillScope : std::uint8_t { kVerify, kFailover, kFull, kRegion };
enum class Regulation : std::uint8_t { kSoc2, kGdpr, kHipaa, kPciDss, kIso22301, kNis2, kDora };

std::string_view to_string(Permission v);
std::string_view to_string(RegionRole v);
std::string_view to_string(CoordinationKind v);
std::string_view to_string(Sse v);
std::string_view to_string(ObjectLock v);
std::string_view to_string(Priority v);
std::string_view to_string(DrillScope v);
std::string_view to_string(Regulation v);

struct Review {
  std::optional<Micros> every;
  std::vector<std::string> after;  // severities
};

struct Contact {
  std::string name;
  std::string email;
  std::string phone;
};

struct Contacts {
  std::optional<Contact> coordinator;
  std::optional<Contact> hotline;
  std::vector<std::string> phone_tree;  // groups, in turn
};

struct Group {
  std::string name;
  std::string email;
  std::string phone;
  std::vector<Permission> may;
  Place place;
};

// A class of disasters.
struct DisasterClass {
  std::string name;   // "L1"
  std::string title;  // "Critical"
  std::string means;
  std::vector<std::string> covers;
  Objectives objectives;
  std::string severity;
  Place place;
};

struct OffHours {
  ClockWindow window;
  int count = 0;
};

struct Warm {
  std::optional<EcsService> ecs;
  std::vector<std::string> spot;  // services that may run on spot capacity
  std::optional<OffHours> off_hours;
};

struct Region {
  std::string name;
  RegionRole role = RegionRole::kBackup;
  std::string address;  // where its services listen; {REGION.address} in templates
  std::string host;     // text for {host} where a service does not say; may hold {service}
  std::optional<Warm> warm;
  Place place;
};

struct Coordination {
  CoordinationKind kind = CoordinationKind::kLocal;
  std::vector<std::string> endpoints;  // etcd
  std::string dir;                     // local: votes and leases as files below it
  Place place;
};

// The one DNS server through which names of services and health checks are resolved; libc's resolver is never asked.
struct Resolver {
  std::string server;  // host:port
};

struct VaultFilter {
  std::vector<BackupKind> kinds;
  std::vector<std::string> classes;
};

struct Vault {
  std::string name;
  std::string region;
  std::string url;       // a directory, or s3://bucket/prefix?...
  SecretRef key;         // the passphrase; a copy without one has its original's
  std::string key_file;  // instead of a passphrase
  StorageClass storage_class = StorageClass::kStandard;
  Sse sse = Sse::kNone;
  std::string copy_of;
  std::optional<Micros> within;  // a copy's greatest age behind its original
  std::optional<VaultFilter> only;
  ObjectLock object_lock = ObjectLock::kNone;
  Place place;
};

struct Scrub {
  std::optional<Micros> every;
};

struct Maintenance {
  std::optional<ClockTime> prune;
  std::optional<ClockTime> check;
  std::optional<Scrub> scrub;
};

// One of kubernetes (a manifest) or run (a command that starts it and returns).
struct ServiceRestore {
  std::string kubernetes;
  std::string ready;  // label selector, or with run: URL that answers
  Argv run;
  std::optional<Micros> timeout;
};

struct ServiceHealth {
  std::string path;
  int status = 200;
  std::optional<Micros> p95;
};

struct Service {
  std::string name;
  Priority priority = Priority::kMedium;
  std::string component;
  std::vector<std::string> needs;  // services
  std::optional<ServiceRestore> restore;
  std::string host;  // for {host}
  std::optional<int> port;
  std::string url;  // its public address, where it has one
  std::optional<ServiceHealth> health;
  Place place;
};

struct PostgresCheck {
  SecretRef dsn;
};

// One of url, tcp, postgres. `quorum` of the vantage points `from` must agree.
struct HealthCheck {
  std::string name;
  std::string url;
  std::string tcp;  // host:port
  std::optional<PostgresCheck> postgres;
  std::optional<int> status;  // of url; default 200
  Micros every{30'000'000};
  Micros timeout{5'000'000};
  int fall = 2;
  int rise = 3;
  std::vector<std::string> from;      // regions
  int quorum = 0;                     // 0: a majority of `from`; see quorum_of()
  std::vector<std::string> controls;  // host:port probed to tell "my own uplink is down"
  Place place;

  int needed() const { return quorum > 0 ? quorum : static_cast<int>(from.size()) / 2 + 1; }
};

struct Checklist {
  std::vector<std::string> pre_failover;
  std::vector<std::string> during;
  std::vector<std::string> post_failover;
  std::vector<std::string> recovery;
  Place place;
};

struct Participants {
  bool automated = false;
  std::vector<std::string> groups;
};

// "namespace", or a Terraform folder with variables.
struct Isolation {
  bool by_namespace = false;
  std::string terraform;
  Pairs vars;
};

struct Drill {
  std::string name;
  std::optional<Micros> every;
  std::optional<Micros> limit;
  Participants participants;
  DrillScope scope = DrillScope::kVerify;
  Selection components;
  std::optional<Isolation> isolate;
  Argv validate;
  bool production = false;
  std::optional<int> approvals;
  Place place;
};

struct StatusPage {
  std::string page;
  SecretRef token;
};

// One of webhook, smtp, pagerduty, command, statuspage.
struct Channel {
  std::string name;
  SecretRef webhook;
  std::string channel;
  std::string smtp;
  std::string from;
  std::vector<std::string> to;
  SecretRef pagerduty;
  Argv command;
  std::string tree;
  std::optional<StatusPage> statuspage;
  Place place;
};

struct Briefing {
  std::string to;  // group
  Micros every{0};
};

struct Severity {
  std::string name;                 // "P1"
  std::vector<std::string> notify;  // channels
  std::vector<std::string> groups;
  std::string war_room;
  std::optional<Briefing> briefing;
  Place place;
};

struct Deadlines {
  std::optional<Micros> first;
  std::optional<Micros> update;
  std::optional<Micros> resolved;
  std::optional<Micros> postmortem;
};

struct Alert {
  std::string name;
  std::vector<std::string> channels;
  Place place;
};

struct Template {
  std::string name;   // the key
  std::string title;  // "name" in the file
  std::string subject;
  std::string file;
  std::string updates;
  std::string status;
  std::string impact;
  Place place;
};

struct Communication {
  std::vector<Channel> channels;
  std::vector<Severity> severities;
  std::optional<Deadlines> deadlines;
  std::vector<Alert> alerts;
  std::vector<Template> templates;
  Place place;
};

struct Audit {
  SecretRef sql;
  std::string table;
  Place place;
};

struct Console {
  std::string url;
  Place place;
};

struct Price {
  std::optional<Money> normal;
  std::optional<Money> dr_active;
};

struct CostItem {
  std::string name;
  Price price;
  std::vector<std::string> optimize;
  Place place;
};

struct Cost {
  std::string prices;  // price sheet
  std::optional<Price> budget;
  std::vector<CostItem> components;
  Place place;
};

// A finding accepted on purpose: which rule, at which path, who, until the end of which day (UTC), why.
struct Waiver {
  std::string rule;
  std::string at;
  std::string by;
  WallTime until{};  // the first instant at which it no longer holds
  std::string reason;
  Place place;
};

struct Plan {
  int version = 1;
  std::string organization;
  std::optional<Review> review;
  Contacts contacts;
  std::vector<Group> groups;
  Objectives objectives;
  std::vector<DisasterClass> classes;
  std::vector<Region> regions;
  std::optional<Coordination> coordination;
  std::optional<Resolver> resolver;
  std::vector<Vault> vaults;
  std::optional<Maintenance> maintenance;
  std::vector<Component> components;
  std::vector<Service> services;
  std::vector<HealthCheck> health;
  std::optional<Runbook> failover;
  std::optional<Runbook> failback;
  std::vector<Runbook> runbooks;
  std::optional<Checklist> checklist;
  std::vector<Drill> drills;
  std::optional<Communication> communication;
  std::vector<Regulation> compliance;
  std::optional<Audit> audit;
  std::optional<Console> console;
  std::optional<Cost> cost;
  std::vector<Waiver> waivers;
  std::map<std::string, Place, std::less<>> places;  // of every value, by path

  // nullptr where there is none of that name.
  const DisasterClass* find_class(std::string_view name) const;
  const Region* find_region(std::string_view name) const;
  const Region* primary_region() const;
  const Vault* find_vault(std::string_view name) const;
  const Component* find_component(std::string_view name) const;
  const Service* find_service(std::string_view name) const;
  const HealthCheck* find_health(std::string_view name) const;
  const Runbook* find_runbook(std::string_view name) const;  // also "failover" and "failback"
  // The place of a path, else of its nearest known parent.
  Place place_of(std::string_view path) const;
};

}  // namespace hf::plan
