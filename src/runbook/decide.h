// The engine's brain: a pure function from what was journaled to what is to be done now.
//
// Commands name what should be going on; the runner drops those that already are. Deciding twice from the same facts
// gives the same commands. The rules, each of which the simulator can switch off to prove that it is needed (Rules):
//   - a step starts when all it needs are done; a failed step stops what depends on it, and nothing else
//   - an intent before the last run.resumed without an outcome is an orphan: look at the world, then decide
//   - looked at: done -> outcome (observed); not_done -> start again with the same key; unknown -> look again, then
//   fail
//   - a failure that may have happened is looked at before anything else; one that did not is tried again after a
//   timer
//   - an irreversible step needs its fence proven or waived by a person; no step changes anything before its
//   approvals
//   - the run succeeds only if every step is done and every verify step was seen to hold
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "runbook/fact.h"

namespace hf::runbook {

// The lint rule whose waiver stands for a fence; a run's waiver of it names the component in `at`.
inline constexpr std::string_view kFenceRule = "promotion-without-fence";

struct ObserveStep {
  std::string step;
  int attempt = 0;
  Phase phase = Phase::kBefore;
};
struct StartStep {  // the runner journals the intent, then calls start()
  std::string step;
  int attempt = 0;
  std::string key;
};
struct PollStep {  // no more often than `every`
  std::string step;
  int attempt = 0;
  std::string key;
  Json handle;
  Micros every{0};
};
struct CancelStep {
  std::string step;
  int attempt = 0;
  std::string key;
  Json handle;
  std::string reason;
};
struct Record {  // a fact that follows from the others: a timer, an outcome, a request, the end
  Fact fact;
};
using Command = std::variant<ObserveStep, StartStep, PollStep, CancelStep, Record>;

enum class RunState : std::uint8_t { kRunning, kWaitsForApproval, kFinished };

struct Decision {
  std::vector<Command> commands;
  std::optional<WallTime> wake_at;  // the next instant at which time alone changes the decision
  RunState state = RunState::kRunning;
};

// Each false value removes one rule. Only tests do that.
struct Rules {
  bool observe_after_crash = true;
  bool observe_after_doubt = true;
  bool fence_before_promotion = true;
  bool verify_before_success = true;
};

// REQUIRES: validate(spec), and facts are those of this run in journal order, beginning with run.started.
Decision decide(const RunSpec& spec, const std::vector<Fact>& facts, WallTime now, const Rules& rules = {});

// What became of a run or step: for `run show`, exit codes and the JSON of `failover apply`.
struct StepReport {
  std::string name;
  std::string state;  // "waiting", "running", "retrying", "done", "failed", "skipped", "cancelled"
  std::optional<WallTime> started_at;
  std::optional<WallTime> finished_at;
  Changed changed = Changed::kNo;
  std::string detail;
  std::optional<Failure> failure;
  Json facts = Json::object();
};
struct RunReport {
  RunState state = RunState::kRunning;
  Verdict verdict = Verdict::kFailed;  // finished only
  std::string reason;
  std::vector<StepReport> steps;
  std::vector<std::string> changed;    // steps whose effect is in the world
  std::vector<std::string> uncertain;  // steps whose effect may be in the world
  std::optional<WallTime> started_at;
  std::optional<WallTime> finished_at;
  int exit_code = 1;  // 0, 1, 4 blocked, 5 objective missed, 6 waits for approval, 130 cancelled
};
RunReport report_of(const RunSpec& spec, const std::vector<Fact>& facts);

// The merged facts of finished steps, as actions get them.
std::map<std::string, Json> facts_of(const std::vector<Fact>& facts);

}  // namespace hf::runbook
