// Creating and opening a vault, and finding snapshots in it.
#include "vault/repository.h"

#include <algorithm>

#include "base/hex.h"
#include "vault/core.h"
#include "vault/object/names.h"
#include "vault/parts.h"
#include "vault/seen.h"
#include "vault/snapshot_record.h"
#include "vault/store/probe.h"

namespace hf::vault {
namespace {

constexpr std::size_t kMinPrefix = 1;

// What the store was found to do and what its address says, together.
Result<StoreAbilities> usable(const Store& store, StoreAbilities abilities) {
  const StoreProperties properties = store.properties();
  abilities.conditional_create = abilities.conditional_create && properties.conditional_create;
  if (abilities.conditional_create || properties.single_writer) return abilities;
  return make_error(ErrorKind::kUnsupported, properties.place + " cannot create an object only where none is")
      .with_hint("Two writers at once could lose a snapshot there. Use another store, or accept one writer at a time by adding "
                 "single_writer=true to the vault's address.");
}

Status expect_empty(Store& store) {
  HF_TRY(store.list("config/", [&](const ObjectInfo& info) -> Status {
    return make_error(ErrorKind::kExists, "there is a vault at " + store.properties().place)
        .with_hint("Nothing was changed; use it as it is, or choose an empty place.")
        .with_object(info.name);
  }));
  return store.list("", [&](const ObjectInfo& info) -> Status {
    if (info.name == kStoreObject || info.name.starts_with(kProbePrefix)) return ok();   // of an init that was cut short
    return make_error(ErrorKind::kExists, store.properties().place + " is not empty: it holds " + info.name)
        .with_object(info.name)
        .with_hint("Give a folder that does not exist yet, or is empty.");
  });
}

Result<StoreAbilities> tried(Store& store, crypto::Entropy& entropy, Clock& clock, bool probe) {
  if (!probe) return usable(store, {});
  HF_ASSIGN(const bool locks, check_locks(store));          // first: what a default retention locks cannot be removed again
  HF_ASSIGN(StoreAbilities found, probe_store(store, entropy, clock));
  found.locks = locks;
  return usable(store, found);
}

// Of trials that were cut short; once a vault is there, nobody tries the store any more.
Status remove_trials(Store& store, const StoreAbilities& abilities) {
  if (!abilities.removes) return ok();
  std::vector<std::string> left;
  HF_TRY(store.list(std::string(kProbePrefix), [&](const ObjectInfo& info) {
    left.push_back(info.name);
    return ok();
  }));
  for (const std::string& name : left) HF_TRY(store.remove(name));
  return ok();
}

Result<StoreId> create_store_object(Store& store, crypto::Entropy& entropy, const StoreAbilities& abilities) {
  StoreId id;
  entropy.fill(id);
  Status put = store.put(std::string(kStoreObject), encode_store_object(id, abilities), PutMode::kCreate);
  if (put) return id;
  auto present = read_store_object(store);    // of an init that was cut short, or ours whose answer was lost
  if (present) return present->id;
  return std::move(put).error();
}

struct FoundConfig {
  std::string name;
  Bytes bytes;
};

Result<std::uint64_t> newest_config_number(Store& store) {
  std::optional<std::uint64_t> newest;
  HF_TRY(store.list("config/", [&](const ObjectInfo& info) {
    const auto number = parse_config_name(info.name);
    if (number && (!newest || *number > *newest)) newest = number;
    return ok();
  }));
  if (newest) return *newest;
  return make_error(ErrorKind::kNotFound, "no vault at " + store.properties().place)
      .with_hint("Create one with `holdfast vault init --vault " + store.properties().place + "`, or check the address.");
}

// Dropping a slot creates a newer config and removes the older ones: what was listed may be gone when it is read.
Result<FoundConfig> newest_config(Store& store) {
  constexpr int kAttempts = 3;
  for (int attempt = 1;; ++attempt) {
    HF_ASSIGN(const std::uint64_t number, newest_config_number(store));
    const std::string name = config_name(number);
    auto bytes = store.get(name);
    if (bytes) return FoundConfig{name, std::move(*bytes)};
    if (bytes.error().kind != ErrorKind::kNotFound || attempt == kAttempts) return std::move(bytes).error();
  }
}

bool matches(const SnapshotInfo& info, const SnapshotFilter& filter) {
  if (!filter.component.empty() && info.meta.component != filter.component) return false;
  if (!filter.host.empty() && info.meta.host != filter.host) return false;
  if (filter.kind && info.meta.kind != *filter.kind) return false;
  if (filter.until && info.finished > *filter.until) return false;
  return filter.tag.empty() || std::ranges::find(info.meta.tags, filter.tag) != info.meta.tags.end();
}

std::string describe(const SnapshotInfo& info) {
  std::string text = to_hex(ByteView(info.id).first(6)) + " of " + format_time(info.started) + ", host " + info.meta.host;
  if (!info.meta.component.empty()) text += ", component " + info.meta.component;
  for (const std::string& path : info.meta.paths) text += " " + path;
  return text;
}

Error ambiguous(const std::string& what, const std::vector<SnapshotInfo>& candidates, std::string hint) {
  constexpr std::size_t kShown = 10;
  std::string text = what + " could mean several snapshots:";
  for (std::size_t i = 0; i < candidates.size() && i < kShown; ++i) text += (i == 0 ? " " : "; ") + describe(candidates[i]);
  if (candidates.size() > kShown) text += "; and " + std::to_string(candidates.size() - kShown) + " more";
  return make_error(ErrorKind::kUsage, text).with_hint(std::move(hint));
}

// "latest" is clear only within one kind of thing: one host, component and set of paths.
Result<SnapshotInfo> pick_latest(const std::vector<SnapshotInfo>& all) {
  std::vector<SnapshotInfo> newest;      // of each thing
  for (const SnapshotInfo& info : all) {
    auto same = std::ranges::find_if(newest, [&](const SnapshotInfo& n) {
      return n.meta.host == info.meta.host && n.meta.component == info.meta.component && n.meta.paths == info.meta.paths &&
             n.meta.kind == info.meta.kind;
    });
    if (same == newest.end()) newest.push_back(info);
    else *same = info;
  }
  if (newest.size() == 1) return newest.front();
  return ambiguous("'latest'", newest, "Say which with --component, --host or the snapshot's id.");
}

}  // namespace

// The store object: the store's id and its SHA-256, unsigned, because it exists before the vault's keys do.
Bytes encode_store_object(const StoreId& id, const StoreAbilities& abilities) {
  ByteWriter body;
  body.raw(id).raw(crypto::sha256(id));
  return encode_object(ObjectKind::kStore, body.take(), {Tlv{kTlvStoreAbilities, encode_abilities(abilities)}});
}

Result<StoreObject> read_store_object(Store& store) {
  const std::string name(kStoreObject);
  HF_ASSIGN(const Bytes bytes, store.get(name));
  auto object = decode_object(bytes, ObjectKind::kStore, name);
  if (!object) return Error(std::move(object).error()).with_object(name);
  const ByteView payload(object->payload);
  if (payload.size() != 48 || !std::ranges::equal(crypto::sha256(payload.first(16)), payload.subspan(16))) {
    return make_error(ErrorKind::kCorrupt, name + ": its bytes are not those that were written").with_object(name);
  }
  return StoreObject{to_array<16>(payload.first(16)), decode_abilities(object->header.tlv(kTlvStoreAbilities))};
}

Repository::Repository(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Repository::~Repository() = default;

Result<std::unique_ptr<Repository>> Repository::init(const RepositoryContext& context, const SlotLock& lock,
                                                     const InitOptions& options) {
  Store& store = context.store;
  HF_TRY(expect_empty(store));
  HF_ASSIGN(const StoreAbilities abilities, tried(store, context.entropy, context.clock, options.probe));
  const std::int64_t now_s = std::chrono::floor<Seconds>(context.clock.wall()).time_since_epoch().count();
  HF_ASSIGN(Created created, create_config(context.entropy, lock, options.label, now_s, options.cost, options.parity_percent));
  HF_ASSIGN(const StoreId store_id, create_store_object(store, context.entropy, abilities));
  auto core = std::make_unique<Core>(context, std::move(created.config), std::move(created.keys), store_id);
  core->abilities = abilities;
  Status put = core->create_once(config_name(1), created.object);
  if (!put && put.error().kind == ErrorKind::kExists) {
    return make_error(ErrorKind::kExists, "there is a vault at " + store.properties().place)
        .with_hint("Nothing was changed; use it as it is, or choose an empty place.")
        .with_object(config_name(1));
  }
  if (!put) return std::move(put).error();
  if (Status tidy = remove_trials(store, abilities); !tidy) {       // the vault is there all the same
    context.log.info("vault", "objects of a trial are left", {{"error", tidy.error().text}});
  }
  return std::unique_ptr<Repository>(new Repository(std::move(core)));
}

Result<std::unique_ptr<Repository>> Repository::open(const RepositoryContext& context, const Credentials& credentials) {
  HF_ASSIGN(const FoundConfig found, newest_config(context.store));
  auto config = parse_config(found.bytes, found.name);
  if (!config) return Error(std::move(config).error()).with_object(found.name);
  HF_ASSIGN(Keys keys, unlock(*config, credentials));
  HF_ASSIGN(const StoreObject object, read_store_object(context.store));
  auto core = std::make_unique<Core>(context, std::move(*config), std::move(keys), object.id);
  HF_ASSIGN(core->abilities, usable(context.store, object.abilities));
  return std::unique_ptr<Repository>(new Repository(std::move(core)));
}

Result<StoreAbilities> Repository::init_copy(Store& other, bool probe) {
  HF_TRY(expect_empty(other));
  HF_ASSIGN(const StoreAbilities found, tried(other, core_->entropy, core_->clock, probe));
  HF_ASSIGN(const std::vector<ObjectInfo> configs, core_->list("config/"));
  HF_TRY(create_store_object(other, core_->entropy, found));
  std::map<std::uint64_t, std::string, std::greater<>> names;
  for (const ObjectInfo& info : configs) {
    if (const auto number = parse_config_name(info.name)) names[*number] = info.name;
  }
  for (const auto& [number, name] : names) {       // the newest first: cut short after it, the copy opens as the original does
    HF_ASSIGN(const Bytes bytes, core_->store.get(name));
    HF_TRY(parse_config(bytes, name));
    Status put = other.put(name, bytes, PutMode::kCreate);
    if (put) continue;
    auto present = other.get(name);                // a lost answer
    if (!present || *present != bytes) return std::move(put).error();
  }
  if (Status tidy = remove_trials(other, found); !tidy) {
    core_->log.info("vault", "objects of a trial are left", {{"error", tidy.error().text}});
  }
  return found;
}

Result<std::vector<SnapshotInfo>> Repository::snapshots() {
  HF_ASSIGN(const std::vector<CommittedRecord> commits, read_commits(*core_, nullptr));
  std::vector<SnapshotInfo> out;
  for (const CommittedRecord& commit : commits) {
    HF_ASSIGN(SnapshotRecord record, open_record(commit.sealed, commit.object, core_->keys, core_->writers));
    record.info.number = commit.number;
    out.push_back(std::move(record.info));
  }
  return out;
}

Result<SnapshotInfo> Repository::find(const std::string& id, const SnapshotFilter& filter) {
  HF_ASSIGN(std::vector<SnapshotInfo> all, snapshots());
  std::erase_if(all, [&](const SnapshotInfo& info) { return !matches(info, filter); });
  if (id == "latest") {
    if (!all.empty()) return pick_latest(all);
    return make_error(ErrorKind::kNotFound, "no snapshot matches in the vault at " + place());
  }
  if (id.size() < kMinPrefix) return make_error(ErrorKind::kUsage, "the id of a snapshot is empty");
  std::erase_if(all, [&](const SnapshotInfo& info) { return !to_hex(info.id).starts_with(id); });
  if (all.size() == 1) return std::move(all.front());
  if (!all.empty()) return ambiguous("'" + id + "'", all, "Give more digits of the id.");
  return make_error(ErrorKind::kNotFound, "no snapshot " + id + " in the vault at " + place())
      .with_hint("`holdfast backup list` shows what there is.");
}

Result<std::unique_ptr<BackupSession>> Repository::begin_backup(SnapshotMeta meta) {
  return begin_session(*core_, std::move(meta));
}

Result<std::unique_ptr<SnapshotReader>> Repository::open_snapshot(const SnapshotId& id) {
  HF_ASSIGN(const std::vector<CommittedRecord> commits, read_commits(*core_, nullptr));
  for (const CommittedRecord& commit : commits) {
    if (commit.id != id) continue;
    HF_ASSIGN(SnapshotRecord record, open_record(commit.sealed, commit.object, core_->keys, core_->writers));
    record.info.number = commit.number;
    return open_reader(*core_, std::move(record));
  }
  return make_error(ErrorKind::kNotFound, "no snapshot " + to_hex(id) + " in the vault at " + place());
}

Result<CheckReport> Repository::check(const CheckOptions& options) { return check_vault(*this, options); }

Result<CopyReport> Repository::copy_to(Repository& other, const CopyFilter& filter) { return copy_vault(*this, other, filter); }

Result<std::vector<std::string>> Repository::unlock_leases() {
  HF_TRY(core_->check_writable());
  return finish_committed_leases(*core_, true);
}

Status Repository::check_seen(bool accept_older) { return vault::check_seen(*core_, accept_older); }

std::string Repository::vault_id() const { return to_hex(core_->config.vault); }
std::string Repository::store_id() const { return to_hex(core_->store_id); }
Progress Repository::progress() const { return core_->progress; }
bool Repository::can_read() const { return core_->keys.can_read(); }
const StoreAbilities& Repository::abilities() const { return core_->abilities; }

std::string Repository::place() const { return core_->store.properties().place; }

}  // namespace hf::vault
