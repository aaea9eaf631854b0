// vault tier: packs of file data to a colder storage class by age; what it costs is shown before it is done.
#include <algorithm>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/plan_file.h"
#include "cli/vault_access.h"
#include "vault/tiers/storage_class.h"
#include "vault/tiers/tiering.h"

namespace hf::cli {

namespace {

struct TierJob {
  OpenVault vault;
  vault::TierOptions options;
};

Result<TierJob> tier_of_words(Context& context, const Arguments& args) {
  TierJob job;
  const auto after = args.get("--after");
  const auto to = args.get("--to");
  if (!after || !to) {
    return make_error(ErrorKind::kUsage, "say what moves, and where to").with_hint("For example: --after 30d --to GLACIER_IR.");
  }
  auto span = parse_duration(*after);
  if (!span || *span < Micros(0)) {
    return make_error(ErrorKind::kUsage, "--after " + *after + " is not a duration").with_hint("Write for example 30d.");
  }
  job.options.after = *span;
  job.options.to = *to;
  HF_ASSIGN(job.vault, open_checked_vault(context, args));
  return job;
}

// The rows of the plan that go to this vault. Packs are shared: what a row without `tier` needs stays, and of several rows
// the longest age counts.
Result<TierJob> tier_of_plan(Context& context, const Arguments& args) {
  HF_ASSIGN(const PlanFile file, read_valid_plan(context));
  const plan::Plan& plan = file.loaded.plan;
  const std::string name = args.get_or("--name", plan.vaults.size() == 1 ? plan.vaults.front().name : "");
  if (plan.find_vault(name) == nullptr) {
    return make_error(ErrorKind::kUsage, name.empty() ? "the plan has several vaults" : "the plan has no vault '" + name + "'")
        .with_hint("Say which with --name, or give --vault, --after and --to.");
  }
  TierJob job;
  for (const plan::Component& c : plan.components) {
    for (const plan::Backup& row : c.backups) {
      if (row.vault != name || row.kind == plan::BackupKind::kWal) continue;
      if (!row.tier) {
        job.options.stay.push_back(c.name);
        continue;
      }
      const std::string to(to_string(row.tier->to));
      if (!job.options.to.empty() && job.options.to != to) {
        return make_error(ErrorKind::kBlocked, "rows of the plan move packs of vault '" + name + "' to " + job.options.to +
                                                   " and to " + to)
            .with_hint("Packs are shared within a vault: give them one class, or vaults of their own.");
      }
      job.options.to = to;
      job.options.after = std::max(job.options.after, row.tier->after);
    }
  }
  if (job.options.to.empty()) {
    return make_error(ErrorKind::kBlocked, "no row of the plan moves packs of vault '" + name + "'")
        .with_hint("Give a row tier: {after: 30d, to: GLACIER_IR}, or use --vault, --after and --to.");
  }
  HF_ASSIGN(job.vault, open_plan_vault(context, plan, name));
  HF_TRY(check_seen(job.vault, args));
  return job;
}

void tell(Context& context, const vault::TierOptions& options, const vault::TierReport& report) {
  const auto dollars = [](double d) { return vault::format_dollars(d); };
  context.out.line(format_count(report.moves.size()) + " packs, " + format_bytes(report.bytes) + ", " +
                   (options.apply ? "to " : "would move to ") + options.to + ": " + dollars(report.request_dollars) +
                   " for requests, then " + dollars(report.saved_dollars_month) + " less a month");
  if (report.least > Micros(0)) {
    context.out.line(options.to + " charges for at least " + format_duration(report.least) + ", whatever becomes of them: " +
                     dollars(report.least_dollars));
  }
  if (report.early_dollars > 0)
    context.out.line("leaving their class before its own least time is over costs " + dollars(report.early_dollars));
  if (report.locked > 0) {
    context.out.line(format_count(report.locked) + " packs, " + format_bytes(report.locked_bytes) +
                     ", are locked and stay: a move would leave their old versions, which would be paid for, too");
  }
  if (report.staying > 0)
    context.out.line(format_count(report.staying) + " packs stay: a component needs them whose row has no tier");
  context.out.line(std::string("Estimated by the prices of ") + vault::kPricesOf + ".");
  if (!options.apply && !report.moves.empty()) context.out.line("Nothing was moved: give --apply to do it.");
}

Outcome tier_as_said(Context& context, const Arguments& args) {
  const bool by_plan = !args.get("--vault") && (args.get("--name") || !context.environment.contains("HOLDFAST_VAULT"));
  auto job = by_plan ? tier_of_plan(context, args) : tier_of_words(context, args);
  if (!job) return failed(std::move(job).error());
  job->options.apply = args.flag("--apply");
  auto report = vault::tier_vault(*job->vault.repository, job->options);
  if (!report) return failed(std::move(report).error());
  tell(context, job->options, *report);
  Json data = Json::object();
  data.set("to", job->options.to).set("packs", static_cast<std::uint64_t>(report->moves.size())).set("bytes", report->bytes);
  data.set("moved_packs", report->moved).set("applied", job->options.apply);
  data.set("locked_packs", report->locked).set("locked_bytes", report->locked_bytes).set("staying_packs", report->staying);
  data.set("least_seconds", std::chrono::duration_cast<Seconds>(report->least).count());
  data.set("request_dollars", report->request_dollars).set("least_dollars", report->least_dollars);
  data.set("early_dollars", report->early_dollars).set("saved_dollars_month", report->saved_dollars_month);
  return finished(data.set("prices_of", vault::kPricesOf));
}

Outcome run_tier(Context& context, const Arguments& args) {
  const Interruptible here(context,
                           "Packs that moved stay moved. Run the same command again: it does the rest.");
  return here.told(tier_as_said(context, args));
}

}  // namespace

std::vector<Command> tier_commands() {
  return {{{"vault", "tier"},
           "move packs of file data to a colder storage class by age; shows first what it costs",
           {"holdfast vault tier --vault 's3://bucket/main?region=eu-west-1' --after 30d --to GLACIER_IR",
            "holdfast vault tier --vault 's3://bucket/main?region=eu-west-1' --after 30d --to GLACIER_IR --apply",
            "holdfast vault tier --name main --apply"},
           checked_vault_options({{"--name", "VAULT", "a vault of the plan; its rows say what moves", false, false},
                                  {"--after", "DURATION", "what was put so long ago", false, false},
                                  {"--to", "CLASS", "STANDARD_IA, ONEZONE_IA, GLACIER_IR, GLACIER or DEEP_ARCHIVE", false, false},
                                  {"--apply", "", "do it; else it is only shown", false, false}}),
           "",
           0,
           0,
           run_tier}};
}

}  // namespace hf::cli
