// vault prune: forgets snapshots by the rules of the command line or of the plan, and frees what nothing needs.
#include <algorithm>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/copy_choice.h"
#include "cli/interrupt.h"
#include "cli/plan_file.h"
#include "cli/shown_progress.h"
#include "cli/vault_access.h"
#include "vault/collect/collect.h"

namespace hf::cli {

namespace {

constexpr const char* kCounts[] = {"--keep-last",   "--keep-hourly",  "--keep-daily",
                                   "--keep-weekly", "--keep-monthly", "--keep-yearly"};

bool any_rule(const Arguments& args) {
  if (args.get("--keep") || args.get("--keep-wal")) return true;
  return std::ranges::any_of(kCounts, [&](const char* name) { return args.get(name).has_value(); });
}

Result<std::uint32_t> count_of(const Arguments& args, const char* name) {
  const auto text = args.get(name);
  if (!text) return std::uint32_t{0};
  const auto number = parse_whole<std::uint32_t>(*text);
  if (number && *number > 0) return *number;
  return make_error(ErrorKind::kUsage, std::string(name) + " " + *text + " is not a number of snapshots")
      .with_hint(std::string("Write for example ") + name + " 7.");
}

Result<std::optional<Micros>> duration_of(const Arguments& args, const char* name) {
  const auto text = args.get(name);
  if (!text) return std::optional<Micros>();
  auto duration = parse_duration(*text);
  if (duration && *duration >= Micros(0)) return std::optional<Micros>(*duration);
  return make_error(ErrorKind::kUsage, std::string(name) + " " + *text + " is not a duration")
      .with_hint("Write a number with a unit, for example 90s, 4h, 30d.");
}

Result<vault::RetentionPolicy> policy_of_words(const Arguments& args) {
  vault::RetentionPolicy policy;
  vault::KeepRules& rules = policy.all;
  std::uint32_t* const counts[] = {&rules.last, &rules.hourly, &rules.daily, &rules.weekly, &rules.monthly, &rules.yearly};
  for (std::size_t i = 0; i < std::size(kCounts); ++i) {
    HF_ASSIGN(*counts[i], count_of(args, kCounts[i]));
  }
  HF_ASSIGN(rules.within, duration_of(args, "--keep"));
  HF_ASSIGN(const std::optional<Micros> window, duration_of(args, "--keep-wal"));
  if (window) policy.wal_window[""] = *window;
  return policy;
}

// The rows of the plan that go to this vault, or to the one of which it is a copy. Several rows of a kind: the longest.
vault::RetentionPolicy policy_of_plan(const plan::Plan& plan, const plan::Vault& vault) {
  vault::RetentionPolicy policy;
  policy.only_listed = true;
  for (const plan::Component& c : plan.components) {
    for (const plan::Backup& row : c.backups) {
      if (row.vault != vault.name && row.vault != vault.copy_of) continue;
      if (row.kind == plan::BackupKind::kWal) {
        if (!row.keep.forever) policy.wal_window[c.name] = row.keep.duration;
        continue;
      }
      for (const vault::SnapshotKind kind : snapshot_kinds(row.kind)) {
        vault::KeepRules& rules = policy.components[{c.name, kind}];
        rules.forever = rules.forever || row.keep.forever;
        if (!row.keep.forever) rules.within = std::max(rules.within.value_or(Micros(0)), row.keep.duration);
      }
    }
  }
  return policy;
}

struct PruneJob {
  OpenVault vault;
  vault::RetentionPolicy policy;
  bool lock_as_kept = false;
};

Result<PruneJob> job_of_plan(Context& context, const Arguments& args) {
  HF_ASSIGN(const PlanFile file, read_valid_plan(context));
  const plan::Plan& plan = file.loaded.plan;
  HF_ASSIGN(const plan::Vault* const vault, named_vault(plan, args));
  PruneJob job;
  job.policy = policy_of_plan(plan, *vault);
  job.lock_as_kept = vault->object_lock == plan::ObjectLock::kKeep;
  HF_ASSIGN(job.vault, open_plan_vault(context, plan, vault->name));
  HF_TRY(check_seen(job.vault, args));
  return job;
}

Result<PruneJob> prune_job(Context& context, const Arguments& args) {
  const bool by_plan = !args.get("--vault") && (args.get("--name") || !context.environment.contains("HOLDFAST_VAULT"));
  if (by_plan) {
    if (!any_rule(args)) return job_of_plan(context, args);
    return make_error(ErrorKind::kUsage, "--keep and the like need --vault: without it the plan says what is kept")
        .with_hint("Give --vault URL, or leave the rules to the plan.");
  }
  PruneJob job;
  HF_ASSIGN(job.policy, policy_of_words(args));
  HF_ASSIGN(job.vault, open_checked_vault(context, args));
  return job;
}

// What may not go yet, and what renewing locks took.
void tell_locks(Context& context, const vault::PruneReport& report, Json& data) {
  Json locked = Json::array();
  for (const vault::LockedObject& l : report.locked) {
    Json one = Json::object().set("object", l.object).set("bytes", l.bytes).set("held", l.held);
    locked.push(one.set("until", l.until ? Json(format_time(*l.until)) : Json()));
  }
  data.set("locked", locked).set("locks", tell_locks(context, report.locks));
  if (report.locked.empty()) return;
  std::uint64_t bytes = 0;
  for (const vault::LockedObject& l : report.locked) bytes += l.bytes;
  const auto last = std::ranges::max_element(report.locked, {}, &vault::LockedObject::until);
  context.out.line(format_count(report.locked.size()) + " objects, " + format_bytes(bytes) +
                   ", are needed no more and stay: the last is " + describe(*last));
}

Json data_of(Context& context, const vault::PruneReport& report, bool dry_run) {
  Json kept = Json::array();
  Json removed = Json::array();
  for (const vault::RetentionVerdict& v : report.snapshots) {
    context.out.line(std::string(v.keep ? "keep    " : dry_run ? "would remove  " : "remove  ") + short_id(v.id) + "  " + v.rule);
    (v.keep ? kept : removed).push(Json::object().set("snapshot", long_id(v.id)).set("rule", v.rule));
  }
  Json why = Json::array();
  for (const std::string& text : report.why_pending) why.push(text);
  Json data = Json::object();
  data.set("kept", kept).set("removed", removed).set("condemned_packs", report.condemned_packs);
  data.set("swept_packs", report.swept_packs).set("freed_bytes", report.freed_bytes);
  data.set("repacked_bytes", report.repacked_bytes).set("removed_wal", report.removed_wal).set("fenced", report.fenced);
  data.set("pending", report.pending).set("why_pending", why).set("dry_run", dry_run);
  tell_locks(context, report, data);
  return data;
}

Outcome prune_as_said(Context& context, const Arguments& args) {
  vault::PruneOptions options;
  options.dry_run = args.flag("--dry-run");
  options.accept_clock = args.flag("--accept-clock");
  auto dead_after = duration_of(args, "--dead-after");
  if (!dead_after) return failed(std::move(dead_after).error());
  options.dead_after = dead_after->value_or(options.dead_after);
  auto job = prune_job(context, args);
  if (!job) return failed(std::move(job).error());
  options.policy = std::move(job->policy);
  options.lock_as_kept = job->lock_as_kept;
  auto report = vault::prune_vault(*job->vault.repository, options);
  remember(context, job->vault);
  if (!report) return failed(std::move(report).error());
  Json data = data_of(context, *report, options.dry_run);
  if (options.dry_run) return finished(data);
  context.out.line("freed " + format_bytes(report->freed_bytes) + " in " + format_count(report->swept_packs) +
                   " packs, repacked " + format_bytes(report->repacked_bytes) + ", removed " +
                   format_count(report->removed_wal) + " WAL objects");
  for (const std::string& why : report->why_pending) context.out.line("pending: " + why);
  if (report->pending) context.out.line("Run prune again later: what is left goes then.");
  return finished(data);
}

Outcome run_prune(Context& context, const Arguments& args) {
  const Interruptible here(context,
                           "Every snapshot that was to stay is whole; what was removed so far stays removed. Run the same "
                           "command again: it ends the work.");
  const ShownProgress shown(context, "pruning the vault");
  return here.told(prune_as_said(context, args));
}

std::vector<Option> prune_options() {
  return checked_vault_options({
      {"--name", "VAULT", "a vault of the plan; its rows say what is kept", false, false},
      {"--keep", "DURATION", "keep what is younger, by the store's clock", false, false},
      {"--keep-last", "N", "keep the last N of each series", false, false},
      {"--keep-hourly", "N", "keep the newest of each of N hours", false, false},
      {"--keep-daily", "N", "keep the newest of each of N days", false, false},
      {"--keep-weekly", "N", "keep the newest of each of N weeks", false, false},
      {"--keep-monthly", "N", "keep the newest of each of N months", false, false},
      {"--keep-yearly", "N", "keep the newest of each of N years", false, false},
      {"--keep-wal", "DURATION", "keep the base backup from which so long can be replayed", false, false},
      {"--dry-run", "", "say what would be kept and removed, and why; write nothing", false, false},
      {"--dead-after", "DURATION", "end the lease of a writer that shows no beat for so long (2m)", false, false},
      {"--accept-clock", "", "the store's clock was looked at, and is right", false, false},
  });
}

}  // namespace

std::vector<Command> prune_commands() {
  return {{{"vault", "prune"},
           "forget snapshots that no rule keeps, and free what nothing needs any more",
           {"holdfast vault prune --vault /backup/main --keep 30d --dry-run",
            "holdfast vault prune --vault /backup/main --keep-daily 7 --keep-weekly 5 --keep-monthly 12",
            "holdfast vault prune --name main"},
           prune_options(),
           "",
           0,
           0,
           run_prune}};
}

}  // namespace hf::cli
