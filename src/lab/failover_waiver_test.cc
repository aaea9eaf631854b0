// Where the fence cannot be proven: the failover is refused and nothing is promoted, unless a named person whom the
// plan allows to do so waives it; that stands in the journal, and what the remaining receiver has is replayed all the
// same.
#include <gtest/gtest.h>

#include "base/lsn.h"
#include "lab/testing_failover.h"

namespace hf::lab {
namespace {

void expect_refused(FailoverBench& bench, const CommandResult& refused, const std::string& serial) {
  EXPECT_EQ(refused.exit_code, kBlockedExit) << said(refused);
  EXPECT_EQ(bench.value("standby", "select pg_is_in_recovery()::text"), "true");
  EXPECT_EQ(bench.zone_serial(), serial);
}

// `probe run --canary` in us-west notes how far a quorum has commits on disk.
void note_what_is_acknowledged(FailoverBench& bench) {
  Environment& lab = *bench.lab;
  ASSERT_TRUE(lab.start_holdfast("us-west", "canary", {"probe", "run", "--plan", lab.plan_path(), "--region", "us-west",
                                                       "--canary"}));
  const std::string note = lab.state_dir() + "/replication-orders-db.json";
  ASSERT_TRUE(bench.wait_until([&] { return bench.text_of(note).find("acknowledged_lsn") != std::string::npos; }))
      << bench.text_of(note);
  ASSERT_TRUE(lab.end_process("us-west/canary", SIGTERM).has_value());
  const auto noted = parse_json(bench.text_of(note));
  ASSERT_TRUE(noted.has_value()) << bench.text_of(note);
  const std::string reached = "select coalesce(bool_or(flush_lsn >= '" + (*noted)["acknowledged_lsn"].as_string() +
                              "'), false)::text from pg_stat_replication where application_name = 'receiver_eu'";
  ASSERT_TRUE(bench.wait_until([&] { return bench.value("primary", reached) == "true"; })) << bench.text_of(note);
}

void expect_stated_loss(const SavedPlan& saved) {
  const Json& risk = saved.data["risk"];
  const Json& lost = risk["lost_spools"];
  ASSERT_EQ(lost["receivers"].items().size(), 1U) << dump_json(risk);
  EXPECT_EQ(lost["receivers"].items()[0]["name"].as_string(), "receiver_west");
  EXPECT_EQ(lost["at_most_us"].as_int(), 1'000'000) << dump_json(risk);
  EXPECT_EQ(lost["lacks_bytes"].as_string(), "0") << dump_json(risk);
  EXPECT_TRUE(lost["measured_us"].is_int()) << dump_json(risk);
  const auto acknowledged = parse_lsn(lost["acknowledged_lsn"].as_string()), left = parse_lsn(lost["left_lsn"].as_string());
  ASSERT_TRUE(acknowledged && left) << dump_json(risk);
  EXPECT_LE(*acknowledged, *left);
  EXPECT_GT(acknowledged->value, 0U);
  EXPECT_NE(risk["text"].as_string().find("at most 1s of work"), std::string::npos) << risk["text"].as_string();
}

TEST(FailoverWaiver, WithoutAProofOnlyANamedPersonPromotes) {
  FailoverBench bench;
  ASSERT_TRUE(bench.ready());
  Environment& lab = *bench.lab;
  const std::string serial = bench.zone_serial();

  // The old primary answers, and the plan fences nothing.
  auto lax = lab.write_plan_variant("attested", {{"level: quorum", "level: attested"}});
  ASSERT_TRUE(lax.has_value());
  const CommandResult answers = bench.apply(bench.plan(*lax), "", {}, *lax);
  expect_refused(bench, answers, serial);
  EXPECT_NE(said(answers).find("--waive-fence"), std::string::npos) << said(answers);
  EXPECT_EQ(bench.value("primary", "select pg_is_in_recovery()::text"), "false");

  // The region is lost, and so is a receiver with its disk: what that one had not yet put into the vault is at risk, at most
  // a second of work, and the plan says what was measured of it.
  note_what_is_acknowledged(bench);
  ASSERT_TRUE(lab.lose_receiver("us-west").has_value());
  bench.kill_us_east();
  const SavedPlan saved = bench.plan();
  expect_stated_loss(saved);
  EXPECT_FALSE(saved.data["risk"]["fence_possible"].as_bool());
  EXPECT_NE(saved.data["risk"]["text"].as_string().find("is lost"), std::string::npos)
      << saved.data["risk"]["text"].as_string();
  const CommandResult blocked = bench.apply(saved);
  expect_refused(bench, blocked, serial);
  EXPECT_NE(said(blocked).find("orders_db_b, receiver_west could still acknowledge"), std::string::npos)
      << said(blocked);

  const auto waived_by = [](const std::string& who, const std::string& why) {
    return std::vector<std::string>{"--approve", "dana",        "--approve", "kim",      "--waive-fence",
                                    "orders-db", "--waived-by", who,         "--reason", why};
  };
  const SavedPlan again = bench.plan();
  EXPECT_EQ(bench.apply(again, "", waived_by("kim", "power is cut")).exit_code, kDeniedExit)
      << "kim may approve, not waive";
  EXPECT_EQ(bench.apply(again, "", waived_by("dana", "")).exit_code, kUsageExit);
  const std::string received = again.data["risk"]["receivers_lsn"].as_string();
  const CommandResult done = bench.apply(again, "", waived_by("dana", "power is cut"));
  EXPECT_EQ(done.data()["state"].as_string(), "succeeded") << said(done);
  EXPECT_EQ(done.data()["fence"]["level"].as_string(), "none") << "a waiver is no fence: " << said(done);
  EXPECT_NE(step_of(done, "fence")["detail"].as_string().find("waived by dana (power is cut)"), std::string::npos)
      << said(done);
  const std::string run = done.data()["run"].as_string();
  EXPECT_EQ(bench.events(run, "waiver.used"), 1U);
  EXPECT_EQ(bench.events(run, "fence.proof"), 0U);
  EXPECT_EQ(bench.public_address(), "127.0.2.1");
  EXPECT_EQ(bench.value("standby", "select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"), "00000002");
  EXPECT_EQ(bench.value("standby", "select (pg_current_wal_lsn() >= '" + received + "')::text"), "true");
}

}  // namespace
}  // namespace hf::lab
