// Components: things with data to protect, one struct for each kind, and how each is backed up.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "plan/values.h"

namespace hf::plan {

enum class ComponentKind : std::uint8_t { kPostgres, kFiles, kKubernetes, kBucket };
enum class ReplicaMode : std::uint8_t { kAsync, kSync };
enum class BackupKind : std::uint8_t { kSnapshot, kFull, kIncremental, kWal, kLogical };
enum class BackupTrigger : std::uint8_t { kChange };
enum class StorageClass : std::uint8_t { kStandard, kStandardIa, kOnezoneIa, kGlacierIr, kGlacier, kDeepArchive };
enum class SecretsPolicy : std::uint8_t { kEncrypted, kExcluded };

std::string_view to_string(ComponentKind v);
std::string_view to_string(ReplicaMode v);
std::string_view to_string(BackupKind v);
// A row without a kind counts as a full backup.
constexpr BackupKind counted_kind(BackupKind kind) { return kind == BackupKind::kSnapshot ? BackupKind::kFull : kind; }
std::string_view to_string(BackupTrigger v);
std::string_view to_string(StorageClass v);
std::string_view to_string(SecretsPolicy v);

// Which servers must have flushed a commit before the client hears of it. `of` holds names of replicas and
// receivers, or the word "receivers" for all of them.
struct Quorum {
  int any = 0;
  std::vector<std::string> of;
  Place place;
};

struct Tier {
  Micros after{0};
  StorageClass to = StorageClass::kGlacierIr;
};

// Exactly one of at, every, continuous, on.
struct Backup {
  BackupKind kind = BackupKind::kSnapshot;
  std::optional<ClockTime> at;
  std::optional<Micros> every;
  bool continuous = false;
  std::optional<BackupTrigger> on;
  std::string vault;
  Retention keep;
  std::optional<Tier> tier;
  std::optional<StorageClass> storage_class;   // of the packs that it puts; else its vault's
  std::vector<std::string> receivers;  // WAL only: regions, or names of the component's receivers
  std::optional<Quorum> quorum;        // WAL only; see acknowledgers() in objective.h
  Place place;
};

// What must be true of restored data: one of sql (a query that gives one true) or exec (a command that exits 0).
struct Assertion {
  std::string name;
  std::string sql;
  Argv exec;
  Place place;
};

// A PostgreSQL server of the component. `host` and `port` feed substitutions such as {orders-db.host}.
struct Instance {
  std::string name;  // the replica's application_name; the primary's is the component's name
  std::string region;
  ReplicaMode mode = ReplicaMode::kAsync;
  SecretRef dsn;
  std::string host;
  int port = 5432;
  std::string data_directory;
  std::string socket_directory;
  Place place;
};

// A WAL receiver: writes a spool, flushes it, acknowledges; the spool goes to `vault`.
struct Receiver {
  std::string name;  // its application_name in synchronous_standby_names
  std::string region;
  std::string spool;
  std::string vault;
  std::string slot;
  Place place;
};

struct RecoverAs {
  std::string instance;
  std::string instance_class;
};

struct Rds {
  std::string instance;
  std::string replica;
  std::optional<RecoverAs> recover_as;
};

struct Postgres {
  Instance primary;
  std::vector<Instance> replicas;
  std::vector<Receiver> receivers;
  std::optional<Quorum> quorum;  // may stand here or at the WAL backup
  std::optional<Rds> rds;
};

struct Git {
  SecretRef remote;
  std::string branch;
};

struct Files {
  std::vector<std::string> hosts;
  std::vector<std::string> paths;
  std::vector<std::string> exclude;
  std::optional<Git> git;
};

struct Kubernetes {
  std::string context;
  Selection namespaces;
  Selection resources;
  SecretsPolicy secrets = SecretsPolicy::kEncrypted;
};

struct Bucket {
  std::string bucket;  // s3:// address
};

struct Canary {
  Micros every{0};
};

struct Component {
  std::string name;
  ComponentKind kind = ComponentKind::kFiles;
  std::string disaster_class;  // key of `classes`; the worst disaster that it must meet
  Objectives objectives;       // only what the component says itself; see objective_for()
  std::optional<Canary> canary;
  std::vector<Backup> backups;
  std::vector<Assertion> assertions;
  std::variant<Postgres, Files, Kubernetes, Bucket> detail;
  Place place;

  const Postgres* postgres() const { return std::get_if<Postgres>(&detail); }
  const Files* files() const { return std::get_if<Files>(&detail); }
  const Kubernetes* kubernetes() const { return std::get_if<Kubernetes>(&detail); }
  const Bucket* bucket() const { return std::get_if<Bucket>(&detail); }
};

}  // namespace hf::plan
