// vault init, check, unlock: the repository as a thing of its own.
#include "base/text.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/healing.h"
#include "cli/interrupt.h"
#include "cli/new_copy.h"
#include "cli/shown_progress.h"
#include "cli/thawing.h"
#include "cli/vault_access.h"
#include "vault/pack/pack.h"

namespace hf::cli {

namespace {

// "3", "0" or "10%".
Result<unsigned> parity_percent(const Arguments& args) {
  const std::string text = args.get_or("--parity", std::to_string(vault::kDefaultParityPercent));
  const auto percent = parse_whole<unsigned>(text.ends_with('%') ? text.substr(0, text.size() - 1) : text);
  if (percent && *percent <= vault::kMaxParityPercent) return *percent;
  return make_error(ErrorKind::kUsage, "--parity " + text + " is not a share of a pack")
      .with_hint("Write a percentage from 0 (no parity) to " + std::to_string(vault::kMaxParityPercent) + "; the default is " +
                 std::to_string(vault::kDefaultParityPercent) + ".");
}

Outcome run_init(Context& context, const Arguments& args) {
  auto parity = parity_percent(args);
  if (!parity) return failed(std::move(parity).error());
  if (auto original = args.get("--copy-of")) {
    if (args.get("--parity")) {
      return failed(make_error(ErrorKind::kUsage, "a copy has the packs of its original, with their parity")
                        .with_hint("Leave out --parity, or --copy-of for a vault of its own."));
    }
    auto url = vault_url(context, args);
    if (!url) return failed(std::move(url).error());
    auto credentials = vault_credentials(context, args);
    if (!credentials) return failed(std::move(credentials).error());
    auto from = open_vault(context, *original, *credentials);
    if (!from) return failed(std::move(from).error());
    auto made = make_copy(context, *from, *url);
    if (!made) return failed(std::move(made).error());
    return finished(Json::object()
                        .set("vault", from->repository->vault_id())
                        .set("url", *url)
                        .set("copy_of", *original)
                        .set("store", std::move(*made)));
  }
  vault::InitOptions options;
  options.parity_percent = *parity;
  auto vault = init_vault(context, args, options);
  if (!vault) return failed(std::move(vault).error());
  context.out.line("created vault " + vault->repository->vault_id() + " at " + vault->url);
  context.out.line("Keep the passphrase or key file: without it nothing in this vault can be read, by anyone.");
  Json store = tell_abilities(context, vault->repository->abilities());
  Json data = Json::object().set("vault", vault->repository->vault_id()).set("url", vault->url);
  return finished(data.set("parity_percent", *parity).set("store", store));
}

// "--read-data" alone reads everything; "--read-data=10%" a sample.
Result<vault::CheckOptions> check_options(const Arguments& args, Rng& rng) {
  vault::CheckOptions out;
  if (auto text = args.get("--read-data")) {
    out.read_data = true;
    std::string digits = text->ends_with('%') ? text->substr(0, text->size() - 1) : *text;
    const auto percent = parse_whole<std::uint32_t>(digits);
    if (!percent || *percent < 1 || *percent > 100) {
      return make_error(ErrorKind::kUsage, "--read-data=" + *text + " is not a share of the data")
          .with_hint("Write --read-data for everything, or for example --read-data=10%.");
    }
    out.read_data_percent = *percent;
    out.sample_seed = rng.u64();
  }
  return out;
}

Outcome check_and_heal(Context& context, const Arguments& args) {
  auto read = check_options(args, context.env.rng);
  if (!read) return failed(std::move(read).error());
  auto vault = open_checked(context, args);
  if (!vault) return failed(std::move(vault).error());
  Json thawed;
  if (read->read_data && read->read_data_percent == 100) {
    auto ready = thaw_first(context, args, *vault->vault.repository, nullptr);
    if (!ready) return failed(std::move(ready).error());
    thawed = std::move(*ready);
  }
  vault::CheckOptions options = vault->options();
  options.read_data = read->read_data;
  options.read_data_percent = read->read_data_percent;
  options.sample_seed = read->sample_seed;
  auto report = vault->vault.repository->check(options);
  if (!report) return failed(std::move(report).error());
  report->healed.insert(report->healed.begin(), vault->healed.begin(), vault->healed.end());
  const Json healed = tell_healed(context, report->healed);
  const Json damaged = tell_damaged(context, report->damaged);
  context.out.line(format_count(report->snapshots, "snapshot") + ", " + format_count(report->packs, "pack") + ", " +
                   format_count(report->chunks, "chunk") + ", " + format_count(report->wal_objects, "WAL object") +
                   "; read " + format_bytes(report->read_bytes) + "; " +
                   std::to_string(report->healed.size()) + " healed, " + std::to_string(report->damaged.size()) + " damaged");
  Json data = Json::object();
  data.set("packs", report->packs).set("chunks", report->chunks).set("snapshots", report->snapshots);
  data.set("wal_objects", report->wal_objects).set("attachments", report->attachments);
  data.set("archived_packs", report->archived);
  if (thawed.is_object()) data.set("thaw", thawed);
  if (report->archived > 0)
    context.out.line(format_count(report->archived) + " packs are archived: of them only their size was looked at");
  data.set("damaged", damaged).set("healed", healed).set("read_bytes", report->read_bytes);
  return checked_outcome(data, report->damaged, vault->repair);
}

Outcome check_vault(Context& context, const Arguments& args) {
  const Interruptible here(context,
                           "A check changes nothing but what --repair healed. Run it again, or a part of it by --read-data=10%.");
  const ShownProgress shown(context, "checking the vault");
  return here.told(check_and_heal(context, args));
}

std::vector<Option> check_options_of_vault() {
  std::vector<Option> out = checked_vault_options(
      {{"--read-data", "SHARE", "read and authenticate every byte; --read-data=10% reads a sample", false, false, "100%"}});
  for (Option& option : healing_options()) out.push_back(std::move(option));
  for (Option& option : thaw_options()) out.push_back(std::move(option));
  return out;
}

Outcome run_unlock(Context& context, const Arguments& args) {
  auto vault = open_checked_vault(context, args);
  if (!vault) return failed(std::move(vault).error());
  auto done = vault->repository->unlock_leases();
  if (!done) return failed(std::move(done).error());
  Json list = Json::array();
  for (const std::string& what : *done) {
    context.out.line(what);
    list.push(what);
  }
  if (done->empty()) context.out.line("nothing was left unfinished");
  return finished(Json::object().set("finished", list));
}

}  // namespace

std::vector<Command> vault_commands() {
  return {
      {{"vault", "init"},
       "create a vault, or an empty copy of one in another region",
       {"holdfast vault init --vault /backup/main --passphrase-file ~/.holdfast",
        "holdfast vault init --vault 's3://bucket/main?region=eu-west-1' --key-file /etc/holdfast/key",
        "holdfast vault init --vault /mnt/eu/main --copy-of /backup/main --key-file /etc/holdfast/key"},
       vault_options_and({{"--copy-of", "URL", "the vault of which this becomes a copy", false, false},
                          {"--parity", "PERCENT",
                           "of each pack: damage of so much is healed without a copy; 0 to 20, 3 if not given",
                           false, false}}),
       "",
       0,
       0,
       run_init},
      {{"vault", "check"},
       "verify that everything a snapshot needs is there and whole",
       {"holdfast vault check --vault /backup/main", "holdfast vault check --vault /backup/main --read-data=10%",
        "holdfast vault check --vault /backup/main --read-data --repair --from /mnt/eu/main"},
       check_options_of_vault(),
       "",
       0,
       0,
       check_vault},
      {{"vault", "unlock"},
       "finish what writers that died had committed",
       {"holdfast vault unlock --vault /backup/main", "holdfast vault unlock -o json",
        "holdfast vault check --vault /backup/main"},
       checked_vault_options(),
       "",
       0,
       0,
       run_unlock},
  };
}

}  // namespace hf::cli
