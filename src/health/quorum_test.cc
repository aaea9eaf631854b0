#include <gtest/gtest.h>

#include <algorithm>

#include "health/watcher.h"
#include "io/testing_files.h"

namespace hf::health {
namespace {

constexpr MonoTime kStart{};
WallTime wall(int second) { return WallTime(Seconds(1'700'000'000 + second)); }

// 'h' healthy, 'f' failed, '?' unknown; the state after each look as u, d or ?.
std::string run_states(const std::string& looks, int fall, int rise) {
  Hysteresis h(fall, rise);
  std::string out;
  int second = 0;
  for (const char c : looks) {
    h.observe(c == 'h' ? Outcome::kHealthy : c == 'f' ? Outcome::kUnhealthy : Outcome::kUnknown, kStart + Seconds(second),
              wall(second));
    ++second;
    out += h.state() == State::kUp ? 'u' : h.state() == State::kDown ? 'd' : '?';
  }
  return out;
}

TEST(Hysteresis, FallAndRise) {
  EXPECT_EQ(run_states("hhffhfff", 3, 2), "uuuuuuud");
  EXPECT_EQ(run_states("fffhfhh", 3, 2), "??ddddu");
  EXPECT_EQ(run_states("hfh", 1, 1), "udu");
  EXPECT_EQ(run_states("fh", 2, 5), "?u") << "the first success is enough at the start";
}

TEST(Hysteresis, UnknownLooksChangeNothingUntilThereAreMany) {
  EXPECT_EQ(run_states("h?f?f", 2, 2), "uuuud");
  EXPECT_EQ(run_states("h??", 3, 2), "uuu");
  EXPECT_EQ(run_states("h???f", 3, 2), "uuu??");
  EXPECT_EQ(run_states("ff??h", 2, 2), "?dd?u");
}

TEST(Hysteresis, RemembersTheFirstFailureOfTheOutage) {
  Hysteresis h(2, 2);
  h.observe(Outcome::kHealthy, kStart, wall(0));
  h.observe(Outcome::kUnhealthy, kStart, wall(1));
  h.observe(Outcome::kHealthy, kStart, wall(2));
  h.observe(Outcome::kUnhealthy, kStart, wall(3));
  h.observe(Outcome::kUnhealthy, kStart + 4s, wall(4));
  EXPECT_EQ(h.first_failure_at(), wall(3));
  EXPECT_EQ(h.since(), kStart + 4s);
  h.observe(Outcome::kHealthy, kStart, wall(5));
  h.observe(Outcome::kUnhealthy, kStart, wall(6));
  EXPECT_EQ(h.first_failure_at(), wall(3)) << "one success is not the end of an outage";
  h.observe(Outcome::kHealthy, kStart, wall(7));
  h.observe(Outcome::kHealthy, kStart, wall(8));
  EXPECT_EQ(h.first_failure_at(), std::nullopt);
}

Ballot ballot(const std::string& region, State state, std::optional<WallTime> first = {}) {
  return {region, state, std::string(to_string(state)), first};
}

// 'u', 'd', '?' for each vantage point; `total` of them.
Verdict verdict(const std::string& votes, int needed, int total) {
  std::vector<Ballot> ballots;
  for (const char c : votes) {
    ballots.push_back(ballot("r", c == 'u' ? State::kUp : c == 'd' ? State::kDown : State::kUnknown));
  }
  return decide_quorum(ballots, needed, total).verdict;
}

TEST(Quorum, EveryCombinationOfThree) {
  EXPECT_EQ(verdict("ddd", 2, 3), Verdict::kDown);
  EXPECT_EQ(verdict("ddu", 2, 3), Verdict::kDown);
  EXPECT_EQ(verdict("dd?", 2, 3), Verdict::kDown);
  EXPECT_EQ(verdict("duu", 2, 3), Verdict::kUp);
  EXPECT_EQ(verdict("uu?", 2, 3), Verdict::kUp);
  EXPECT_EQ(verdict("du?", 2, 3), Verdict::kUndecided);
  EXPECT_EQ(verdict("d??", 2, 3), Verdict::kUndecided);
  EXPECT_EQ(verdict("???", 2, 3), Verdict::kUndecided);
  EXPECT_EQ(verdict("", 2, 3), Verdict::kUndecided);
  EXPECT_EQ(verdict("d", 1, 1), Verdict::kDown);
}

TEST(Quorum, PropertiesOverAllVotesOfUpToFive) {
  for (int total = 1; total <= 5; ++total) {
    for (int needed = 1; needed <= total; ++needed) {
      int combinations = 1;
      for (int i = 0; i < total; ++i) combinations *= 3;
      for (int n = 0; n < combinations; ++n) {
        std::string votes;
        for (int i = 0, rest = n; i < total; ++i, rest /= 3) votes += "ud?"[rest % 3];
        const auto down = std::count(votes.begin(), votes.end(), 'd');
        const auto unknown = std::count(votes.begin(), votes.end(), '?');
        const Verdict v = verdict(votes, needed, total);
        EXPECT_EQ(v == Verdict::kDown, down >= needed) << votes;
        EXPECT_EQ(v == Verdict::kUp, down + unknown < needed) << votes << " of " << needed;
      }
    }
  }
}

TEST(Quorum, TellsWhyAndWhenItBegan) {
  const Decision d = decide_quorum({ballot("west", State::kDown, wall(7)), ballot("eu", State::kDown, wall(5)),
                                    ballot("east", State::kUnknown)}, 2, 3);
  EXPECT_EQ(d.first_failure_at, wall(5));
  ASSERT_EQ(d.reasons.size(), 4U);
  EXPECT_EQ(d.reasons[0], "west: down");
  EXPECT_EQ(d.reasons[3], "down: 2 of 3 vantage points see it down, 2 are needed");
  EXPECT_EQ(d.unknown, 1);
}

SeenVote seen(State state, Uplink uplink, bool fresh = true) {
  Vote v{"west", "s", 1, 1s, {}};
  v.targets["orders"] = {state, uplink, 1, "refused", wall(3)};
  return {"west", v, fresh, 0s, fresh ? "" : "not renewed for 9s"};
}

TEST(Ballot, OnlyFreshVotesWithAnUplinkCountAsDown) {
  EXPECT_EQ(ballot_of(seen(State::kDown, Uplink::kOk), "orders").state, State::kDown);
  EXPECT_EQ(ballot_of(seen(State::kDown, Uplink::kOk), "orders").first_failure_at, wall(3));
  EXPECT_EQ(ballot_of(seen(State::kDown, Uplink::kUnchecked), "orders").state, State::kDown);
  const Ballot cut_off = ballot_of(seen(State::kDown, Uplink::kDown), "orders");
  EXPECT_EQ(cut_off.state, State::kUnknown);
  EXPECT_EQ(cut_off.first_failure_at, std::nullopt);
  EXPECT_NE(cut_off.why.find("its own uplink is down"), std::string::npos);
  EXPECT_EQ(ballot_of(seen(State::kDown, Uplink::kOk, false), "orders").state, State::kUnknown);
  EXPECT_EQ(ballot_of(seen(State::kUp, Uplink::kOk, false), "orders").state, State::kUnknown);
  EXPECT_EQ(ballot_of(seen(State::kDown, Uplink::kOk), "other").state, State::kUnknown);
}

// Time stands still until a test moves it.
class HandClock final : public Clock {
 public:
  MonoTime mono() override { return now_; }
  WallTime wall() override { return health::wall(0) + std::chrono::duration_cast<Micros>(now_ - kStart); }
  bool sleep_until(MonoTime when, std::stop_token) override {
    now_ = when;
    return true;
  }
  void advance(Micros d) { now_ += d; }

 private:
  MonoTime now_ = kStart;
};

struct VoteFileTest : ::testing::Test {
  HandClock clock;
  MemoryFiles files;
  VoteReader reader{files, clock, "/c"};
  Vote vote{"west", "session-1", 1, 1s, {{"orders", {State::kDown, Uplink::kOk, 1.5, "status 503", wall(3)}}}};

  void SetUp() override { ASSERT_TRUE(files.make_dirs("/c/votes")); }
  void renew() {
    ++vote.sequence;
    ASSERT_TRUE(write_vote(files, "/c", vote));
  }
};

TEST_F(VoteFileTest, RoundTrip) {
  auto back = parse_vote(dump_json(to_json(vote)));
  ASSERT_TRUE(back) << back.error().text;
  EXPECT_EQ(dump_json(to_json(*back)), dump_json(to_json(vote)));
  EXPECT_EQ(back->targets.at("orders").first_failure_at, wall(3));
}

TEST_F(VoteFileTest, EveryTruncationAndWrongFieldIsAnError) {
  const std::string text = dump_json(to_json(vote));
  for (std::size_t n = 0; n < text.size(); ++n) EXPECT_FALSE(parse_vote(text.substr(0, n))) << n;
  const std::pair<const char*, Json> wrong[] = {{"vote", 2}, {"vote", "1"}, {"region", ""}, {"session", 7}, {"sequence", -1},
                                                {"every_milliseconds", 0}, {"targets", Json::array()}};
  for (const auto& [name, value] : wrong) {
    EXPECT_FALSE(parse_vote(dump_json(to_json(vote).set(name, value)))) << name;
  }
  std::string odd = text;
  odd.replace(odd.find("\"down\""), 6, "\"dead\"");
  EXPECT_FALSE(parse_vote(odd));
}

TEST_F(VoteFileTest, OnlyAVoteSeenToChangeIsFreshAndItAges) {
  EXPECT_EQ(reader.read("west").problem, "no vote yet");
  renew();
  EXPECT_FALSE(reader.read("west").fresh) << "it may be of a process that died long ago";
  clock.advance(1s);
  renew();
  EXPECT_TRUE(reader.read("west").fresh);
  clock.advance(4s);
  EXPECT_TRUE(reader.read("west").fresh);
  clock.advance(1ms);
  const SeenVote old = reader.read("west");
  EXPECT_FALSE(old.fresh);
  EXPECT_EQ(old.problem, "not renewed for 4.001s");
  vote.session = "session-2";  // restarted, with the same number
  ASSERT_TRUE(write_vote(files, "/c", vote));
  EXPECT_TRUE(reader.read("west").fresh);
}

TEST_F(VoteFileTest, DamagedOrForeignFilesAreUnknown) {
  renew();
  ASSERT_TRUE(files.move("/c/votes/west.json", "/c/votes/eu.json", IfExists::kReplace));
  EXPECT_EQ(reader.read("eu").problem, "the file holds the vote of west");
  ASSERT_TRUE(write_file_atomic(files, "/c/votes/eu.json", as_bytes("{\"vote\":1")));
  EXPECT_FALSE(reader.read("eu").vote);
  EXPECT_FALSE(reader.read("eu").fresh);
}

plan::Plan two_target_plan() {
  plan::Plan plan;
  plan.regions.resize(2);
  plan.regions[0].name = "east";
  plan.regions[0].role = plan::RegionRole::kPrimary;
  plan.regions[1].name = "west";
  plan.classes.resize(2);
  plan.classes[0].name = "L2";
  plan.classes[1].name = "L1";
  plan.classes[1].covers = {"region-loss"};
  plan.failover.emplace();
  plan.failover->name = "failover";
  plan.failover->detect = {"web", "db"};
  return plan;
}

Decisions decisions(Verdict web, Verdict db) {
  Decisions out;
  out["web"].verdict = web;
  out["db"].verdict = db;
  return out;
}

TEST(Classify, OnlyAllTargetsDownAreTheLossOfARegion) {
  const plan::Plan plan = two_target_plan();
  const auto c = classify(plan, *plan.failover, decisions(Verdict::kDown, Verdict::kDown));
  EXPECT_TRUE(c.region_lost);
  EXPECT_EQ(c.region, "east");
  EXPECT_EQ(c.disaster, "region-loss");
  EXPECT_EQ(c.disaster_class, "L1");
  EXPECT_FALSE(classify(plan, *plan.failover, decisions(Verdict::kDown, Verdict::kUp)).region_lost);
  EXPECT_FALSE(classify(plan, *plan.failover, decisions(Verdict::kDown, Verdict::kUndecided)).region_lost);
  EXPECT_FALSE(classify(plan, *plan.failover, {}).region_lost);
}

TEST(DetectionMachine, DwellCoolDownAndOnceForEachLoss) {
  DetectionMachine machine({.dwell = 5s, .cool_down = 60s, .last_failover = wall(-40)});
  Classification lost;
  lost.region_lost = true;
  std::vector<std::string> reasons;
  const auto step = [&](const Classification& c, int second) {
    reasons.clear();
    return machine.step(c, kStart + Seconds(second), wall(second), reasons);
  };
  EXPECT_FALSE(step(lost, 0));
  EXPECT_EQ(reasons.at(0).substr(0, 9), "cool-down");
  EXPECT_FALSE(step({}, 18));
  EXPECT_FALSE(step(lost, 19));
  EXPECT_FALSE(step(lost, 23));
  EXPECT_EQ(reasons.at(0).substr(0, 5), "dwell");
  EXPECT_TRUE(step(lost, 24));
  EXPECT_EQ(machine.quorum_at(), wall(19));
  EXPECT_FALSE(step(lost, 25)) << "told once";
  EXPECT_FALSE(step({}, 26));
  EXPECT_FALSE(step(lost, 27));
  EXPECT_TRUE(step(lost, 32));
}

}  // namespace
}  // namespace hf::health
