// Collection: what it frees, what it never touches, and that no call at which it stops or is interrupted loses anything.
#include "vault/collect/collect.h"

#include <gtest/gtest.h>

#include "base/hex.h"
#include "io/testing_each.h"
#include "vault/object/names.h"
#include "vault/snapshot_record.h"
#include "vault/store/testing_faulty_store.h"
#include "vault/testing_repository.h"

namespace hf::vault {
namespace {

using testing::TestFile;
using testing::TestVault;

std::vector<TestFile> files_from(std::uint64_t seed, int files = 3) {
  Rng rng(seed);
  std::vector<TestFile> out;
  for (int i = 0; i < files; ++i) out.push_back({"f" + std::to_string(i), testing::random_bytes(rng, 3000)});
  return out;
}

bool equal_files(const std::vector<TestFile>& a, const std::vector<TestFile>& b) {
  return std::ranges::equal(a, b, [](const TestFile& x, const TestFile& y) { return x.path == y.path && x.bytes == y.bytes; });
}

PruneOptions keep_last(std::uint32_t n) {
  PruneOptions options;
  options.policy.all.last = n;
  return options;
}

std::size_t count(TestVault& vault, const std::string& prefix) {
  std::size_t n = 0;
  EXPECT_TRUE(vault.store.list(prefix, [&](const ObjectInfo&) { ++n; return ok(); }));
  return n;
}

// Every snapshot that the vault lists is read back whole and equal; check finds nothing.
void expect_whole(TestVault& vault, const std::map<SnapshotId, std::vector<TestFile>>& known) {
  auto repository = vault.open();
  const auto snapshots = repository->snapshots();
  ASSERT_TRUE(snapshots) << snapshots.error().text;
  for (const SnapshotInfo& info : *snapshots) {
    const auto files = testing::restore_files(*repository, info.id);
    ASSERT_TRUE(files) << files.error().text;
    const auto it = known.find(info.id);
    EXPECT_TRUE(it == known.end() || equal_files(*files, it->second));
  }
  const auto report = repository->check({.read_data = true});
  ASSERT_TRUE(report) << report.error().text;
  for (const Damage& d : report->damaged) ADD_FAILURE() << d.object << ": " << d.why;
}

TEST(Collect, FreesWhatNoSnapshotNeeds) {
  TestVault vault;
  auto repository = vault.open();
  std::map<SnapshotId, std::vector<TestFile>> known;
  for (std::uint64_t i = 1; i <= 4; ++i) {
    const auto files = files_from(i);
    const auto info = testing::backup_files(*repository, files);
    ASSERT_TRUE(info);
    known[info->id] = files;
  }
  const std::size_t packs = count(vault, "packs/");
  const auto report = prune_vault(*repository, keep_last(1));
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_FALSE(report->pending);
  EXPECT_EQ(report->swept_packs, packs - packs / 4);
  EXPECT_EQ(count(vault, "packs/"), packs / 4);
  EXPECT_EQ(count(vault, "commits/"), 1u);
  EXPECT_EQ(count(vault, "leases/"), 0u);
  EXPECT_EQ(count(vault, "index/"), 1u);
  EXPECT_GT(report->freed_bytes, 9000u);
  expect_whole(vault, known);
  const auto again = prune_vault(*repository, keep_last(1));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->condemned_packs + again->swept_packs, 0u);
}

TEST(Collect, RepacksWhatIsHalfEmpty) {
  TestVault vault;
  auto repository = vault.open();
  auto files = files_from(1, 8);
  ASSERT_TRUE(testing::backup_files(*repository, files));
  files.resize(2);
  const auto kept = testing::backup_files(*repository, files);     // two of the eight files, by reference
  ASSERT_TRUE(kept);
  const auto report = prune_vault(*repository, keep_last(1));
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_GT(report->repacked_bytes, 5000u);
  EXPECT_GT(report->freed_bytes, 20000u);
  EXPECT_FALSE(report->pending);
  std::uint64_t left = 0;
  EXPECT_TRUE(vault.store.list("packs/", [&](const ObjectInfo& info) { left += info.size; return ok(); }));
  EXPECT_LT(left, 12000u);
  expect_whole(vault, {{kept->id, files}});
}

TEST(Collect, DryRunWritesNothing) {
  TestVault vault;
  auto repository = vault.open();
  for (std::uint64_t i = 1; i <= 3; ++i) ASSERT_TRUE(testing::backup_files(*repository, files_from(i)));
  const auto before = vault.store.snapshot();
  PruneOptions options = keep_last(1);
  options.dry_run = true;
  const auto report = prune_vault(*repository, options);
  ASSERT_TRUE(report);
  EXPECT_EQ(vault.store.snapshot(), before);
  ASSERT_EQ(report->snapshots.size(), 3u);
  EXPECT_FALSE(report->snapshots[0].keep);
  EXPECT_TRUE(report->snapshots[2].keep);
  EXPECT_EQ(report->snapshots[2].rule, "the newest of its series");
}

TEST(Collect, RefusesWhereTheClockJumpedOrRanBackwards) {
  TestVault vault;
  auto repository = vault.open();
  ASSERT_TRUE(testing::backup_files(*repository, files_from(1)));
  ASSERT_TRUE(testing::backup_files(*repository, files_from(2)));
  ASSERT_TRUE(prune_vault(*repository, keep_last(1)));
  // The store's clock and ours are one here: another machine's, two days behind, prunes next.
  class Behind final : public Clock {
   public:
    explicit Behind(Clock& clock) : clock_(clock) {}
    MonoTime mono() override { return clock_.mono(); }
    WallTime wall() override { return clock_.wall() - Micros(48h); }
    bool sleep_until(MonoTime when, std::stop_token stop) override { return clock_.sleep_until(when, stop); }
    Clock& clock_;
  } behind(vault.clock);
  auto elsewhere = Repository::open({vault.store, vault.entropy, behind, vault.log, "beta"}, vault.credentials);
  ASSERT_TRUE(elsewhere);
  const auto refused = prune_vault(**elsewhere, keep_last(1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kBlocked);
  PruneOptions looked = keep_last(1);
  looked.accept_clock = true;
  EXPECT_TRUE(prune_vault(**elsewhere, looked));
}

// A writer that was killed blocks nothing for longer than --dead-after; one that lives is left alone.
TEST(Collect, DeadWritersAreFencedAndTheirPacksGo) {
  TestVault vault;
  auto repository = vault.open();
  ASSERT_TRUE(testing::backup_files(*repository, files_from(1)));
  FaultyStore dying(vault.store, {});
  auto lease = Lease::open(repository->core());
  ASSERT_TRUE(lease);
  ASSERT_TRUE(testing::backup_files(*repository, files_from(2)));
  const auto report = prune_vault(*repository, keep_last(1));
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_EQ(report->fenced, 1u);
  EXPECT_FALSE(report->pending);
  EXPECT_GT(report->swept_packs, 0u);
  const Status late = (*lease)->decide(Bytes{1, 2, 3});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, ErrorKind::kBlocked);
  EXPECT_EQ(count(vault, "leases/"), 1u);      // the fence stays
}

// The suspended writer of a commit that another run finished cannot bring a forgotten snapshot back.
TEST(Collect, ForgottenStaysForgotten) {
  TestVault vault;
  auto repository = vault.open();
  ASSERT_TRUE(testing::backup_files(*repository, files_from(1)));
  const auto lost = testing::backup_files(*repository, files_from(2));
  ASSERT_TRUE(lost);
  // As if its writer stood still after its fate: the commit object as a fate again.
  auto commits = read_commits(repository->core(), nullptr);
  ASSERT_TRUE(commits);
  const Bytes sealed = commits->back().sealed;
  const auto record = open_record(sealed, "it", repository->core().keys, repository->core().writers);
  ASSERT_TRUE(record);
  LeaseFate fate;
  fate.verdict = Verdict::kCommitted;
  fate.host = repository->core().host_tag;
  fate.sealed_record = sealed;
  const std::string name = lease_name(record->session, "fate");
  const Repository::Core& core = repository->core();
  ASSERT_TRUE(core.create_once(name, core.make_signed(name, ObjectKind::kLeaseFate, encode_fate(fate))));
  ASSERT_TRUE(vault.store.remove(commits->back().object));
  ASSERT_TRUE(repository->unlock_leases());
  ASSERT_TRUE(testing::backup_files(*repository, files_from(3)));
  ASSERT_TRUE(prune_vault(*repository, keep_last(1)));
  ASSERT_TRUE(write_commit(repository->core(), sealed, 0));         // the writer wakes up
  const auto snapshots = repository->snapshots();
  ASSERT_TRUE(snapshots);
  EXPECT_EQ(snapshots->size(), 1u);
  expect_whole(vault, {});
}

// Does something at the Nth call of the store, before the call.
class Interrupted final : public Store {
 public:
  Interrupted(Store& inner, std::uint64_t at, std::function<void()> act) : inner_(inner), at_(at), act_(std::move(act)) {}
  using Store::get;
  Status put(const std::string& name, ByteView bytes, PutMode mode) override { return look(), inner_.put(name, bytes, mode); }
  Result<Bytes> get(const std::string& name, ByteRange range) override { return look(), inner_.get(name, range); }
  Result<ObjectInfo> stat(const std::string& name) override { return look(), inner_.stat(name); }
  Status list(const std::string& prefix, const std::function<Status(const ObjectInfo&)>& each) override {
    return look(), inner_.list(prefix, each);
  }
  Status remove(const std::string& name) override { return look(), inner_.remove(name); }
  StoreProperties properties() const override { return inner_.properties(); }
  std::uint64_t calls() const { return calls_; }

 private:
  void look() {
    if (++calls_ == at_) act_();
  }
  Store& inner_;
  std::uint64_t at_;
  std::function<void()> act_;
  std::uint64_t calls_ = 0;
};

// At any call of a prune, a writer backs up again what is being forgotten: or commits what it began before.
TEST(Collect, AWriterAtAnyCallIsWhole) {
  for (const bool began_before : {false, true}) {
    for (std::uint64_t at = 1;; at += kEach) {
      TestVault vault;
      auto repository = vault.open();
      const auto old = files_from(1, 4);
      std::map<SnapshotId, std::vector<TestFile>> known;
      ASSERT_TRUE(testing::backup_files(*repository, old));
      ASSERT_TRUE(testing::backup_files(*repository, files_from(2, 4)));
      auto other = vault.open();
      std::unique_ptr<BackupSession> session;
      if (began_before) {
        SnapshotMeta meta;
        meta.host = "alpha";
        session = other->begin_backup(meta).value();
      }
      bool committed = false;
      const auto write = [&] {
        if (session == nullptr) session = other->begin_backup({.host = "alpha"}).value();
        for (const TestFile& file : old) {
          auto content = session->begin_content(ContentKind::kStream).value();
          ASSERT_TRUE(content->write(file.bytes));
          Entry entry;
          entry.path = file.path;
          ASSERT_TRUE(session->add(std::move(entry), std::move(content)));
        }
        const auto info = session->commit();
        if (!info) return;
        committed = true;
        known[info->id] = old;
      };
      Interrupted store(vault.store, at, write);
      auto pruner = Repository::open(vault.context(store), vault.credentials);
      ASSERT_TRUE(pruner);
      (void)prune_vault(**pruner, keep_last(1));
      expect_whole(vault, known);
      const auto newest = repository->find("latest", {});
      EXPECT_TRUE(!committed || (newest && newest->id == known.begin()->first));
      ASSERT_TRUE(prune_vault(*repository, keep_last(1)));
      expect_whole(vault, known);
      if (HasFatalFailure() || HasFailure()) FAIL() << "at call " << at;
      if (store.calls() < at) break;
    }
  }
}

// A prune that is killed at any call of the store: nothing is lost, and the next one ends the work.
TEST(Collect, KilledAtAnyCallLosesNothing) {
  std::uint64_t calls = 1;
  for (std::uint64_t at = 1; at <= calls; at += kEach) {
    for (const bool lost_answer : {false, true}) {
      TestVault vault;
      auto repository = vault.open();
      std::map<SnapshotId, std::vector<TestFile>> known;
      auto files = files_from(1, 6);
      for (int i = 0; i < 3; ++i) {
        const auto info = testing::backup_files(*repository, files);
        ASSERT_TRUE(info);
        known[info->id] = files;
        files.resize(files.size() - 2);
      }
      StoreFaults faults;
      (lost_answer ? faults.lose_answer_at : faults.stop_at) = at;
      FaultyStore faulty(vault.store, faults);
      auto broken = Repository::open(vault.context(faulty), vault.credentials);
      if (broken) (void)prune_vault(**broken, keep_last(1));
      if (at == 1) {
        calls = 1000;                          // until it ends by itself
      }
      expect_whole(vault, known);
      const auto next = prune_vault(*repository, keep_last(1));
      ASSERT_TRUE(next) << at << ": " << next.error().text;
      EXPECT_EQ(count(vault, "commits/"), 1u) << at;
      expect_whole(vault, known);
      if (faulty.calls() < at) return;         // it ended before
    }
  }
}

}  // namespace
}  // namespace hf::vault
