// verify: the daily proof that a backup is one. Restored into a scratch place, booted, asked, measured, taken away
// again.
#include "cli/canary_access.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/journal_access.h"
#include "cli/plan_file.h"
#include "cli/postgres_access.h"
#include "cli/shown_progress.h"
#include "cli/vault_access.h"
#include "plan/objective.h"
#include "record/data_events.h"
#include "record/proof_events.h"
#include "record/run_events.h"
#include "sources/postgres/verify.h"

namespace hf::cli {

namespace {

// What is verified, and against what.
struct Subject {
  std::string component;
  std::string plan_hash;
  OpenVault vault;
  sources::VerifyOptions options;
};

std::vector<sources::SqlAssertion> assertions_of(const plan::Component& component, const std::string& database) {
  std::vector<sources::SqlAssertion> out;
  for (const plan::Assertion& a : component.assertions)
    if (!a.sql.empty()) out.push_back({a.name, a.sql, database, "t"});
  return out;
}

// "dbname=orders" of libpq keywords; "postgres" where it is not said.
std::string database_of(const std::string& dsn) {
  std::size_t at = dsn.find("dbname=");
  if (at == std::string::npos) return "postgres";
  return dsn.substr(at + 7, dsn.find(' ', at) - at - 7);
}

Status add_canary(Context& context, Subject& subject) {
  HF_ASSIGN(Secret key, canary_key(context));
  subject.options.check = sources::hmac_check(key);
  HF_ASSIGN(subject.options.last_written, remembered_canary(context, subject.component));
  return ok();
}

Result<Subject> subject_of_plan(Context& context, const Arguments& args, const std::string& name) {
  HF_ASSIGN(PlanFile file, read_valid_plan(context));
  const plan::Plan& plan = file.loaded.plan;
  const plan::Component* component = plan.find_component(name);
  if (component == nullptr) return make_error(ErrorKind::kUsage, "the plan has no component '" + name + "'");
  const auto* postgres = std::get_if<plan::Postgres>(&component->detail);
  if (postgres == nullptr)
    return make_error(ErrorKind::kUnsupported,
                      "only PostgreSQL components can be verified so far; '" + name + "' is of another kind");
  Subject out;
  out.component = name;
  out.plan_hash = file.hash;
  std::string vault_name = args.get_or("--from", "");
  if (const plan::Backup* full = plan::full_backup(*component); full != nullptr && vault_name.empty()) vault_name = full->vault;
  HF_ASSIGN(out.vault, open_plan_vault(context, plan, vault_name));
  out.options.wal.vault_url = out.vault.url;
  for (const plan::Vault* v = plan.find_vault(vault_name); v != nullptr; v = plan.find_vault(v->copy_of)) {
    if (out.options.wal.key_file.empty()) out.options.wal.key_file = v->key_file;
    if (v->copy_of.empty()) break;
  }
  HF_ASSIGN(Secret dsn, resolve_secret(context, postgres->primary.dsn));
  out.options.database = database_of(dsn.reveal_text());
  out.options.assertions = assertions_of(*component, out.options.database);
  out.options.scope.component = name;
  plan::ComponentObjectives objectives = plan::objective_for(plan, *component);
  out.options.rto_objective = objectives.rto.target;
  out.options.rpo_objective = objectives.rpo.target;
  HF_TRY(add_canary(context, out));
  return out;
}

Result<Subject> subject_of_vault(Context& context, const Arguments& args) {
  if (!args.flag("--vault") && !context.environment.contains("HOLDFAST_VAULT"))
    return make_error(ErrorKind::kUsage, "say what to verify")
        .with_hint("Name a component of the plan, or a vault with --vault URL.");
  Subject out;
  out.component = args.get_or("--component", "");
  HF_ASSIGN(out.vault, open_checked_vault(context, args));
  out.options.scope.component = out.component;
  out.options.wal.vault_url = out.vault.url;
  out.options.wal.key_file = args.get_or("--key-file", "");
  return out;
}

record::Measurement measured(const std::string& name, const std::string& component, std::optional<Micros> actual,
                             std::optional<Micros> target, const std::string& detail) {
  record::Measurement m;
  m.name = name;
  m.component = component;
  m.actual_time = actual;
  m.target_time = target;
  if (actual && target) m.met = *actual <= *target;
  m.detail = detail;
  return m;
}

// The whole run, in one go: it changed nothing outside its scratch place, so there is nothing to resume.
Status record_run(Context& context, const Subject& subject, const std::string& run, const sources::VerifyReport& r,
                  WallTime started) {
  HF_ASSIGN(std::unique_ptr<journal::LocalJournal> journal, open_journal(context));
  auto put = [&](record::Event event, std::optional<WallTime> at = {}) -> Status {
    event = stamped(context, std::move(event));
    if (at) event.time = *at;
    event.run = run;
    event.resource = "component/" + subject.component;
    HF_TRY(journal->append(event));
    return ok();
  };
  record::RunStarted begin;
  begin.kind = record::RunKind::kVerify;
  begin.runbook = "verify";
  begin.component = subject.component;
  begin.plan_hash = subject.plan_hash;
  HF_TRY(put(record::event_of(begin), started));
  record::VerifyFinished done;
  done.component = subject.component;
  done.snapshot = long_id(r.restore.snapshot);
  done.rto = r.rto;
  done.rpo = r.rpo;
  if (r.last_found && r.last_written)
    done.canary = record::CanaryFound{r.last_written->number, r.last_found->number, r.lost.value_or(0)};
  for (const sources::AssertionResult& a : r.assertions) done.assertions.push_back({a.name, a.ok, a.detail});
  done.torn_down = r.torn_down;
  HF_TRY(put(record::event_of(done)));
  HF_TRY(put(record::event_of(measured("restore_rto", subject.component, r.rto, subject.options.rto_objective,
                                       "from the start of the restore to the first answer of the scratch server"))));
  HF_TRY(put(record::event_of(measured("restore_rpo", subject.component, r.rpo, subject.options.rpo_objective,
                                       "age of the newest " + r.rpo_by + " found in the restored database"))));
  record::RunFinished end;
  end.state = r.passed() ? record::RunState::kSucceeded : record::RunState::kFailed;
  end.verdict = r.passed() ? "restored, booted, and every assertion held" : "an assertion failed";
  return put(record::event_of(end));
}

Outcome report(Context& context, const Subject& subject, const std::string& run, const sources::VerifyReport& r) {
  auto seconds = [](const std::optional<Micros>& d) { return d ? format_duration(*d) : std::string("not known"); };
  context.out.line("restored " + short_id(r.restore.snapshot) + ", booted and asked: RTO " + seconds(r.rto) + ", RPO " +
                   seconds(r.rpo) + (r.rpo_by.empty() ? "" : " (by " + r.rpo_by + ")"));
  if (r.last_found) context.out.line("newest canary found: " + std::to_string(r.last_found->number));
  for (const sources::AssertionResult& a : r.assertions)
    context.out.line(std::string(a.ok ? "ok      " : "FAILED  ") + a.name + (a.detail.empty() ? "" : ": " + a.detail));
  bool missed = false;
  for (const sources::ObjectiveResult& o : r.objectives) missed = missed || !o.met;
  Outcome out = finished(sources::to_json(r), !r.passed() ? kExitFailed : missed ? kExitObjectiveMissed : kExitOk);
  out.data.set("run", run).set("component", subject.component);
  auto number = [](const std::optional<sources::CanaryRow>& row) { return row ? Json(row->number) : Json(); };
  out.data.set("canary", Json::object()
                             .set("last_written", number(r.last_written))
                             .set("last_found", number(r.last_found))
                             .set("lost", r.lost ? Json(*r.lost) : Json()));
  out.warnings = r.warnings;
  for (const sources::AssertionResult& a : r.assertions)
    if (!a.ok)
      out.errors.push_back(make_error(ErrorKind::kFailed, "assertion '" + a.name + "' does not hold: " + a.detail));
  return out;
}

Outcome run_verify(Context& context, const Arguments& args) {
  bool by_plan = !args.positional().empty();
  const ShownProgress shown(context, "verifying");
  auto subject = by_plan ? subject_of_plan(context, args, args.positional()[0]) : subject_of_vault(context, args);
  if (!subject) return failed(std::move(subject).error());
  auto owner = sources::server_user(args.get_or("--owner", ""));
  if (!owner) return failed(std::move(owner).error());
  subject->options.owner = *owner;
  subject->options.postgres_root = postgres_root(context);
  subject->options.scratch_root = args.get_or("--scratch", "/tmp");
  subject->options.wal.program = context.program;
  subject->options.amcheck = args.flag("--amcheck");
  subject->options.stop = context.stop;
  subject->options.reference = context.env.clock.wall();
  std::string run = new_run_id(context, 'v');
  WallTime started = context.env.clock.wall();
  auto done = sources::verify_postgres(context.env, *subject->vault.repository, subject->options);
  if (!done) return failed(std::move(done).error().with_context("verifying '" + subject->component + "'"));
  // Heartbeats go on while the restore runs, and their WAL reaches the vault: what is found may be newer than what was
  // known when it began.
  if (done->last_found && done->last_written && done->last_found->number > done->last_written->number)
    done->last_written = done->last_found;
  Outcome out = report(context, *subject, run, *done);
  if (by_plan) {
    if (auto recorded = record_run(context, *subject, run, *done, started); !recorded)
      out.warnings.push_back("this run is not in the journal: " + recorded.error().text);
  }
  return out;
}

}  // namespace

std::vector<Command> verify_commands() {
  return {{{"verify"},
           "restore a component into a scratch place, boot it, ask it, measure, tear it down",
           {"holdfast verify orders-db", "holdfast verify orders-db --from eu",
            "holdfast verify --vault /backup/main --key-file /etc/holdfast/key"},
           checked_vault_options(
               {{"--from", "NAME", "which vault of the plan (default: that of the full backup)", false, false},
                {"--component", "NAME", "without a plan: which component of the vault", false, false},
                {"--scratch", "DIR", "where the scratch folder is made (default /tmp)", false, false},
                {"--owner", "USER", "as root: who runs the scratch server (default postgres)", false, false},
                {"--amcheck", "", "also check heap and B-tree structure of every database", false, false}}),
           "[COMPONENT]",
           0,
           1,
           run_verify}};
}

}  // namespace hf::cli
