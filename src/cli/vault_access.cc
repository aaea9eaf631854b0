#include "cli/vault_access.h"

#include <unistd.h>

#include <algorithm>

#include "base/hex.h"
#include "base/nearest.h"
#include "base/text.h"
#include "cli/exit_codes.h"
#include "cli/plan_file.h"
#include "plan/objective.h"
#include "vault/store/probe.h"
#include "vault/store/stopping_store.h"

namespace hf::cli {

namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kMaxCredentialBytes = 64 << 10;
constexpr Micros kLockForever = std::chrono::days(90);   // of what is kept for ever: each prune renews it

// One for the whole process: it has no state, and repositories keep a reference to it.
crypto::Entropy& entropy() {
  static crypto::SystemEntropy source;
  return source;
}

// For how long the rows of the plan keep what they put into this vault, or into the one of which it is a copy.
Micros longest_keep(const plan::Plan& plan, const plan::Vault& vault, const std::string& component) {
  Micros longest{0};
  for (const plan::Component& c : plan.components) {
    if (!component.empty() && c.name != component) continue;
    for (const plan::Backup& row : c.backups) {
      if (row.vault != vault.name && row.vault != vault.copy_of) continue;
      longest = std::max(longest, row.keep.forever ? kLockForever : row.keep.duration);
    }
  }
  return longest;
}

// Of the packs that a backup of the component puts there.
plan::StorageClass class_for(const plan::Plan& plan, const plan::Vault& vault, const std::string& component) {
  const plan::Component* c = plan.find_component(component);
  const plan::Backup* full = c == nullptr ? nullptr : plan::full_backup(*c);
  return full == nullptr ? vault.storage_class : plan::class_in(vault, *full);
}

// What the plan says of a vault in S3 beside its url, as options of that; the url's own win.
std::string plan_url(const plan::Plan& plan, const plan::Vault& vault, const std::string& component) {
  std::string url = vault.url;
  if (!url.starts_with("s3://")) return url;
  const auto add = [&](const std::string& name, const std::string& value) {
    const std::size_t query = url.find('?');
    if (query != std::string::npos && ("&" + url.substr(query + 1)).find("&" + name + "=") != std::string::npos) return;
    url += (query == std::string::npos ? "?" : "&") + name + "=" + value;
  };
  const plan::StorageClass its = class_for(plan, vault, component);
  if (its != plan::StorageClass::kStandard) add("storage_class", std::string(to_string(its)));
  if (vault.sse != plan::Sse::kNone) add("encryption", std::string(to_string(vault.sse)));
  if (vault.object_lock == plan::ObjectLock::kKeep) {
    add("retain", std::to_string(std::chrono::ceil<Seconds>(longest_keep(plan, vault, component)).count()) + "s");
  }
  return url;
}

constexpr std::size_t kMaxSiblings = 10'000;     // folders beside a vault's that are looked at
constexpr std::size_t kTypingMistakes = 2;

// A folder beside `path` that holds a vault and is called almost so; empty if there is none.
std::string vault_beside(Files& files, std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const std::string folder = path.find('/') == std::string::npos ? "." : parent_path(path);
  const std::string name = path.substr(path.rfind('/') + 1);
  auto entries = files.list(folder);
  if (!entries || entries->size() > kMaxSiblings) return {};
  std::ranges::sort(*entries, {}, [&](const DirectoryEntry& e) { return std::pair(edit_distance(name, e.name), e.name); });
  for (const DirectoryEntry& e : *entries) {
    if (!e.is_directory || e.name == name) continue;
    if (edit_distance(name, e.name) > kTypingMistakes) break;
    const std::string candidate = path.find('/') == std::string::npos ? e.name : join_path(folder, e.name);
    auto configs = files.list(join_path(candidate, "config"));
    if (configs && !configs->empty()) return candidate;
  }
  return {};
}

Error adjusted(Context& context, const vault::Store& store, Error error) {
  if (error.kind != ErrorKind::kNotFound) return error;
  error.id = kNoVaultId;
  const vault::StoreProperties properties = store.properties();
  const std::string near = properties.kind == "directory" ? vault_beside(context.env.files, properties.place) : "";
  if (!near.empty()) error.hint = "Did you mean " + near + ", which holds a vault? " + error.hint;
  return error;
}

}  // namespace

vault::RepositoryContext repository_context(Context& context, vault::Store& store) {
  vault::RepositoryContext out{store, entropy(), context.env.clock, context.env.log, host_name()};
  if (context.interruptible) out.stop = context.stop;
  out.progress = context.progress;
  out.local = {&context.env.files, join_path(context.state_dir, "vaults")};
  return out;
}

vault::SlotLock lock_of(const vault::Credentials& credentials) {
  if (const auto* passphrase = std::get_if<vault::Passphrase>(&credentials)) return *passphrase;
  if (const auto* key = std::get_if<vault::KeyFile>(&credentials)) return *key;
  return std::get<vault::Recipient>(credentials).key.public_key;
}

Result<vault::RecoveryKit> read_kit_file(Context& context, const std::string& path) {
  HF_ASSIGN(const Bytes bytes, read_file(context.env.files, path, kMaxCredentialBytes));
  const std::string text = to_text(bytes);
  return vault::parse_kit(vault::find_key_line(text));
}

Result<vault::Credentials> read_key_file(Context& context, const std::string& path) {
  HF_ASSIGN(Bytes bytes, read_file(context.env.files, path, kMaxCredentialBytes));
  if (bytes.size() == kKeyBytes) return vault::Credentials(vault::KeyFile{Secret(std::move(bytes))});
  std::string text = to_text(bytes);
  if (const std::string_view line = vault::find_key_line(text); !line.empty()) {
    if (auto identity = vault::parse_identity(line)) return vault::Credentials(vault::Recipient{std::move(*identity)});
    HF_ASSIGN(const vault::RecoveryKit kit, vault::parse_kit(line));
    return vault::Credentials(vault::KeyFile{kit.key});
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  if (auto decoded = from_hex(text); decoded && decoded->size() == kKeyBytes)
    return vault::Credentials(vault::KeyFile{Secret(std::move(*decoded))});
  return make_error(ErrorKind::kInvalid, path + " is not a key file")
      .with_hint(
          "A key file holds 32 random bytes, or 64 hexadecimal digits; `head -c 32 /dev/urandom > FILE` makes one.")
      .with_object(path);
}

Result<vault::Credentials> read_passphrase_file(Context& context, const std::string& path) {
  HF_ASSIGN(Bytes bytes, read_file(context.env.files, path, kMaxCredentialBytes));
  while (!bytes.empty() && (bytes.back() == '\n' || bytes.back() == '\r')) bytes.pop_back();
  if (bytes.empty()) return make_error(ErrorKind::kInvalid, path + " holds no passphrase").with_object(path);
  return vault::Credentials(vault::Passphrase{Secret(std::move(bytes))});
}

std::vector<Option> vault_options() {
  return {{"--vault", "URL", "the vault: a directory, or s3://BUCKET/PREFIX?region=R (or HOLDFAST_VAULT)", false, false},
          {"--passphrase-file", "FILE", "its passphrase (or HOLDFAST_PASSPHRASE)", false, false},
          {"--key-file", "FILE", "a key file, a recipient's private key or a recovery kit instead of a passphrase", false,
           false}};
}

std::vector<Option> vault_options_and(std::vector<Option> more) {
  std::vector<Option> out = vault_options();
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

std::vector<Option> checked_vault_options(std::vector<Option> more) {
  std::vector<Option> out = vault_options_and(std::move(more));
  out.push_back({"--accept-older", "", "the vault was put back to an older state, and that is known", false, false});
  return out;
}

Result<std::string> vault_url(Context& context, const Arguments& args) {
  if (auto url = args.get("--vault")) return *url;
  if (auto it = context.environment.find("HOLDFAST_VAULT"); it != context.environment.end()) return it->second;
  return make_error(ErrorKind::kUsage, "no vault is named").with_hint("Give --vault URL, or set HOLDFAST_VAULT.");
}

Result<vault::Credentials> vault_credentials(Context& context, const Arguments& args) {
  if (auto path = args.get("--key-file")) return read_key_file(context, *path);
  if (auto path = args.get("--passphrase-file")) return read_passphrase_file(context, *path);
  if (auto it = context.environment.find("HOLDFAST_PASSPHRASE"); it != context.environment.end() && !it->second.empty())
    return vault::Credentials(vault::Passphrase{Secret(it->second)});
  return make_error(ErrorKind::kDenied, "no passphrase and no key is given for the vault")
      .with_hint("Give --passphrase-file FILE or --key-file FILE, or set HOLDFAST_PASSPHRASE.");
}

Result<std::unique_ptr<vault::Store>> open_store(Context& context, const std::string& url) {
  HF_ASSIGN(std::unique_ptr<vault::Store> store,
            vault::open_store({context.env.files, entropy(), context.env.clock, context.env.log, context.environment,
                               context.stop, &context.env.processes},
                              url));
  if (!context.interruptible) return store;
  return std::unique_ptr<vault::Store>(std::make_unique<vault::StoppingStore>(std::move(store), context.stop));
}

Json tell_abilities(Context& context, const vault::StoreAbilities& abilities) {
  for (const std::string& sentence : vault::what_is_lost(abilities)) context.out.line(sentence);
  return Json::object()
      .set("conditional_create", abilities.conditional_create)
      .set("reads_its_writes", abilities.reads_its_writes)
      .set("lists_its_writes", abilities.lists_its_writes)
      .set("removes", abilities.removes)
      .set("locks", abilities.locks);
}

Json tell_locks(Context& context, const vault::LockTotals& locks) {
  if (locks.objects > 0) {
    context.out.line("locks: " + format_count(locks.objects) + " objects looked at, " + format_count(locks.renewed) +
                     " renewed, by " + format_count(locks.requests) + " requests; " + format_bytes(locks.byte_days_beyond) +
                     " x days are held beyond need");
  }
  return Json::object()
      .set("objects", locks.objects)
      .set("renewed", locks.renewed)
      .set("requests", locks.requests)
      .set("byte_days_beyond_need", locks.byte_days_beyond);
}

Result<OpenVault> open_vault(Context& context, const std::string& url, const vault::Credentials& credentials) {
  OpenVault out;
  out.url = url;
  HF_ASSIGN(out.store, open_store(context, url));
  auto repository = vault::Repository::open(repository_context(context, *out.store), credentials);
  if (!repository) return adjusted(context, *out.store, std::move(repository).error());
  out.repository = std::move(*repository);
  return out;
}

Result<OpenVault> open_vault(Context& context, const Arguments& args) {
  HF_ASSIGN(std::string url, vault_url(context, args));
  HF_ASSIGN(vault::Credentials credentials, vault_credentials(context, args));
  return open_vault(context, url, credentials);
}

Status check_seen(OpenVault& vault, const Arguments& args) {
  return vault.repository->check_seen(args.flag("--accept-older"));
}

Result<OpenVault> open_checked_vault(Context& context, const Arguments& args) {
  HF_ASSIGN(OpenVault vault, open_vault(context, args));
  HF_TRY(check_seen(vault, args));
  return vault;
}

void remember(Context& context, OpenVault& vault) {
  if (Status seen = vault.repository->check_seen(false); !seen)
    context.env.log.info("vault", "nothing is remembered of the vault", {{"error", seen.error().text}});
}

Result<OpenVault> init_vault(Context& context, const Arguments& args, const vault::InitOptions& given) {
  OpenVault out;
  HF_ASSIGN(out.url, vault_url(context, args));
  HF_ASSIGN(vault::Credentials credentials, vault_credentials(context, args));
  HF_ASSIGN(out.store, open_store(context, out.url));
  vault::InitOptions options = given;
  options.probe = true;
  HF_ASSIGN(out.repository, vault::Repository::init(repository_context(context, *out.store), lock_of(credentials), options));
  return out;
}

namespace {

Result<vault::Credentials> plan_credentials(Context& context, const plan::Plan& plan, const plan::Vault& v) {
  const plan::Vault* keyed = &v;
  while (!keyed->key && keyed->key_file.empty() && !keyed->copy_of.empty()) {
    keyed = plan.find_vault(keyed->copy_of);
    if (keyed == nullptr) return make_error(ErrorKind::kInvalid, "the plan's vault '" + v.copy_of + "' is not there");
  }
  if (!keyed->key_file.empty()) return read_key_file(context, keyed->key_file);
  HF_ASSIGN(Secret passphrase, resolve_secret(context, keyed->key));
  if (passphrase.empty())
    return make_error(ErrorKind::kDenied, "the plan gives no key for the vault '" + v.name + "'")
        .with_hint("Set vaults." + v.name + ".key or key_file.");
  return vault::Credentials(vault::Passphrase{passphrase});
}

}  // namespace

Result<VaultAddress> plan_vault_address(Context& context, const plan::Plan& plan, const std::string& name,
                                        const std::string& component) {
  const plan::Vault* v = plan.find_vault(name);
  if (v == nullptr) return make_error(ErrorKind::kInvalid, "the plan has no vault '" + name + "'");
  HF_ASSIGN(vault::Credentials credentials, plan_credentials(context, plan, *v));
  return VaultAddress{plan_url(plan, *v, component), std::move(credentials)};
}

Result<OpenVault> open_plan_vault(Context& context, const plan::Plan& plan, const std::string& name,
                                  const std::string& component) {
  HF_ASSIGN(const VaultAddress at, plan_vault_address(context, plan, name, component));
  return open_vault(context, at.url, at.credentials);
}

Result<const plan::Vault*> named_vault(const plan::Plan& plan, const Arguments& args) {
  const std::string name = args.get_or("--name", plan.vaults.size() == 1 ? plan.vaults.front().name : "");
  if (const plan::Vault* vault = plan.find_vault(name)) return vault;
  std::string names;
  for (const plan::Vault& v : plan.vaults) names += (names.empty() ? "" : ", ") + v.name;
  return make_error(ErrorKind::kUsage, name.empty() ? "the plan has several vaults" : "the plan has no vault '" + name + "'")
      .with_hint("Say which with --name: " + names + ".");
}

std::string host_name() {
  char buf[256] = {};
  if (gethostname(buf, sizeof buf - 1) != 0) return "unknown";
  return buf;
}

std::string long_id(const vault::SnapshotId& id) { return to_hex(ByteView(id.data(), id.size())); }
std::string short_id(const vault::SnapshotId& id) { return long_id(id).substr(0, 12); }

}  // namespace hf::cli
