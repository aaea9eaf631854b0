// vault key list, new, add, drop, rotate, export, rehearse: who can open a vault, and the proof that the kit does.
#include <filesystem>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/recovery_kit.h"
#include "cli/vault_access.h"
#include "vault/keys/slots.h"
#include "vault/rehearsal.h"

namespace hf::cli {

namespace {

constexpr std::size_t kMaxLabelBytes = 64;

std::string_view kind_text(vault::SlotKind kind) {
  switch (kind) {
    case vault::SlotKind::kPassphrase:
      return "passphrase";
    case vault::SlotKind::kKeyFile:
      return "key file";
    case vault::SlotKind::kRecipient:
      return "recipient";
  }
  return "unknown";
}

Result<vault::Level> level_of(const std::string& text) {
  for (vault::Level level : {vault::Level::kWrite, vault::Level::kRead, vault::Level::kAdmin}) {
    if (text == vault::to_string(level)) return level;
  }
  return make_error(ErrorKind::kUsage, "--level " + text + " is not a level").with_hint("Give write, read or admin.");
}

// Exactly one of --new-passphrase-file, --new-key-file, --recipient.
Result<vault::SlotLock> new_lock(Context& context, const Arguments& args) {
  const int given = args.flag("--new-passphrase-file") + args.flag("--new-key-file") + args.flag("--recipient");
  if (given != 1) {
    return make_error(ErrorKind::kUsage, "say what shall open the new slot")
        .with_hint("Give one of --new-passphrase-file FILE, --new-key-file FILE, --recipient KEY.");
  }
  if (auto text = args.get("--recipient")) {
    auto key = vault::parse_recipient(*text);
    if (!key)
      return make_error(ErrorKind::kUsage, key.error().text)
          .with_hint("`holdfast vault key new --to FILE` makes one and prints it.");
    return vault::SlotLock(*key);
  }
  if (auto path = args.get("--new-key-file")) {
    HF_ASSIGN(const vault::Credentials credentials, read_key_file(context, *path));
    return lock_of(credentials);
  }
  HF_ASSIGN(const vault::Credentials credentials, read_passphrase_file(context, *args.get("--new-passphrase-file")));
  return lock_of(credentials);
}

// As it can be typed from any folder.
std::string lasting_url(const std::string& url) {
  return url.find("://") == std::string::npos ? std::filesystem::absolute(url).lexically_normal().string() : url;
}

Json slot_json(const vault::Slot& slot) {
  return Json::object()
      .set("slot", slot.number)
      .set("opens_with", std::string(kind_text(slot.kind)))
      .set("level", std::string(vault::to_string(slot.level)))
      .set("label", slot.label)
      .set("recipient",
           slot.kind == vault::SlotKind::kRecipient ? Json(vault::recipient_text(slot.recipient)) : Json());
}

Outcome list_keys(Context& context, const Arguments& args) {
  auto vault = open_checked_vault(context, args);
  if (!vault) return failed(std::move(vault).error());
  Json list = Json::array();
  for (const vault::Slot& slot : vault::Slots(*vault->repository).list()) {
    list.push(slot_json(slot));
    std::string number = std::to_string(slot.number), level(vault::to_string(slot.level)), kind(kind_text(slot.kind));
    number.resize(6, ' ');
    level.resize(7, ' ');
    kind.resize(12, ' ');
    context.out.line(number + level + kind + slot.label);
  }
  auto last = vault::last_rehearsal(*vault->repository);
  if (!last) return failed(std::move(last).error());
  if (*last)
    context.out.line("recovery kit last rehearsed " + format_time((*last)->when) + " on " + (*last)->host);
  else
    context.out.line(
        "no recovery kit was ever rehearsed: `holdfast vault key export`, then `holdfast vault key rehearse`");
  return finished(
      Json::object().set("slots", list).set("rehearsed", *last ? Json(format_time((*last)->when)) : Json()));
}

Outcome run_new(Context& context, const Arguments& args) {
  crypto::SystemEntropy entropy;
  const crypto::BoxKey key = crypto::new_box_key(entropy);
  const std::string path = *args.get("--to"), recipient = vault::recipient_text(key.public_key);
  const std::string text = "# " + recipient + "\n" + vault::identity_text(key) + "\n";
  if (auto made = create_file_atomic(context.env.files, path, as_bytes(text)); !made)
    return failed(std::move(made).error());
  context.out.line("the private key is in " + path + "; it never leaves that machine");
  context.out.line("its recipient, to give to an administrator of the vault:");
  context.out.line(recipient);
  return finished(Json::object().set("file", path).set("recipient", recipient));
}

Outcome run_add(Context& context, const Arguments& args) {
  auto level = level_of(args.get_or("--level", "write"));
  if (!level) return failed(std::move(level).error());
  auto lock = new_lock(context, args);
  if (!lock) return failed(std::move(lock).error());
  const std::string label = args.get_or("--label", "");
  if (label.empty() || label.size() > kMaxLabelBytes)
    return failed(make_error(ErrorKind::kUsage, "a slot needs a label of 1 to 64 bytes")
                      .with_hint("Say whose it is: --label backup-host-3"));
  auto vault = open_checked_vault(context, args);
  if (!vault) return failed(std::move(vault).error());
  auto change = vault::Slots(*vault->repository).add({std::move(*lock), *level, label, true, {}});
  if (!change) return failed(std::move(change).error());
  context.out.line("added slot " + std::to_string(change->slot) + ", level " + std::string(vault::to_string(*level)) +
                   ": " + label);
  return finished(
      Json::object().set("slot", change->slot).set("level", std::string(vault::to_string(*level))).set("label", label));
}

Outcome run_drop(Context& context, const Arguments& args) {
  const auto number = parse_whole<std::uint32_t>(args.positional()[0]);
  if (!number)
    return failed(make_error(ErrorKind::kUsage, "'" + args.positional()[0] + "' is not the number of a slot"));
  auto vault = open_checked_vault(context, args);
  if (!vault) return failed(std::move(vault).error());
  auto change = vault::Slots(*vault->repository).drop(*number);
  if (!change) return failed(std::move(change).error());
  context.out.line("dropped slot " + std::to_string(*number) + "; copies follow with the next `holdfast vault copy`");
  context.out.line("Who had opened it before may have kept the keys: it closes the vault for who comes later.");
  return finished(Json::object().set("slot", *number));
}

Outcome run_rotate(Context& context, const Arguments& args) {
  auto lock = new_lock(context, args);
  if (!lock) return failed(std::move(lock).error());
  auto credentials = vault_credentials(context, args);
  if (!credentials) return failed(std::move(credentials).error());
  auto vault = open_checked_vault(context, args);
  if (!vault) return failed(std::move(vault).error());
  vault::Slots slots(*vault->repository);
  auto old = slots.opened_by(*credentials);
  if (!old) return failed(std::move(old).error());
  auto change = slots.replace(old->number, std::move(*lock));
  if (!change) return failed(std::move(change).error());
  context.out.line("slot " + std::to_string(change->slot) + " replaces slot " + std::to_string(change->dropped) +
                   "; nothing was encrypted anew, and the old credential opens nothing any more");
  return finished(Json::object().set("slot", change->slot).set("dropped", change->dropped));
}

// The page is safe in its file before the vault knows the key: a slot whose key is nowhere helps nobody.
Outcome export_kit(Context& context, const Arguments& args) {
  auto vault = open_checked_vault(context, args);
  if (!vault) return failed(std::move(vault).error());
  vault::Slots slots(*vault->repository);
  crypto::SystemEntropy entropy;
  const vault::RecoveryKit kit{slots.vault(), entropy.secret(vault::kKitKeyBytes)};
  const WallTime now = context.env.clock.wall();
  auto page = kit_page({vault->repository->vault_id(), lasting_url(vault->url), host_name(), now}, kit);
  if (!page) return failed(std::move(page).error());
  const auto path = args.get("--to");
  if (path) {
    if (auto made = create_file_atomic(context.env.files, *path, as_bytes(*page)); !made)
      return failed(std::move(made).error());
  }
  const std::string label = "recovery kit " + format_time(now).substr(0, 10);
  auto change = slots.add({vault::KeyFile{kit.key}, vault::Level::kAdmin, label, true, {}});
  if (!change) {
    if (path) (void)context.env.files.remove(*path);
    return failed(std::move(change).error());
  }
  if (path)
    context.out.line("recovery kit in " + *path + ", slot " + std::to_string(change->slot) +
                     ": print it, then delete the file");
  else
    context.out.text(*page);
  return finished(Json::object()
                      .set("slot", change->slot)
                      .set("label", label)
                      .set("file", path ? Json(*path) : Json())
                      .set("kit", path ? Json() : Json(*page)));
}

Outcome run_rehearse(Context& context, const Arguments& args) {
  auto url = vault_url(context, args);
  if (!url) return failed(std::move(url).error());
  auto kit = read_kit_file(context, *args.get("--kit"));  // and nothing else: no passphrase of the environment helps
  if (!kit) return failed(std::move(kit).error());
  auto vault = open_vault(context, *url, vault::KeyFile{kit->key});
  if (!vault) return failed(std::move(vault).error());
  auto progress = [&](const vault::RehearsalProgress& p) {
    context.out.progress("read " + format_bytes(p.bytes) + " of " + format_bytes(p.total_bytes) + ", " + p.what);
  };
  auto report = vault::rehearse(*vault->repository, progress, context.stop);
  if (!report) return failed(std::move(report).error());
  Json list = Json::array();
  for (const vault::RehearsedSnapshot& s : report->snapshots) {
    list.push(Json::object()
                  .set("snapshot", long_id(s.id))
                  .set("component", s.component)
                  .set("host", s.host)
                  .set("files", s.files)
                  .set("bytes", s.bytes));
    context.out.line(short_id(s.id) + "  " + (s.component.empty() ? s.host : s.component) + ": " +
                     format_count(s.files, "file") + ", " + format_bytes(s.bytes) + " read with the kit alone");
  }
  context.out.line(
      "the kit opens this vault: the newest snapshot of each component was read whole, every chunk proven");
  return finished(Json::object().set("snapshots", list).set("vault", vault->repository->vault_id()));
}

std::vector<Option> lock_options(std::vector<Option> more) {
  more.push_back({"--new-passphrase-file", "FILE", "the passphrase that shall open it", false, false});
  more.push_back({"--new-key-file", "FILE", "the key file that shall open it", false, false});
  more.push_back({"--recipient", "KEY", "whose private key shall open it: holdfast-recipient-1-...", false, false});
  return checked_vault_options(std::move(more));
}

}  // namespace

// pass list
std::vector<Command> vault_key_commands() {
  return {
      {{"vault", "key", "list"},
       "who can open the vault, and when a recovery kit was last proven",
       {"holdfast vault key list --vault /backup/main", "holdfast vault key list --vault /backup/main -o json",
        "holdfast vault key list --vault /backup/main --key-file /etc/holdfast/key"},
       checked_vault_options(),
       "",
       0,
       0,
       list_keys},
      {{"vault", "key", "new"},
       "make a key pair: a private key for a file here, and the recipient that stands for it",
       {"holdfast vault key new --to /etc/holdfast/identity", "holdfast vault key new --to identity -o json",
        "holdfast backup list --vault /backup/main --key-file /etc/holdfast/identity"},
       {{"--to", "FILE", "where the private key goes; it must not exist", true, false}},
       "",
       0,
       0,
       run_new},
      {{"vault", "key", "add"},
       "let somebody else open the vault: to write only, to read, or to administer",
       {"holdfast vault key add --vault /backup/main --level write --label web-1 --recipient holdfast-recipient-1-...",
        "holdfast vault key add --vault /backup/main --level read --label auditor --new-passphrase-file pass.txt",
        "holdfast vault key add --vault /backup/main --level admin --label ops --new-key-file /etc/holdfast/key"},
       lock_options({{"--level", "LEVEL", "write (default), read or admin", false, false},
                     {"--label", "TEXT", "whose it is", true, false}}),
       "",
       0,
       0,
       run_add},
      {{"vault", "key", "drop"},
       "close a slot",
       {"holdfast vault key drop 3 --vault /backup/main", "holdfast vault key drop 3 --vault /backup/main -o json",
        "holdfast vault key list --vault /backup/main"},
       checked_vault_options(),
       "SLOT",
       1,
       1,
       run_drop},
      {{"vault", "key", "rotate"},
       "put another passphrase or key in the place of the one given; no data is encrypted anew",
       {"holdfast vault key rotate --vault /backup/main --passphrase-file old --new-passphrase-file new",
        "holdfast vault key rotate --vault /backup/main --key-file old.key --new-key-file new.key",
        "holdfast vault key rotate --vault /backup/main --key-file identity --recipient holdfast-recipient-1-..."},
       lock_options({}),
       "",
       0,
       0,
       run_rotate},
      {{"vault", "key", "export"},
       "print a recovery kit: a key of its own, as text and QR code, with what to type",
       {"holdfast vault key export --vault /backup/main", "holdfast vault key export --vault /backup/main --to kit.txt",
        "holdfast vault key export --vault /backup/main | lp"},
       checked_vault_options({{"--to", "FILE", "write it there instead of printing it; it must not exist", false, false}}),
       "",
       0,
       0,
       export_kit},
      {{"vault", "key", "rehearse"},
       "prove that the recovery kit alone restores: open with it, read the newest snapshots whole",
       {"holdfast vault key rehearse --vault /backup/main --kit kit.txt",
        "holdfast vault key rehearse --vault /backup/main --kit /mnt/usb/kit.txt -o json",
        "holdfast vault key list --vault /backup/main"},
       {vault_options().front(),
        {"--kit", "FILE", "the kit's page, or only its key line", true, false}},
       "",
       0,
       0,
       run_rehearse},
  };
}

}  // namespace hf::cli
