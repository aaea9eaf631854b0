// Setup, start and check of the simulated failover.
#include "sim/testing_failover.h"

#include <algorithm>

namespace hf::sim {
namespace {

WallTime start_of_simulation() { return WallTime(Micros(1'800'000'000'000'000)); }  // 2027-01-15T08:00:00Z

bool contains(const std::vector<std::string>& list, const std::string& name) {
  return std::ranges::find(list, name) != list.end();
}

}  // namespace

Failover::Failover(Scenario scenario)
    : scenario_(std::move(scenario)),
      clock_(start_of_simulation()),
      rng_(scenario_.seed),
      world_(clock_, rng_.u64(), scenario_.fate),
      actions_(world_, rng_.u64(), scenario_.faults) {
  scenario_.spec.approvals = scenario_.approvals;
}

Status Failover::people(runbook::History& history) {
  for (int i = 0; i < scenario_.approvals; ++i)
    HF_TRY(approve_run(history, clock_, scenario_.spec.id, "person" + std::to_string(i)));
  return ok();
}

void Failover::disturb_clock(std::size_t append) {
  if (set_clock_ && set_clock_->first == append) clock_.set_wall(std::exchange(set_clock_, std::nullopt)->second);
  if (scenario_.clock_sets == 0 || !rng_.chance(scenario_.clock_sets, 1000)) return;
  const std::int64_t most = kLongestClockStep.count();
  clock_.set_wall(Micros(static_cast<std::int64_t>(rng_.bounded(static_cast<std::uint64_t>(2 * most))) - most));
}

Result<runbook::RunReport> Failover::live(std::optional<Crash> crash) {
  journal::MemoryJournal journal(leaves_);
  if (crash) journal.fail_append(crash->append, crash->stored);
  runbook::History history(journal, {"sim", "engine"}, {"sim", "us-west"});
  SimExecutor executor(
      clock_,
      [this] { return Micros(1000 + rng_.bounded(static_cast<std::uint64_t>(scenario_.slowest_call.count()))); },
      [this] { world_.on_time(); });
  runbook::RunnerOptions options;
  options.rules = scenario_.rules;
  options.after_append = [&, n = std::size_t{0}](std::uint64_t, std::string_view, const runbook::Fact&) mutable {
    disturb_clock(n++);
  };
  runbook::Runner runner(clock_, log_, history, actions_.table(), executor, options);
  const bool known = history.read(scenario_.spec.id).has_value();
  auto report = known ? runner.resume(scenario_.spec.id) : runner.start(scenario_.spec);
  if (report && report->state == runbook::RunState::kWaitsForApproval) {
    const Status given = people(history);
    leaves_ = journal.leaves();
    if (!given) return given.error();
    report = runner.resume(scenario_.spec.id);
  }
  leaves_ = journal.leaves();
  return report;
}

std::optional<runbook::RunReport> Failover::live_on() {
  for (int life = 0; life < kMostLives; ++life) {
    std::optional<Crash> crash;
    if (life < scenario_.crashes) crash = Crash{rng_.bounded(30), rng_.chance(1, 2)};
    auto report = live(crash);
    if (report && report->state == runbook::RunState::kFinished) return *report;
    clock_.advance(Micros(rng_.bounded(60'000'000)));
    world_.on_time();
    if (!scenario_.cancel_once || cancelled_) continue;
    journal::MemoryJournal journal(leaves_);
    runbook::History history(journal, {"sim", "os-user"}, {"sim", "us-west"});
    cancelled_ = cancel_run(history, clock_, scenario_.spec.id, "maria", "wrong region").has_value();
    leaves_ = journal.leaves();
  }
  return std::nullopt;
}

std::vector<runbook::Fact> Failover::facts() {
  journal::MemoryJournal journal(leaves_);
  runbook::History history(journal, {}, {});
  auto facts = history.read(scenario_.spec.id);
  return facts ? *facts : std::vector<runbook::Fact>{};
}

std::vector<std::string> Failover::judge(const runbook::RunReport& report) {
  std::vector<std::string> wrong;
  clock_.advance(60s);  // what is still under way arrives
  world_.on_time();
  for (const std::string& v : world_.violations()) wrong.push_back(v);
  if (log_.errors() > 0) wrong.push_back("the log has " + std::to_string(log_.errors()) + " error lines");
  const auto claims = [&](bool so, const std::string& step, const std::string& what) {
    const bool said = contains(report.changed, step) || contains(report.uncertain, step);
    if (so && !said) wrong.push_back(what + ", and the report does not say so");
    if (!so && contains(report.changed, step))
      wrong.push_back("the report says that '" + step + "' changed the world, which it did not");
  };
  claims(world_.promotions() == 1, "promote", "the standby is promoted");
  claims(world_.dns() == "us-west", "traffic", "the name was moved");
  claims(world_.config() == "us-west", "configure", "the service is configured");
  claims(world_.announcements() == 1, "tell", "people were told");
  if (report.verdict != runbook::Verdict::kSucceeded) return wrong;
  if (world_.promotions() != 1) wrong.push_back("success without a promotion");
  if (world_.dns() != "us-west" || world_.config() != "us-west")
    wrong.push_back("success, and users are not served in us-west");
  for (const auto& step : report.steps)
    if (step.state != "done") wrong.push_back("success, and step '" + step.name + "' is " + step.state);
  return wrong;
}

}  // namespace hf::sim
