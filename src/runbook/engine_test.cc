// The engine's rules one by one: decide() on written histories, facts through their events, the runner with real
// threads.
#include <gtest/gtest.h>

#include <atomic>

#include "base/log.h"
#include "journal/testing_memory.h"
#include "record/proof_events.h"
#include "record/step_events.h"
#include "runbook/runner.h"

namespace hf::runbook {
namespace {

WallTime at(int seconds) { return WallTime(Seconds(1'800'000'000 + seconds)); }

StepSpec step(const std::string& name, StepKind kind, std::vector<std::string> needs = {}) {
  StepSpec s;
  s.name = name;
  s.action = name;
  s.kind = kind;
  s.needs = std::move(needs);
  return s;
}

RunSpec spec_of(std::vector<StepSpec> steps) {
  RunSpec spec;
  spec.id = "r";
  spec.runbook = "failover";
  spec.locks = {"orders"};
  spec.steps = std::move(steps);
  return spec;
}

// A change, and what verifies it.
RunSpec two_steps() { return spec_of({step("dns", StepKind::kChange), step("look", StepKind::kVerify, {"dns"})}); }

Fact fact(FactKind kind, const std::string& name = {}, int attempt = 1, int second = 0) {
  Fact f;
  f.kind = kind;
  f.run = "r";
  f.step = name;
  f.attempt = attempt;
  f.time = at(second);
  return f;
}

Fact seen(const std::string& name, ObservedState state, Phase phase = Phase::kBefore, int attempt = 1) {
  Fact f = fact(FactKind::kStepObserved, name, attempt);
  f.state = state;
  f.phase = phase;
  return f;
}

Fact intent(const std::string& name, int attempt = 1, int second = 0) {
  Fact f = fact(FactKind::kStepIntent, name, attempt, second);
  f.key = "r/" + name + "/" + std::to_string(attempt);
  return f;
}

Fact failed(const std::string& name, ErrorKind kind, int attempt = 1) {
  Fact f = fact(FactKind::kStepOutcome, name, attempt);
  f.failure = Failure{
      kind,
      Effect::kNone,
      "it said no",
      "",
  };
  f.reason = "it said no";
  return f;
}

Fact done(const std::string& name) {
  Fact f = fact(FactKind::kStepOutcome, name);
  f.result = StepResult::kDone;
  f.changed = Changed::kYes;
  return f;
}

// The one command; fails the test where there is another number of them.
Command only(const Decision& d) {
  EXPECT_EQ(d.commands.size(), 1u);
  return d.commands.empty() ? Command(Record{}) : d.commands.front();
}

const Fact& recorded(const Command& c) {
  static const Fact none;
  const auto* r = std::get_if<Record>(&c);
  EXPECT_NE(r, nullptr);
  return r ? r->fact : none;
}

TEST(Decide, LooksBeforeItActs) {
  const RunSpec spec = two_steps();
  const std::vector<Fact> facts{fact(FactKind::kRunStarted)};
  const Command c = only(decide(spec, facts, at(1)));
  ASSERT_TRUE(std::holds_alternative<ObserveStep>(c));
  EXPECT_EQ(std::get<ObserveStep>(c).step, "dns");
  EXPECT_EQ(std::get<ObserveStep>(c).phase, Phase::kBefore);
}

TEST(Decide, WhatIsSoAlreadyIsDoneWithoutChange) {
  const auto d = decide(two_steps(), {fact(FactKind::kRunStarted), seen("dns", ObservedState::kDone)}, at(1));
  const Fact f = recorded(only(d));
  EXPECT_EQ(f.kind, FactKind::kStepOutcome);
  EXPECT_EQ(f.result, StepResult::kDone);
  EXPECT_EQ(f.changed, Changed::kNo);
}

TEST(Decide, AnIntentInFlightIsLeftAlone) {
  const auto d =
      decide(two_steps(), {fact(FactKind::kRunStarted), seen("dns", ObservedState::kNotDone), intent("dns")}, at(1));
  EXPECT_TRUE(d.commands.empty());
  EXPECT_EQ(d.wake_at, at(300));
}

TEST(Decide, AfterACrashAnOrphanIsLookedAtAndStartedWithTheSameKey) {
  std::vector<Fact> facts{fact(FactKind::kRunStarted), seen("dns", ObservedState::kNotDone), intent("dns"),
                          fact(FactKind::kRunResumed)};
  const Command look = only(decide(two_steps(), facts, at(1)));
  ASSERT_TRUE(std::holds_alternative<ObserveStep>(look));
  EXPECT_EQ(std::get<ObserveStep>(look).phase, Phase::kRecover);
  facts.push_back(seen("dns", ObservedState::kNotDone, Phase::kRecover));
  const Command again = only(decide(two_steps(), facts, at(1)));
  ASSERT_TRUE(std::holds_alternative<StartStep>(again));
  EXPECT_EQ(std::get<StartStep>(again).key, "r/dns/1");
}

TEST(Decide, AnOrphanThatIsDoneIsRecordedAsObserved) {
  const auto d = decide(two_steps(),
                        {fact(FactKind::kRunStarted), intent("dns"), fact(FactKind::kRunResumed),
                         seen("dns", ObservedState::kDone, Phase::kRecover)},
                        at(1));
  EXPECT_EQ(recorded(only(d)).changed, Changed::kObserved);
}

TEST(Decide, UnknownIsLookedAtAgainAndThenFailsAsMaybe) {
  std::vector<Fact> facts{fact(FactKind::kRunStarted), intent("dns"), fact(FactKind::kStepDoubt, "dns")};
  int looks = 0;
  for (int i = 0; i < 40; ++i) {
    const Command c = only(decide(two_steps(), facts, at(200)));
    if (std::holds_alternative<ObserveStep>(c)) {
      ++looks;
      facts.push_back(seen("dns", ObservedState::kUnknown, Phase::kRecover));
      continue;
    }
    Fact f = recorded(c);
    if (f.kind == FactKind::kStepOutcome) {
      EXPECT_EQ(f.changed, Changed::kMaybe);
      EXPECT_EQ(f.failure->effect, Effect::kMaybe);
      EXPECT_EQ(looks, 6);
      return;
    }
    EXPECT_EQ(f.kind, FactKind::kTimerSet);
    f.until = at(199);  // over
    facts.push_back(f);
  }
  FAIL() << "it looked for ever";
}

TEST(Decide, ARetryWaitsForItsJournaledTimer) {
  std::vector<Fact> facts{fact(FactKind::kRunStarted), intent("dns"), failed("dns", ErrorKind::kUnavailable)};
  Fact timer = recorded(only(decide(two_steps(), facts, at(1))));
  EXPECT_EQ(timer.kind, FactKind::kTimerSet);
  EXPECT_EQ(timer.until, at(1) + Millis(500));
  facts.push_back(timer);
  const Decision waits = decide(two_steps(), facts, at(1));
  EXPECT_TRUE(waits.commands.empty());
  EXPECT_EQ(waits.wake_at, timer.until);
  const Command next = only(decide(two_steps(), facts, at(2)));
  ASSERT_TRUE(std::holds_alternative<ObserveStep>(next));
  EXPECT_EQ(std::get<ObserveStep>(next).attempt, 2);
}

TEST(Decide, NoRetryAfterARefusalThatNothingMends) {
  const auto d =
      decide(two_steps(), {fact(FactKind::kRunStarted), intent("dns"), failed("dns", ErrorKind::kDenied)}, at(1));
  const Fact f = recorded(only(d));
  EXPECT_EQ(f.kind, FactKind::kRunFinished);
  EXPECT_EQ(f.verdict, Verdict::kFailed);
}

TEST(Decide, AFailedStepStopsWhatDependsOnItAndNothingElse) {
  const RunSpec spec = spec_of(
      {step("dns", StepKind::kChange), step("look", StepKind::kVerify, {"dns"}), step("tell", StepKind::kChange)});
  const auto d = decide(spec, {fact(FactKind::kRunStarted), intent("dns"), failed("dns", ErrorKind::kDenied)}, at(1));
  const Command c = only(d);
  ASSERT_TRUE(std::holds_alternative<ObserveStep>(c));
  EXPECT_EQ(std::get<ObserveStep>(c).step, "tell");
}

TEST(Decide, NeverSuccessWithAFailedVerifyStep) {
  const auto d = decide(
      two_steps(),
      {fact(FactKind::kRunStarted), intent("dns"), done("dns"), intent("look"), failed("look", ErrorKind::kBlocked)},
      at(1));
  const Fact f = recorded(only(d));
  EXPECT_EQ(f.verdict, Verdict::kBlocked);
  EXPECT_EQ(f.facts["changed"].items().size(), 1u);
}

RunSpec promotion() {
  RunSpec spec = spec_of({step("promote", StepKind::kChange), step("look", StepKind::kVerify, {"promote"})});
  spec.steps[0].irreversible = true;
  spec.steps[0].fence_gate = FenceGate{"orders", plan::FenceLevel::kQuorum};
  return spec;
}

Fact proof(plan::FenceLevel level, const std::string& component = "orders") {
  Fact f = fact(FactKind::kFenceProven, "fence");
  f.object = component;
  f.level = level;
  return f;
}

TEST(Decide, PromotionNeedsAProofOfItsComponentAtItsLevel) {
  const std::vector<Fact> base{fact(FactKind::kRunStarted), seen("promote", ObservedState::kNotDone)};
  const auto with = [&](Fact f) {
    std::vector<Fact> facts = base;
    facts.push_back(std::move(f));
    return only(decide(promotion(), facts, at(1)));
  };
  EXPECT_EQ(recorded(only(decide(promotion(), base, at(1)))).failure->kind, ErrorKind::kBlocked);
  EXPECT_TRUE(std::holds_alternative<StartStep>(with(proof(plan::FenceLevel::kQuorum))));
  EXPECT_TRUE(std::holds_alternative<StartStep>(with(proof(plan::FenceLevel::kPower))));
  EXPECT_EQ(recorded(with(proof(plan::FenceLevel::kNetwork))).failure->kind, ErrorKind::kBlocked);
  EXPECT_EQ(recorded(with(proof(plan::FenceLevel::kQuorum, "billing"))).failure->kind, ErrorKind::kBlocked);
  Fact waiver = fact(FactKind::kWaiverRecorded, "", 0);
  waiver.rule = kFenceRule;
  waiver.object = "orders";
  EXPECT_EQ(recorded(with(waiver)).failure->kind, ErrorKind::kBlocked) << "a waiver without a name";
  waiver.by = "maria";
  EXPECT_TRUE(std::holds_alternative<StartStep>(with(waiver)));
  waiver.until = at(1);
  EXPECT_EQ(recorded(with(waiver)).failure->kind, ErrorKind::kBlocked) << "a waiver past its end";
  waiver.until = at(2);
  EXPECT_TRUE(std::holds_alternative<StartStep>(with(waiver)));
}

TEST(Decide, AWaiverOfThePlanStandsInTheJournalWithItsEnd) {
  RunSpec spec = promotion();
  spec.waivers = {{std::string(kFenceRule), "orders", "maria", "power is cut", at(60)}};
  const Fact f = recorded(decide(spec, {fact(FactKind::kRunStarted)}, at(1)).commands.at(0));
  ASSERT_EQ(f.kind, FactKind::kWaiverRecorded);
  const auto body = record::body_of<record::WaiverUsed>(event_of_fact(f));
  ASSERT_TRUE(body.has_value()) << body.error().text;
  EXPECT_EQ(*body, (record::WaiverUsed{std::string(kFenceRule), "orders", "maria", at(60), "power is cut"}));
  EXPECT_EQ(fact_of_event(event_of_fact(f))->until, at(60));
}

TEST(Decide, ABlockedRunSaysSoWithExitCode4) {
  std::vector<Fact> facts{fact(FactKind::kRunStarted), seen("promote", ObservedState::kNotDone)};
  while (!report_of(promotion(), facts).finished_at)
    facts.push_back(recorded(only(decide(promotion(), facts, at(1)))));
  EXPECT_EQ(report_of(promotion(), facts).exit_code, 4);
  EXPECT_TRUE(report_of(promotion(), facts).changed.empty());
}

TEST(Decide, ApprovalsAreOfDifferentPersonsAndOfWhatWasShown) {
  RunSpec spec = two_steps();
  spec.approvals = 2;
  spec.confirmed_hash = "abc";
  std::vector<Fact> facts{fact(FactKind::kRunStarted)};
  facts.push_back(recorded(only(decide(spec, facts, at(1)))));
  EXPECT_EQ(facts.back().kind, FactKind::kApprovalRequested);
  const auto approve = [&](const std::string& by, const std::string& hash) {
    facts.push_back(fact(FactKind::kApprovalGiven, "", 0));
    facts.back().by = by;
    facts.back().object = hash;
  };
  approve("maria", "abc");
  approve("maria", "abc");
  approve("otto", "another plan");
  EXPECT_EQ(decide(spec, facts, at(1)).state, RunState::kWaitsForApproval);
  EXPECT_EQ(report_of(spec, facts).exit_code, 6);
  approve("otto", "abc");
  EXPECT_TRUE(std::holds_alternative<ObserveStep>(only(decide(spec, facts, at(1)))));
}

TEST(Decide, ATimeoutStopsLooksAndFails) {
  Fact running = fact(FactKind::kStepRunning, "dns");
  std::vector<Fact> facts{fact(FactKind::kRunStarted), intent("dns"), running};
  EXPECT_TRUE(std::holds_alternative<PollStep>(only(decide(two_steps(), facts, at(299)))));
  EXPECT_TRUE(std::holds_alternative<CancelStep>(only(decide(two_steps(), facts, at(300)))));
  facts.push_back(fact(FactKind::kStepCancelled, "dns"));
  EXPECT_EQ(std::get<ObserveStep>(only(decide(two_steps(), facts, at(300)))).phase, Phase::kAfter);
  facts.push_back(seen("dns", ObservedState::kNotDone, Phase::kAfter));
  EXPECT_EQ(recorded(only(decide(two_steps(), facts, at(300)))).failure->kind, ErrorKind::kTimeout);
  facts.back() = seen("dns", ObservedState::kDone, Phase::kAfter);
  EXPECT_EQ(recorded(only(decide(two_steps(), facts, at(300)))).result, StepResult::kDone);
}

TEST(Decide, ACheckThatDoesNotHoldBlocks) {
  const RunSpec spec = spec_of({step("check", StepKind::kObserve), step("dns", StepKind::kChange, {"check"}),
                                step("look", StepKind::kVerify, {"dns"})});
  std::vector<Fact> facts{fact(FactKind::kRunStarted)};
  for (int i = 0; i < 3; ++i) facts.push_back(seen("check", ObservedState::kNotDone));
  facts.push_back(recorded(only(decide(spec, facts, at(1)))));
  EXPECT_EQ(facts.back().failure->kind, ErrorKind::kBlocked);
  EXPECT_EQ(recorded(only(decide(spec, facts, at(1)))).verdict, Verdict::kBlocked);
}

TEST(RunSpec, RefusesEveryMistakeAtOnce) {
  RunSpec spec = spec_of(
      {step("a", StepKind::kChange, {"ghost"}), step("a", StepKind::kChange), step("promote", StepKind::kChange)});
  const Status s = validate(spec);
  ASSERT_FALSE(s.has_value());
  for (const char* part : {"'ghost'", "two steps are named 'a'", "without a fence gate", "no step verifies"})
    EXPECT_NE(s.error().text.find(part), std::string::npos) << part << " in " << s.error().text;
  EXPECT_FALSE(
      validate(spec_of({step("a", StepKind::kVerify, {"b"}), step("b", StepKind::kVerify, {"a"})})).has_value());
}

TEST(RunSpec, SurvivesItsJson) {
  RunSpec spec = promotion();
  spec.impact_at = at(5);
  spec.rto = 90s;
  spec.planned_loss_bytes = 1ull << 60;
  spec.waivers = {{"rule", "place", "maria", "because", at(60)}, {"rule", "here", "kim", "because", {}}};
  const auto back = run_spec_from_json(to_json(spec));
  ASSERT_TRUE(back.has_value()) << back.error().text;
  EXPECT_EQ(*canonical_json(to_json(*back)), *canonical_json(to_json(spec)));
}

Fact full(FactKind kind) {
  Fact f = fact(kind, kind == FactKind::kRunStarted || kind == FactKind::kRunFinished ? "" : "dns", 2);
  f.key = "r/dns/2";
  f.state = ObservedState::kNotDone;
  f.phase = Phase::kRecover;
  f.result = StepResult::kFailed;
  f.changed = Changed::kMaybe;
  f.verdict = Verdict::kBlocked;
  f.level = plan::FenceLevel::kQuorum;
  f.by = "maria";
  f.rule = "a-rule";
  f.object = "orders";
  f.reason = "because";
  f.until = at(9);
  f.poll_after = 200ms;
  f.final = true;
  f.handle.set("pid", 7);
  f.facts.set("component", "orders").set("level", "quorum");
  f.failure = Failure{ErrorKind::kTimeout, Effect::kMaybe, "no answer", "Look."};
  if (kind == FactKind::kRunStarted) f.spec = promotion();
  return f;
}

// Through the exact bytes of the journal, every kind decides the same afterwards: encoding it again gives the same
// leaf.
TEST(Fact, EveryKindSurvivesTheJournal) {
  for (int i = 0; i <= static_cast<int>(FactKind::kRunFinished); ++i) {
    const Fact f = full(static_cast<FactKind>(i));
    const auto leaf = record::encode_event(event_of_fact(f));
    ASSERT_TRUE(leaf.has_value()) << to_string(f.kind) << ": " << leaf.error().text;
    const auto event = record::parse_event(*leaf);
    ASSERT_TRUE(event.has_value()) << event.error().text;
    const auto back = fact_of_event(*event);
    ASSERT_TRUE(back.has_value()) << to_string(f.kind) << ": " << back.error().text;
    EXPECT_EQ(back->kind, f.kind);
    EXPECT_EQ(record::encode_event(event_of_fact(*back)).value_or("?"), *leaf) << to_string(f.kind);
  }
}

TEST(Fact, ReadersOfRecordUnderstandOurEvents) {
  const auto outcome = record::body_of<record::StepOutcome>(event_of_fact(full(FactKind::kStepOutcome)));
  ASSERT_TRUE(outcome.has_value()) << outcome.error().text;
  EXPECT_EQ(outcome->state, record::StepState::kMaybe);
  EXPECT_TRUE(record::body_of<record::RunStarted>(event_of_fact(full(FactKind::kRunStarted))).has_value());
  EXPECT_TRUE(record::body_of<record::StepIntent>(event_of_fact(full(FactKind::kStepIntent))).has_value());
  EXPECT_TRUE(record::body_of<record::RunFinished>(event_of_fact(full(FactKind::kRunFinished))).has_value());
}

// ---- the runner, with threads and the system clock

class CountingAction final : public Action {
 public:
  Result<Observation> observe(const StepContext& context) override {
    return done_                           ? Observation::done("there")
           : context.stop.stop_requested() ? Observation::unknown("stopped")
                                           : Observation::not_done("not there");
  }
  Result<Progress> start(const StepContext&) override {
    ++starts_;
    return Progress::running(Json::object(), 1ms);
  }
  Result<Progress> poll(const StepContext&, const Json&) override {
    if (++polls_ < 3) return Progress::running(Json::object(), 1ms);
    done_ = true;
    return Progress::done("there now");
  }
  std::atomic<int> starts_ = 0, polls_ = 0;
  std::atomic<bool> done_ = false;
};

struct Bench {
  SystemClock clock;
  MemoryLog log;
  journal::MemoryJournal journal;
  History history{journal, {"test", "engine"}, {"here", ""}};
  CountingAction dns, look;
  ActionTable table{{"dns", &dns}, {"look", &look}};
  PoolExecutor pool{4};
  RunnerOptions options;
  Runner runner() { return Runner(clock, log, history, table, pool, options); }
};

TEST(Runner, RunsWithThreadsAndPollsUntilDone) {
  Bench b;
  const auto report = b.runner().start(two_steps());
  ASSERT_TRUE(report.has_value()) << report.error().text;
  EXPECT_EQ(report->exit_code, 0) << report->reason;
  EXPECT_EQ(b.dns.starts_, 1);
  EXPECT_EQ(b.dns.polls_, 3);
  EXPECT_EQ(report->changed, (std::vector<std::string>{"dns", "look"}));
}

TEST(Runner, ASecondRunOfTheSameComponentIsBusy) {
  Bench b;
  RunSpec spec = two_steps();
  Fact f = fact(FactKind::kRunStarted, "", 0);
  f.spec = spec;
  ASSERT_TRUE(b.history.append(f).has_value());
  spec.id = "r2";
  const auto second = b.runner().start(spec);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().kind, ErrorKind::kBusy);
  spec.locks = {"billing"};
  EXPECT_TRUE(b.runner().start(spec).has_value());
}

TEST(Runner, ARunIsStartedOnce) {
  Bench b;
  const RunSpec spec = two_steps();
  Fact f = fact(FactKind::kRunStarted, "", 0);
  f.spec = spec;
  ASSERT_TRUE(b.history.append(f).has_value());
  const auto beside = b.runner().start(spec);
  ASSERT_FALSE(beside.has_value());
  EXPECT_EQ(beside.error().kind, ErrorKind::kBusy) << beside.error().text;
  EXPECT_EQ(b.dns.starts_, 0);
  ASSERT_TRUE(b.runner().resume(spec.id).has_value());
  const auto after = b.runner().start(spec);
  ASSERT_FALSE(after.has_value());
  EXPECT_EQ(after.error().kind, ErrorKind::kBlocked) << after.error().text;
  EXPECT_EQ(b.dns.starts_, 1);
}

TEST(Runner, AnUnknownActionIsRefusedBeforeAnythingIsRecorded) {
  Bench b;
  RunSpec spec = two_steps();
  spec.steps[0].action = "announce";
  EXPECT_EQ(b.runner().start(spec).error().kind, ErrorKind::kUnsupported);
  EXPECT_EQ(b.journal.size(), 0u);
}

TEST(Runner, TheKillPointSeesEveryAppendInOrder) {
  Bench b;
  std::vector<std::string> types;
  b.options.after_append = [&](std::uint64_t seq, std::string_view type, const Fact&) {
    EXPECT_EQ(seq, types.size());
    types.emplace_back(type);
  };
  ASSERT_TRUE(b.runner().start(two_steps()).has_value());
  EXPECT_EQ(types.size(), b.journal.size());
  EXPECT_EQ(types.front(), "run.started");
  EXPECT_EQ(types.back(), "run.finished");
}

TEST(Runner, AStopLeavesTheRunToBeResumed) {
  Bench b;
  std::stop_source stop;
  b.options.after_append = [&](std::uint64_t, std::string_view type, const Fact&) {
    if (type == "step.running") stop.request_stop();
  };
  const auto stopped = b.runner().start(two_steps(), stop.get_token());
  ASSERT_FALSE(stopped.has_value());
  EXPECT_EQ(stopped.error().kind, ErrorKind::kCancelled);
  const auto resumed = b.runner().resume("r");
  ASSERT_TRUE(resumed.has_value()) << resumed.error().text;
  EXPECT_EQ(resumed->exit_code, 0);
  EXPECT_EQ(b.dns.starts_, 1) << "what runs on is polled, not started again";
}

TEST(Runner, PeopleCannotChangeAFinishedRun) {
  Bench b;
  ASSERT_TRUE(b.runner().start(two_steps()).has_value());
  EXPECT_EQ(cancel_run(b.history, b.clock, "r", "maria", "late").error().kind, ErrorKind::kBlocked);
  EXPECT_EQ(cancel_run(b.history, b.clock, "nothing", "maria", "late").error().kind, ErrorKind::kNotFound);
}

}  // namespace
}  // namespace hf::runbook
