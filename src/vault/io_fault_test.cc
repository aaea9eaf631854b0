// A vault in a directory whose disk fails: each call of the file system once, as a full disk, a broken one, and one that may only
// be read. The vault stays as it was or has the new snapshot, the message says what and where, and the next backup works.
#include <gtest/gtest.h>

#include "io/testing_each.h"
#include "io/testing_files.h"
#include "vault/collect/collect.h"
#include "vault/store/directory_store.h"
#include "vault/testing_repository.h"

namespace hf::vault {
namespace {

using testing::TestFile;

const std::vector<TestFile> kOldFiles = {{"a", Bytes(5000, 1)}, {"b", Bytes(70'000, 2)}};
const std::vector<TestFile> kNewFiles = {{"a", Bytes(5000, 3)}, {"b", Bytes(70'000, 2)}};

struct DiskWorld {
  MemoryFiles disk;
  FaultyFiles files{disk};
  testing::StillClock clock;
  MemoryLog log;
  testing::SeededEntropy entropy{5};
  DirectoryStore store{files, entropy, "/vault"};
  Credentials credentials{KeyFile{Secret(Bytes(32, 7))}};
  SnapshotId first{};

  DiskWorld() {
    InitOptions options;
    EXPECT_TRUE(Repository::init(context(), KeyFile{Secret(Bytes(32, 7))}, options));
    EXPECT_TRUE(testing::backup_files(*open().value(), kNewFiles));      // which a prune to one snapshot forgets
    const auto info = testing::backup_files(*open().value(), kOldFiles);
    EXPECT_TRUE(info);
    first = info->id;
  }
  RepositoryContext context() { return {store, entropy, clock, log, "alpha"}; }
  Result<std::unique_ptr<Repository>> open() { return Repository::open(context(), credentials); }

  void expect_whole() {
    auto repository = open();
    ASSERT_TRUE(repository) << repository.error().text;
    const auto report = (*repository)->check({.read_data = true});
    ASSERT_TRUE(report) << report.error().text;
    for (const Damage& d : report->damaged) ADD_FAILURE() << d.object << ": " << d.why;
    const auto listed = (*repository)->snapshots();
    ASSERT_TRUE(listed);
    EXPECT_TRUE(std::ranges::any_of(*listed, [&](const SnapshotInfo& info) { return info.id == first; }));
    for (const SnapshotInfo& info : *listed) {
      const auto files = testing::restore_files(**repository, info.id);
      ASSERT_TRUE(files) << files.error().text;
      const auto& wanted = info.id == first ? kOldFiles : kNewFiles;
      EXPECT_TRUE(std::ranges::equal(*files, wanted, [](const TestFile& a, const TestFile& b) { return a.bytes == b.bytes; }));
    }
  }
};

void fail_each_call(const std::function<Status(DiskWorld&)>& command) {
  for (const ErrorKind kind : {ErrorKind::kExhausted, ErrorKind::kFailed, ErrorKind::kDenied}) {
    for (std::size_t at = 0;; at += kEach) {
      SCOPED_TRACE("call " + std::to_string(at));
      DiskWorld w;
      w.files.set_fault({.at = at, .kind = kind, .torn = true});
      const Status ran = command(w);
      const bool fired = w.files.fired();
      w.files.set_fault({});
      if (!ran) {
        EXPECT_NE(ran.error().text.find("/vault"), std::string::npos) << ran.error().text;
      }
      w.expect_whole();
      const auto next = testing::backup_files(*w.open().value(), kNewFiles);
      ASSERT_TRUE(next) << next.error().text;
      w.expect_whole();
      if (::testing::Test::HasFailure()) return;
      if (!fired) break;
      ASSERT_LT(at, 1000u);
    }
  }
}

TEST(DiskFault, AtEachCallOfABackup) {
  fail_each_call([](DiskWorld& w) -> Status {
    HF_ASSIGN(const auto repository, w.open());
    HF_TRY(testing::backup_files(*repository, kNewFiles));
    return ok();
  });
}

TEST(DiskFault, AtEachCallOfAPrune) {
  fail_each_call([](DiskWorld& w) -> Status {
    HF_ASSIGN(const auto repository, w.open());
    PruneOptions options;
    options.policy.all.last = 1;
    options.accept_clock = true;             // the disk in memory has none
    HF_TRY(prune_vault(*repository, options));
    return ok();
  });
}

}  // namespace
}  // namespace hf::vault
