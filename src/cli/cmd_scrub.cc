// vault scrub, rebuild: data read again before it is needed, and an index made anew from what it indexes.
#include <map>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/healing.h"
#include "cli/shown_progress.h"
#include "io/files.h"
#include "vault/check/rebuild.h"
#include "vault/check/scrub.h"

namespace hf::cli {

namespace {

constexpr std::size_t kMaxLedgerBytes = std::size_t{1} << 30;

Result<std::uint32_t> percent_of(const std::string& option, const std::string& text) {
  const auto percent = parse_whole<std::uint32_t>(text.ends_with('%') ? text.substr(0, text.size() - 1) : text);
  if (percent && *percent >= 1 && *percent <= 100) return *percent;
  return make_error(ErrorKind::kUsage, option + " " + text + " is not a share of the data")
      .with_hint("Write for example " + option + " 10%.");
}

// "50MB/s", "800KiB/s", "1GB": bytes in a second.
Result<std::uint64_t> rate_of(const std::string& text) {
  std::string_view left = text;
  if (left.ends_with("/s")) left.remove_suffix(2);
  const std::size_t digits = std::min(left.find_first_not_of("0123456789"), left.size());
  const auto number = parse_whole<std::uint64_t>(left.substr(0, digits));
  const std::map<std::string_view, std::uint64_t> units = {
      {"B", 1}, {"KB", 1000}, {"MB", 1000'000}, {"GB", 1000'000'000}, {"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30}};
  const auto unit = units.find(left.substr(digits));
  if (number && *number > 0 && unit != units.end() && *number < (std::uint64_t{1} << 32)) return *number * unit->second;
  return make_error(ErrorKind::kUsage, "--rate " + text + " is not a rate").with_hint("Write for example --rate 50MB/s.");
}

Result<vault::ScrubOptions> scrub_options_of(Context& context, const Arguments& args) {
  vault::ScrubOptions out;
  if (auto text = args.get("--limit")) {
    HF_ASSIGN(out.limit_percent, percent_of("--limit", *text));
  }
  if (auto text = args.get("--for")) {
    auto duration = parse_duration(*text);
    if (!duration || duration->count() <= 0) {
      return make_error(ErrorKind::kUsage, "--for " + *text + " is not a duration").with_hint("Write for example --for 1h.");
    }
    out.duration = *duration;
  }
  if (auto text = args.get("--rate")) {
    HF_ASSIGN(out.bytes_per_second, rate_of(*text));
  }
  out.stop = context.stop;
  return out;
}

// One that is damaged counts as none: everything is read once more.
Result<vault::ScrubLedger> read_ledger(Context& context, const std::string& path, const std::string& store,
                                       std::vector<std::string>& warnings) {
  vault::ScrubLedger fresh;
  fresh.store = store;
  auto bytes = read_file(context.env.files, path, kMaxLedgerBytes);
  if (!bytes && bytes.error().kind == ErrorKind::kNotFound) return fresh;
  if (!bytes) return std::move(bytes).error();
  auto ledger = vault::parse_ledger(to_text(*bytes), store);
  if (ledger) return ledger;
  warnings.push_back(path + ": " + ledger.error().text + "; everything counts as never verified");
  context.out.note("holdfast: " + warnings.back());
  return fresh;
}

Json scrub_data(const vault::ScrubReport& report, const std::string& path) {
  Json data = Json::object();
  data.set("objects", report.objects).set("total_bytes", report.total_bytes);
  data.set("verified_objects", report.verified_objects).set("verified_bytes", report.verified_bytes);
  data.set("never_verified", report.never_verified).set("interrupted", report.interrupted).set("ledger", path);
  if (report.oldest) data.set("oldest_verified", format_time(*report.oldest));
  return data;
}

Outcome run_scrub(Context& context, const Arguments& args) {
  auto options = scrub_options_of(context, args);
  if (!options) return failed(std::move(options).error());
  const ShownProgress shown(context, "scrubbing the vault");
  auto vault = open_checked(context, args);
  if (!vault) return failed(std::move(vault).error());
  options->check = vault->options();
  vault::Repository& repository = *vault->vault.repository;
  const std::string path = join_path(join_path(context.state_dir, "scrub"), repository.store_id());
  std::vector<std::string> warnings;
  auto ledger = read_ledger(context, path, repository.store_id(), warnings);
  if (!ledger) return failed(std::move(ledger).error());
  options->save = [&](const vault::ScrubLedger& now) -> Status {
    HF_TRY(context.env.files.make_dirs(parent_path(path)));
    return write_file_atomic(context.env.files, path, as_bytes(vault::encode_ledger(now)));
  };
  auto report = vault::scrub_vault(repository, *ledger, *options);
  if (!report) return failed(std::move(report).error());
  std::vector<vault::Healed>& healed = report->found.healed;
  healed.insert(healed.begin(), vault->healed.begin(), vault->healed.end());
  Json data = scrub_data(*report, path);
  data.set("healed", tell_healed(context, healed)).set("damaged", tell_damaged(context, report->found.damaged));
  context.out.line("verified " + format_count(report->verified_objects) + " of " + format_count(report->objects) + " objects, " +
                   format_bytes(report->verified_bytes) + " of " + format_bytes(report->total_bytes) + "; " +
                   std::to_string(healed.size()) + " healed, " + std::to_string(report->found.damaged.size()) + " damaged");
  context.out.line(report->oldest ? "every object was verified since " + format_time(*report->oldest)
                                  : format_count(report->never_verified) + " objects were never verified");
  Outcome out = checked_outcome(data, report->found.damaged, vault->repair);
  out.warnings = std::move(warnings);
  if (report->interrupted && out.exit_code == kExitOk) out.exit_code = kExitInterrupted;
  return out;
}

Outcome run_rebuild(Context& context, const Arguments& args) {
  const ShownProgress shown(context, "rebuilding the index");
  auto vault = open_vault(context, args);
  if (!vault) return failed(std::move(vault).error());
  vault::RebuildOptions options;
  options.snapshots = args.flag("--snapshots");
  auto report = vault::rebuild_vault(*vault->repository, options);
  if (!report) return failed(std::move(report).error());
  Json snapshots = Json::array();
  for (const vault::RebuiltSnapshot& s : report->snapshots) {
    context.out.line("snapshot " + s.id.substr(0, 12) + " of " + format_time(s.started) +
                     (s.component.empty() ? "" : ", component " + s.component));
    snapshots.push(Json::object().set("snapshot", s.id).set("component", s.component).set("time", format_time(s.started)));
  }
  Json data = Json::object();
  data.set("packs", report->packs).set("indexed_packs", report->indexed_packs).set("indexed_chunks", report->indexed_chunks);
  data.set("removed_runs", report->removed_runs).set("read_bytes", report->read_bytes).set("snapshots", snapshots);
  data.set("healed", tell_healed(context, report->healed)).set("damaged", tell_damaged(context, report->damaged));
  context.out.line("indexed " + format_count(report->indexed_packs) + " of " + format_count(report->packs) + " packs with " +
                   format_count(report->indexed_chunks) + " chunks; removed " + format_count(report->removed_runs) +
                   " damaged index runs");
  return checked_outcome(data, report->damaged, true);
}

std::vector<Option> scrub_options() {
  std::vector<Option> out = checked_vault_options(
      {{"--limit", "SHARE", "of the bytes, in this call: 10%", false, false},
       {"--for", "DURATION", "begin no object after so long: 1h", false, false},
       {"--rate", "RATE", "read no faster than this: 50MB/s", false, false}});
  for (Option& option : healing_options()) out.push_back(std::move(option));
  return out;
}

}  // namespace

std::vector<Command> scrub_commands() {
  return {{{"vault", "scrub"},
           "read and verify the data, the longest unread first, and remember what was verified when",
           {"holdfast vault scrub --vault /backup/main --limit 10% --rate 50MB/s",
            "holdfast vault scrub --vault /backup/main --for 1h --repair --from /mnt/eu/main",
            "holdfast vault scrub --vault /backup/main -o json"},
           scrub_options(),
           "",
           0,
           0,
           run_scrub},
          {{"vault", "rebuild"},
           "make the index anew from the packs alone, and with --snapshots the snapshots too",
           {"holdfast vault rebuild --vault /backup/main", "holdfast vault rebuild --vault /backup/main --snapshots",
            "holdfast vault check --vault /backup/main --read-data"},
           vault_options_and({{"--snapshots", "", "also snapshots that no commit tells of, from their notes in the packs", false,
                               false}}),
           "",
           0,
           0,
           run_rebuild}};
}

}  // namespace hf::cli
