// Prune beside others that publish epochs: another prune, or backups that merge index runs.
#include <gtest/gtest.h>

#include "vault/collect/collect.h"
#include "vault/store/testing_wrapped_store.h"
#include "vault/testing_repository.h"

namespace hf::vault {
namespace {

using testing::backup_files;
using testing::TestVault;

// Somebody else is faster with each of the epochs from `first` on that go through this store, `times` times.
class ContestedStore final : public WrappedStore {
 public:
  ContestedStore(Store& inner, Repository& other, int first, int times)
      : WrappedStore(inner), other_(other), first_(first), times_(times) {}
  Status put(const std::string& name, ByteView bytes, PutMode mode) override {
    if (name.starts_with("epoch/") && ++epochs_ >= first_ && contests_ < times_) {
      ++contests_;
      Epoch theirs = read_newest_epoch(other_.core()).value();
      ++theirs.number;
      EXPECT_TRUE(publish_epoch(other_.core(), theirs));
    }
    return inner_.put(name, bytes, mode);
  }
  int contests() const { return contests_; }

 private:
  Repository& other_;
  const int first_, times_;
  int epochs_ = 0, contests_ = 0;
};

struct Contested : ::testing::Test {
  TestVault vault;
  std::unique_ptr<Repository> other = vault.open(nullptr, "beta");
  PruneOptions options;
  std::vector<testing::TestFile> kept = {{"b", Bytes(9000, 2)}};

  void SetUp() override {
    options.policy.all.last = 1;
    ASSERT_TRUE(backup_files(*other, {{"a", Bytes(9000, 1)}}));
    ASSERT_TRUE(backup_files(*other, kept));
  }
  Result<PruneReport> prune(ContestedStore& store) { return prune_vault(*vault.open(&store), options); }
  std::size_t count(const std::string& prefix) {
    std::size_t n = 0;
    for (const auto& [name, bytes] : vault.store.snapshot()) n += name.starts_with(prefix) ? 1 : 0;
    return n;
  }
  void expect_kept() {
    const auto snapshots = *other->snapshots();
    ASSERT_EQ(snapshots.size(), 1u);
    const auto files = testing::restore_files(*other, snapshots[0].id);
    ASSERT_TRUE(files) << files.error().text;
    EXPECT_TRUE(files->at(0).bytes == kept[0].bytes);
    const auto checked = other->check({.read_data = true});
    ASSERT_TRUE(checked);
    EXPECT_TRUE(checked->damaged.empty());
  }
};

TEST_F(Contested, ForgettingGoesOnFromTheEpochOfWhoeverWasFaster) {
  ContestedStore store(vault.store, *other, 1, 15);
  const auto report = prune(store);
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_EQ(store.contests(), 15);
  EXPECT_EQ(count("commits/"), 1u);
  EXPECT_GT(report->swept_packs, 0u);
  EXPECT_FALSE(report->pending);
  EXPECT_GE(read_newest_epoch(other->core())->highest_commit, 2u) << "no number of a forgotten commit is used again";
  expect_kept();
}

TEST_F(Contested, ForgettingEndsWhereOthersAreAlwaysFasterAndRemovesNothing) {
  ContestedStore store(vault.store, *other, 1, 1000);
  const auto report = prune(store);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::kBusy);
  EXPECT_EQ(store.contests(), 16);
  EXPECT_EQ(count("commits/"), 2u);
  ASSERT_TRUE(prune_vault(*other, options));
  expect_kept();
}

TEST_F(Contested, CollectingMakesAnotherPassByTheEpochOfWhoeverWasFaster) {
  ContestedStore store(vault.store, *other, 2, 2);
  const auto report = prune(store);
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_EQ(store.contests(), 2);
  EXPECT_GT(report->swept_packs, 0u);
  EXPECT_FALSE(report->pending);
  expect_kept();
}

TEST_F(Contested, CollectingSaysThatMoreIsLeftWhereOthersAreAlwaysFaster) {
  const std::size_t packs = count("packs/");
  ContestedStore store(vault.store, *other, 2, 1000);
  const auto report = prune(store);
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_TRUE(report->pending);
  ASSERT_FALSE(report->why_pending.empty());
  EXPECT_NE(report->why_pending.back().find("run prune again"), std::string::npos);
  EXPECT_EQ(count("packs/"), packs) << "what no epoch condemned is not removed";
  EXPECT_EQ(count("index/"), 2u);
  ASSERT_TRUE(prune_vault(*other, options));
  expect_kept();
}

}  // namespace
}  // namespace hf::vault
