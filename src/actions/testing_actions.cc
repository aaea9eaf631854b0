// The suite itself.
#include "actions/testing_actions.h"

#include <gtest/gtest.h>

namespace hf::actions {

namespace {
constexpr Micros kPatience = 30s;
}

ActionBench::ActionBench()
    : resources{env, http, dns,
                [this](const std::string& reference) -> Result<Secret> {
                  const auto known = secrets.find(reference);
                  return Secret(std::string_view(known == secrets.end() ? reference : known->second));
                },
                folder.path()} {
  run.id = "run1";
  run.target = "us-west";
}

void ActionBench::step(const std::string& name, Json input) {
  runbook::StepSpec s;
  s.name = name;
  s.action = name;
  s.input = std::move(input);
  run.steps = {s};
}

runbook::StepContext ActionBench::context(int attempt, bool begun) {
  const runbook::StepSpec& s = run.steps.front();
  return {run, s, run.id + "/" + s.name + "/" + std::to_string(attempt), facts, clock.wall(), {}, begun};
}

Result<runbook::Progress> ActionBench::finish(runbook::Action& action, int attempt) {
  auto progress = action.start(context(attempt, true));
  const MonoTime deadline = clock.mono() + kPatience;
  while (progress && !progress->finished) {
    if (clock.mono() > deadline) return make_error(ErrorKind::kTimeout, "the action never finished");
    clock.sleep_until(clock.mono() + progress->poll_after, {});
    progress = action.poll(context(attempt, true), progress->handle);
  }
  return progress;
}

void expect_conformance(ActionBench& bench, runbook::Action& action, const Conformance& expected) {
  using runbook::ObservedState;
  const std::string before = expected.world();
  auto seen = action.observe(bench.context());
  ASSERT_TRUE(seen.has_value()) << seen.error().text;
  EXPECT_EQ(seen->state, ObservedState::kNotDone) << seen->detail;
  EXPECT_EQ(expected.world(), before) << "looking changed the world";
  auto done = bench.finish(action);
  ASSERT_TRUE(done.has_value()) << done.error().text;
  EXPECT_TRUE(canonical_json(done->facts).has_value()) << "facts go into the journal";
  const std::string after = expected.world();
  seen = action.observe(bench.context(1, true));
  ASSERT_TRUE(seen.has_value()) << seen.error().text;
  EXPECT_EQ(seen->state, expected.seen_by_looking ? ObservedState::kDone : ObservedState::kNotDone) << seen->detail;
  auto again = bench.finish(action);
  ASSERT_TRUE(again.has_value()) << again.error().text;
  EXPECT_EQ(expected.world(), after) << "the same key did it twice";
  const Status cancelled = action.cancel(bench.context(1, true), Json::object());
  EXPECT_TRUE(cancelled.has_value()) << cancelled.error().text;
  EXPECT_EQ(expected.world(), after) << "cancelling undid what was done";
}

}  // namespace hf::actions
