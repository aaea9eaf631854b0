// decide(): for each step, what its view and its neighbours' views ask for.
#include "runbook/decide.h"

#include <algorithm>

#include "runbook/step_view.h"

namespace hf::runbook {
namespace {

constexpr int kMostLooks = 6;  // looks in a row without an answer that could be trusted: then unknown is a failure

std::string key_of(const RunSpec& spec, const std::string& step, int attempt) {
  return spec.id + "/" + step + "/" + std::to_string(attempt);
}

Micros backoff(const Retry& retry, int failures) {
  Micros wait = retry.first_backoff;
  for (int i = 1; i < failures && wait < retry.longest_backoff; ++i) wait *= 2;
  return std::min(wait, retry.longest_backoff);
}

class Decider {
 public:
  Decider(const RunSpec& spec, const std::vector<Fact>& facts, WallTime now, const Rules& rules)
      : spec_(spec), now_(now), rules_(rules), run_(view_of(spec, facts)) {}

  Decision decide() {
    if (run_.finished) {
      out_.state = RunState::kFinished;
      return std::move(out_);
    }
    record_waivers();
    for (const StepSpec& s : spec_.steps) step(s, run_.steps[s.name]);
    if (over()) finish();
    else if (out_.commands.empty() && waits_for_approval_ && !active_) out_.state = RunState::kWaitsForApproval;
    return std::move(out_);
  }

 private:
  // Every waiver that the run relies on stands in the journal before anything else happens.
  void record_waivers() {
    for (const RunWaiver& w : spec_.waivers) {
      const bool known =
          std::ranges::any_of(run_.waivers, [&](const Fact* f) { return f->rule == w.rule && f->object == w.at; });
      if (known) continue;
      Fact f = fact(FactKind::kWaiverRecorded, "", 0);
      f.rule = w.rule;
      f.object = w.at;
      f.by = w.by;
      f.reason = w.reason;
      f.until = w.until.value_or(WallTime{});
      record(std::move(f));
    }
  }

  // ---- one step
  void step(const StepSpec& s, StepView& v) {
    switch (v.phase) {
      case StepPhase::kDone:
      case StepPhase::kCancelled: return;
      case StepPhase::kWaiting: return waiting(s, v);
      case StepPhase::kReady: return s.kind == StepKind::kObserve ? not_holding(s, v) : ready(s, v);
      case StepPhase::kInFlight: active_ = true; return watch(s, v);
      case StepPhase::kRunning: active_ = true; return running(s, v);
      case StepPhase::kOrphan: active_ = true; return orphan(s, v);
      case StepPhase::kDoubt: active_ = true; return doubt(s, v);
      case StepPhase::kRestart: active_ = true; return restart(s, v);
      case StepPhase::kStopping: active_ = true; return stopping(s, v);
      case StepPhase::kSettled: return settled(s, v);
      case StepPhase::kFailing: return failing(s, v);
    }
  }

  void waiting(const StepSpec& s, StepView& v) {
    if (run_.cancel_requested || skipped(s) || !needs_done(s)) return;
    if (s.kind != StepKind::kObserve && !approved()) return;
    if (late(s, v)) return record(failed(s, v, timeout_failure(s), Changed::kNo));
    look(s, v, Phase::kBefore);
  }

  void ready(const StepSpec& s, StepView& v) {
    if (run_.cancel_requested) return;
    if (auto why = gate(s)) return record(failed(s, v, *why, Changed::kNo));
    start(s, v, v.attempt);
  }

  // A check that does not hold is looked at again until its attempts are used up.
  void not_holding(const StepSpec& s, StepView& v) {
    if (run_.cancel_requested) return;
    if (v.failures < s.retry.attempts && !late(s, v))
      return again_after(s, v, v.failures, "does not hold yet",
                         [&] { out_.commands.push_back(ObserveStep{s.name, v.attempt, Phase::kBefore}); });
    Failure f{ErrorKind::kBlocked, Effect::kNone, v.detail,
              "Mend what does not hold, then start a new run; nothing of this step was changed."};
    record(failed(s, v, f, Changed::kNo));
  }

  void running(const StepSpec& s, StepView& v) {
    if (stop_wanted(s, v)) return;
    out_.commands.push_back(PollStep{s.name, v.attempt, v.key, v.handle, v.poll_after});
    wake(deadline(s, v));
  }

  void watch(const StepSpec& s, StepView& v) {
    if (!stop_wanted(s, v)) wake(deadline(s, v));
  }

  bool stop_wanted(const StepSpec& s, const StepView& v) {
    if (!run_.cancel_requested && !late(s, v)) return false;
    const std::string why =
        run_.cancel_requested ? "the run is cancelled" : "its time of " + format_duration(s.timeout) + " is over";
    out_.commands.push_back(CancelStep{s.name, v.attempt, v.key, v.handle, why});
    return true;
  }

  void orphan(const StepSpec& s, StepView& v) {
    if (!rules_.observe_after_crash) return start(s, v, v.attempt + 1);
    look(s, v, Phase::kRecover);
  }

  void doubt(const StepSpec& s, StepView& v) {
    if (!rules_.observe_after_doubt) return start(s, v, v.attempt + 1);
    look(s, v, Phase::kRecover);
  }

  // Seen as not done after a crash or a doubt: the same key again, so that a late first request cannot make it twice.
  void restart(const StepSpec& s, StepView& v) {
    if (run_.cancel_requested) return record(outcome(s, v, StepResult::kCancelled, Changed::kNo));
    Failure last = v.failure.value_or(Failure{});
    last.effect = Effect::kNone;
    if (late(s, v)) return record(failed(s, v, timeout_failure(s), Changed::kNo));
    if (!v.doubted) return start(s, v, v.attempt);
    if (v.failures >= s.retry.attempts) return record(failed(s, v, last, Changed::kNo));
    again_after(s, v, v.failures, "seen as not done after: " + last.text, [&] { start(s, v, v.attempt); });
  }

  void stopping(const StepSpec& s, StepView& v) {
    if (v.stopped) return record(stopped(s, v, Changed::kNo));
    look(s, v, Phase::kAfter);
  }

  void settled(const StepSpec& s, StepView& v) {
    Fact f = outcome(s, v, StepResult::kDone, v.intent ? Changed::kObserved : Changed::kNo);
    f.facts = v.facts;
    record(std::move(f));
  }

  void failing(const StepSpec& s, StepView& v) {
    if (is_final(s, v, run_) || late(s, v)) return;
    // A new key only where nothing with the old one can still arrive.
    const int next = v.in_the_air ? v.attempt : v.attempt + 1;
    again_after(s, v, v.failures, v.detail,
                [&] { out_.commands.push_back(ObserveStep{s.name, next, Phase::kBefore}); });
  }

  // ---- parts
  void look(const StepSpec& s, StepView& v, Phase phase) {
    if (v.unknown_looks == 0) return void(out_.commands.push_back(ObserveStep{s.name, v.attempt, phase}));
    if (v.unknown_looks >= kMostLooks) return record(blind(s, v));
    again_after(s, v, v.unknown_looks, "could not be observed: " + v.detail,
                [&] { out_.commands.push_back(ObserveStep{s.name, v.attempt, phase}); });
  }

  void start(const StepSpec& s, StepView&, int attempt) {
    out_.commands.push_back(StartStep{s.name, attempt, key_of(spec_, s.name, attempt)});
    active_ = true;
  }

  // First a journaled timer, then, once it is over, `act`.
  template <class Act>
  void again_after(const StepSpec& s, const StepView& v, int failures, const std::string& why, Act act) {
    active_ = true;
    if (!v.timer) {
      Fact f = fact(FactKind::kTimerSet, s.name, v.attempt);
      f.until = now_ + backoff(s.retry, failures);
      f.reason = why;
      return record(std::move(f));
    }
    if (now_ >= *v.timer) return act();
    wake(*v.timer);
  }

  bool needs_done(const StepSpec& s) const {
    return std::ranges::all_of(s.needs, [&](const std::string& n) { return counts_as_done(*spec_.find_step(n)); });
  }

  bool counts_as_done(const StepSpec& s) const {
    const StepView& v = run_.steps.at(s.name);
    if (v.phase == StepPhase::kDone) return true;
    return !rules_.verify_before_success && s.kind == StepKind::kVerify && gave_up(s, v);
  }

  bool gave_up(const StepSpec& s, const StepView& v) const {
    return v.phase == StepPhase::kFailing && (is_final(s, v, run_) || late(s, v));
  }

  // Will never start, because something that it needs failed, was cancelled or is itself skipped.
  bool skipped(const StepSpec& s) const {
    return std::ranges::any_of(s.needs, [&](const std::string& n) {
      const StepSpec& need = *spec_.find_step(n);
      const StepView& v = run_.steps.at(n);
      if (counts_as_done(need)) return false;
      return v.phase == StepPhase::kCancelled || gave_up(need, v) ||
             (v.phase == StepPhase::kWaiting && skipped(need));
    });
  }

  bool approved() {
    if (static_cast<int>(run_.approvers.size()) >= spec_.approvals) return true;
    waits_for_approval_ = true;
    if (!run_.approval_requested && !asked_) {
      asked_ = true;
      Fact f = fact(FactKind::kApprovalRequested, "", spec_.approvals);
      f.reason = "run " + spec_.id + " (" + spec_.runbook + (spec_.target.empty() ? "" : " to " + spec_.target) +
                 ") may change the world?";
      f.object = spec_.confirmed_hash;
      record(std::move(f));
    }
    return false;
  }

  // Empty: the step may go on. Else why not.
  std::optional<Failure> gate(const StepSpec& s) const {
    if (!s.fence_gate || !rules_.fence_before_promotion) return std::nullopt;
    const FenceGate& g = *s.fence_gate;
    for (const Fact* p : run_.proofs)
      if (p->object == g.component && p->level >= g.level && p->level > plan::FenceLevel::kAttested)
        return std::nullopt;
    for (const Fact* w : run_.waivers)
      if (w->rule == kFenceRule && w->object == g.component && !w->by.empty() && holds(*w)) return std::nullopt;
    return Failure{ErrorKind::kBlocked, Effect::kNone,
                   "the old primary of '" + g.component + "' is not proven to be fenced at level " +
                       std::string(to_string(g.level)),
                   "Bring the fence step to its proof, or have a named person waive it: two primaries would lose "
                   "what one of them acknowledged."};
  }

  bool holds(const Fact& waiver) const { return waiver.until == WallTime{} || now_ < waiver.until; }

  WallTime deadline(const StepSpec& s, const StepView& v) const { return v.began.value_or(now_) + s.timeout; }
  bool late(const StepSpec& s, const StepView& v) const { return v.began && now_ >= deadline(s, v); }

  Failure timeout_failure(const StepSpec& s) const {
    return {ErrorKind::kTimeout, Effect::kNone,
            "step '" + s.name + "' was not done within " + format_duration(s.timeout),
            "Look at what it waits for, or give the step a longer `timeout`."};
  }

  // ---- facts
  Fact fact(FactKind kind, const std::string& step, int attempt) const {
    Fact f;
    f.kind = kind;
    f.run = spec_.id;
    f.step = step;
    f.attempt = attempt;
    f.time = now_;
    return f;
  }

  Fact outcome(const StepSpec& s, const StepView& v, StepResult result, Changed changed) const {
    Fact f = fact(FactKind::kStepOutcome, s.name, v.attempt);
    f.result = result;
    f.changed = changed;
    f.reason = v.detail;
    return f;
  }

  Fact failed(const StepSpec& s, const StepView& v, Failure why, Changed changed) const {
    Fact f = outcome(s, v, StepResult::kFailed, changed);
    f.reason = why.text;
    f.failure = std::move(why);
    f.final = true;
    return f;
  }

  Fact stopped(const StepSpec& s, const StepView& v, Changed changed) const {
    if (run_.cancel_requested) return outcome(s, v, StepResult::kCancelled, changed);
    return failed(s, v, timeout_failure(s), changed);
  }

  // Looked often enough without an answer. An effect of ours that was begun may be in the world.
  Fact blind(const StepSpec& s, const StepView& v) const {
    const bool maybe = v.intent;
    Failure f{ErrorKind::kUnavailable, maybe ? Effect::kMaybe : Effect::kNone,
              "step '" + s.name + "' could not be observed: " + v.detail,
              maybe ? "Its effect may be in the world: look there by hand before anything is repeated."
                    : "Nothing of this step was changed; mend what does not answer."};
    return failed(s, v, f, maybe ? Changed::kMaybe : Changed::kNo);
  }

  void record(Fact f) { out_.commands.push_back(Record{std::move(f)}); }
  void wake(WallTime at) {
    if (at > now_ && (!out_.wake_at || at < *out_.wake_at)) out_.wake_at = at;
  }

  // ---- the end
  bool over() const {
    if (!out_.commands.empty() || active_) return false;
    return std::ranges::all_of(spec_.steps, [&](const StepSpec& s) {
      const StepView& v = run_.steps.at(s.name);
      if (is_final(s, v, run_) || gave_up(s, v)) return true;
      return v.phase == StepPhase::kWaiting || v.phase == StepPhase::kReady ? run_.cancel_requested || skipped(s)
                                                                            : false;
    });
  }

  void finish() {
    const bool all_done = std::ranges::all_of(spec_.steps, [&](const StepSpec& s) { return counts_as_done(s); });
    Fact f = fact(FactKind::kRunFinished, "", 0);
    f.verdict = all_done                ? Verdict::kSucceeded
                : run_.cancel_requested ? Verdict::kCancelled
                : blocked()             ? Verdict::kBlocked
                                        : Verdict::kFailed;
    Json changed = Json::array(), uncertain = Json::array();
    std::string failures;
    for (const StepSpec& s : spec_.steps) {
      const StepView& v = run_.steps.at(s.name);
      if (v.changed == Changed::kYes || v.changed == Changed::kObserved) changed.push(s.name);
      if (is_uncertain(v)) uncertain.push(s.name);
      if (v.phase == StepPhase::kFailing)
        failures += (failures.empty() ? "" : "; ") + ("step '" + s.name + "': " + v.detail);
    }
    f.facts.set("changed", changed).set("uncertain", uncertain);
    f.reason = all_done                ? "every step is done and verified"
               : run_.cancel_requested ? "cancelled: " + run_.cancel_reason
                                       : failures;
    record(std::move(f));
  }

  // Nothing failed but preconditions.
  bool blocked() const {
    return std::ranges::all_of(spec_.steps, [&](const StepSpec& s) {
      const StepView& v = run_.steps.at(s.name);
      return v.phase != StepPhase::kFailing || (v.failure && v.failure->kind == ErrorKind::kBlocked);
    });
  }

  const RunSpec& spec_;
  const WallTime now_;
  const Rules& rules_;
  RunView run_;
  Decision out_;
  bool active_ = false;
  bool waits_for_approval_ = false;
  bool asked_ = false;
};

}  // namespace

Decision decide(const RunSpec& spec, const std::vector<Fact>& facts, WallTime now, const Rules& rules) {
  return Decider(spec, facts, now, rules).decide();
}

}  // namespace hf::runbook
