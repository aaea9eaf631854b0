#include "cli/failover.h"

#include <algorithm>

#include "actions/fence.h"
#include "actions/wal_spools.h"
#include "base/hex.h"
#include "base/text.h"
#include "cli/attach.h"
#include "cli/exit_codes.h"
#include "cli/journal_access.h"
#include "cli/measure.h"
#include "cli/replication_access.h"
#include "cli/run_access.h"
#include "cli/vault_access.h"
#include "crypto/hash.h"
#include "plan/objective.h"
#include "record/proof_events.h"
#include "remote/postgres.h"
#include "runbook/spec_from_plan.h"
#include "sources/wal_record.h"
#include "vault/wal_archive.h"

namespace hf::cli {

namespace {

constexpr Micros kQueryTimeout = 3s;
constexpr std::size_t kMaxStatusBytes = 64 << 10;

// The component that the runbook promotes, and who takes over.
struct Promotion {
  const plan::Component* component = nullptr;
  const plan::Postgres* postgres = nullptr;
  const plan::Instance* successor = nullptr;
};

Promotion promotion_of(const plan::Plan& plan, const plan::Runbook& runbook) {
  Promotion out;
  for (const plan::Step& s : runbook.steps) {
    const auto* promote = s.as<plan::Promote>();
    if (promote == nullptr) continue;
    out.component = plan.find_component(promote->component);
    if (out.component != nullptr) out.postgres = std::get_if<plan::Postgres>(&out.component->detail);
    if (out.postgres == nullptr) continue;
    for (const plan::Instance& r : out.postgres->replicas)
      if (r.name == promote->to || r.region == promote->to) out.successor = &r;
    break;
  }
  return out;
}

struct StandbyState {
  std::uint64_t system_id = 0;
  Timeline timeline = 0;
  Lsn received;
};

Result<StandbyState> look_at_standby(Context& context, const plan::Instance& standby) {
  HF_ASSIGN(Secret dsn, resolve_secret(context, standby.dsn));
  remote::PgConnectOptions options;
  options.timeout = kQueryTimeout;
  options.stop = context.stop;
  HF_ASSIGN(remote::PgConnection db, remote::PgConnection::connect(dsn.reveal_text(), context.env.clock, options));
  HF_ASSIGN(remote::PgRows rows, db.query("select (select system_identifier::text from pg_control_system()), (select "
                                          "timeline_id::text from pg_control_checkpoint()), "
                                          "case when pg_is_in_recovery() then greatest(pg_last_wal_receive_lsn(), "
                                          "pg_last_wal_replay_lsn()) else pg_current_wal_lsn() end::text",
                                          {}, kQueryTimeout));
  StandbyState out;
  const auto timeline = parse_whole<Timeline>(rows.text(0, 1));
  const auto system_id = parse_whole<std::uint64_t>(rows.text(0, 0));
  if (!timeline || !system_id)
    return make_error(ErrorKind::kFailed, db.server() + " gave an odd answer about its cluster and timeline");
  out.timeline = *timeline;
  out.system_id = *system_id;
  if (!rows.is_null(0, 2)) { HF_ASSIGN(out.received, parse_lsn(rows.text(0, 2))); }
  return out;
}

// What a receiver has on its disk, from the status file in its spool.
Result<Lsn> received_by(Context& context, const plan::Receiver& receiver) {
  HF_ASSIGN(Bytes bytes, read_file(context.env.files, join_path(receiver.spool, "status.json"), kMaxStatusBytes));
  HF_ASSIGN(Json status, parse_json(as_text(bytes)));
  return parse_lsn(status["flushed"].as_string());
}

// Transactions between two positions, decoded from the WAL in a vault. Empty if the vault does not hold all of it yet.
std::optional<std::uint64_t> commits_between(vault::Repository& repository, const StandbyState& standby, Lsn to) {
  vault::WalArchive archive(repository);
  auto coverage = archive.coverage(standby.system_id);
  if (!coverage) return std::nullopt;
  const vault::TimelineCoverage* timeline = coverage->find(standby.timeline);
  if (timeline == nullptr || timeline->segment_size == 0) return std::nullopt;
  std::uint64_t commits = 0;
  sources::WalDecoder decoder(timeline->segment_size, [&](const sources::WalEvent& e) {
    if (e.kind == sources::WalEvent::Kind::kCommit && e.end > standby.received && e.end <= to) ++commits;
  });
  const std::uint64_t first = standby.received.value / timeline->segment_size;
  decoder.reset(Lsn{first * timeline->segment_size});
  for (std::uint64_t segment = first; segment * timeline->segment_size < to.value; ++segment) {
    auto data = archive.read_segment(standby.system_id, standby.timeline, segment);
    if (!data) return std::nullopt;
    decoder.feed(data->bytes);
    if (!data->complete) break;
  }
  return decoder.valid_end() >= to ? std::optional(commits) : std::nullopt;
}

Result<runbook::Risk> risk_of(Context& context, const plan::Plan& plan, const Promotion& p,
                              const StandbyState& standby) {
  runbook::Risk out;
  Lsn furthest;
  std::string vault_name;
  for (const plan::Receiver& r : plan::receivers_of(*p.component)) {
    auto lsn = received_by(context, r);
    if (!lsn) {
      out.text += r.name + " tells nothing (" + lsn.error().text + "); ";
      continue;
    }
    if (*lsn > furthest) {
      furthest = *lsn;
      vault_name = r.vault;
    }
  }
  out.standby_lsn = format_lsn(standby.received);
  out.receivers_lsn = format_lsn(furthest);
  if (furthest > standby.received) out.standby_lacks_bytes = furthest - standby.received;
  std::string what = " bytes of WAL";
  if (out.standby_lacks_bytes > 0 && !vault_name.empty()) {
    if (auto vault = open_plan_vault(context, plan, vault_name); vault)
      out.standby_lacks_commits = commits_between(*vault->repository, standby, furthest);
    if (out.standby_lacks_commits)
      what += " with " + std::to_string(*out.standby_lacks_commits) + " committed transactions";
  }
  out.text += std::to_string(out.standby_lacks_bytes) + what + " (standby " + out.standby_lsn + ", furthest receiver " +
              out.receivers_lsn + "); the runbook has them replayed before it promotes";
  return out;
}

// Whether the fence could be proven now; where it could not, the text for a person says what that means.
void add_fence(Context& context, const runbook::RunSpec& spec, runbook::Risk& risk) {
  const auto fence = std::ranges::find(spec.steps, std::string("fence"), &runbook::StepSpec::action);
  if (fence == spec.steps.end()) return;
  actions::WalSpools spools(context.env);
  const actions::FenceVerdict v = actions::possible_fence(spools, fence->input["receivers"], fence->input);
  risk.fence_possible = v.proven;
  risk.fence = v.explanation;
  if (v.proven) return;
  risk.text += "; the fence cannot be proven (" + v.explanation + "), so what was acknowledged after " +
               risk.receivers_lsn +
               " by others than the receivers that can be read is lost, and the old primary may acknowledge more";
}

Result<std::optional<WallTime>> impact_of(Context& context) {
  auto journal = read_journal(context);
  if (!journal) return std::optional<WallTime>();
  std::optional<WallTime> out;
  HF_TRY((*journal)->read(0, [&](const journal::Entry& e) {
    if (auto d = record::body_of<record::Detection>(e.event)) out = d->first_failure_at;
    return true;
  }));
  return out;
}

}  // namespace

std::string digest_text(std::string_view text) { return to_hex(crypto::sha256(as_bytes(text))); }

Result<runbook::FailoverPlan> plan_failover(Context& context, const PlanFile& file, const World& world,
                                            const std::string& run_id) {
  const plan::Plan& plan = file.loaded.plan;
  if (!plan.failover) return make_error(ErrorKind::kInvalid, "the plan has no failover runbook");
  runbook::SpecOptions options;
  options.run_id = run_id;
  options.plan_hash = file.hash;
  options.now = context.env.clock.wall();
  HF_ASSIGN(options.impact_at, impact_of(context));
  for (const plan::Component& c : plan.components) {
    HF_ASSIGN(std::optional<runbook::ObservedReplication> seen, observed_replication(context, c.name));
    if (seen) options.observed.push_back(*seen);
  }
  HF_ASSIGN(runbook::RunSpec spec, runbook::make_run_spec(plan, *plan.failover, options));
  runbook::Risk risk;
  if (Promotion p = promotion_of(plan, *plan.failover); p.successor != nullptr) {
    auto standby = look_at_standby(context, *p.successor);
    if (!standby) {
      Error e = std::move(standby).error();
      e.kind = ErrorKind::kBlocked;
      return std::move(e)
          .with_context("the standby '" + p.successor->name + "' cannot be asked")
          .with_hint("A failover to it would fail; look at it first.");
    }
    HF_ASSIGN(risk, risk_of(context, plan, p, *standby));
    add_fence(context, spec, risk);
    if (risk.fence_possible) spec.planned_loss_bytes = 0;  // else nobody knows
    spec.planned_loss = risk.text;
  }
  return runbook::make_failover_plan(spec, world.actions(), risk, plan.failover->confirm, options.now, digest_text);
}

namespace {

bool is_allowed(const plan::Plan& plan, const std::string& name, plan::Permission wanted) {
  for (const plan::Group& g : plan.groups)
    for (plan::Permission permission : g.may)
      if ((g.name == name || g.email == name) && permission == wanted) return true;
  return false;
}

// A run of the journal that is not finished and works on what this one would work on.
Status refuse_beside_open_run(runbook::History& history, const runbook::RunSpec& spec) {
  HF_ASSIGN(std::vector<runbook::RunSpec> open, history.open_runs());
  for (const runbook::RunSpec& other : open) {
    const auto shared = std::ranges::find_first_of(spec.locks, other.locks);
    if (shared == spec.locks.end()) continue;
    return make_error(ErrorKind::kBusy,
                      "run " + other.id + " (" + other.runbook + ") works on '" + *shared + "' and is not finished")
        .with_hint("Go on with it by 'holdfast run resume " + other.id + "', or end it by 'holdfast run cancel " +
                   other.id + "'.");
  }
  return ok();
}

class CrashPoint {
 public:
  // Kills this process right after an event of the run was made durable. For rehearsals. "step.intent:promote": such an
  // event of that step; "seq:17": the event with that number in the journal; "append:3": the third one of this process.
  explicit CrashPoint(const Context& context) {
    auto it = context.environment.find("HOLDFAST_CRASH_AFTER");
    if (it != context.environment.end()) where_ = it->second;
  }
  void operator()(std::uint64_t seq, std::string_view type, const runbook::Fact& fact) {
    ++appends_;
    if (where_.empty()) return;
    if (where_ == std::string(type) + ":" + fact.step || where_ == "seq:" + std::to_string(seq) ||
        where_ == "append:" + std::to_string(appends_))
      raise(SIGKILL);
  }

 private:
  std::string where_;
  std::uint64_t appends_ = 0;
};

void show_progress(Context& context, const runbook::Fact& fact) {
  std::string what = std::string(runbook::to_string(fact.kind)) + (fact.step.empty() ? "" : " " + fact.step);
  context.out.progress(what);
  context.out.event(
      runbook::to_string(fact.kind),
      Json::object().set("step", fact.step).set("attempt", std::int64_t{fact.attempt}).set("detail", fact.reason));
}

// A run that ended without success leaves the world between two states: which steps changed it, and which did not come.
Error unfinished(const runbook::RunSpec& spec, const runbook::RunReport& report) {
  std::string changed, already, open, uncertain;
  const auto add = [](std::string& list, const std::string& name) { list += (list.empty() ? "" : ", ") + name; };
  for (const std::string& s : report.changed) add(changed, s);
  for (const std::string& s : report.uncertain) add(uncertain, s);
  for (const runbook::StepReport& s : report.steps) {
    if (s.state != "done")
      add(open, s.name);
    else if (std::ranges::find(report.changed, s.name) == report.changed.end())
      add(already, s.name);
  }
  return make_error(ErrorKind::kFailed, "run " + spec.id + " ended " + std::string(state_word(report)) +
                                            "; changed: " + (changed.empty() ? "nothing" : changed) +
                                            (already.empty() ? "" : "; as wanted already: " + already) +
                                            "; not done: " + open +
                                            (uncertain.empty() ? "" : "; not known: " + uncertain))
      .with_hint(changed.empty() && uncertain.empty()
                     ? "Mend what failed, then make a new plan by 'holdfast failover plan'."
                     : "What is changed stays so. Mend what failed, then make a new plan by 'holdfast failover plan' "
                       "and apply "
                       "it: what is done already is seen, and not done again.");
}

Outcome outcome_of(Context& context, const runbook::RunSpec& spec, const runbook::RunReport& report,
                   const Measured& measured) {
  print_report(context, spec, report);
  for (const ObjectiveMeasured& o : measured.objectives) {
    context.out.line(
        o.name + " " + format_duration(std::chrono::round<Millis>(o.actual)) +
        (o.target ? " (objective " + format_duration(*o.target) + (o.met() ? ", met)" : ", MISSED)") : ""));
  }
  Json data = report_json(spec, report);
  measured.add_to(data);
  int code = report.exit_code;
  if (code == kExitOk && !measured.met()) code = kExitObjectiveMissed;
  Outcome out = finished(data, code);
  for (const runbook::StepReport& s : report.steps)
    if (s.failure) out.errors.push_back(s.failure->error().with_context("step '" + s.name + "'"));
  if (report.state == runbook::RunState::kFinished && report.verdict != runbook::Verdict::kSucceeded)
    out.errors.push_back(unfinished(spec, report));
  return out;
}

Status approve_all(Context& context, runbook::History& history, const RunRequest& request, const std::string& run) {
  for (const std::string& name : request.approvers) HF_TRY(runbook::approve_run(history, context.env.clock, run, name));
  return ok();
}

Result<runbook::RunReport> drive(Context& context, runbook::Runner& runner, runbook::History& history,
                                 const RunRequest& request, const std::string& run) {
  bool resume = !request.resume.empty();
  HF_ASSIGN(runbook::RunReport report,
            resume ? runner.resume(run, context.stop) : runner.start(request.spec, context.stop));
  if (report.state == runbook::RunState::kWaitsForApproval && !request.approvers.empty()) {
    HF_TRY(approve_all(context, history, request, run));
    return runner.resume(run, context.stop);
  }
  return report;
}

// Nothing came back, but what was done until then stands in the journal.
Outcome unreported(runbook::History& history, const runbook::RunSpec& spec, const std::string& run, Error error) {
  Outcome out = failed(std::move(error).with_context("run " + run));
  auto facts = history.read(run);
  if (!facts) return out;
  out.data = report_json(spec, runbook::report_of(spec, *facts));
  Measured().add_to(out.data);
  return out;
}

}  // namespace

Status check_approvers(const plan::Plan& plan, const std::vector<std::string>& approvers) {
  for (const std::string& name : approvers) {
    if (is_allowed(plan, name, plan::Permission::kApprove)) continue;
    return make_error(ErrorKind::kDenied, "'" + name + "' may not approve")
        .with_hint("Approvers are the groups and addresses with `may: [approve]` under `groups` in the plan.");
  }
  return ok();
}

Status check_waiver(const plan::Plan& plan, const std::string& component, const std::string& by,
                    const std::string& reason) {
  if (plan.find_component(component) == nullptr)
    return make_error(ErrorKind::kUsage, "the plan has no component '" + component + "'");
  if (by.empty() || reason.empty()) {
    return make_error(ErrorKind::kUsage, "waiving the fence of '" + component + "' needs a person's name and a reason")
        .with_hint("Both stand in the journal, and in the evidence, for good.");
  }
  if (is_allowed(plan, by, plan::Permission::kWaive)) return ok();
  return make_error(ErrorKind::kDenied, "'" + by + "' may not waive a fence")
      .with_hint("Those who may are the groups and addresses with `may: [waive]` under `groups` in the plan.");
}

Status refuse_if_busy(Context& context, const runbook::RunSpec& spec) {
  auto journal = open_journal(context, spec.target, kWaitForRun);
  if (!journal) return std::move(journal).error().with_context("another command has the journal; a run needs it alone");
  runbook::History history = history_of(context, **journal, spec.target);
  HF_TRY(runbook::refuse_known(history, spec.id));
  return refuse_beside_open_run(history, spec);
}

Outcome execute_run(Context& context, const PlanFile& file, const RunRequest& request) {
  if (auto may = check_approvers(file.loaded.plan, request.approvers); !may) return failed(std::move(may).error());
  auto world = World::make(context, file.loaded.plan);
  if (!world) return failed(std::move(world).error());
  const std::string region = file.loaded.plan.failover ? file.loaded.plan.failover->target : "";
  auto journal = open_journal(context, region, kWaitForRun);
  if (!journal)
    return failed(std::move(journal).error().with_context("another command has the journal; a run needs it alone"));
  if (auto kept = keep_plan_text(context, file.hash, file.loaded.canonical); !kept)
    return failed(std::move(kept).error());
  runbook::History history = history_of(context, **journal, region);
  std::string run = request.spec.id;
  runbook::RunSpec spec = request.spec;
  if (!request.resume.empty()) {
    auto full = journal::find_run(**journal, request.resume);
    if (!full) return failed(std::move(full).error());
    run = *full;
    auto stored = spec_of_run(history, run);
    if (!stored) return failed(std::move(stored).error());
    spec = *stored;
  }
  runbook::PoolExecutor executor;
  runbook::RunnerOptions options;
  options.lock_dir = context.state_dir;
  options.after_append = CrashPoint(context);
  options.progress = [&](const runbook::Fact& f) { show_progress(context, f); };
  runbook::Runner runner(context.env.clock, context.env.log, history, (*world)->actions(), executor, options);
  auto report = drive(context, runner, history, request, run);
  if (!report) return unreported(history, spec, run, std::move(report).error());
  Measured measured;
  std::vector<std::string> warnings;
  if (report->state == runbook::RunState::kFinished) {
    auto found = measure_run(context, file.loaded.plan, **journal, spec, *report);
    if (found)
      measured = std::move(*found);
    else
      warnings.push_back("the run's measurements are not in the journal: " + found.error().text);
  }
  for (std::string& skipped : attach_state(context, file, **journal)) warnings.push_back(std::move(skipped));
  Outcome out = outcome_of(context, spec, *report, measured);
  out.warnings = std::move(warnings);
  return out;
}

}  // namespace hf::cli
