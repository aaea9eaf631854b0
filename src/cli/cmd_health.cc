// probe run, failover watch: the vantage points, and the one that counts their votes.
#include <thread>

#include "cli/canary_access.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/journal_access.h"
#include "cli/plan_file.h"
#include "cli/postgres_access.h"
#include "cli/wire.h"
#include "health/runner.h"
#include "health/watcher.h"
#include "record/data_events.h"

namespace hf::cli {

namespace {

Result<std::string> coordination_dir(const plan::Plan& plan) {
  if (plan.coordination && plan.coordination->kind == plan::CoordinationKind::kLocal && !plan.coordination->dir.empty())
    return plan.coordination->dir;
  return make_error(ErrorKind::kUnsupported, "the plan names no coordination folder")
      .with_hint("Set coordination: {kind: local, dir: PATH}; etcd is not there yet.");
}

// One writer of heartbeats for each PostgreSQL component that wants them, until its thread is asked to stop.
std::vector<std::jthread> start_canaries(Context& context, const plan::Plan& plan, const std::string& region) {
  std::vector<std::jthread> out;
  for (const plan::Component& component : plan.components) {
    const auto* postgres = std::get_if<plan::Postgres>(&component.detail);
    if (postgres == nullptr || !component.canary) continue;
    auto dsn = resolve_secret(context, postgres->primary.dsn);
    auto key = canary_key(context);
    if (!dsn || !key) {
      context.env.log.error("canary", "not written",
                            {{"component", component.name}, {"why", !dsn ? dsn.error().text : key.error().text}});
      continue;
    }
    sources::CanaryOptions options;
    options.dsn = dsn->reveal_text();
    options.origin = region;
    options.interval = component.canary->every;
    options.statement_timeout = 5s;
    options.sign = sources::hmac_signer(*key);
    out.emplace_back([&context, name = component.name, options](std::stop_token stop) {
      sources::CanaryWriter writer(context.env, options);
      while (!stop.stop_requested()) {
        if (writer.prepare()) break;
        context.env.clock.sleep_until(context.env.clock.mono() + 1s, stop);
      }
      writer.run(stop, [&](const Result<sources::CanaryRow>& row) {
        if (!row) return;
        if (auto seen = observe_replication(context, name, options.dsn); !seen)
          context.env.log.warning("replication", "not observed", {{"component", name}, {"why", seen.error().text}});
        if (auto kept = remember_canary(context, name, *row); !kept)
          context.env.log.warning("canary", "not remembered", {{"why", kept.error().text}});
      });
    });
  }
  return out;
}

Outcome run_probe(Context& context, const Arguments& args) {
  auto file = read_valid_plan(context);
  if (!file) return failed(std::move(file).error());
  const plan::Plan& plan = file->loaded.plan;
  const std::string region = *args.get("--region");
  auto checks = health::checks_of(plan, region);
  if (!checks) return failed(std::move(checks).error());
  auto dir = coordination_dir(plan);
  if (!dir) return failed(std::move(dir).error());
  auto network = Network::make(context, plan);
  if (!network) return failed(std::move(network).error());
  std::vector<std::jthread> canaries;
  if (args.flag("--canary")) canaries = start_canaries(context, plan, region);
  const std::string targets = std::to_string(checks->size()) + (checks->size() == 1 ? " target" : " targets");
  context.out.line("probing " + targets + " from " + region + "; votes go to " +
                   health::vote_path(*dir, region));
  health::RunnerOptions options{*dir, region, *checks};
  health::ProbeRunner runner(context.env, (*network)->probe_tools(), options);
  // The heartbeats end with a stop that we are asked for, and with a probe that may not run.
  const std::stop_callback all_end(context.stop, [&] {
    for (std::jthread& canary : canaries) canary.request_stop();
  });
  Status done = runner.run(context.stop);
  if (!done && done.error().kind != ErrorKind::kCancelled) return failed(std::move(done).error());
  return finished(Json::object().set("region", region));
}

// When the last failover of this runbook began, for the cool-down.
std::optional<WallTime> last_failover(Context& context) {
  auto journal = read_journal(context);
  if (!journal) return std::nullopt;
  std::optional<WallTime> out;
  auto read = (*journal)->read(0, [&](const journal::Entry& e) {
    if (e.event.type == "run.started" && e.event.body["kind"].as_string() == "failover") out = e.event.time;
    return true;
  });
  return read ? out : std::nullopt;
}

Status record_detection(Context& context, const health::Detection& d, const std::string& region) {
  HF_ASSIGN(std::unique_ptr<journal::LocalJournal> journal, open_journal(context, region));
  record::Event event = stamped(context, record::event_of(d.event), region);
  event.actor = {"holdfast", "quorum"};
  event.resource = "region/" + d.event.region;
  HF_TRY(journal->append(event));
  return ok();
}

Outcome run_watch(Context& context, const Arguments& args) {
  auto file = read_valid_plan(context);
  if (!file) return failed(std::move(file).error());
  const plan::Plan& plan = file->loaded.plan;
  if (!plan.failover)
    return failed(
        make_error(ErrorKind::kInvalid, "the plan has no failover runbook").with_hint("Write the section failover."));
  if (plan.failover->mode == plan::RunbookMode::kAutomatic)
    return failed(make_error(ErrorKind::kUnsupported, "mode: automatic is not there yet")
                      .with_hint("Use mode: propose; a person then applies the plan."));
  auto dir = coordination_dir(plan);
  if (!dir) return failed(std::move(dir).error());
  health::WatchRules rules;
  rules.cool_down = plan.failover->cool_down.value_or(Micros(0));
  rules.last_failover = last_failover(context);
  auto watcher = health::QuorumWatcher::make(context.env, plan, *plan.failover, *dir, rules);
  if (!watcher) return failed(std::move(watcher).error());

  const std::string region = args.get_or("--region", "");
  const bool once = args.flag("--once");
  Outcome out;
  Status done = watcher->run(
      context.stop,
      [&](const health::WatchStatus& status) {
        for (const auto& [target, decision] : status.decisions)
          context.out.line(format_time(context.env.clock.wall()) + "  " + target + " " +
                           std::string(health::to_string(decision.verdict)) + ": " + std::to_string(decision.up) +
                           " up, " + std::to_string(decision.down) + " down, " + std::to_string(decision.unknown) +
                           " unknown");
      },
      [&](const health::Detection& d) {
        context.out.line(format_time(context.env.clock.wall()) + "  " + d.event.region + " is lost (class " +
                         d.event.disaster_class + "): " + std::to_string(d.down_votes) + " of " +
                         std::to_string(d.total) + " probes agree");
        context.out.line("Next: holdfast failover plan --save failover.json");
        context.out.event("detection", health::to_json(d));
        out.data.set("detection", health::to_json(d));
        if (auto recorded = record_detection(context, d, region); !recorded)
          out.warnings.push_back("not in the journal: " + recorded.error().text);
        return !once;
      });
  if (!done && done.error().kind != ErrorKind::kCancelled) return failed(std::move(done).error());
  return out;
}

}  // namespace

std::vector<Command> health_commands() {
  return {
      {{"probe", "run"},
       "a vantage point: looks at the plan's targets from one region and votes",
       {"holdfast probe run --region eu-west-1", "holdfast probe run --region us-west-2 --canary",
        "holdfast probe run --region eu-west-1 -o jsonl"},
       {{"--region", "NAME", "the region that this probe is in", true, false},
        {"--canary", "", "also write the heartbeats of the components that want them", false, false}},
       "",
       0,
       0,
       run_probe},
      {{"failover", "watch"},
       "count the votes; say when a region is lost",
       {"holdfast failover watch", "holdfast failover watch --once && holdfast failover plan --save failover.json",
        "holdfast failover watch -o jsonl"},
       {{"--region", "NAME", "where this watcher runs, for the journal", false, false},
        {"--once", "", "end after the first detection", false, false}},
       "",
       0,
       0,
       run_watch},
  };
}

}  // namespace hf::cli
