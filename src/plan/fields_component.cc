// The table of fields, part: components, how they are backed up, vaults.
#include <algorithm>

#include "plan/codec.h"

namespace hf::plan {
namespace {

bool has_port(std::string_view address) {
  std::size_t colon = address.rfind(':');
  return colon != std::string_view::npos && colon > 0 && colon + 1 < address.size() &&
         address.find_first_not_of("0123456789", colon + 1) == std::string_view::npos;
}

}  // namespace

// Used by the other parts of the table too.
void require_port(Reader& reader, const Node& node, const std::string& path, std::string_view key,
                  const std::string& address) {
  const Member* member = node.find(key);
  if (member == nullptr || address.empty() || has_port(address)) return;
  reader.report("bad-value", member->value.place, path + "." + std::string(key), "'" + address + "' has no port",
                "Write it as HOST:PORT.");
}

template <>
const ObjectType& object_of<Quorum>() {
  static const ObjectType kType =
      TypeBuilder<Quorum>("quorum", "Servers that must have flushed a commit before the client hears of it.")
          .field("any", &Quorum::any, {.doc = "how many of them", .example = "2", .required = true, .positive = true})
          .field("of", &Quorum::of,
                 {.doc = "replicas, WAL receivers by name, or 'receivers' for all of them",
                  .example = "[orders-db-b, receivers]",
                  .required = true,
                  .refers = Refers::kAcknowledger})
          .check([](Reader& r, const Node& node, const std::string& path, const Quorum& q) {
            bool all = std::ranges::find(q.of, "receivers") != q.of.end();
            if (all || q.any <= static_cast<int>(q.of.size())) return;
            r.report("bad-value", node.place, path,
                     "any " + std::to_string(q.any) + " of " + std::to_string(q.of.size()) + " can never be met",
                     "Lower any, or add members.");
          })
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Tier>() {
  static const ObjectType kType =
      TypeBuilder<Tier>("tier", "Moves old packs to a cheaper storage class.")
          .field("after", &Tier::after, {.doc = "age at which a pack moves", .example = "30d", .required = true})
          .field("to", &Tier::to, {.doc = "storage class", .example = "GLACIER_IR", .required = true})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Backup>() {
  static const ObjectType kType =
      TypeBuilder<Backup>("backup", "One row of the backup schedule: what, when, where to, how long.")
          .field("kind", &Backup::kind,
                 {.doc = "what is taken; snapshot is the default and counts as full, the others are PostgreSQL's",
                  .example = "full"})
          .field("at", &Backup::at,
                 {.doc = "daily at a time of day, or weekly with a weekday in front",
                  .example = "\"02:00 UTC\"",
                  .group = "schedule"})
          .field("every", &Backup::every,
                 {.doc = "at an interval", .example = "1h", .group = "schedule", .positive = true})
          .field("continuous", &Backup::continuous, {.doc = "as it happens", .example = "true", .group = "schedule"})
          .field("on", &Backup::on, {.doc = "when something changed", .example = "change", .group = "schedule"})
          .field("vault", &Backup::vault,
                 {.doc = "the vault that it goes to", .example = "main", .required = true, .refers = Refers::kVault})
          .field("keep", &Backup::keep,
                 {.doc = "how long it can be restored; of WAL: any instant of that time",
                  .example = "30d",
                  .required = true,
                  .positive = true})
          .field("tier", &Backup::tier, {.doc = "moves what is old to a cheaper storage class"})
          .field("storage_class", &Backup::storage_class,
                 {.doc = "of the packs that it puts, instead of its vault's", .example = "STANDARD_IA"})
          .field("receivers", &Backup::receivers,
                 {.doc = "WAL only: where receivers run, by region or by name",
                  .example = "[us-west-2, eu-west-1]",
                  .refers = Refers::kReceiver})
          .field("quorum", &Backup::quorum, {.doc = "WAL only: who must have a commit before the client hears of it"})
          .check([](Reader& r, const Node& node, const std::string& path, const Backup& b) {
            for (const char* key : {"receivers", "quorum"}) {
              const Member* member = node.find(key);
              if (member == nullptr || b.kind == BackupKind::kWal) continue;
              r.report("exactly-one", member->key_place, path + "." + key,
                       std::string("'") + key + "' belongs to WAL only", "Move it to the backup of kind wal.");
            }
            if (const Member* member = node.find("storage_class"); member != nullptr && b.kind == BackupKind::kWal) {
              r.report("exactly-one", member->key_place, path + ".storage_class",
                       "'storage_class' is of packs, and WAL goes into none", "Take it away: WAL stays quick to read.");
            }
            const Member* continuous = node.find("continuous");
            if (continuous != nullptr && continuous->value.text == "false") {
              r.report("bad-value", continuous->value.place, path + ".continuous",
                       "a backup that is not continuous needs a schedule", "Write at, every or on instead.");
            }
          })
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Assertion>() {
  static const ObjectType kType =
      TypeBuilder<Assertion>("assertion", "What must be true of restored data.")
          .field("name", &Assertion::name, {.doc = "for reports", .example = "has orders", .required = true})
          .field("sql", &Assertion::sql,
                 {.doc = "a query that gives one true",
                  .example = "\"select count(*) > 0 from orders\"",
                  .group = "how"})
          .field("exec", &Assertion::exec,
                 {.doc = "a command that exits 0", .example = "[nginx, -t]", .group = "how"})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Instance>() {
  static const ObjectType kType =
      TypeBuilder<Instance>("PostgreSQL server", "One server of a PostgreSQL component.")
          .field("name", &Instance::name, {.doc = "application_name of a replica", .example = "orders-db-b"})
          .field("region", &Instance::region,
                 {.doc = "where it runs", .example = "us-east-1", .required = true, .refers = Refers::kRegion})
          .field("mode", &Instance::mode, {.doc = "of a replica: does the primary wait for it", .example = "sync"})
          .field("dsn", &Instance::dsn,
                 {.doc = "how to connect; never with a password in it",
                  .example = "env:ORDERS_DB_PRIMARY",
                  .required = true,
                  .dsn = true})
          .field("host", &Instance::host,
                 {.doc = "what {COMPONENT.host} becomes once this server is the primary",
                  .example = "db.us-west-2.example.com"})
          .field("port", &Instance::port,
                 {.doc = "what {COMPONENT.port} becomes", .example = "5432", .positive = true})
          .field(
              "data_directory", &Instance::data_directory,
              {.doc = "its data directory, for actions that run beside it", .example = "/var/lib/postgresql/15/main"})
          .field("socket_directory", &Instance::socket_directory,
                 {.doc = "its unix sockets", .example = "/run/postgresql"})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Receiver>() {
  static const ObjectType kType =
      TypeBuilder<Receiver>("WAL receiver",
                            "Streams WAL to a spool, flushes, then acknowledges; the spool goes to a vault.")
          .field("name", &Receiver::name,
                 {.doc = "its application_name", .example = "receiver-west", .required = true})
          .field("region", &Receiver::region,
                 {.doc = "where it runs", .example = "us-west-2", .required = true, .refers = Refers::kRegion})
          .field("spool", &Receiver::spool,
                 {.doc = "folder in which WAL is flushed before it is acknowledged",
                  .example = "/var/lib/holdfast/spool"})
          .field("vault", &Receiver::vault,
                 {.doc = "where the spool goes", .example = "dr", .refers = Refers::kVault})
          .field("slot", &Receiver::slot, {.doc = "its replication slot", .example = "receiver_west"})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<RecoverAs>() {
  static const ObjectType kType =
      TypeBuilder<RecoverAs>("recovery instance", "The RDS instance that a point-in-time recovery makes.")
          .field("instance", &RecoverAs::instance,
                 {.doc = "its identifier", .example = "recovered-database", .required = true})
          .field("class", &RecoverAs::instance_class,
                 {.doc = "its class", .example = "db.r5.2xlarge", .required = true})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Rds>() {
  static const ObjectType kType =
      TypeBuilder<Rds>("RDS database", "Identifiers, where the component runs on RDS.")
          .field("instance", &Rds::instance,
                 {.doc = "the primary's identifier", .example = "prod-database", .required = true})
          .field("replica", &Rds::replica, {.doc = "the read replica to promote", .example = "dr-database"})
          .field("recover_as", &Rds::recover_as, {.doc = "what a point-in-time recovery makes"})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Postgres>() {
  static const ObjectType kType =
      TypeBuilder<Postgres>("component of kind postgres", "A PostgreSQL cluster.")
          .field("primary", &Postgres::primary, {.doc = "the server that takes writes", .required = true})
          .field("replicas", &Postgres::replicas, {.doc = "its standbys"})
          .field("receivers", &Postgres::receivers, {.doc = "WAL receivers with their details"})
          .field("quorum", &Postgres::quorum,
                 {.doc = "who must have a commit before the client hears of it; may stand at the WAL backup instead"})
          .field("rds", &Postgres::rds, {.doc = "identifiers on RDS"})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Git>() {
  static const ObjectType kType =
      TypeBuilder<Git>("git remote", "Where configuration is also kept.")
          .field("remote", &Git::remote,
                 {.doc = "the remote's address", .example = "env:CONFIG_GIT", .required = true})
          .field("branch", &Git::branch, {.doc = "the branch", .example = "main"})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Files>() {
  static const ObjectType kType =
      TypeBuilder<Files>("component of kind files", "Trees of files.")
          .field("hosts", &Files::hosts, {.doc = "machines that have them; absent: this one", .example = "[app-1]"})
          .field("paths", &Files::paths, {.doc = "folders and files", .example = "[/etc/app]", .required = true})
          .field("exclude", &Files::exclude, {.doc = "patterns to leave out", .example = "[\"*.tmp\"]"})
          .field("git", &Files::git, {.doc = "a git remote that also gets each change"})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Kubernetes>() {
  static const ObjectType kType =
      TypeBuilder<Kubernetes>("component of kind kubernetes",
                              "The state of a Kubernetes cluster: resources, configuration, secrets.")
          .field("context", &Kubernetes::context,
                 {.doc = "kubeconfig context; never the current one", .example = "prod", .required = true})
          .field("namespaces", &Kubernetes::namespaces, {.doc = "which", .example = "all"})
          .field("resources", &Kubernetes::resources, {.doc = "which kinds", .example = "all"})
          .field("secrets", &Kubernetes::secrets,
                 {.doc = "what happens to secrets; they never leave the cluster in clear", .example = "encrypted"})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Bucket>() {
  static const ObjectType kType =
      TypeBuilder<Bucket>("component of kind bucket", "Objects in a bucket.")
          .field("bucket", &Bucket::bucket,
                 {.doc = "its address", .example = "\"s3://company-uploads\"", .required = true})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Canary>() {
  static const ObjectType kType =
      TypeBuilder<Canary>(
          "canary",
          "A numbered, signed heartbeat in the data: the highest found after a recovery is the measured RPO.")
          .field("every", &Canary::every,
                 {.doc = "how often it is written", .example = "1s", .required = true, .positive = true})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Component>() {
  static const ObjectType kType =
      TypeBuilder<Component>("component", "A thing with data to protect.")
          .field("kind", &Component::kind,
                 {.doc = "what it is; decides its other fields", .example = "postgres", .required = true})
          .field("class", &Component::disaster_class,
                 {.doc = "the worst disaster that it must meet its objectives in",
                  .example = "L1",
                  .refers = Refers::kClass})
          .objectives(&Component::objectives, "of this component")
          .field("canary", &Component::canary, {.doc = "heartbeat that measures the RPO"})
          .field("backups", &Component::backups, {.doc = "its schedule"})
          .field("assertions", &Component::assertions, {.doc = "what must be true of restored data"})
          .variant_key("kind")
          .variant<Postgres>("postgres", &Component::detail, [] { return &object_of<Postgres>(); })
          .variant<Files>("files", &Component::detail, [] { return &object_of<Files>(); })
          .variant<Kubernetes>("kubernetes", &Component::detail, [] { return &object_of<Kubernetes>(); })
          .variant<Bucket>("bucket", &Component::detail, [] { return &object_of<Bucket>(); })
          .done();
  return kType;
}

template <>
const ObjectType& object_of<VaultFilter>() {
  static const ObjectType kType =
      TypeBuilder<VaultFilter>("filter", "Which backups a copy takes.")
          .field("kinds", &VaultFilter::kinds,
                 {.doc = "kinds of backups; without wal no WAL is copied", .example = "[full, logical]"})
          .field("classes", &VaultFilter::classes,
                 {.doc = "classes of components", .example = "[L1, L2]", .refers = Refers::kClass})
          .done();
  return kType;
}

template <>
const ObjectType& object_of<Vault>() {
  static const ObjectType kType =
      TypeBuilder<Vault>("vault",
                         "An encrypted, deduplicated repository of backups, or a copy of one in another region.")
          .field("region", &Vault::region,
                 {.doc = "where it lies", .example = "us-east-1", .required = true, .refers = Refers::kRegion})
          .field("url", &Vault::url,
                 {.doc = "a folder, or s3://BUCKET/PREFIX", .example = "\"s3://company-backups\"", .required = true})
          .field("key", &Vault::key,
                 {.doc = "its passphrase; a copy may name it anew, where it lies elsewhere there",
                  .example = "env:HOLDFAST_PASSPHRASE",
                  .group = "?key"})
          .field("key_file", &Vault::key_file,
                 {.doc = "a key file instead of a passphrase", .example = "/etc/holdfast/main.key", .group = "?key"})
          .field("storage_class", &Vault::storage_class, {.doc = "of its packs", .example = "STANDARD"})
          .field("sse", &Vault::sse, {.doc = "encryption by the store, beside our own", .example = "AES256"})
          .field("copy_of", &Vault::copy_of,
                 {.doc = "the vault whose commits it receives", .example = "main", .refers = Refers::kVault})
          .field("within", &Vault::within,
                 {.doc = "how far a copy may be behind", .example = "15m", .positive = true})
          .field("only", &Vault::only, {.doc = "which backups a copy takes; absent: all"})
          .field("object_lock", &Vault::object_lock,
                 {.doc = "keep: packs cannot be deleted before their retention ends", .example = "keep"})
          .check([](Reader& r, const Node& node, const std::string& path, const Vault& v) {
            bool keyed = node.find("key") != nullptr || node.find("key_file") != nullptr;
            bool copy = node.find("copy_of") != nullptr;
            if (!copy && !keyed)
              r.report("missing-key", v.place, path, "the vault has no key", "Add key (a passphrase) or key_file.");
            if (copy && node.find("within") == nullptr)
              r.report("missing-key", v.place, path, "'within' is missing: how far behind may the copy be",
                       "Add within, for example 15m.");
            for (const char* key : {"within", "only"}) {
              if (!copy && node.find(key) != nullptr)
                r.report("exactly-one", node.find(key)->key_place, path + "." + key,
                         std::string("'") + key + "' belongs to a copy", "Add copy_of, or take it away.");
            }
          })
          .done();
  return kType;
}

}  // namespace hf::plan
