// Merging of index runs: what is merged, and that nothing is lost at whatever call it stops, whoever reads or prunes beside it.
#include "vault/index/index_merge.h"

#include <gtest/gtest.h>

#include "io/testing_each.h"
#include "vault/collect/collect.h"
#include "vault/object/names.h"
#include "vault/store/testing_faulty_store.h"
#include "vault/store/testing_wrapped_store.h"
#include "vault/testing_repository.h"

namespace hf::vault {
namespace {

using testing::TestFile;
using testing::TestVault;

std::size_t count_of(TestVault& vault, const std::string& prefix) {
  std::size_t n = 0;
  EXPECT_TRUE(vault.store.list(prefix, [&](const ObjectInfo&) { ++n; return ok(); }));
  return n;
}

// Backups that each leave a run of their own: `count` below kFewestMerged.
std::map<SnapshotId, std::vector<TestFile>> fill(Repository& repository, std::size_t count) {
  Rng rng(5);
  std::map<SnapshotId, std::vector<TestFile>> known;
  for (std::size_t i = 0; i < count; ++i) {
    const std::vector<TestFile> files = {{"a", testing::random_bytes(rng, 2000)}, {"b", testing::random_bytes(rng, 2000)}};
    const auto info = testing::backup_files(repository, files);
    EXPECT_TRUE(info);
    known[info->id] = files;
  }
  return known;
}

void expect_all(TestVault& vault, const std::map<SnapshotId, std::vector<TestFile>>& known) {
  auto repository = vault.open();
  for (const auto& [id, files] : known) {
    const auto back = testing::restore_files(*repository, id);
    ASSERT_TRUE(back) << back.error().text;
    const auto same = [](const TestFile& x, const TestFile& y) { return x.path == y.path && x.bytes == y.bytes; };
    EXPECT_TRUE(std::ranges::equal(*back, files, same));
  }
  const auto report = repository->check({.read_data = true});
  ASSERT_TRUE(report) << report.error().text;
  for (const Damage& d : report->damaged) ADD_FAILURE() << d.object << ": " << d.why;
}

TEST(IndexMerge, ChoosesGeometrically) {
  using Sizes = std::vector<std::uint64_t>;
  EXPECT_EQ(choose_merge(Sizes(7, 10)), 0u);
  EXPECT_EQ(choose_merge(Sizes(8, 10)), 8u);
  EXPECT_EQ(choose_merge(Sizes{1, 1, 1, 1, 1, 1, 1, 1, 9}), 8u);           // the large one waits
  EXPECT_EQ(choose_merge(Sizes{1, 1, 1, 1, 1, 1, 1, 1, 8}), 9u);
  EXPECT_EQ(choose_merge(Sizes{1, 5, 5, 5, 5, 5, 5, 5}), 8u);              // a tiny one does not hold the others up
  EXPECT_EQ(choose_merge(Sizes{1, 1, 1, 1, 1, 1, 1, 1, 9, 9}), 10u);
  EXPECT_EQ(choose_merge(Sizes(500, kMergedRunChunks / 10)), 10u);         // none grows above the limit
  EXPECT_EQ(choose_merge(Sizes(500, kMergedRunChunks / 4)), 0u);
  EXPECT_EQ(choose_merge(Sizes{}), 0u);
}

TEST(IndexMerge, AHundredBackupsLeaveFewRuns) {
  TestVault vault;
  auto repository = vault.open();
  const auto known = fill(*repository, 100);
  EXPECT_LE(count_of(vault, "index/"), 2 * kFewestMerged);
  EXPECT_EQ(count_of(vault, "leases/"), 0u);
  expect_all(vault, known);
  PruneOptions options;
  options.policy.all.last = 50;
  const auto pruned = prune_vault(*repository, options);
  ASSERT_TRUE(pruned) << pruned.error().text;
  EXPECT_GT(pruned->freed_bytes, 0u);
  std::map<SnapshotId, std::vector<TestFile>> kept;
  const auto snapshots = repository->snapshots();
  ASSERT_TRUE(snapshots);
  for (const SnapshotInfo& info : *snapshots) kept[info.id] = known.at(info.id);
  EXPECT_EQ(kept.size(), 50u);
  expect_all(vault, kept);
}

TEST(IndexMerge, StoppedAtAnyCallLosesNothing) {
  for (const bool lost_answer : {false, true}) {
    for (std::uint64_t at = 1;; at += kEach) {
      TestVault vault;
      auto repository = vault.open();
      const auto known = fill(*repository, kFewestMerged - 1);
      StoreFaults faults;
      (lost_answer ? faults.lose_answer_at : faults.stop_at) = at;
      FaultyStore faulty(vault.store, faults);
      auto broken = Repository::open(vault.context(faulty), vault.credentials);
      Rng rng(6);
      if (broken) (void)testing::backup_files(**broken, {{"c", testing::random_bytes(rng, 2000)}});
      expect_all(vault, known);
      const auto more = fill(*repository, kFewestMerged);
      EXPECT_LE(count_of(vault, "index/"), kFewestMerged + 4) << at;        // what was left behind is merged, too
      PruneOptions options;
      options.policy.all.last = 1000;
      const auto pruned = prune_vault(*repository, options);
      ASSERT_TRUE(pruned) << at << ": " << pruned.error().text;
      expect_all(vault, known);
      if (HasFailure()) FAIL() << "at call " << at << (lost_answer ? ", whose answer was lost" : "");
      if (faulty.calls() < at) break;
    }
  }
}

// Acts once, before an object with one of these prefixes is created or removed.
class ActingAt final : public WrappedStore {
 public:
  ActingAt(Store& inner, std::string put, std::string remove, std::function<void()> act)
      : WrappedStore(inner), put_(std::move(put)), remove_(std::move(remove)), act_(std::move(act)) {}
  Status put(const std::string& name, ByteView bytes, PutMode mode) override {
    if (!put_.empty() && name.starts_with(put_)) act();
    return inner_.put(name, bytes, mode);
  }
  Status remove(const std::string& name) override {
    if (!remove_.empty() && name.starts_with(remove_)) act();
    return inner_.remove(name);
  }

 private:
  void act() {
    if (act_ != nullptr) std::exchange(act_, nullptr)();
  }
  std::string put_, remove_;
  std::function<void()> act_;
};

// The backup after which merging begins, through `store`.
void back_up_one_more(TestVault& vault, Store& store, std::map<SnapshotId, std::vector<TestFile>>& known) {
  auto other = Repository::open(vault.context(store), vault.credentials);
  ASSERT_TRUE(other);
  Rng rng(6);
  const std::vector<TestFile> files = {{"c", testing::random_bytes(rng, 2000)}};
  const auto info = testing::backup_files(**other, files);
  ASSERT_TRUE(info) << info.error().text;
  known[info->id] = files;
}

// Another collector publishes while the merged run is on its way: the old runs stay, the merged one goes.
TEST(IndexMerge, AnotherCollectorComesFirst) {
  TestVault vault;
  auto repository = vault.open();
  auto known = fill(*repository, kFewestMerged - 1);
  ActingAt store(vault.store, "epoch/", "", [&] {
    EXPECT_EQ(count_of(vault, "index/"), kFewestMerged + 1);
    Epoch epoch = read_newest_epoch(repository->core()).value();
    ++epoch.number;
    ASSERT_TRUE(publish_epoch(repository->core(), epoch));
  });
  back_up_one_more(vault, store, known);
  EXPECT_EQ(count_of(vault, "index/"), kFewestMerged);
  EXPECT_EQ(count_of(vault, "epoch/"), 1u);
  EXPECT_EQ(count_of(vault, "leases/"), 0u);
  expect_all(vault, known);
}

// Between any two steps of a merge: who reads, backs up or prunes finds everything.
TEST(IndexMerge, BesideReadersWritersAndPrunes) {
  for (const auto& [put, remove] : {std::pair<std::string, std::string>{"epoch/", ""}, {"", "index/"}}) {
    for (const int what : {0, 1, 2}) {
      TestVault vault;
      auto repository = vault.open();
      auto known = fill(*repository, kFewestMerged - 1);
      auto reader = repository->open_snapshot(known.begin()->first);       // knows the old runs only
      ASSERT_TRUE(reader);
      bool acted = false;
      ActingAt store(vault.store, put, remove, [&, what = what] {
        acted = true;
        if (what == 0) expect_all(vault, known);
        if (what == 1) back_up_one_more(vault, vault.store, known);
        if (what == 2) {
          auto pruner = vault.open();
          PruneOptions options;
          options.policy.all.last = 4;
          const auto pruned = prune_vault(*pruner, options);
          ASSERT_TRUE(pruned) << pruned.error().text;
        }
      });
      back_up_one_more(vault, store, known);
      EXPECT_TRUE(acted);
      if (what == 2) {
        std::map<SnapshotId, std::vector<TestFile>> kept;
        const auto snapshots = repository->snapshots();
        ASSERT_TRUE(snapshots);
        for (const SnapshotInfo& info : *snapshots) kept[info.id] = known.at(info.id);
        EXPECT_GE(kept.size(), 4u);
        known = kept;
      } else {
        std::size_t bytes = 0;
        const Status read = (*reader)->each_entry([&](const Entry& entry) -> Status {
          HF_ASSIGN(const Bytes whole, (*reader)->read_whole(entry, 1 << 20));
          bytes += whole.size();
          return ok();
        });
        EXPECT_TRUE(read) << read.error().text;
        EXPECT_EQ(bytes, 4000u);
      }
      expect_all(vault, known);
      if (HasFailure()) FAIL() << "at " << put << remove << ", " << what;
    }
  }
}

}  // namespace
}  // namespace hf::vault
