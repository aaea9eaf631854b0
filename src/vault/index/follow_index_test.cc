// Readers and writers beside a prune: no run that is replaced in mid-listing, or gone when it is read, hides a chunk.
#include <gtest/gtest.h>

#include "vault/collect/collect.h"
#include "vault/object/names.h"
#include "vault/store/testing_wrapped_store.h"
#include "vault/testing_repository.h"

namespace hf::vault {
namespace {

using testing::TestFile;
using testing::TestVault;

// Acts once, at the first listing of a prefix or the first look at an object of it. A listing then shows the least that the
// contract allows: what went meanwhile is not there any more, and what came meanwhile is not there yet.
class ActingStore final : public WrappedStore {
 public:
  ActingStore(Store& inner, std::function<void()> act) : WrappedStore(inner), act_(std::move(act)) {}
  std::string at_list;
  std::string at_get;

  using Store::get;
  Result<Bytes> get(const std::string& name, ByteRange range) override {
    if (!at_get.empty() && name.starts_with(at_get)) act();
    return inner_.get(name, range);
  }
  Status list(const std::string& prefix, const std::function<Status(const ObjectInfo&)>& each) override {
    HF_ASSIGN(const std::vector<ObjectInfo> before, listed(prefix));
    if (!at_list.empty() && prefix == at_list) act();
    HF_ASSIGN(const std::vector<ObjectInfo> after, listed(prefix));
    for (const ObjectInfo& info : before) {
      if (std::ranges::find(after, info.name, &ObjectInfo::name) != after.end()) HF_TRY(each(info));
    }
    return ok();
  }
  bool acted() const { return act_ == nullptr; }

 private:
  void act() {
    if (act_ != nullptr) std::exchange(act_, nullptr)();
  }
  Result<std::vector<ObjectInfo>> listed(const std::string& prefix) {
    std::vector<ObjectInfo> out;
    HF_TRY(inner_.list(prefix, [&](const ObjectInfo& info) {
      out.push_back(info);
      return ok();
    }));
    return out;
  }
  std::function<void()> act_;
};

PruneOptions keep_last_one() {
  PruneOptions options;
  options.policy.all.last = 1;
  return options;
}

bool same(const std::vector<TestFile>& a, const std::vector<TestFile>& b) {
  return std::ranges::equal(a, b, [](const TestFile& x, const TestFile& y) { return x.path == y.path && x.bytes == y.bytes; });
}

// Two snapshots, of which the newer one stands on data of the older one: a prune to one snapshot replaces the run that
// names it. With `sparse` it stands on little of it, and the chunks move to another pack.
class FollowIndex : public ::testing::Test {
 protected:
  void make(bool sparse) {
    vault_ = std::make_unique<TestVault>();
    files_.clear();
    Rng rng(7);
    for (int i = 0; i < 8; ++i) files_.push_back({"f" + std::to_string(i), testing::random_bytes(rng, 3000)});
    auto repository = vault_->open();
    ASSERT_TRUE(testing::backup_files(*repository, files_));
    files_.resize(sparse ? 2 : 7);
    const auto kept = testing::backup_files(*repository, files_);
    ASSERT_TRUE(kept);
    kept_ = kept->id;
  }
  std::function<void()> prune() {
    return [this] {
      const std::set<std::string> before = runs();
      auto repository = vault_->open();
      const auto report = prune_vault(*repository, keep_last_one());
      ASSERT_TRUE(report) << report.error().text;
      ASSERT_NE(runs(), before) << "this prune replaced nothing";
    };
  }
  std::set<std::string> runs() {
    std::set<std::string> out;
    EXPECT_TRUE(vault_->store.list("index/", [&](const ObjectInfo& info) { out.insert(info.name); return ok(); }));
    return out;
  }
  void expect_restored(Repository& repository) {
    const auto back = testing::restore_files(repository, kept_);
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_TRUE(same(*back, files_));
  }

  std::unique_ptr<TestVault> vault_;
  std::vector<TestFile> files_;
  SnapshotId kept_{};
};

TEST_F(FollowIndex, ARunThatIsReplacedWhileRunsAreListed) {
  make(false);
  ActingStore store(vault_->store, prune());
  auto repository = vault_->open(&store);
  store.at_list = "index/";
  expect_restored(*repository);
  EXPECT_TRUE(store.acted());
}

TEST_F(FollowIndex, ARunThatIsGoneWhenItIsOpened) {
  make(false);
  ActingStore store(vault_->store, prune());
  auto repository = vault_->open(&store);
  store.at_get = "index/";
  expect_restored(*repository);
  EXPECT_TRUE(store.acted());
}

TEST_F(FollowIndex, AReaderThatWasOpenBefore) {
  for (const bool sparse : {false, true}) {
    make(sparse);
    if (HasFatalFailure()) return;
    auto repository = vault_->open();
    auto reader = repository->open_snapshot(kept_);
    ASSERT_TRUE(reader);
    prune()();
    std::size_t entries = 0;
    const Status read = (*reader)->each_entry([&](const Entry& entry) -> Status {
      HF_ASSIGN(const Bytes bytes, (*reader)->read_whole(entry, 1 << 20));
      EXPECT_EQ(bytes, files_.at(entries++).bytes);
      return ok();
    });
    EXPECT_TRUE(read) << read.error().text;
    EXPECT_EQ(entries, files_.size());
  }
}

TEST_F(FollowIndex, ARestoreWhosePacksMoveAfterItsPlan) {
  make(true);
  ActingStore store(vault_->store, prune());
  auto repository = vault_->open(&store);
  auto reader = repository->open_snapshot(kept_);
  ASSERT_TRUE(reader);
  std::vector<RestoreItem> items;
  ASSERT_TRUE((*reader)->each_entry([&](const Entry& entry) {
    items.push_back({items.size(), entry.extents});
    return ok();
  }));
  store.at_get = "packs/";               // the first read of the planned restore
  struct Sink final : RestoreSink {
    Status write(std::uint64_t, std::uint64_t, ByteView bytes) override { return total += bytes.size(), ok(); }
    std::size_t total = 0;
  } sink;
  const auto done = (*reader)->restore(items, sink);
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(sink.total, 6000u);
  EXPECT_TRUE(store.acted());
}

TEST_F(FollowIndex, CheckReportsNoDamageThatIsNone) {
  for (const std::string at : {"index/", "packs/", "commits/"}) {
    for (const bool backup : {false, true}) {
      make(false);
      const std::function<void()> back_up = [&] {
        auto other = vault_->open();
        Rng rng(vault_->store.snapshot().size());
        ASSERT_TRUE(testing::backup_files(*other, {{"new", testing::random_bytes(rng, 5000)}}, "other"));
      };
      ActingStore store(vault_->store, backup ? back_up : prune());
      auto repository = vault_->open(&store);
      store.at_list = at;
      const auto report = repository->check({.read_data = true});
      ASSERT_TRUE(report) << at << ": " << report.error().text;
      for (const Damage& d : report->damaged) ADD_FAILURE() << at << " " << backup << ": " << d.object << ": " << d.why;
      EXPECT_TRUE(store.acted());
      if (HasFailure()) return;
    }
  }
}

// Its index is closed to it in mid-session; what it finds then is used all the same.
TEST_F(FollowIndex, AWriterThatBeganBefore) {
  make(false);
  auto repository = vault_->open();
  auto pruner = vault_->open();
  Epoch epoch;
  PruneReport pruned;
  std::set<SnapshotId> ids;
  const auto snapshots = repository->snapshots();
  ASSERT_TRUE(snapshots);
  ids.insert(snapshots->front().id);
  ASSERT_TRUE(forget(pruner->core(), ids, epoch));
  ASSERT_TRUE(collect_once(pruner->core(), {}, pruned));         // condemns; the writer knows it
  auto session = repository->begin_backup({.host = "alpha"});
  ASSERT_TRUE(session);
  const std::set<std::string> before = runs();
  ASSERT_TRUE(collect_once(pruner->core(), {}, pruned));
  ASSERT_NE(runs(), before) << "this prune replaced nothing";
  for (const TestFile& file : files_) {
    auto content = (*session)->begin_content(ContentKind::kStream);
    ASSERT_TRUE(content);
    ASSERT_TRUE((*content)->write(file.bytes));
    Entry entry;
    entry.path = file.path;
    const Status added = (*session)->add(std::move(entry), std::move(*content));
    ASSERT_TRUE(added) << added.error().text;
  }
  const auto info = (*session)->commit();
  ASSERT_TRUE(info) << info.error().text;
  EXPECT_LT(info->new_bytes, 3000u);     // no file was new
  kept_ = info->id;
  expect_restored(*repository);
}

// A copy reads runs and packs of a source that is pruned meanwhile; one that is not needed any more is not committed.
TEST_F(FollowIndex, ACopyWhoseSourceIsPruned) {
  for (const std::string at : {"list index/", "get index/", "get packs/"}) {
    for (const bool sparse : {false, true}) {
      make(sparse);
      MemoryStore other(vault_->clock);
      ActingStore store(vault_->store, prune());
      auto repository = vault_->open(&store);
      ASSERT_TRUE(repository->init_copy(other));
      auto copy = Repository::open(vault_->context(other), vault_->credentials);
      ASSERT_TRUE(copy);
      (at.starts_with("list") ? store.at_list : store.at_get) = at.substr(at.find(' ') + 1);
      const auto report = repository->copy_to(**copy);
      ASSERT_TRUE(report) << at << ": " << report.error().text;
      EXPECT_TRUE(store.acted());
      const auto snapshots = (*copy)->snapshots();
      ASSERT_TRUE(snapshots);
      for (const SnapshotInfo& info : *snapshots) {
        const auto back = testing::restore_files(**copy, info.id);
        EXPECT_TRUE(back) << at << ": " << back.error().text;
      }
      expect_restored(**copy);
      const auto checked = (*copy)->check({.read_data = true});
      ASSERT_TRUE(checked);
      for (const Damage& d : checked->damaged) ADD_FAILURE() << at << ": " << d.object << ": " << d.why;
      if (HasFailure()) return;
    }
  }
}

// What the copy's own prune removed never comes back under its name, where a late removal would find it.
TEST_F(FollowIndex, ACopyIntoAVaultThatIsPruned) {
  for (const bool swept : {true, false}) {
    TestVault vault(swept ? 5 : 6);
    auto repository = vault.open();
    Rng rng(9);
    std::map<SnapshotId, std::vector<TestFile>> known;
    for (int i = 0; i < 3; ++i) {
      const std::vector<TestFile> files = {{"a", testing::random_bytes(rng, 3000)}, {"b", testing::random_bytes(rng, 3000)}};
      const auto info = testing::backup_files(*repository, files);
      ASSERT_TRUE(info);
      known[info->id] = files;
    }
    MemoryStore other(vault.clock);
    ASSERT_TRUE(repository->init_copy(other));
    auto copy = Repository::open(vault.context(other), vault.credentials).value();
    ASSERT_TRUE(repository->copy_to(*copy));
    const auto before = other.snapshot();
    PruneReport pruned;
    Epoch epoch;
    std::set<SnapshotId> ids;
    for (const auto& [id, files] : known) ids.insert(id);
    ids.erase(repository->find("latest", {})->id);
    ASSERT_TRUE(forget(copy->core(), ids, epoch));
    ASSERT_TRUE(collect_once(copy->core(), {}, pruned));           // condemns
    if (swept) {
      ASSERT_TRUE(prune_vault(*copy, keep_last_one()));
    }
    ASSERT_GT(pruned.condemned_packs, 0u);
    std::set<std::string> late;                                    // that a suspended collector may still remove
    const auto newest = read_newest_epoch(copy->core());
    ASSERT_TRUE(newest);
    for (const auto& [name, bytes] : before) {
      const auto pack = parse_pack_name(name);
      if (pack && (newest->forbids(*pack) || !other.snapshot().contains(name))) late.insert(name);
      if (name.starts_with("index/") && !other.snapshot().contains(name)) late.insert(name);
    }
    ASSERT_FALSE(late.empty());
    const auto again = repository->copy_to(*copy);
    ASSERT_TRUE(again) << again.error().text;
    EXPECT_EQ(again->commits, 2u);
    for (const std::string& name : late) {
      EXPECT_TRUE(!swept || !other.snapshot().contains(name)) << name;
      ASSERT_TRUE(other.remove(name));
    }
    for (const auto& [id, files] : known) {
      const auto back = testing::restore_files(*copy, id);
      ASSERT_TRUE(back) << back.error().text;
      EXPECT_TRUE(same(*back, files));
    }
    const std::size_t objects = other.snapshot().size();
    const auto third = repository->copy_to(*copy);                 // nothing is sealed twice
    ASSERT_TRUE(third) << third.error().text;
    EXPECT_EQ(other.snapshot().size(), objects);
    PruneOptions all;
    all.policy.all.last = 9;
    ASSERT_TRUE(prune_vault(*copy, all));
    const auto checked = copy->check({.read_data = true});
    ASSERT_TRUE(checked);
    for (const Damage& d : checked->damaged) ADD_FAILURE() << d.object << ": " << d.why;
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace hf::vault
