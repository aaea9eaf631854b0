#include "vault/collect/retention.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/rng.h"

namespace hf::vault {
namespace {

WallTime at(const std::string& text) { return parse_time(text).value(); }

RetentionInput snapshot(std::uint64_t number, WallTime committed, const std::string& component = "c",
                        SnapshotKind kind = SnapshotKind::kFiles) {
  RetentionInput in;
  in.info.id[0] = static_cast<std::uint8_t>(number);
  in.info.number = number;
  in.info.meta.host = "alpha";
  in.info.meta.component = component;
  in.info.meta.kind = kind;
  in.info.started = in.info.finished = committed;
  in.committed = committed;
  return in;
}

std::vector<std::string> rules(const std::vector<RetentionInput>& in, const RetentionPolicy& policy, WallTime now) {
  std::vector<std::string> out;
  for (const RetentionVerdict& v : judge(in, policy, now)) out.push_back((v.keep ? "+" : "-") + v.rule);
  return out;
}

const WallTime kNow = at("2026-03-01T12:00:00Z");

TEST(Retention, SaysForEachSnapshotWhichRuleKeepsIt) {
  std::vector<RetentionInput> in;
  for (int day = 0; day < 5; ++day) {
    in.push_back(snapshot(static_cast<std::uint64_t>(day + 1), at("2026-02-24T03:00:00Z") + Micros(24h) * day));
  }
  RetentionPolicy policy;
  policy.all.within = 60h;
  policy.all.daily = 3;
  using Rules = std::vector<std::string>;
  EXPECT_EQ(rules(in, policy, kNow), (Rules{"-no rule keeps it", "-no rule keeps it", "+daily 3 of 3", "+younger than 2d12h",
                                            "+the newest of its series"}));
}

TEST(Retention, WithoutARuleEverythingStays) {
  const std::vector<RetentionInput> in{snapshot(1, kNow - Micros(10000h))};
  EXPECT_EQ(rules(in, {}, kNow).front(), "+no rule says when it goes");
}

TEST(Retention, TheNewestOfASeriesAlwaysStays) {
  RetentionPolicy policy;
  policy.all.within = 1h;
  auto in = std::vector{snapshot(1, kNow - Micros(900h)), snapshot(2, kNow - Micros(800h)),
                        snapshot(3, kNow - Micros(700h), "d")};
  EXPECT_EQ(rules(in, policy, kNow)[1], "+the newest of its series");
  EXPECT_EQ(rules(in, policy, kNow)[2], "+the newest of its series");
  in[1].info.partial = true;                        // what is not whole does not count as it
  EXPECT_EQ(rules(in, policy, kNow)[0], "+the newest of its series");
  EXPECT_EQ(rules(in, policy, kNow)[1], "-no rule keeps it");
}

TEST(Retention, PinsHoldsAndUnfinishedOnesStay) {
  RetentionPolicy policy;
  policy.all.last = 1;
  auto in = std::vector{snapshot(1, kNow - Micros(9h)), snapshot(2, kNow - Micros(8h)), snapshot(0, kNow - Micros(7h)),
                        snapshot(4, kNow - Micros(6h))};
  in[0].pin = Pin::kPinned;
  in[1].pin = Pin::kHeld;
  in[1].pin_reason = "case 7";
  EXPECT_EQ(rules(in, policy, kNow), (std::vector<std::string>{"+pinned", "+legal hold: case 7", "+its writer has not finished",
                                                               "+the newest of its series"}));
}

TEST(Retention, TheBaseOfTheWalWindowStays) {
  RetentionPolicy policy;
  policy.all.within = 10h;
  const auto kind = SnapshotKind::kPostgres;
  auto in = std::vector{snapshot(1, kNow - Micros(50h), "pg", kind), snapshot(2, kNow - Micros(30h), "pg", kind),
                        snapshot(3, kNow - Micros(9h), "pg", kind)};
  EXPECT_EQ(rules(in, policy, kNow)[1], "+any instant of the last 10h begins with it");
  EXPECT_EQ(rules(in, policy, kNow)[0], "-no rule keeps it");
  policy.wal_window["pg"] = 40h;
  EXPECT_EQ(rules(in, policy, kNow)[0], "+any instant of the last 1d16h begins with it");
}

TEST(Retention, BucketsKeepTheNewestOfEach) {
  std::vector<RetentionInput> in;
  for (int hour = 0; hour < 24 * 800; hour += 6) {
    in.push_back(snapshot(static_cast<std::uint64_t>(hour % 250 + 1), at("2024-01-01T00:30:00Z") + Micros(1h) * hour));
  }
  RetentionPolicy policy;
  policy.all.monthly = 12;
  policy.all.yearly = 5;
  std::size_t kept = 0;
  for (const RetentionVerdict& v : judge(in, policy, kNow)) kept += v.keep ? 1 : 0;
  EXPECT_EQ(kept, 12u + 1u);        // 2026's and 2025's newest are among the months; 2024's is not
}

// More is kept, never less, where a rule is added; and what is kept does not depend on the order.
TEST(Retention, RulesOnlyEverAdd) {
  Rng rng(7);
  for (int turn = 0; turn < 200; ++turn) {
    std::vector<RetentionInput> in;
    for (std::uint64_t i = 0; i < 30; ++i) in.push_back(snapshot(i + 1, kNow - Micros(1h) * static_cast<int>(rng.u64() % 3000)));
    RetentionPolicy less;
    less.all.last = 1 + static_cast<std::uint32_t>(rng.u64() % 4);
    less.all.weekly = static_cast<std::uint32_t>(rng.u64() % 4);
    RetentionPolicy more = less;
    more.all.daily = static_cast<std::uint32_t>(rng.u64() % 6);
    more.all.within = Micros(1h) * static_cast<int>(rng.u64() % 500 + 1);
    const auto a = judge(in, less, kNow);
    const auto b = judge(in, more, kNow);
    for (std::size_t i = 0; i < in.size(); ++i) EXPECT_TRUE(!a[i].keep || b[i].keep);
    std::ranges::reverse(in);
    const auto c = judge(in, more, kNow);
    for (std::size_t i = 0; i < in.size(); ++i) EXPECT_EQ(c[in.size() - 1 - i].keep, b[i].keep);
  }
}

}  // namespace
}  // namespace hf::vault
