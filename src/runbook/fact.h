// A fact: one event of a run, as the engine reads and writes it. The journal keeps facts as events of record/; this
// is the typed form that decide() works on, so that it never pokes into JSON.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "plan/runbook.h"
#include "record/event.h"
#include "runbook/action.h"

namespace hf::runbook {

enum class FactKind : std::uint8_t {
  kRunStarted,         // spec
  kRunResumed,         // a new process goes on: what was in flight before is orphaned
  kApprovalRequested,  // attempt (how many persons), reason
  kApprovalGiven,      // by
  kWaiverRecorded,     // by, rule, object (component), level (that it stands for), reason, until (epoch: ends with the run)
  kStepObserved,       // step, attempt, phase, state, detail, facts
  kStepIntent,         // step, attempt, key, object (action), reason (summary): durable before the effect
  kStepRunning,        // step, attempt, handle, poll_after: the effect goes on without us
  kStepDoubt,          // step, attempt, error: it may have happened; to be observed
  kTimerSet,           // step, attempt, until, reason
  kStepCancelled,      // step, attempt: a stop was asked for and given to the action
  kFenceProven,        // step, object (component), level, facts (the proof)
  kStepOutcome,        // step, attempt, result, changed, detail, facts, error
  kCancelRequested,    // by, reason
  kRunFinished,        // verdict, reason, facts {changed[], unchanged[], uncertain[]}
};
std::string_view to_string(FactKind v);  // the event's type: "step.intent"

// Before a start; after a crash or doubt; a last look after a stop.
enum class Phase : std::uint8_t { kBefore, kRecover, kAfter };
enum class StepResult : std::uint8_t { kDone, kFailed, kCancelled };
// kObserved: it is as wanted, and whether our call or another did it cannot be told. kMaybe: not even that is known.
enum class Changed : std::uint8_t { kNo, kYes, kObserved, kMaybe };
enum class Verdict : std::uint8_t { kSucceeded, kFailed, kBlocked, kCancelled };
std::string_view to_string(Phase v);
std::string_view to_string(StepResult v);
std::string_view to_string(Changed v);
std::string_view to_string(Verdict v);

struct Failure {
  ErrorKind kind = ErrorKind::kFailed;
  Effect effect = Effect::kNone;
  std::string text;
  std::string hint;
  static Failure of(const Error& error);
  Error error() const;
};

struct Fact {
  FactKind kind = FactKind::kRunStarted;
  std::uint64_t seq = 0;  // in the journal; 0 until appended
  WallTime time{};
  std::string run;
  std::string step;
  int attempt = 0;
  std::string key;
  bool irreversible = false;  // of an intent
  bool final = false;         // of a failed outcome: no other attempt follows, whatever the error is
  Phase phase = Phase::kBefore;
  ObservedState state = ObservedState::kUnknown;
  StepResult result = StepResult::kFailed;
  Changed changed = Changed::kNo;
  Verdict verdict = Verdict::kFailed;
  plan::FenceLevel level = plan::FenceLevel::kNone;
  std::string by;
  std::string rule;
  std::string object;
  std::string reason;  // also detail
  WallTime until{};
  Micros poll_after{0};
  Json facts = Json::object();
  Json handle = Json::object();
  std::optional<Failure> failure;
  std::optional<RunSpec> spec;
};

// The journal's form: record/'s typed bodies, with a few members more. `kNotFound` for event types that are no facts.
record::Event event_of_fact(const Fact& fact);
Result<Fact> fact_of_event(const record::Event& event);

}  // namespace hf::runbook
