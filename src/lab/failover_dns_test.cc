// A name server that refuses or is silent: the failover ends as failed, says what is changed and what is not, and once
// the name server is mended another run finishes without promoting again.
#include <gtest/gtest.h>

#include "lab/testing_failover.h"

namespace hf::lab {
namespace {

// Promoted, not moved; and the command says both.
void expect_says_what_is_changed(FailoverBench& bench, const CommandResult& failed) {
  EXPECT_EQ(failed.exit_code, kFailedExit) << said(failed);
  EXPECT_EQ(failed.data()["state"].as_string(), "failed") << said(failed);
  EXPECT_FALSE(failed.result["ok"].as_bool());
  EXPECT_EQ(step_of(failed, "promote")["state"].as_string(), "done");
  EXPECT_EQ(step_of(failed, "traffic")["state"].as_string(), "failed");
  EXPECT_EQ(step_of(failed, "users")["state"].as_string(), "skipped");
  const std::string words = dump_json(failed.result["errors"]);
  EXPECT_NE(words.find("promote"), std::string::npos) << words;
  EXPECT_NE(words.find("not done: traffic, users"), std::string::npos) << words;
  EXPECT_NE(words.find("failover plan"), std::string::npos) << "it says what to do next: " << words;
  EXPECT_EQ(bench.value("standby", "select pg_is_in_recovery()::text"), "false");
}

TEST(FailoverDns, RefusedThenSilentThenMended) {
  FailoverBench bench;
  ASSERT_TRUE(bench.ready());
  Environment& lab = *bench.lab;
  bench.kill_us_east();
  const std::string secret = bench.text_of(lab.tsig_secret_file());
  const auto set_secret = [&](const std::string& text) {
    EXPECT_TRUE(write_file_atomic(bench.files, lab.tsig_secret_file(), as_bytes(text), 0400).has_value());
    EXPECT_TRUE(sources::give_to(lab.tsig_secret_file(), lab.user()).has_value());
  };

  set_secret("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
  const CommandResult refused = bench.apply(bench.plan());
  expect_says_what_is_changed(bench, refused);
  EXPECT_NE(said(refused).find("BADSIG"), std::string::npos) << said(refused);
  EXPECT_EQ(step_of(refused, "traffic")["changed"].as_string(), "no");
  EXPECT_EQ(bench.public_address(), "127.0.1.1");
  const CommandResult again = bench.resume(refused.data()["run"].as_string());
  expect_says_what_is_changed(bench, again);
  set_secret(secret);

  const SavedPlan planned = bench.plan();
  const CommandResult killed = bench.apply(planned, "step.outcome:verify");
  ASSERT_EQ(killed.exit_code, kKilledExit) << said(killed);
  const std::string second = bench.open_run();
  ASSERT_TRUE(lab.freeze_name_server().has_value());
  const CommandResult silent = bench.resume_beside(second, [&] {
    const CommandResult beside = bench.apply(planned);
    EXPECT_EQ(beside.exit_code, kBusyExit) << "a second failover while the first one goes on: " << said(beside);
  });
  ASSERT_TRUE(lab.thaw_name_server().has_value());
  expect_says_what_is_changed(bench, silent);
  EXPECT_NE(step_of(silent, "traffic")["changed"].as_string(), "yes") << "nobody saw the name move";

  const SavedPlan third = bench.plan();
  const CommandResult done = bench.apply(third);
  EXPECT_EQ(done.data()["state"].as_string(), "succeeded") << said(done);
  bench.expect_taken_over(done.data()["run"].as_string());
  bench.expect_orders_flow_and_none_is_lost(bench.clock.wall());
  const CommandResult twice = bench.apply(third);
  EXPECT_EQ(twice.exit_code, kBlockedExit) << "a plan is carried out once: " << said(twice);
}

}  // namespace
}  // namespace hf::lab
