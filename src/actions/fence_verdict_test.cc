// The judgement that promotion rests on: every small case against the definition, and the ways in which it must
// refuse.
#include <gtest/gtest.h>

#include "actions/fence_verdict.h"

namespace hf::actions {
namespace {

FenceInput input(const std::string& names, std::vector<std::string> sealed,
                 std::vector<std::string> commit = {"on"}) {
  FenceInput in{names, std::move(commit), {}};
  std::uint64_t lsn = 100;
  for (std::string& s : sealed) in.seals.push_back({std::move(s), 7, 1, Lsn{lsn += 10}});
  return in;
}

TEST(SyncStandbys, Grammar) {
  using Method = SyncStandbys::Method;
  struct Case {
    const char* text;
    Method method;
    int needed;
    std::vector<std::string> members;
  };
  const std::vector<Case> cases{
      {"", Method::kNone, 0, {}},
      {"  ", Method::kNone, 0, {}},
      {"a", Method::kFirst, 1, {"a"}},
      {"a, b", Method::kFirst, 1, {"a", "b"}},
      {"2 (a, b, c)", Method::kFirst, 2, {"a", "b", "c"}},
      {"FIRST 1 (a)", Method::kFirst, 1, {"a"}},
      {"first 2(a,b)", Method::kFirst, 2, {"a", "b"}},
      {"ANY 2 (orders_db_b, receiver_west, receiver_eu)",
       Method::kAny,
       2,
       {"orders_db_b", "receiver_west", "receiver_eu"}},
      {"any 1 (\"my-standby\", \"say \"\"hi\"\"\")", Method::kAny, 1, {"my-standby", "say \"hi\""}},
      {"*", Method::kFirst, 1, {"*"}},
      {"ANY 1 (*)", Method::kAny, 1, {"*"}},
      {"any", Method::kFirst, 1, {"any"}},
  };
  for (const Case& c : cases) {
    const auto parsed = parse_sync_standbys(c.text);
    ASSERT_TRUE(parsed.has_value()) << c.text;
    EXPECT_EQ(parsed->method, c.method) << c.text;
    EXPECT_EQ(parsed->needed, c.needed) << c.text;
    EXPECT_EQ(parsed->members, c.members) << c.text;
  }
  for (const char* text :
       {"ANY 0 (a)", "ANY 2 a, b", "ANY 2 ()", "ANY (a)", "a,,b", "a b", "ANY 2 (a, b", "\"a", "ANY 2 (a) b", "(a)"})
    EXPECT_FALSE(parse_sync_standbys(text).has_value()) << text;
}

// For all memberships of up to 5, all quorums and all sets of seals: proven if and only if no quorum can be gathered
// without a sealed member; and then the furthest seal is that of a member.
TEST(FenceVerdict, AgreesWithTheDefinitionEverywhere) {
  const std::vector<std::string> all{"a", "b", "c", "d", "e"};
  for (const char* method : {"ANY", "FIRST"})
    for (std::size_t n = 1; n <= all.size(); ++n)
      for (int needed = 1; needed <= static_cast<int>(n); ++needed)
        for (unsigned seals = 0; seals < (1u << n); ++seals) {
          std::string names = std::string(method) + " " + std::to_string(needed) + " (";
          std::vector<std::string> sealed;
          int open = 0;
          for (std::size_t i = 0; i < n; ++i) {
            names += (i ? "," : "") + all[i];
            if (seals >> i & 1) sealed.push_back(all[i]);
            else ++open;
          }
          const FenceVerdict v = fence_verdict(input(names + ")", sealed));
          EXPECT_EQ(v.proven, open < needed) << names << ") with " << sealed.size() << " seals: " << v.explanation;
          if (v.proven) {
            EXPECT_EQ(v.furthest.value, 100 + 10 * sealed.size());
          }
        }
}

TEST(FenceVerdict, TheDemosQuorum) {
  const std::string names = "ANY 2 (orders_db_b, receiver_west, receiver_eu)";
  EXPECT_TRUE(fence_verdict(input(names, {"receiver_west", "receiver_eu"})).proven);
  const FenceVerdict one = fence_verdict(input(names, {"receiver_west"}));
  EXPECT_FALSE(one.proven);
  EXPECT_NE(one.explanation.find("orders_db_b, receiver_eu could still acknowledge"), std::string::npos)
      << one.explanation;
}

TEST(FenceVerdict, RefusesWhatDoesNotBind) {
  const std::vector<std::string> both{"a", "b"};
  EXPECT_FALSE(fence_verdict(input("", both)).proven) << "nobody is waited for";
  EXPECT_FALSE(fence_verdict(input("ANY 1 (*)", both)).proven) << "anybody may acknowledge";
  EXPECT_FALSE(fence_verdict(input("ANY 2 (a, b, *)", both)).proven);
  EXPECT_FALSE(fence_verdict(input("ANY 2 (a, b", both)).proven) << "not understood";
  EXPECT_FALSE(fence_verdict(input("ANY 2 (a, b)", {"c", "d"})).proven) << "seals of strangers";
  EXPECT_FALSE(fence_verdict(input("ANY 2 (a, b)", {})).proven);
}

TEST(FenceVerdict, SynchronousCommitMustWait) {
  for (const char* level : {"on", "remote_apply", "remote_write"})
    EXPECT_TRUE(fence_verdict(input("ANY 1 (a)", {"a"}, {level})).proven) << level;
  for (const char* level : {"off", "local", ""})
    EXPECT_FALSE(fence_verdict(input("ANY 1 (a)", {"a"}, {"on", level})).proven) << level;
  EXPECT_FALSE(fence_verdict(input("ANY 1 (a)", {"a"}, {})).proven) << "not known";
}

TEST(FenceVerdict, NamesIgnoreCaseAsInPostgres) {
  EXPECT_TRUE(fence_verdict(input("ANY 1 (Receiver_West)", {"receiver_west"})).proven);
}

TEST(FenceVerdict, SealsOfAnotherClusterOrAnOlderTimelineDoNotCount) {
  FenceInput in = input("ANY 2 (a, b)", {"a", "b"});
  in.seals[1].system_id = 8;
  EXPECT_FALSE(fence_verdict(in).proven);
  in = input("ANY 1 (a, b)", {"a", "b"});
  in.seals[0].timeline = 2;
  const FenceVerdict v = fence_verdict(in);
  EXPECT_FALSE(v.proven) << "b sealed only the old timeline";
  EXPECT_EQ(v.timeline, 2u);
}

}  // namespace
}  // namespace hf::actions
