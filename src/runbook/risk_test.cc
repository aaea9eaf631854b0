// What is stated before a failover, from what is left of the log: nothing more where every spool can be read, a bound and
// what was measured where a receiver's disk is lost.
#include <gtest/gtest.h>

#include "runbook/risk.h"

namespace hf::runbook {
namespace {

constexpr WallTime kKilled{Seconds(1'800'000'000)};

RiskInput two_receivers() {
  RiskInput in;
  in.standby = Lsn{0x4000000};
  in.receivers = {{"west", "eu", Lsn{0x5000000}, ""}, {"eu", "eu", Lsn{0x5000800}, ""}};
  in.commits = 12;
  in.acknowledged = Acknowledged{Lsn{0x5000700}, kKilled - 400ms};
  in.impact_at = kKilled + 900ms;
  return in;
}

RiskInput one_lost() {
  RiskInput in = two_receivers();
  in.receivers[0].durable.reset();
  in.receivers[0].why = "no such file";
  in.vaults = {{"eu", Lsn{0x5000900}, kKilled - 250ms, ""}};
  return in;
}

bool says(const Risk& risk, const std::string& what) { return risk.text.find(what) != std::string::npos; }

TEST(Risk, WithEverySpoolOnlyTheStandbyLacksAnything) {
  const Risk risk = risk_of(two_receivers());
  EXPECT_EQ(risk.standby_lacks_bytes, 0x1000800U);
  EXPECT_EQ(risk.receivers_lsn, "0/5000800");
  EXPECT_TRUE(risk.lost_spools.is_null());
  EXPECT_TRUE(says(risk, "12 committed transactions"));
  EXPECT_FALSE(says(risk, "at risk"));
}

TEST(Risk, ALostSpoolRisksASecondAndTellsWhatWasMeasured) {
  const Risk risk = risk_of(one_lost());
  const Json& lost = risk.lost_spools;
  EXPECT_EQ(lost["receivers"].items().size(), 1U);
  EXPECT_EQ(lost["at_most_us"].as_int(), 1'000'000);
  EXPECT_EQ(lost["left_lsn"].as_string(), "0/5000900");
  EXPECT_EQ(lost["lacks_bytes"].as_string(), "0");
  EXPECT_EQ(lost["measured_us"].as_int(), 1'150'000) << "from the newest commit in the vault to the first failure seen";
  EXPECT_TRUE(says(risk, "west (no such file)"));
  EXPECT_TRUE(says(risk, "at risk: at most 1s of work"));
  EXPECT_TRUE(says(risk, "0 bytes are missing up to 0/5000700"));
}

TEST(Risk, WhatIsKnownToBeMissingIsNeverCalledASecond) {
  RiskInput in = one_lost();
  in.receivers[1].durable.reset();
  in.vaults[0].end = Lsn{0x4100000};
  in.vaults[0].last_commit = kKilled - 20s;
  const Risk risk = risk_of(in);
  EXPECT_EQ(risk.lost_spools["lacks_bytes"].as_string(), std::to_string(0x5000700 - 0x4100000));
  EXPECT_EQ(risk.lost_spools["at_most_us"].as_int(), 20'900'000);
  EXPECT_TRUE(says(risk, "is lost: up to 20.900s of work"));
  EXPECT_FALSE(says(risk, "at risk"));
}

TEST(Risk, AVaultThatCannotBeReadBoundsNothingButWhatWasAcknowledgedDoes) {
  RiskInput in = one_lost();
  in.vaults = {{"eu", {}, {}, "it is away"}};
  EXPECT_EQ(risk_of(in).lost_spools["at_most_us"].as_int(), 1'300'000) << "the other spool has what was acknowledged then";
  in.acknowledged.reset();
  const Risk blind = risk_of(in);
  EXPECT_TRUE(blind.lost_spools["at_most_us"].is_null());
  EXPECT_TRUE(says(blind, "nobody knows how much that is"));
  EXPECT_TRUE(says(blind, "'eu' (it is away)"));
}

TEST(Risk, WithoutANoteOfWhatWasAcknowledgedTheMeasureCounts) {
  RiskInput in = one_lost();
  in.acknowledged.reset();
  in.vaults[0].last_commit = kKilled - 1min;
  const Risk stale = risk_of(in);
  EXPECT_EQ(stale.lost_spools["at_most_us"].as_int(), 60'900'000) << "the vault may have been away for that minute";
  EXPECT_TRUE(says(stale, "no 'probe run --canary' noted"));
  in.impact_at.reset();
  EXPECT_EQ(risk_of(in).lost_spools["at_most_us"].as_int(), 1'000'000);
}

TEST(Risk, AnOldDetectionIsNotTheFailure) {
  RiskInput in = one_lost();
  in.impact_at = kKilled - 24h;
  EXPECT_EQ(risk_of(in).lost_spools["measured_us"].as_int(), 0);
}

TEST(Risk, SurvivesItsFileAndTakesNoJunkForACount) {
  const Risk risk = risk_of(one_lost());
  const auto back = risk_from_json(to_json(risk));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(dump_json(to_json(*back)), dump_json(to_json(risk)));
  for (const char* junk : {"", "12x", "-1", "99999999999999999999"}) {
    EXPECT_EQ(risk_from_json(to_json(risk).set("standby_lacks_bytes", junk)).error().kind, ErrorKind::kCorrupt) << junk;
    EXPECT_EQ(risk_from_json(to_json(risk).set("standby_lacks_commits", junk)).error().kind, ErrorKind::kCorrupt) << junk;
  }
}

}  // namespace
}  // namespace hf::runbook
