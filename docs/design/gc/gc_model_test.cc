// The protocol of deletion, explored exhaustively; and each of its rules, removed, loses data.
//
// HOLDFAST_GC_MODEL=long explores larger configurations (minutes and some GB); the default takes some ten seconds.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "explore.h"

namespace gc_model {
namespace {

constexpr std::uint64_t kStates = 20'000'000;
constexpr std::uint64_t kLongStates = 300'000'000;

bool long_run() {
  const char* wanted = std::getenv("HOLDFAST_GC_MODEL");
  return wanted != nullptr && std::string_view(wanted) == "long";
}

struct Case {
  const char* what;
  Config config;
};

void expect_safe(const Case& test, std::uint64_t limit) {
  const Outcome outcome = explore(test.config, loses_data, limit);
  std::cout << test.what << ": " << outcome.states << " states\n";
  EXPECT_EQ(outcome.verdict, Verdict::kHolds) << test.what;
  for (const std::string& step : outcome.trace) std::cout << "  " << step << "\n";
}

TEST(GcModel, NoCommittedSnapshotEverLacksAChunk) {
  const Case cases[] = {
      {"a writer that resumes, two collectors", {.writers = 1, .lives = 2, .collectors = 2}},
      {"two writers, a collector", {.writers = 2, .lives = 1, .collectors = 1}},
      {"a writer that resumes, a repacker, a collector", {.writers = 1, .lives = 2, .repackers = 1, .collectors = 1}},
      {"two writers, two collectors", {.writers = 2, .lives = 1, .collectors = 2}},
      {"a writer whose commit another one finishes, a collector", {.writers = 1, .lives = 1, .collectors = 1, .finisher = true}},
      {"the same with two collectors", {.writers = 1, .lives = 1, .collectors = 2, .finisher = true}},
  };
  for (const Case& test : cases) expect_safe(test, kStates);
}

TEST(GcModel, LargerConfigurations) {
  if (!long_run()) return;
  const Case cases[] = {
      {"two writers that resume, a collector", {.writers = 2, .lives = 2, .collectors = 1}},
      {"a writer that resumes, a repacker, two collectors", {.writers = 1, .lives = 2, .repackers = 1, .collectors = 2}},
      {"a writer that resumes, a finisher, two collectors", {.writers = 1, .lives = 2, .collectors = 2, .finisher = true}},
      {"two writers, a finisher, a collector", {.writers = 2, .lives = 1, .collectors = 1, .finisher = true}},
      {"two writers, a repacker, two collectors", {.writers = 2, .lives = 1, .repackers = 1, .collectors = 2}},
  };
  for (const Case& test : cases) expect_safe(test, kLongStates);
}

TEST(GcModel, EachRuleRemovedLosesData) {
  for (int i = 0; i < static_cast<int>(Rule::kCount); ++i) {
    const auto rule = static_cast<Rule>(i);
    Config config{.writers = 1, .lives = 2, .collectors = 2};
    if (rule == Rule::kTakenFirst || rule == Rule::kTakenLooksAgain || rule == Rule::kTombstone) {
      config = {.writers = 1, .lives = 1, .collectors = 1, .finisher = true};
    }
    config.rules_off = 1u << i;
    const Outcome outcome = explore(config, loses_data, kStates);
    EXPECT_EQ(outcome.verdict, Verdict::kViolated) << "without '" << name_of(rule) << "' nothing is lost";
    EXPECT_FALSE(outcome.trace.empty());
    std::cout << "without '" << name_of(rule) << "', after " << outcome.states << " states:\n";
    for (const std::string& step : outcome.trace) std::cout << "    " << step << "\n";
  }
}

// Rules that are about progress: without them work or space is lost, and never data.
TEST(GcModel, ProgressRules) {
  const Config writer{.writers = 1, .lives = 1, .collectors = 1, .choose = true};
  const Config repacker{.writers = 0, .lives = 1, .repackers = 1, .collectors = 2, .choose = true};
  struct {
    Progress rule;
    Config config;
    bool (*bad)(const State&, const Config&);
  } const rules[] = {{Progress::kBusy, writer, loses_work}, {Progress::kCondemnedNotCounted, repacker, loses_copies}};
  for (const auto& [rule, full, bad] : rules) {
    Config config = full;
    EXPECT_EQ(explore(config, bad, kStates).verdict, Verdict::kHolds) << static_cast<int>(rule);
    config.progress_off = 1u << static_cast<int>(rule);
    EXPECT_EQ(explore(config, bad, kStates).verdict, Verdict::kViolated) << static_cast<int>(rule);
    EXPECT_EQ(explore(config, loses_data, kStates).verdict, Verdict::kHolds) << static_cast<int>(rule);
  }
}

}  // namespace
}  // namespace gc_model
