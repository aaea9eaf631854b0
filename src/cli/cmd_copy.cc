// vault copy: brings a copy of the vault up to date, all of it or what is chosen by words or by the plan, and says how far it
// is behind.
#include <algorithm>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/copy_choice.h"
#include "cli/exit_codes.h"
#include "cli/interrupt.h"
#include "cli/new_copy.h"
#include "cli/plan_file.h"
#include "cli/shown_progress.h"
#include "cli/vault_access.h"

namespace hf::cli {

namespace {

struct CopyJob {
  OpenVault from;
  OpenVault to;
  vault::CopyFilter filter;
  std::optional<Micros> within;          // of the plan
};

Error without_copy(Error error, const std::string& from, const std::string& to) {
  if (error.id == kNoVaultId)
    error.hint = "Create the copy first: holdfast vault init --copy-of " + from + " --vault " + to;
  return error;
}

// The copy that --name names, of the vault that it is a copy of.
Result<CopyJob> copy_job_of_plan(Context& context, const Arguments& args) {
  if (args.get("--vault") || args.get("--to")) {
    return make_error(ErrorKind::kUsage, "--name takes both vaults from the plan")
        .with_hint("Leave out --vault and --to, or --name.");
  }
  HF_ASSIGN(const PlanFile file, read_valid_plan(context));
  const plan::Plan& plan = file.loaded.plan;
  HF_ASSIGN(const plan::Vault* const copy, named_vault(plan, args));
  if (copy->copy_of.empty()) {
    return make_error(ErrorKind::kUsage, "the plan's vault '" + copy->name + "' is no copy")
        .with_hint("Name one that has copy_of.");
  }
  CopyJob job;
  HF_ASSIGN(job.filter, copy_filter(plan, *copy, args));
  job.within = copy->within;
  HF_ASSIGN(job.from, open_plan_vault(context, plan, copy->copy_of));
  HF_TRY(check_seen(job.from, args));
  auto to = open_plan_vault(context, plan, copy->name);
  if (!to) return without_copy(std::move(to).error(), job.from.url, copy->url);
  job.to = std::move(*to);
  return job;
}

Result<CopyJob> copy_job(Context& context, const Arguments& args) {
  if (args.get("--name")) return copy_job_of_plan(context, args);
  const auto url = args.get("--to");
  if (!url) {
    return make_error(ErrorKind::kUsage, "--to is required").with_hint("Give --to URL, or --name VAULT for a copy of the plan.");
  }
  CopyJob job;
  if (args.get("--class")) {
    HF_ASSIGN(const PlanFile file, read_valid_plan(context));
    HF_ASSIGN(job.filter, copy_filter(&file.loaded.plan, args));
  } else {
    HF_ASSIGN(job.filter, copy_filter(nullptr, args));
  }
  HF_ASSIGN(const vault::Credentials credentials, vault_credentials(context, args));
  HF_ASSIGN(job.from, open_checked_vault(context, args));
  HF_ASSIGN(job.to, open_copy(context, job.from, *url, credentials));
  return job;
}

Json seconds_or_null(std::optional<Micros> span) {
  return span ? Json(std::chrono::duration_cast<Seconds>(*span).count()) : Json();
}

Json time_or_null(std::optional<WallTime> time) {
  return time ? Json(format_time(std::chrono::floor<Seconds>(*time))) : Json();
}

Json end_json(const vault::WalEnd& end) {
  return Json::object()
      .set("timeline", end.timeline)
      .set("lsn", format_lsn(end.lsn))
      .set("last_commit", time_or_null(end.last_commit));
}

std::string end_text(const vault::WalEnd& end) {
  return format_lsn(end.lsn) + " (timeline " + std::to_string(end.timeline) +
         (end.last_commit ? ", last commit " + format_time(std::chrono::floor<Seconds>(*end.last_commit)) : "") + ")";
}

void say_lag(Context& context, const vault::CopyLag& lag) {
  if (lag.newest_in_copy) {
    const std::string newest = format_time(std::chrono::floor<Seconds>(*lag.newest_in_copy));
    const Micros behind = lag.time().value_or(Micros(0));
    context.out.line("newest snapshot in the copy: " + newest +
                     (lag.snapshots == 0 ? ", as in the source"
                                         : ", " + format_duration(behind) + " behind the source, which has " +
                                               format_count(lag.snapshots) + " more"));
  } else if (lag.newest_in_source) {
    context.out.line("the copy has none of the " + format_count(lag.snapshots) + " snapshots of the source");
  }
  for (const vault::WalLag& wal : lag.wal) {
    std::string line = "WAL of cluster " + std::to_string(wal.system_id) + ": ";
    if (!wal.copy) line += "none in the copy; the source has it up to " + end_text(wal.source);
    else if (*wal.copy == wal.source) line += "up to " + end_text(*wal.copy) + ", as in the source";
    else line += "up to " + end_text(*wal.copy) + "; the source up to " + end_text(wal.source);
    context.out.line(line);
  }
}

Json lag_json(const vault::CopyLag& lag, std::optional<Micros> within) {
  Json wal = Json::array();
  for (const vault::WalLag& w : lag.wal) {
    Json one = Json::object().set("system_id", std::to_string(w.system_id)).set("source", end_json(w.source));
    one.set("copy", w.copy ? end_json(*w.copy) : Json());
    one.set("bytes", w.bytes() ? Json(*w.bytes()) : Json()).set("seconds", seconds_or_null(w.time()));
    wal.push(std::move(one));
  }
  return Json::object()
      .set("snapshots", lag.snapshots)
      .set("newest_in_source", time_or_null(lag.newest_in_source))
      .set("newest_in_copy", time_or_null(lag.newest_in_copy))
      .set("seconds", seconds_or_null(lag.time()))
      .set("wal", std::move(wal))
      .set("within_seconds", seconds_or_null(within));
}

// Of snapshots and of WAL, where it is known.
bool is_late(const vault::CopyLag& lag, Micros within) {
  if (lag.time().value_or(Micros(0)) > within) return true;
  return std::ranges::any_of(lag.wal, [&](const vault::WalLag& w) { return w.time().value_or(Micros(0)) > within; });
}

Outcome copy(Context& context, const Arguments& args) {
  auto job = copy_job(context, args);
  if (!job) return failed(std::move(job).error());
  if (Status seen = check_seen(job->to, args); !seen) return failed(std::move(seen).error());
  auto report = job->from.repository->copy_to(*job->to.repository, job->filter);
  remember(context, job->to);
  if (!report) return failed(std::move(report).error());
  context.out.line("copied " + format_count(report->packs, "pack") + ", " + format_count(report->commits, "snapshot") + ", " +
                   format_count(report->wal_objects, "WAL object") + ", " +
                   format_bytes(report->copied_bytes) + " to " + job->to.url);
  if (report->chosen == 0) context.out.line("no snapshot in " + job->from.url + " is one that this copy takes");
  say_lag(context, report->lag);
  Json data = Json::object();
  data.set("packs", report->packs).set("commits", report->commits).set("wal_objects", report->wal_objects);
  data.set("attachments", report->attachments).set("copied_bytes", report->copied_bytes);
  data.set("snapshots_behind", report->lag.snapshots).set("to", job->to.url);
  data.set("chosen_snapshots", report->chosen ? Json(*report->chosen) : Json());
  data.set("lag", lag_json(report->lag, job->within));
  Outcome out = finished(data);
  if (job->within && is_late(report->lag, *job->within)) {
    out.warnings.push_back("the copy is further behind than the plan allows (" + format_duration(*job->within) + ")");
  }
  return out;
}

Outcome run_copy(Context& context, const Arguments& args) {
  const Interruptible here(context,
                           "Snapshots that were copied are whole there, and packs that were copied are not sent again. Run "
                           "the same command again: it goes on from there.");
  const ShownProgress shown(context, "copying the vault");
  return here.told(copy(context, args));
}

}  // namespace

std::vector<Command> copy_commands() {
  std::vector<Option> options = {
      {"--to", "URL", "the copy; made if there is none and none was seen there", false, false},
      {"--name", "VAULT", "a copy of the plan, instead of --vault and --to; its `only` says what it takes", false, false}};
  for (Option& option : copy_choice_options()) options.push_back(std::move(option));
  return {{{"vault", "copy"},
           "bring a copy of the vault in another region up to date; the first time, make it",
           {"holdfast vault copy --vault /backup/main --to /mnt/eu/main",
            "holdfast vault copy --vault /backup/main --to /mnt/eu/main --component orders-db --kind full --kind wal",
            "holdfast vault copy --name archive -o json"},
           checked_vault_options(std::move(options)),
           "",
           0,
           0,
           run_copy}};
}

}  // namespace hf::cli
