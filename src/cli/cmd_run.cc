// run list, show, resume, approve, cancel; status: what was done, what goes on, how things stand.
#include <algorithm>
#include <map>
#include <ranges>
#include <set>

#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/failover.h"
#include "cli/journal_access.h"
#include "cli/run_access.h"
#include "plan/objective.h"
#include "record/run_events.h"

namespace hf::cli {

namespace {

constexpr std::uint64_t kMaxRuns = 100'000;          // that are listed
constexpr std::uint64_t kMaxApprovals = 1000;        // events of one run

struct RunLine {
  journal::RunRow row;
  bool waits = false;                                // for approvals that were asked for, and not given yet
  std::string state() const { return waits ? "waits for approval" : row.state; }
};

Result<bool> waits_for_approval(journal::ReadModel& model, const std::string& run) {
  journal::EventQuery query;
  query.type_prefix = "approval.";
  query.run = run;
  query.limit = kMaxApprovals;
  HF_ASSIGN(const std::vector<journal::Entry> events, model.events(query));
  std::int64_t needed = 0;
  std::set<std::string> approvers;
  for (const journal::Entry& e : events) {
    if (auto asked = record::body_of<record::ApprovalRequested>(e.event)) needed = asked->needed;
    if (auto given = record::body_of<record::ApprovalGiven>(e.event)) approvers.insert(given->by);
  }
  return static_cast<std::int64_t>(approvers.size()) < needed;
}

// Oldest first.
Result<std::vector<RunLine>> all_runs(journal::ReadModel& model) {
  HF_ASSIGN(std::vector<journal::RunRow> rows, model.runs(kMaxRuns));
  std::vector<RunLine> out;
  for (journal::RunRow& row : std::views::reverse(rows)) {
    if (row.kind.empty()) continue;                  // its beginning cannot be read here
    RunLine line{std::move(row)};
    if (!line.row.finished_at) {
      HF_ASSIGN(line.waits, waits_for_approval(model, line.row.run));
    }
    out.push_back(std::move(line));
  }
  return out;
}

Outcome list_runs(Context& context, const Arguments&) {
  auto journal = read_journal(context);
  if (!journal && journal.error().kind == ErrorKind::kNotFound) return nothing_recorded(journal.error(), "runs");
  if (!journal) return failed(std::move(journal).error());
  auto model = read_model_of(context, **journal);
  if (!model) return failed(std::move(model).error());
  auto runs = all_runs(*model);
  if (!runs) return failed(std::move(runs).error());
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows = {{"RUN", "KIND", "STARTED", "STATE", "VERDICT"}};
  for (const RunLine& line : *runs) {
    const journal::RunRow& r = line.row;
    Json one = Json::object();
    one.set("run", r.run)
        .set("kind", r.kind)
        .set("runbook", r.runbook)
        .set("component", r.component)
        .set("state", line.state());
    one.set("started_at", format_time(r.started_at))
        .set("finished_at", r.finished_at ? Json(format_time(*r.finished_at)) : Json())
        .set("verdict", r.verdict);
    list.push(one);
    rows.push_back({r.run, r.kind, format_time(std::chrono::floor<Seconds>(r.started_at)), line.state(), r.verdict});
  }
  context.out.table(rows);
  return finished(Json::object().set("runs", list));
}

Outcome run_show(Context& context, const Arguments& args) {
  auto journal = read_journal(context);
  if (!journal) return failed(std::move(journal).error());
  auto run = journal::find_run(**journal, args.positional()[0]);
  if (!run) return failed(std::move(run).error());
  runbook::History history = history_of(context, **journal, "");
  auto spec = spec_of_run(history, *run);
  if (!spec) return failed(std::move(spec).error());
  auto facts = history.read(*run);
  if (!facts) return failed(std::move(facts).error());
  runbook::RunReport report = runbook::report_of(*spec, *facts);
  print_report(context, *spec, report);
  print_next(context, *run, report);
  return finished(report_json(*spec, report));
}

Outcome run_resume(Context& context, const Arguments& args) {
  auto file = read_valid_plan(context);
  if (!file) return failed(std::move(file).error());
  RunRequest request;
  request.resume = args.positional()[0];
  request.approvers = args.all("--approve");
  return execute_run(context, *file, request);
}

Outcome change_run(Context& context, const Arguments& args,
                   const std::function<Status(runbook::History&, const std::string&)>& change) {
  if (auto there = read_journal(context); !there) return failed(std::move(there).error());  // opening makes one
  auto journal = open_journal(context);
  if (!journal) return failed(std::move(journal).error());
  auto run = journal::find_run(**journal, args.positional()[0]);
  if (!run) return failed(std::move(run).error());
  runbook::History history = history_of(context, **journal, "");
  if (auto done = change(history, *run); !done) return failed(std::move(done).error());
  context.out.line("recorded. Next: holdfast run resume " + *run);
  return finished(Json::object().set("run", *run));
}

Outcome run_approve(Context& context, const Arguments& args) {
  auto file = read_valid_plan(context);
  if (!file) return failed(std::move(file).error());
  if (auto may = check_approvers(file->loaded.plan, {*args.get("--by")}); !may) return failed(std::move(may).error());
  return change_run(context, args, [&](runbook::History& history, const std::string& run) {
    return runbook::approve_run(history, context.env.clock, run, *args.get("--by"));
  });
}

Outcome run_cancel(Context& context, const Arguments& args) {
  return change_run(context, args, [&](runbook::History& history, const std::string& run) {
    return runbook::cancel_run(history, context.env.clock, run, *args.get("--by"),
                               args.get_or("--reason", "cancelled by an operator"));
  });
}

Outcome run_waive(Context& context, const Arguments& args) {
  auto file = read_valid_plan(context);
  if (!file) return failed(std::move(file).error());
  if (auto may = check_waiver(file->loaded.plan, *args.get("--component"), *args.get("--by"), *args.get("--reason"));
      !may)
    return failed(std::move(may).error());
  return change_run(context, args, [&](runbook::History& history, const std::string& run) {
    return runbook::waive_fence(history, context.env.clock, run, *args.get("--component"), *args.get("--by"),
                                *args.get("--reason"));
  });
}

// --- status ---

struct Standing {
  std::optional<WallTime> backup, proof;
  bool proof_passed = false;
};

Result<std::map<std::string, Standing>> standing_of(journal::ReadModel& model) {
  std::map<std::string, Standing> out;
  HF_ASSIGN(const std::vector<journal::BackupRow> backups, model.latest_backups());
  HF_ASSIGN(const std::vector<journal::VerifyRow> proofs, model.latest_verifications());
  for (const journal::BackupRow& b : backups) out[b.component].backup = b.time;
  for (const journal::VerifyRow& v : proofs) {
    out[v.component].proof = v.time;
    out[v.component].proof_passed = v.ok && v.torn_down;
  }
  return out;
}

constexpr Micros kProofHolds = std::chrono::hours(24 * 30);

// The command that shows whether a backup can be restored. What is no database a person has to look at.
std::string proof_of(const plan::Plan& plan, const plan::Component& c) {
  if (std::holds_alternative<plan::Postgres>(c.detail)) return "holdfast verify " + c.name;
  const plan::Vault* vault = c.backups.empty() ? nullptr : plan.find_vault(c.backups.front().vault);
  return "holdfast restore --vault " + (vault == nullptr ? "URL" : vault->url) + " --component " + c.name +
         " --snapshot latest --to DIR";
}

// One component's line: what is known, and the next command where something is not good.
std::vector<std::string> status_row(const plan::Plan& plan, const plan::Component& c, const Standing& s, WallTime now,
                                    Json& list) {
  plan::SchedulePoint schedule = plan::schedule_rpo(c);
  std::optional<Micros> age;
  if (s.backup) age = now - *s.backup;
  Micros longest(0);
  for (const plan::Backup& b : c.backups) longest = std::max(longest, plan::interval_of(b));
  bool is_protected = age.has_value() && (longest.count() == 0 || age.value() <= 2 * longest);
  bool proven = s.proof && s.proof_passed && now - *s.proof <= kProofHolds;
  auto objective = plan::objective_for(plan, c).rpo.target;
  Json one = Json::object();
  one.set("name", c.name)
      .set("class", c.disaster_class)
      .set("protected", is_protected)
      .set("proven", proven)
      .set("ready", Json());
  one.set("recovery_point_age_seconds", age ? Json(seconds_of(*age)) : Json());
  one.set("rpo_objective_seconds", objective ? Json(seconds_of(*objective)) : Json());
  list.push(one);
  std::string next = !is_protected ? "holdfast backup run " + c.name : !proven ? proof_of(plan, c) : "";
  auto when = [&](const std::optional<WallTime>& t) {
    return t ? format_duration(std::chrono::floor<Seconds>(now - *t)) + " ago" : std::string("never");
  };
  return {c.name,
          c.disaster_class,
          is_protected ? "yes" : "NO",
          proven ? "yes" : "NO",
          "unknown",
          when(s.backup),
          when(s.proof),
          next};
}

Outcome run_status(Context& context, const Arguments&) {
  auto file = read_valid_plan(context);
  if (!file) return failed(std::move(file).error());
  std::map<std::string, Standing> standing;
  std::vector<RunLine> runs;
  if (auto journal = read_journal(context)) {
    auto model = read_model_of(context, **journal);
    if (!model) return failed(std::move(model).error());
    auto found = standing_of(*model);
    if (!found) return failed(std::move(found).error());
    standing = std::move(*found);
    auto list = all_runs(*model);
    if (!list) return failed(std::move(list).error());
    runs = std::move(*list);
  } else if (journal.error().kind != ErrorKind::kNotFound) {
    return failed(std::move(journal).error());
  }
  Json list = Json::array();
  std::vector<std::vector<std::string>> good, bad;
  for (const plan::Component& c : file->loaded.plan.components) {
    auto row = status_row(file->loaded.plan, c, standing[c.name], context.env.clock.wall(), list);
    (row.back().empty() ? good : bad).push_back(std::move(row));
  }
  std::vector<std::vector<std::string>> rows = {
      {"COMPONENT", "CLASS", "PROTECTED", "PROVEN", "READY", "BACKUP", "RESTORE TEST", "NEXT"}};
  rows.insert(rows.end(), bad.begin(), bad.end());  // worst first
  rows.insert(rows.end(), good.begin(), good.end());
  context.out.table(rows);
  for (const RunLine& line : runs) {
    if (line.row.finished_at) continue;
    context.out.line("unfinished run " + line.row.run + " (" + line.row.kind + ", " + line.state() + "); next: holdfast run " +
                     (line.waits ? "approve " + line.row.run + " --by NAME" : "resume " + line.row.run));
  }
  return finished(Json::object().set("components", list));
}

}  // namespace

std::vector<Command> run_commands() {
  const Option by{"--by", "NAME", "who says so", true, false};
  return {
      {{"status"},
       "how every component stands, worst first, each line with the next command",
       {"holdfast status", "holdfast status --plan /etc/holdfast/holdfast.yaml",
        "holdfast status -o json | jq '.data.components[] | select(.proven | not)'"},
       {},
       "",
       0,
       0,
       run_status},
      {{"run", "list"},
       "every run, oldest first",
       {"holdfast run list", "holdfast run list -o json", "holdfast run list | grep failover"},
       {},
       "",
       0,
       0,
       list_runs},
      {{"run", "show"},
       "one run, step by step",
       {"holdfast run show f-20260501-100231-4f2a", "holdfast run show f-2026", "holdfast run show f-2026 -o json"},
       {},
       "RUN",
       1,
       1,
       run_show},
      {{"run", "resume"},
       "go on with a run that was interrupted, wherever it was left",
       {"holdfast run resume f-20260501-100231-4f2a", "holdfast run resume f-2026 --approve dana", "holdfast run list"},
       {{"--approve", "NAME", "somebody whom the plan lets approve", false, true}},
       "RUN",
       1,
       1,
       run_resume},
      {{"run", "approve"},
       "agree to what a run waits for",
       {"holdfast run approve f-2026 --by dana", "holdfast run show f-2026", "holdfast run resume f-2026"},
       {by},
       "RUN",
       1,
       1,
       run_approve},
      {{"run", "cancel"},
       "stop a run; what is done stays done",
       {"holdfast run cancel f-2026 --by dana --reason 'false alarm'", "holdfast run show f-2026",
        "holdfast run resume f-2026"},
       {by, {"--reason", "TEXT", "why", false, false}},
       "RUN",
       1,
       1,
       run_cancel},
      {{"run", "waive-fence"},
       "let a run promote without a proven fence; recorded with your name",
       {"holdfast run waive-fence f-2026 --component orders-db --by dana --reason 'power is cut, seen on site'",
        "holdfast run show f-2026", "holdfast run resume f-2026"},
       {by, {"--component", "NAME", "whose fence", true, false}, {"--reason", "TEXT", "why this is safe", true, false}},
       "RUN",
       1,
       1,
       run_waive},
  };
}

}  // namespace hf::cli
