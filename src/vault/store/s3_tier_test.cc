// Archived packs and storage classes on moto: what is archived is told, asked for once, awaited and read; what moves by age,
// and what it costs.
#include <gtest/gtest.h>

#include "vault/collect/collect.h"
#include "vault/repository.h"
#include "vault/store/testing_bucket.h"
#include "vault/testing_repository.h"
#include "vault/tiers/thaw.h"
#include "vault/tiers/tiering.h"

namespace hf::vault {
namespace {

using remote::S3ServerKind;
using Readable = KeptState::Readable;

// Time passes at once where somebody waits.
struct HastyClock final : Clock {
  MonoTime mono() override { return inner.mono() + slept; }
  WallTime wall() override { return inner.wall() + ahead; }
  bool sleep_until(MonoTime when, std::stop_token) override {
    if (when > mono()) slept += std::chrono::duration_cast<Micros>(when - mono());
    return true;
  }
  SystemClock inner;
  Micros slept{0}, ahead{0};
};

struct ColdVault {
  explicit ColdVault(const std::string& options, S3ServerKind kind = S3ServerKind::kMoto,
                     const remote::HttpHeaders& bucket = {})
      : in(kind, remote::WireFault::kNone, options, bucket) {
    InitOptions init;
    init.cost = {8, 1};
    EXPECT_TRUE(Repository::init(context(), key, init));
  }
  ~ColdVault() { transition("unset-transition", ""); }
  RepositoryContext context() { return {*in.s3, in.entropy, clock, in.log, "alpha"}; }
  std::unique_ptr<Repository> open() {
    auto repository = Repository::open(context(), key);
    EXPECT_TRUE(repository) << repository.error().text;
    return std::move(*repository);
  }
  SnapshotInfo back_up(const std::vector<testing::TestFile>& files, const std::string& component = "") {
    auto made = testing::backup_files(*open(), files, component);
    EXPECT_TRUE(made) << made.error().text;
    return *made;
  }
  // moto brings archived objects back at once, or after so many looks.
  void transition(const std::string& call, const std::string& how) {
    if (moto_untouched && call == "unset-transition") return;
    moto_untouched = false;
    (void)in.server.ask("POST", "/moto-api/state-manager/" + call, {}, R"({"model_name":"s3::keyrestore")" + how + "}",
                        {{"content-type", "application/json"}});
  }
  void come_back_slowly() { transition("set-transition", R"(,"transition":{"progression":"manual","times":3})"); }
  EachEntry entries(SnapshotReader& reader) {
    return [&reader](const auto& each) { return reader.each_entry(each); };
  }
  std::map<std::string, std::string> classes() {
    std::map<std::string, std::string> out;
    EXPECT_TRUE(in.s3->list("", [&](const ObjectInfo& info) { return out[info.name] = info.storage_class, ok(); }));
    return out;
  }
  std::size_t count(const std::string& storage_class) {
    std::size_t n = 0;
    for (const auto& [name, c] : classes()) n += c == storage_class ? 1 : 0;
    return n;
  }

  InBucket in;
  HastyClock clock;
  KeyFile key{Secret(Bytes(32, 7))};
  bool moto_untouched = true;
};

std::vector<testing::TestFile> some_files(const std::string& seed) {
  return {{"a", to_bytes(as_bytes(seed + " one"))}, {"b", to_bytes(as_bytes(seed + " two"))}};
}

TEST(S3Thaw, OnePlanForAllThatARestoreNeeds) {
  ColdVault v("?storage_class=DEEP_ARCHIVE");
  v.come_back_slowly();
  const SnapshotInfo first = v.back_up(some_files("first"));
  v.back_up(some_files("second"));
  EXPECT_EQ(v.count("DEEP_ARCHIVE"), 2u) << "packs of data, and nothing else";
  auto repository = v.open();
  auto reader = repository->open_snapshot(first.id);
  ASSERT_TRUE(reader) << reader.error().text;
  auto plan = plan_thaw(*repository, v.entries(**reader));
  ASSERT_TRUE(plan) << plan.error().text;
  ASSERT_EQ(plan->packs.size(), 1u) << "the other snapshot's pack is not needed";
  EXPECT_EQ(plan->packs[0].storage_class, "DEEP_ARCHIVE");
  EXPECT_EQ(plan->count(Readable::kArchived), 1u);
  EXPECT_GT(plan->bytes(Readable::kArchived), 0u);
  EXPECT_EQ(plan_thaw(*repository, nullptr)->packs.size(), 2u);
  EXPECT_EQ(estimate_thaw(*plan, "Bulk").longest, std::chrono::hours(48));
  EXPECT_GT(estimate_thaw(*plan, "Standard").dollars, estimate_thaw(*plan, "Bulk").dollars);
  auto read = testing::restore_files(*repository, first.id);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, ErrorKind::kBlocked) << read.error().text;
  EXPECT_NE(read.error().hint.find("--thaw"), std::string::npos);

  Status expedited = request_thaw(*repository, *plan, "Expedited");
  ASSERT_FALSE(expedited);
  EXPECT_EQ(expedited.error().kind, ErrorKind::kUsage);
  EXPECT_EQ(v.in.s3->client().head("a/prefix/" + plan->packs[0].object)->restore, "") << "nothing was asked for, and paid";
  ASSERT_TRUE(request_thaw(*repository, *plan, "Bulk"));
  EXPECT_EQ(plan->count(Readable::kOnItsWay), 1u);
  EXPECT_EQ(estimate_thaw(*plan, "Bulk").dollars, 0.0) << "it is asked for already";
  const std::uint64_t before = v.in.s3->client().requests();
  ASSERT_TRUE(request_thaw(*repository, *plan, "Bulk")) << "again: nothing is left to ask for";
  EXPECT_EQ(v.in.s3->client().requests(), before);
  // Another process finds it on its way.
  auto later = plan_thaw(*repository, v.entries(**reader));
  ASSERT_TRUE(later);
  EXPECT_EQ(later->count(Readable::kOnItsWay), 1u);
  int looks = 0;
  Status there = wait_for_thaw(*repository, *later, [&](const ThawPlan&) { ++looks; });
  ASSERT_TRUE(there) << there.error().text;
  EXPECT_GE(looks, 1);
  EXPECT_TRUE(later->ready());
  EXPECT_TRUE(testing::restore_files(*repository, first.id));
}

TEST(S3Thaw, WaitingGoesOnUntilAllAreThere) {
  ColdVault v("?storage_class=GLACIER");
  const SnapshotInfo made = v.back_up(some_files("x"));
  v.transition("set-transition", R"(,"transition":{"progression":"manual","times":4})");
  auto repository = v.open();
  auto reader = repository->open_snapshot(made.id);
  auto plan = plan_thaw(*repository, v.entries(**reader));
  ASSERT_TRUE(request_thaw(*repository, *plan, "Expedited"));
  std::vector<std::uint64_t> on_the_way;
  ASSERT_TRUE(wait_for_thaw(*repository, *plan, [&](const ThawPlan& p) { on_the_way.push_back(p.count(Readable::kOnItsWay)); }));
  EXPECT_EQ(on_the_way.back(), 0u);
  if (on_the_way.size() > 1) { EXPECT_GE(v.clock.slept, 1min); }
}

TEST(S3Thaw, CheckAndPruneLeaveWhatIsArchivedAlone) {
  ColdVault v("?storage_class=GLACIER");
  v.back_up(some_files("old"));
  v.back_up(some_files("new"));
  auto repository = v.open();
  auto report = repository->check({});
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_EQ(report->archived, 2u);
  EXPECT_TRUE(report->damaged.empty());
  report = repository->check({.read_data = true});
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_EQ(report->archived, 2u) << "and none is called damaged";
  EXPECT_TRUE(report->damaged.empty());
  PruneOptions options;
  options.policy.all.last = 1;
  options.accept_clock = true;
  auto pruned = prune_vault(*repository, options);
  ASSERT_TRUE(pruned) << pruned.error().text;
  EXPECT_GT(pruned->swept_packs, 0u);
  EXPECT_EQ(v.count("GLACIER"), 1u);
  auto plan = plan_thaw(*repository, nullptr);
  ASSERT_TRUE(request_thaw(*repository, *plan, "Bulk"));
  ASSERT_TRUE(wait_for_thaw(*repository, *plan, [](const ThawPlan&) {}));
  report = repository->check({.read_data = true});
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_EQ(report->archived, 0u);
  EXPECT_TRUE(report->damaged.empty());
}

TEST(S3Tier, OnlyOldPacksOfDataMove) {
  ColdVault v("");
  const SnapshotInfo made = v.back_up(some_files("x"));
  TierOptions options;
  options.to = "GLACIER_IR";
  options.after = std::chrono::days(30);
  auto repository = v.open();
  EXPECT_TRUE(tier_vault(*repository, options)->moves.empty()) << "too young";
  v.clock.ahead = std::chrono::days(31);
  auto shown = tier_vault(*repository, options);
  ASSERT_TRUE(shown) << shown.error().text;
  ASSERT_EQ(shown->moves.size(), 1u);
  EXPECT_EQ(shown->least, std::chrono::days(90));
  EXPECT_GT(shown->least_dollars, 0.0);
  EXPECT_EQ(shown->early_dollars, 0.0);
  EXPECT_EQ(v.count("GLACIER_IR"), 0u) << "shown, not done";
  options.apply = true;
  auto done = tier_vault(*repository, options);
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(done->moved, 1u);
  EXPECT_EQ(v.count("GLACIER_IR"), 1u);
  EXPECT_EQ(v.classes()[done->moves[0].object], "GLACIER_IR");
  EXPECT_TRUE(testing::restore_files(*repository, made.id));
  EXPECT_TRUE(repository->check({.read_data = true})->damaged.empty());
  EXPECT_TRUE(tier_vault(*repository, options)->moves.empty()) << "there already";
  // On into an archive, from a class that charges for longer than it was there.
  v.clock.ahead = std::chrono::days(62);
  options.to = "DEEP_ARCHIVE";
  done = tier_vault(*repository, options);
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(done->moved, 1u);
  EXPECT_GT(done->early_dollars, 0.0);
  options.to = "STANDARD_IA";
  EXPECT_TRUE(tier_vault(*repository, options)->moves.empty()) << "nothing moves to a warmer class";
  options.to = "COLD";
  EXPECT_EQ(tier_vault(*repository, options).error().kind, ErrorKind::kUsage);
}

TEST(S3Tier, PacksOfAComponentThatStaysDoNotMove) {
  ColdVault v("");
  v.back_up(some_files("x"), "hot");
  v.back_up(some_files("y"), "cold");
  v.back_up(some_files("x"), "cold");              // the same chunks as the hot one
  v.clock.ahead = std::chrono::days(31);
  TierOptions options;
  options.to = "GLACIER";
  options.after = std::chrono::days(30);
  options.stay = {"hot"};
  options.apply = true;
  auto done = tier_vault(*v.open(), options);
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(done->moved, 1u);
  EXPECT_GE(done->staying, 1u);
  EXPECT_EQ(v.count("GLACIER"), 1u);
}

TEST(S3Tier, WhatIsLockedStaysAndIsCounted) {
  ColdVault v("?retain=60d&retain_mode=governance", S3ServerKind::kMoto, {{"x-amz-bucket-object-lock-enabled", "true"}});
  v.back_up(some_files("x"));
  v.clock.ahead = std::chrono::days(31);
  TierOptions options;
  options.to = "GLACIER_IR";
  options.after = std::chrono::days(30);
  options.apply = true;
  auto done = tier_vault(*v.open(), options);
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(done->moved, 0u);
  EXPECT_EQ(done->locked, 1u);
  EXPECT_GT(done->locked_bytes, 0u);
  EXPECT_EQ(v.count("GLACIER_IR"), 0u);
}

TEST(S3Tier, AVersionedBucketKeepsNoOldVersion) {
  ColdVault v("?retain=0s", S3ServerKind::kMoto, {{"x-amz-bucket-object-lock-enabled", "true"}});
  const SnapshotInfo made = v.back_up(some_files("x"));
  TierOptions options;
  options.to = "STANDARD_IA";
  options.apply = true;
  auto done = tier_vault(*v.open(), options);
  ASSERT_TRUE(done) << done.error().text;
  ASSERT_EQ(done->moved, 1u);
  const std::string versions = to_text(
      v.in.server.ask("GET", "/" + v.in.bucket, {{"versions", ""}, {"prefix", "a/prefix/" + done->moves[0].object}}, "").body);
  EXPECT_EQ(versions.find("<Version>"), versions.rfind("<Version>")) << versions;
  EXPECT_TRUE(testing::restore_files(*v.open(), made.id));
}

TEST(S3Tier, AFolderHasNoClasses) {
  testing::TestVault v;
  TierOptions options;
  options.to = "GLACIER";
  EXPECT_EQ(tier_vault(*v.open(), options).error().kind, ErrorKind::kUnsupported);
  auto plan = plan_thaw(*v.open(), nullptr);
  ASSERT_TRUE(plan);
  EXPECT_TRUE(plan->ready());
}

}  // namespace
}  // namespace hf::vault
