// 1,000 failovers by seed, with every fault at once; and the proof that the judge sees what he is there for: with one
// rule of the engine removed, some seed must fail.
#include <gtest/gtest.h>

#include "sim/testing_failover.h"

namespace hf::sim {
namespace {

constexpr std::uint64_t kSeeds = 1000;

Scenario unkind_world(std::uint64_t seed) {
  Rng rng(seed * 7919);
  Scenario s;
  s.seed = seed;
  s.fate = {rng.chance(1, 2), rng.chance(1, 2)};
  const auto rate = [&](unsigned most) { return rng.chance(1, 3) ? 0u : static_cast<unsigned>(rng.bounded(most)); };
  s.faults = {rate(150), rate(200), rate(150), rate(200), rate(20), rate(200)};
  s.slowest_call = rng.chance(1, 4) ? Micros(30'000'000) : Micros(300'000);
  s.crashes = static_cast<int>(rng.bounded(5));
  s.cancel_once = rng.chance(1, 8);
  s.approvals = rng.chance(1, 5) ? 2 : 0;
  s.clock_sets = rate(300);
  return s;
}

std::string history_line(const runbook::Fact& f) {
  return format_time(f.time) + " " + std::string(to_string(f.kind)) + " " + f.step + "/" + std::to_string(f.attempt) +
         " " + f.reason + (f.failure ? f.failure->text : "") + "\n";
}

// The sentences of the judge; "never ended" where the run does not end.
std::string verdict(const Scenario& scenario, int* succeeded = nullptr) {
  Failover run(scenario);
  const auto report = run.live_on();
  if (!report) return "never ended";
  if (succeeded && report->verdict == runbook::Verdict::kSucceeded) ++*succeeded;
  std::string out;
  for (const std::string& sentence : run.judge(*report)) out += sentence + "\n";
  if (out.empty()) return out;
  for (const runbook::Fact& f : run.facts()) out += history_line(f);  // a failing seed tells its story
  return out;
}

int failing_seeds(const runbook::Rules& rules, std::uint64_t seeds, void (*change)(Scenario&) = nullptr) {
  int failing = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    Scenario s = unkind_world(seed);
    s.rules = rules;
    if (change) change(s);
    failing += !verdict(s).empty();
  }
  return failing;
}

TEST(Seeds, AllInvariantsHold) {
  int succeeded = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed)
    EXPECT_EQ(verdict(unkind_world(seed), &succeeded), "") << "seed " << seed;
  EXPECT_GT(succeeded, static_cast<int>(kSeeds) / 3) << "a world in which nothing works shows nothing";
}

TEST(Canary, WithoutObservingAfterACrashEffectsHappenTwice) {
  runbook::Rules rules;
  rules.observe_after_crash = false;
  EXPECT_GT(failing_seeds(rules, 300), 0);
}

TEST(Canary, WithoutObservingAfterADoubtEffectsHappenTwice) {
  runbook::Rules rules;
  rules.observe_after_doubt = false;
  EXPECT_GT(failing_seeds(rules, 300), 0);
}

TEST(Canary, WithoutTheFenceGateTwoPrimariesCanAcknowledge) {
  const auto unordered = [](Scenario& s) {
    s.spec.steps[3].needs = {"checks"};
  };  // promote no longer waits for the fence
  EXPECT_EQ(failing_seeds({}, 200, unordered), 0);
  runbook::Rules rules;
  rules.fence_before_promotion = false;
  EXPECT_GT(failing_seeds(rules, 200, unordered), 0);
}

TEST(Canary, WithoutTheVerdictRuleSuccessIsClaimed) {
  const auto unconfigured = [](Scenario& s) {
    s.spec.steps[5].needs = {"promote"};
    s.spec.steps.erase(s.spec.steps.begin() + 4);
  };
  EXPECT_EQ(failing_seeds({}, 100, unconfigured), 0);
  runbook::Rules rules;
  rules.verify_before_success = false;
  EXPECT_GT(failing_seeds(rules, 100, unconfigured), 0);
}

}  // namespace
}  // namespace hf::sim
