// What a machine remembers of a store, and pins: what they refuse, keep, and survive.
#include "vault/seen.h"

#include <gtest/gtest.h>

#include "io/testing_files.h"
#include "vault/collect/collect.h"
#include "vault/collect/pins.h"
#include "vault/testing_repository.h"

namespace hf::vault {
namespace {

using testing::TestVault;

struct SeenTest : ::testing::Test {
  TestVault vault;
  MemoryFiles files;
  std::unique_ptr<Repository> open(const std::string& host = "alpha") {
    RepositoryContext context = vault.context(vault.store, host);
    context.local = {&files, "/state"};
    auto opened = Repository::open(context, vault.credentials);
    return opened ? std::move(*opened) : nullptr;
  }
  SnapshotInfo back_up(Repository& repository, char fill) {
    return testing::backup_files(repository, {{"a", Bytes(5000, static_cast<std::uint8_t>(fill))}}).value();
  }
  void put_back(const std::map<std::string, Bytes>& older) {
    for (const auto& [name, bytes] : vault.store.snapshot()) {
      if (!older.contains(name)) { ASSERT_TRUE(vault.store.remove(name)); }
    }
    for (const auto& [name, bytes] : older) vault.store.set(name, bytes);
  }
};

TEST_F(SeenTest, AnOlderStateIsRefusedUntilItIsAccepted) {
  auto repository = open();
  back_up(*repository, 'a');
  const auto older = vault.store.snapshot();
  back_up(*repository, 'b');
  ASSERT_TRUE(repository->check_seen(false));
  put_back(older);
  const Status refused = open()->check_seen(false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kBlocked);
  EXPECT_NE(refused.error().text.find("commit 1 where 2 was seen"), std::string::npos) << refused.error().text;
  ASSERT_FALSE(open()->check_seen(false));
  ASSERT_TRUE(open()->check_seen(true));
  ASSERT_TRUE(open()->check_seen(false));
  const auto memory = read_seen(open()->core());
  ASSERT_TRUE(memory);
  ASSERT_EQ(memory->accepted.size(), 1u);
  EXPECT_EQ(memory->accepted[0].before.commit, 2u);
  EXPECT_EQ(memory->accepted[0].after.commit, 1u);
}

TEST_F(SeenTest, ForgottenCommitsAreNotAnOlderState) {
  auto repository = open();
  back_up(*repository, 'a');
  back_up(*repository, 'b');
  ASSERT_TRUE(repository->check_seen(false));
  auto commits = read_commits(repository->core(), nullptr).value();
  Epoch epoch;
  ASSERT_TRUE(forget(repository->core(), {commits.back().id}, epoch));       // the one with the highest number
  EXPECT_TRUE(open()->check_seen(false));
}

TEST_F(SeenTest, AnOlderEpochIsSeenWhereNoCommitTells) {
  auto repository = open();
  back_up(*repository, 'a');
  const auto older = vault.store.snapshot();
  ASSERT_TRUE(publish_epoch(repository->core(), [] { Epoch e; e.number = 1; return e; }()));
  ASSERT_TRUE(repository->check_seen(false));
  put_back(older);
  EXPECT_EQ(open()->check_seen(false).error().kind, ErrorKind::kBlocked);
}

TEST_F(SeenTest, AMemoryThatLiesIsBegunAnew) {
  auto repository = open();
  back_up(*repository, 'a');
  ASSERT_TRUE(repository->check_seen(false));
  const auto listed = files.list("/state/seen");
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 1u);
  const std::string path = "/state/seen/" + listed->front().name;
  const Bytes whole = read_file(files, path, 1 << 20).value();
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    Bytes bytes = whole;
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    ASSERT_TRUE(write_file_atomic(files, path, bytes));
    EXPECT_EQ(read_seen(repository->core()).error().kind, ErrorKind::kCorrupt) << bit;
  }
  for (std::size_t n = 0; n < whole.size(); ++n) {
    ASSERT_TRUE(write_file_atomic(files, path, ByteView(whole).first(n)));
    EXPECT_EQ(read_seen(repository->core()).error().kind, ErrorKind::kCorrupt) << n;
  }
  EXPECT_TRUE(repository->check_seen(false));
  EXPECT_TRUE(read_seen(repository->core()));
}

// Two machines that share a folder of state: the memory only rises, and neither is misled by the other's backups.
TEST_F(SeenTest, TwoMachinesWithOneFolder) {
  auto one = open("alpha");
  auto two = open("beta");
  for (char c = 'a'; c < 'e'; ++c) {
    back_up(c % 2 == 0 ? *one : *two, c);
    ASSERT_TRUE(one->check_seen(false));
    ASSERT_TRUE(two->check_seen(false));
  }
  EXPECT_EQ(read_seen(one->core())->highest.commit, 4u);
}

TEST_F(SeenTest, PinsKeepAndHoldsOutrankThem) {
  auto repository = open();
  std::vector<SnapshotId> ids;
  for (char c = 'a'; c < 'e'; ++c) ids.push_back(back_up(*repository, c).id);
  ASSERT_TRUE(set_pin(*repository, ids[0], Pin::kPinned, true, "why"));
  ASSERT_TRUE(set_pin(*repository, ids[0], Pin::kHeld, true, "case"));
  ASSERT_TRUE(set_pin(*repository, ids[1], Pin::kPinned, true, ""));
  ASSERT_TRUE(set_pin(*repository, ids[1], Pin::kPinned, false, ""));
  PruneOptions options;
  options.policy.all.last = 1;
  const auto report = prune_vault(*repository, options);
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_EQ(report->snapshots[0].rule, "legal hold: case");
  EXPECT_FALSE(report->snapshots[1].keep);
  EXPECT_EQ(repository->snapshots()->size(), 2u);
  EXPECT_EQ(set_pin(*repository, ids[1], Pin::kPinned, true, "").error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(set_pin(*repository, ids[0], Pin::kHeld, true, std::string(2000, 'x')).error().kind, ErrorKind::kUsage);
}

// A clock that is wrong by decades loses nothing; prune refuses what it cannot date.
TEST(Clocks, BeforeNineteenSeventyAndAfterTwentyOneHundred) {
  class Wrong final : public Clock {
   public:
    Wrong(Clock& clock, WallTime wall) : clock_(clock), wall_(wall) {}
    MonoTime mono() override { return clock_.mono(); }
    WallTime wall() override { return wall_ += Micros(1); }
    bool sleep_until(MonoTime when, std::stop_token stop) override { return clock_.sleep_until(when, stop); }
    Clock& clock_;
    WallTime wall_;
  };
  for (const std::int64_t seconds : {-2'000'000'000LL, -1LL, 4'200'000'000LL, 33'000'000'000LL}) {
    TestVault vault;
    MemoryFiles files;
    Wrong clock(vault.clock, WallTime(Seconds(seconds)));
    RepositoryContext context{vault.store, vault.entropy, clock, vault.log, "alpha"};
    context.local = {&files, "/state"};
    auto repository = Repository::open(context, vault.credentials);
    ASSERT_TRUE(repository);
    const std::vector<testing::TestFile> content = {{"a", Bytes(5000, 7)}};
    const auto info = testing::backup_files(**repository, content);
    ASSERT_TRUE(info) << info.error().text;
    EXPECT_EQ(std::chrono::floor<Seconds>(info->started).time_since_epoch().count(), seconds);
    const auto back = testing::restore_files(**repository, (*repository)->find("latest", {})->id);
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_EQ(back->front().bytes, content.front().bytes);
    EXPECT_TRUE((*repository)->check_seen(false));
    EXPECT_TRUE((*repository)->check({.read_data = true})->damaged.empty());
    PruneOptions options;
    options.policy.all.last = 1;
    const auto pruned = prune_vault(**repository, options);
    ASSERT_FALSE(pruned);                            // the store's clock says another century
    EXPECT_EQ(pruned.error().kind, ErrorKind::kBlocked);
    options.accept_clock = true;
    EXPECT_TRUE(prune_vault(**repository, options));
    EXPECT_EQ((*repository)->snapshots()->size(), 1u);
  }
}

}  // namespace
}  // namespace hf::vault
