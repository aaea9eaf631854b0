// The runner: a loop of decide, do, wait. Only the engine thread touches a session; pool threads get copies.
#include "runbook/runner.h"

#include <algorithm>

#include "io/files.h"
#include "io/lock.h"

namespace hf::runbook {
namespace {

constexpr Micros kLongestWait = 1s;  // a stop and a broken executor are noticed this soon

Error unknown_action(const StepSpec& step) {
  return make_error(ErrorKind::kUnsupported,
                    "step '" + step.name + "' needs action '" + step.action + "', which this build does not have")
      .with_hint("'holdfast lint' lists the actions that are executed today.");
}

// What a pool thread works with: nothing in it belongs to the session.
struct Call {
  RunSpec run;
  std::string step;
  std::string key;
  std::map<std::string, Json> facts;
  WallTime now;
  bool begun = false;

  StepContext context(std::stop_token stop) const {
    return {run, *run.find_step(step), key, facts, now, std::move(stop), begun};
  }
};

}  // namespace

class Runner::Session {
 public:
  Session(Runner& runner, RunSpec spec, std::vector<Fact> facts)
      : r_(runner),
        spec_(std::move(spec)),
        facts_(std::move(facts)),
        began_(facts_.empty() ? r_.clock_.wall() : std::max(r_.clock_.wall(), facts_.back().time)),
        began_mono_(r_.clock_.mono()) {}
  ~Session() { drain(); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Status lock();
  Status append(Fact fact);
  Result<RunReport> loop(std::stop_token stop);
  const std::vector<Fact>& facts() const { return facts_; }

 private:
  struct InFlight {
    std::stop_source stop;
  };

  // The run's time: the wall clock as it was when this session began, never behind the journal, then the monotonic one.
  // A wall clock that is set meanwhile ends no step early and stretches no wait.
  WallTime now() const { return began_ + std::chrono::duration_cast<Micros>(r_.clock_.mono() - began_mono_); }
  Fact fact(FactKind kind, const std::string& step, int attempt) const;
  void execute(const Command& command);
  void run(const ObserveStep& c);
  void run(const StartStep& c);
  void run(const PollStep& c);
  void run(const CancelStep& c);
  void run(const Record& c);
  // Calls `work` in the pool and `then` with its result in the engine thread.
  template <class Work, class Then>
  void call(const std::string& step, const std::string& key, const Work& work, const Then& then);
  void settle(const std::string& step, int attempt, const std::string& key, Result<Progress> result);
  void note(Fact fact) {  // for completions: the first error ends the loop
    if (broken_) broken_ = append(std::move(fact));
  }
  void record_outcome(Fact outcome);
  void wait(const Decision& decision, std::stop_token stop);
  void drain();

  Runner& r_;
  RunSpec spec_;
  std::vector<Fact> facts_;
  const WallTime began_;
  const MonoTime began_mono_;
  std::vector<FileLock> locks_;
  std::map<std::string, InFlight> in_flight_;
  std::map<std::string, MonoTime> next_poll_;
  std::map<std::string, Json> handles_;
  Status broken_;
  bool closing_ = false;
};

Status Runner::Session::lock() {
  if (!r_.options_.lock_dir.empty())
    for (const std::string& name : spec_.locks) {
      auto held = FileLock::acquire(join_path(r_.options_.lock_dir, name + ".lock"));
      if (!held) return std::move(held).error().with_context("another run works on '" + name + "'");
      locks_.push_back(std::move(*held));
    }
  HF_ASSIGN(const std::vector<RunSpec> open, r_.history_.open_runs());
  for (const RunSpec& other : open) {
    const auto shared = std::ranges::find_first_of(spec_.locks, other.locks);
    if (other.id == spec_.id || shared == spec_.locks.end()) continue;
    return make_error(ErrorKind::kBusy,
                      "run " + other.id + " (" + other.runbook + ") works on '" + *shared + "' and is not finished")
        .with_hint("Go on with it by 'holdfast run resume " + other.id + "', or end it by 'holdfast run cancel " +
                   other.id + "'.");
  }
  return ok();
}

Fact Runner::Session::fact(FactKind kind, const std::string& step, int attempt) const {
  Fact f;
  f.kind = kind;
  f.run = spec_.id;
  f.step = step;
  f.attempt = attempt;
  return f;
}

Status Runner::Session::append(Fact f) {
  f.time = now();
  HF_ASSIGN(f.seq, r_.history_.append(f));
  facts_.push_back(f);
  r_.log_.info("runbook", to_string(f.kind), {{"run", f.run}, {"step", f.step}, {"detail", f.reason}});
  if (r_.options_.progress) r_.options_.progress(f);
  if (r_.options_.after_append) r_.options_.after_append(f.seq, to_string(f.kind), f);
  return ok();
}

Result<RunReport> Runner::Session::loop(std::stop_token stop) {
  for (;;) {
    const std::size_t before = facts_.size();
    const Decision decision = decide(spec_, facts_, now(), r_.options_.rules);
    if (decision.state != RunState::kRunning && in_flight_.empty()) return report_of(spec_, facts_);
    for (const Command& c : decision.commands) {
      if (broken_) execute(c);
    }
    HF_TRY(std::move(broken_));
    if (facts_.size() != before) continue;  // what was just recorded may ask for more
    if (stop.stop_requested())
      return make_error(ErrorKind::kCancelled, "interrupted before its end")
          .with_hint("Go on by 'holdfast run resume " + spec_.id + "', or end it by 'holdfast run cancel " +
                     spec_.id + "'.");
    wait(decision, stop);
    HF_TRY(std::move(broken_));
  }
}

void Runner::Session::wait(const Decision& decision, std::stop_token stop) {
  const MonoTime mono = r_.clock_.mono();
  MonoTime until = mono + kLongestWait;
  if (decision.wake_at) until = std::min(until, mono + std::max(Micros(0), *decision.wake_at - now()));
  for (const auto& [step, due] : next_poll_)
    if (!in_flight_.contains(step)) until = std::min(until, due);
  if (auto done = r_.executor_.next(until, stop)) (*done)();
}

void Runner::Session::execute(const Command& command) {
  std::visit([this](const auto& c) { run(c); }, command);
}

template <class Work, class Then>
void Runner::Session::call(const std::string& step, const std::string& key, const Work& work, const Then& then) {
  const bool begun = std::ranges::any_of(
      facts_, [&](const Fact& f) { return f.kind == FactKind::kStepIntent && f.step == step && f.key == key; });
  Call c{spec_, step, key, facts_of(facts_), now(), begun};
  const auto entry = r_.actions_.find(spec_.find_step(step)->action);
  Action* action = entry == r_.actions_.end() ? nullptr : entry->second;
  const std::stop_source own = in_flight_[step].stop;
  r_.executor_.submit([this, c = std::move(c), action, own, work, then, step](std::stop_token pool) -> Completion {
    const std::stop_callback forward(pool, [own]() mutable { own.request_stop(); });
    const StepContext context = c.context(own.get_token());
    auto result = action ? work(*action, context) : decltype(work(*action, context))(unknown_action(context.step));
    return [this, result = std::move(result), then, step]() mutable {
      in_flight_.erase(step);
      if (!closing_) then(std::move(result));
    };
  });
}

void Runner::Session::run(const ObserveStep& c) {
  if (in_flight_.contains(c.step)) return;
  call(
      c.step, spec_.id + "/" + c.step + "/" + std::to_string(c.attempt),
      [](Action& a, const StepContext& context) { return a.observe(context); },
      [this, c](Result<Observation> seen) {
        Fact f = fact(FactKind::kStepObserved, c.step, c.attempt);
        f.phase = c.phase;
        f.state = seen ? seen->state : ObservedState::kUnknown;
        f.reason = seen ? seen->detail : seen.error().text;
        if (seen) f.facts = seen->facts;
        note(std::move(f));
      });
}

void Runner::Session::run(const StartStep& c) {
  if (in_flight_.contains(c.step)) return;
  const StepSpec& s = *spec_.find_step(c.step);
  Fact f = fact(FactKind::kStepIntent, c.step, c.attempt);
  f.key = c.key;
  f.object = s.action;
  f.irreversible = s.irreversible;
  f.reason = s.summary;
  if (broken_ = append(std::move(f)); !broken_) return;
  handles_.erase(c.step);
  call(
      c.step, c.key, [](Action& a, const StepContext& context) { return a.start(context); },
      [this, c](Result<Progress> p) { settle(c.step, c.attempt, c.key, std::move(p)); });
}

void Runner::Session::run(const PollStep& c) {
  if (in_flight_.contains(c.step)) return;
  const auto due = next_poll_.find(c.step);
  if (due != next_poll_.end() && r_.clock_.mono() < due->second) return;
  handles_[c.step] = c.handle;
  next_poll_.erase(c.step);
  call(
      c.step, c.key, [h = c.handle](Action& a, const StepContext& context) { return a.poll(context, h); },
      [this, c](Result<Progress> p) { settle(c.step, c.attempt, c.key, std::move(p)); });
}

void Runner::Session::run(const CancelStep& c) {
  if (const auto it = in_flight_.find(c.step); it != in_flight_.end()) {
    it->second.stop.request_stop();  // its call returns soon; the action is asked to cancel after that
    return;
  }
  next_poll_.erase(c.step);
  call(
      c.step, c.key, [h = c.handle](Action& a, const StepContext& context) { return a.cancel(context, h); },
      [this, c](Status done) {
        Fact f = fact(FactKind::kStepCancelled, c.step, c.attempt);
        f.reason = done ? c.reason : c.reason + "; stopping it failed: " + done.error().text;
        note(std::move(f));
      });
}

void Runner::Session::run(const Record& c) {
  if (c.fact.kind == FactKind::kStepOutcome) record_outcome(c.fact);
  else note(c.fact);
}

// What start() or poll() gave becomes a fact.
void Runner::Session::settle(const std::string& step, int attempt, const std::string& key, Result<Progress> p) {
  if (p && !p->finished) {
    next_poll_[step] = r_.clock_.mono() + p->poll_after;
    const auto known = handles_.find(step);
    if (known != handles_.end() && known->second == p->handle) return;  // nothing new to remember
    handles_[step] = p->handle;
    Fact f = fact(FactKind::kStepRunning, step, attempt);
    f.key = key;
    f.handle = std::move(p->handle);
    f.poll_after = p->poll_after;
    f.reason = p->detail;
    return note(std::move(f));
  }
  if (!p && p.error().effect == Effect::kMaybe) {
    Fact f = fact(FactKind::kStepDoubt, step, attempt);
    f.failure = Failure::of(p.error());
    return note(std::move(f));
  }
  Fact f = fact(FactKind::kStepOutcome, step, attempt);
  f.result = p ? StepResult::kDone : StepResult::kFailed;
  // "It is so already", said to a second intent, may be the first one's effect.
  const auto intents =
      std::ranges::count_if(facts_, [&](const Fact& x) { return x.kind == FactKind::kStepIntent && x.step == step; });
  f.changed = !p ? Changed::kNo : p->changed ? Changed::kYes : intents > 1 ? Changed::kObserved : Changed::kNo;
  f.reason = p ? p->detail : p.error().text;
  if (p) f.facts = std::move(p->facts);
  else f.failure = Failure::of(p.error());
  record_outcome(std::move(f));
}

// A proof that a fence step brings stands in the journal as an event of its own, before the outcome that rests on it.
void Runner::Session::record_outcome(Fact outcome) {
  const Json* proof = outcome.facts.find("fence_proof");
  if (proof && outcome.result == StepResult::kDone) {
    Fact f = fact(FactKind::kFenceProven, outcome.step, outcome.attempt);
    f.object = (*proof)["component"].as_string();
    f.facts = *proof;
    for (int i = 0; i <= static_cast<int>(plan::FenceLevel::kPower); ++i)
      if (to_string(static_cast<plan::FenceLevel>(i)) == (*proof)["level"].as_string())
        f.level = static_cast<plan::FenceLevel>(i);
    note(std::move(f));
  }
  note(std::move(outcome));
}

// The pool may still work for us: ask it to stop, and wait, because its results point here.
void Runner::Session::drain() {
  closing_ = true;
  for (auto& [step, flight] : in_flight_) flight.stop.request_stop();
  while (!in_flight_.empty())
    if (auto done = r_.executor_.next(r_.clock_.mono() + kLongestWait, {})) (*done)();
}

Runner::Runner(Clock& clock, Log& log, History& history, const ActionTable& actions, Executor& executor,
               RunnerOptions options)
    : clock_(clock),
      log_(log),
      history_(history),
      actions_(actions),
      executor_(executor),
      options_(std::move(options)) {}

// A run is started once: a second start of the same plan would do its steps beside, or after, the first one's.
Status refuse_known(History& history, const std::string& run) {
  const auto facts = history.read(run);
  if (!facts) return facts.error().kind == ErrorKind::kNotFound ? ok() : Status(facts.error());
  if (facts->back().kind == FactKind::kRunFinished)
    return make_error(ErrorKind::kBlocked, "run " + run + " was carried out already")
        .with_hint("'holdfast run show " + run + "' tells how it ended; for another run make a new plan.");
  return make_error(ErrorKind::kBusy, "run " + run + " was started already and is not finished")
      .with_hint("Go on with it by 'holdfast run resume " + run + "', or end it by 'holdfast run cancel " + run + "'.");
}

Result<RunReport> Runner::start(const RunSpec& spec, std::stop_token stop) {
  HF_TRY(validate(spec));
  for (const StepSpec& s : spec.steps)
    if (!actions_.contains(s.action)) return unknown_action(s);
  Session session(*this, spec, {});
  HF_TRY(session.lock());
  HF_TRY(refuse_known(history_, spec.id));
  Fact f;
  f.kind = FactKind::kRunStarted;
  f.run = spec.id;
  f.spec = spec;
  HF_TRY(session.append(std::move(f)));
  return session.loop(stop);
}

Result<RunReport> Runner::resume(const std::string& run, std::stop_token stop) {
  HF_ASSIGN(std::vector<Fact> facts, history_.read(run));
  const RunSpec spec = *facts.front().spec;
  const FactKind last_kind = facts.back().kind;
  Session session(*this, spec, std::move(facts));
  if (decide(spec, session.facts(), clock_.wall(), options_.rules).state == RunState::kFinished)
    return report_of(spec, session.facts());
  HF_TRY(session.lock());
  Fact f;
  f.kind = FactKind::kRunResumed;
  f.run = run;
  f.reason = last_kind == FactKind::kApprovalGiven ? "goes on after an approval" : "resumed after an interruption";
  HF_TRY(session.append(std::move(f)));
  return session.loop(stop);
}

}  // namespace hf::runbook
