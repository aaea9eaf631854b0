#include "cli/healing.h"

#include "base/hex.h"
#include "base/text.h"
#include "cli/exit_codes.h"
#include "cli/plan_file.h"
#include "vault/check/heal.h"

namespace hf::cli {

namespace {

constexpr std::size_t kShownFiles = 5;

Json file_json(const vault::DamagedFile& file) {
  Json out = Json::object();
  out.set("snapshot", file.snapshot);
  if (valid_utf8_prefix(file.path) == file.path.size()) return out.set("path", file.path);
  return out.set("path_base64", to_base64(as_bytes(file.path)));
}

// For a line of text: no control characters, nothing that is not UTF-8.
std::string printable(const std::string& path) {
  std::string out;
  for (std::size_t i = 0; i < path.size();) {
    const std::size_t n = utf8_length(path, i);
    const bool good = n > 1 || (n == 1 && path[i] >= ' ' && path[i] != 0x7f);
    out += good ? path.substr(i, n) : "?";
    i += good ? n : 1;
  }
  return out;
}

}  // namespace

std::vector<Option> healing_options() {
  return {{"--repair", "", "heal what is damaged: by its parity, else from a copy named by --from", false, false},
          {"--from", "URL", "a copy of the vault to heal from, opened with the same key", false, true},
          {"--name", "NAME", "a vault of the plan, instead of --vault: --repair heals from the plan's other copies, too", false,
           false}};
}

vault::CheckOptions CheckedVault::options() {
  vault::CheckOptions out;
  out.repair = repair;
  for (const OpenVault& copy : copies) out.copies.push_back(copy.repository.get());
  return out;
}

namespace {

std::string root_of(const plan::Plan& plan, const plan::Vault& vault) {
  const plan::Vault* at = &vault;
  for (std::size_t n = 0; n < plan.vaults.size() && !at->copy_of.empty(); ++n) {
    const plan::Vault* up = plan.find_vault(at->copy_of);
    if (up == nullptr) break;
    at = up;
  }
  return at->name;
}

// The vault's copies that the plan names. One that is away must not keep the others from healing.
void add_plan_copies(Context& context, const plan::Plan& plan, const plan::Vault& vault, std::vector<OpenVault>& copies) {
  for (const plan::Vault& other : plan.vaults) {
    if (other.name == vault.name || root_of(plan, other) != root_of(plan, vault)) continue;
    auto copy = open_plan_vault(context, plan, other.name);
    if (copy) copies.push_back(std::move(*copy));
    else context.out.note("the copy '" + other.name + "' is not healed from: " + copy.error().text);
  }
}

Result<VaultAddress> address_of(Context& context, const Arguments& args, CheckedVault& out) {
  if (!args.get("--name")) {
    HF_ASSIGN(std::string url, vault_url(context, args));
    HF_ASSIGN(vault::Credentials credentials, vault_credentials(context, args));
    return VaultAddress{std::move(url), std::move(credentials)};
  }
  if (args.get("--vault")) {
    return make_error(ErrorKind::kUsage, "--vault and --name both say which vault it is")
        .with_hint("Give --name for a vault of the plan, or --vault for any other.");
  }
  HF_ASSIGN(const PlanFile file, read_valid_plan(context));
  const plan::Plan& plan = file.loaded.plan;
  HF_ASSIGN(const plan::Vault* const vault, named_vault(plan, args));
  if (out.repair) add_plan_copies(context, plan, *vault, out.copies);
  return plan_vault_address(context, plan, vault->name);
}

}  // namespace

Result<CheckedVault> open_checked(Context& context, const Arguments& args) {
  CheckedVault out;
  out.repair = args.flag("--repair");
  if (!out.repair && args.flag("--from")) {
    return make_error(ErrorKind::kUsage, "--from names what to heal from, and nothing is to be healed")
        .with_hint("Add --repair, or leave out --from.");
  }
  HF_ASSIGN(const VaultAddress at, address_of(context, args, out));
  for (const std::string& from : args.all("--from")) {
    auto copy = open_vault(context, from, at.credentials);
    if (!copy) return Error(std::move(copy).error()).with_context("opening the copy " + from);
    out.copies.push_back(std::move(*copy));
  }
  auto opened = open_vault(context, at.url, at.credentials);
  if (!opened && opened.error().kind == ErrorKind::kCorrupt && out.repair) {
    HF_ASSIGN(const std::unique_ptr<vault::Store> store, open_store(context, at.url));
    const vault::CheckOptions options = out.options();
    HF_TRY(vault::heal_opening(repository_context(context, *store), options.copies, out.healed));
    opened = open_vault(context, at.url, at.credentials);
  }
  if (!opened) return std::move(opened).error();
  out.vault = std::move(*opened);
  for (const OpenVault& copy : out.copies) {
    const bool same_vault = copy.repository->vault_id() == out.vault.repository->vault_id();
    if (same_vault && copy.repository->store_id() != out.vault.repository->store_id()) continue;
    return make_error(ErrorKind::kUsage, copy.url + (same_vault ? " is the vault itself" : " is not a copy of this vault"))
        .with_hint("Name a copy that was made with `holdfast vault init --copy-of`.");
  }
  HF_TRY(check_seen(out.vault, args));
  return out;
}

Json tell_damaged(Context& context, const std::vector<vault::Damage>& damaged) {
  Json out = Json::array();
  for (const vault::Damage& d : damaged) {
    Json snapshots = Json::array(), files = Json::array();
    for (const std::string& s : d.snapshots) snapshots.push(s);
    for (const vault::DamagedFile& f : d.files) files.push(file_json(f));
    Json one = Json::object();
    one.set("object", d.object).set("why", d.why).set("snapshots", snapshots).set("files", files);
    one.set("files_total", d.files_total).set("set_aside", d.set_aside);
    if (!d.not_healed.empty()) one.set("not_healed", d.not_healed);
    out.push(one);
    context.out.line("damaged  " + d.object + ": " + d.why +
                     (d.snapshots.empty() ? "" : "; hits " + format_count(d.snapshots.size(), "snapshot")) +
                     (d.files_total == 0 ? "" : ", " + format_count(d.files_total, "file")));
    for (std::size_t i = 0; i < d.files.size() && i < kShownFiles; ++i)
      context.out.line("         " + d.files[i].snapshot.substr(0, 12) + "  " + printable(d.files[i].path));
    if (!d.not_healed.empty()) context.out.line("         not healed: " + d.not_healed);
    if (d.set_aside) context.out.line("         the next backup stores its chunks again, where the source still has them");
  }
  return out;
}

Json tell_healed(Context& context, const std::vector<vault::Healed>& healed) {
  Json out = Json::array();
  for (const vault::Healed& h : healed) {
    Json one = Json::object();
    one.set("object", h.object).set("why", h.why).set("how", h.how);
    if (!h.from.empty()) one.set("from", h.from);
    out.push(one);
    const std::string how = h.how == "parity" ? "by its own parity"
                            : h.how == "copy" ? "from " + h.from
                            : h.how == "packs" ? "from the packs"
                                               : "anew";
    context.out.line("healed   " + h.object + ", " + how + ": " + h.why);
  }
  return out;
}

Outcome checked_outcome(Json data, const std::vector<vault::Damage>& damaged, bool repaired) {
  Outcome out = finished(std::move(data), damaged.empty() ? kExitOk : kExitMismatch);
  if (damaged.empty()) return out;
  out.errors.push_back(
      make_error(ErrorKind::kCorrupt, "damaged in the vault: " + format_count(damaged.size(), "object"))
          .with_hint(repaired ? "Name another copy with --from; what the source still has, the next backup stores again."
                              : "Heal them with --repair: by their parity, and from copies named by --from URL.")
          .with_object(damaged[0].object));
  return out;
}

}  // namespace hf::cli
