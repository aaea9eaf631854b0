// The fold. One function for each kind of fact; the order of the journal is the only order.
#include "runbook/step_view.h"

#include <algorithm>

namespace hf::runbook {
namespace {

void saw(const StepSpec& spec, StepView& v, const Fact& f) {
  v.detail = f.reason;
  v.timer.reset();
  if (spec.kind == StepKind::kObserve && !v.began) v.began = f.time;
  if (f.state == ObservedState::kUnknown) {
    ++v.unknown_looks;
    return;
  }
  v.unknown_looks = 0;
  if (f.state == ObservedState::kDone) {
    v.phase = StepPhase::kSettled;
    v.facts = f.facts;
  } else if (f.phase == Phase::kBefore) {
    v.phase = StepPhase::kReady;
    if (spec.kind == StepKind::kObserve) ++v.failures;
  } else if (f.phase == Phase::kRecover) {
    v.doubted = v.phase == StepPhase::kDoubt;
    if (v.doubted) ++v.failures;
    v.phase = StepPhase::kRestart;
  } else {
    v.stopped = true;
  }
}

void ended(StepView& v, const Fact& f) {
  v.detail = f.reason;
  v.failure = f.failure;
  v.changed = f.changed;
  v.timer.reset();
  v.unknown_looks = 0;
  v.finished = f.time;
  if (f.result == StepResult::kDone) {
    v.phase = StepPhase::kDone;
    v.facts = f.facts;
  } else if (f.result == StepResult::kCancelled) {
    v.phase = StepPhase::kCancelled;
  } else {
    v.phase = StepPhase::kFailing;
    v.last_word = f.final;
    ++v.failures;
  }
  // Seen as not done is true for that moment only, if a request of ours may still be under way.
  if (f.result != StepResult::kDone && f.changed == Changed::kNo && v.in_the_air) v.changed = Changed::kMaybe;
}

void step_fact(const StepSpec& spec, StepView& v, const Fact& f) {
  v.last = f.time;
  if (f.attempt > v.attempt) v.attempt = f.attempt;
  switch (f.kind) {
    case FactKind::kStepObserved: return saw(spec, v, f);
    case FactKind::kStepIntent:
      v.phase = StepPhase::kInFlight;
      v.intent = true;
      v.key = f.key;
      v.timer.reset();
      if (!v.began) v.began = f.time;
      return;
    case FactKind::kStepRunning:
      v.phase = StepPhase::kRunning;
      v.handle = f.handle;
      v.poll_after = f.poll_after;
      v.detail = f.reason;
      return;
    case FactKind::kStepDoubt:
      v.phase = StepPhase::kDoubt;
      v.in_the_air = true;
      v.failure = f.failure;
      v.unknown_looks = 0;
      return;
    case FactKind::kTimerSet: v.timer = f.until; return;
    case FactKind::kStepCancelled:
      v.phase = StepPhase::kStopping;
      v.unknown_looks = 0;
      v.failure.reset();
      v.detail = f.reason;
      return;
    case FactKind::kStepOutcome: return ended(v, f);
    default: return;
  }
}

void resumed(RunView& run) {
  for (auto& [name, v] : run.steps) {
    if (v.phase == StepPhase::kInFlight) {
      v.phase = StepPhase::kOrphan;
      v.in_the_air = true;
    }
    if (v.phase == StepPhase::kReady) v.phase = StepPhase::kWaiting;  // what was seen then may be old by now
    if (v.phase == StepPhase::kRestart) v.phase = v.doubted ? StepPhase::kDoubt : StepPhase::kOrphan;
    v.unknown_looks = 0;
  }
}

void run_fact(const RunSpec& spec, RunView& run, const Fact& f) {
  switch (f.kind) {
    case FactKind::kRunStarted: run.started = f.time; return;
    case FactKind::kRunResumed: return resumed(run);
    case FactKind::kApprovalRequested: run.approval_requested = true; return;
    case FactKind::kApprovalGiven: {
      const bool same = f.object.empty() || f.object == spec.confirmed_hash;
      if (same && !f.by.empty() && std::ranges::find(run.approvers, f.by) == run.approvers.end())
        run.approvers.push_back(f.by);
      return;
    }
    case FactKind::kFenceProven: run.proofs.push_back(&f); return;
    case FactKind::kWaiverRecorded: run.waivers.push_back(&f); return;
    case FactKind::kCancelRequested:
      run.cancel_requested = true;
      run.cancel_reason = f.reason;
      return;
    case FactKind::kRunFinished:
      run.finished = f.time;
      run.verdict = f.verdict;
      run.reason = f.reason;
      return;
    default: return;
  }
}

}  // namespace

RunView view_of(const RunSpec& spec, const std::vector<Fact>& facts) {
  RunView run;
  for (const StepSpec& s : spec.steps) run.steps[s.name];
  for (const Fact& f : facts) {
    const StepSpec* step = f.step.empty() ? nullptr : spec.find_step(f.step);
    if (step) step_fact(*step, run.steps[f.step], f);
    if (!step || f.kind == FactKind::kFenceProven) run_fact(spec, run, f);
  }
  return run;
}

bool is_retryable(const Failure& failure) {
  if (failure.effect == Effect::kMaybe) return false;
  switch (failure.kind) {
    case ErrorKind::kFailed:
    case ErrorKind::kBusy:
    case ErrorKind::kUnavailable:
    case ErrorKind::kTimeout: return true;
    default: return false;
  }
}

bool is_final(const StepSpec& spec, const StepView& view, const RunView& run) {
  if (view.phase == StepPhase::kDone || view.phase == StepPhase::kCancelled) return true;
  if (view.phase != StepPhase::kFailing) return false;
  if (view.last_word || run.cancel_requested) return true;
  if (view.timer) return false;
  return !view.failure || !is_retryable(*view.failure) || view.failures >= spec.retry.attempts;
}

}  // namespace hf::runbook
