// What of a tree is backed up, what of a snapshot is restored, and that no more than that is read.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "io/testing_folder.h"
#include "sources/files/files.h"
#include "sources/files/pattern.h"
#include "vault/store/testing_counting_store.h"
#include "vault/testing_repository.h"

namespace hf::sources {
namespace {

namespace fs = std::filesystem;

struct SelectionTest : ::testing::Test {
  TestFolder folder;
  vault::testing::TestVault vault;
  vault::CountingStore store{vault.store};
  SystemClock clock;
  std::unique_ptr<vault::Repository> repository =
      std::move(*vault::Repository::open({store, vault.entropy, clock, vault.log, "alpha"}, vault.credentials));
  const std::string tree = folder.file("tree");
  const std::string target = folder.file("target");

  void write(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(tree + "/" + path).parent_path());
    std::ofstream(tree + "/" + path, std::ios::binary) << text;
  }
  void make_tree() {
    for (const char* path : {"keep/a.txt", "keep/sub/b.txt", "keep/sub/c.tmp", "keep/sub/deep/d.txt", "cache/CACHEDIR.TAG",
                             "cache/thing", "not a cache/CACHEDIR.TAG", "not a cache/thing", "top.tmp", "keep.tmp"})
      write(path, path);
    write("cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# made again at any time");
    write("large", std::string(5000, 'x'));
    fs::create_directories(tree + "/empty");
  }
  // Paths of a snapshot below the tree, one blank between them; folders end with '/'.
  std::string entries(const vault::SnapshotInfo& info, std::size_t cut) {
    std::string out;
    auto reader = repository->open_snapshot(info.id);
    EXPECT_TRUE((*reader)->each_entry([&](const vault::Entry& e) {
      if (e.path.size() >= cut)
        out += (out.empty() ? "" : " ") + e.path.substr(cut) + (e.type == vault::EntryType::kDirectory ? "/" : "");
      return ok();
    }));
    return out;
  }
  std::string backed_up(TreeBackupOptions how) {
    how.paths = {tree};
    how.host = "alpha";
    std::string twice[2];                      // the second time from the first snapshot
    for (std::string& out : twice) {
      auto made = backup_tree(*repository, how);
      EXPECT_TRUE(made) << made.error().text;
      if (!made) return "";
      EXPECT_TRUE(made->failed.empty()) << made->failed[0].path << made->failed[0].why;
      left_out = made->left_out;
      out = entries(made->snapshot, tree.size());       // without the leading '/', but with the one behind the tree
    }
    EXPECT_EQ(twice[0], twice[1]);
    return twice[0];
  }
  std::string restored(const vault::SnapshotInfo& info, const TreeRestoreOptions& how) {
    fs::remove_all(target);
    TreeRestoreOptions options = how;
    options.target = target;
    auto reader = repository->open_snapshot(info.id);
    auto done = restore_tree(**reader, options);
    EXPECT_TRUE(done) << done.error().text;
    std::set<std::string> found;
    for (const auto& item : fs::recursive_directory_iterator(target)) {
      if (item.path().string().size() > target.size() + tree.size())
        found.insert(item.path().string().substr(target.size() + tree.size() + 1) + (item.is_directory() ? "/" : ""));
    }
    std::string out;
    for (const std::string& path : found) out += (out.empty() ? "" : " ") + path;
    return out;
  }
  std::uint64_t left_out = 0;
};

TEST_F(SelectionTest, ExcludedStaysOut) {
  make_tree();
  EXPECT_EQ(backed_up({.excludes = {"*.tmp", "!keep.tmp", "keep/sub/deep", "*cache*/", "large"}}),
            "empty/ keep/ keep/a.txt keep/sub/ keep/sub/b.txt keep.tmp");
  EXPECT_EQ(left_out, 6u);
  EXPECT_EQ(backed_up({.excludes = {tree + "/*", "!" + tree + "/keep", tree + "/keep/**"}}), "keep/");
}

TEST_F(SelectionTest, OnlyWhatIsIncludedAndTheFoldersAboveIt) {
  make_tree();
  EXPECT_EQ(backed_up({.includes = {"*.txt"}}),
            "keep/ keep/a.txt keep/sub/ keep/sub/b.txt keep/sub/deep/ keep/sub/deep/d.txt");
  EXPECT_EQ(backed_up({.includes = {"sub", "empty/"}}),
            "empty/ keep/ keep/sub/ keep/sub/b.txt keep/sub/c.tmp keep/sub/deep/ keep/sub/deep/d.txt");
  EXPECT_EQ(backed_up({.includes = {"keep", "!sub"}, .excludes = {"*.tmp"}}), "keep/ keep/a.txt");
  EXPECT_EQ(backed_up({.includes = {"nothing like it"}}), "");
}

TEST_F(SelectionTest, CachesAndLargeFiles) {
  make_tree();
  EXPECT_EQ(backed_up({.includes = {"*cache*"}, .exclude_caches = true}),
            "cache/ cache/CACHEDIR.TAG not a cache/ not a cache/CACHEDIR.TAG not a cache/thing");
  EXPECT_EQ(backed_up({.includes = {"large"}, .exclude_larger = 4999}), "");
  EXPECT_EQ(backed_up({.includes = {"large"}, .exclude_larger = 5000}), "large");
}

// /proc is another file system everywhere.
TEST_F(SelectionTest, OneFileSystem) {
  TreeBackupOptions how;
  how.paths = {"/"};
  how.host = "alpha";
  how.excludes = {"/*", "!/proc", "/proc/*", "!/proc/version"};
  auto both = backup_tree(*repository, how);
  ASSERT_TRUE(both) << both.error().text;
  EXPECT_EQ(entries(both->snapshot, 0), "proc/ proc/version");
  how.one_file_system = true;
  auto one = backup_tree(*repository, how);
  ASSERT_TRUE(one) << one.error().text;
  EXPECT_EQ(entries(one->snapshot, 0), "proc/");
}

TEST_F(SelectionTest, RestoreOfAPart) {
  make_tree();
  auto made = backup_tree(*repository, {.paths = {tree}, .host = "alpha"});
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_EQ(restored(made->snapshot, {.includes = {"keep/sub"}, .excludes = {"*.tmp"}}),
            "keep/ keep/sub/ keep/sub/b.txt keep/sub/deep/ keep/sub/deep/d.txt");
  EXPECT_EQ(restored(made->snapshot, {.includes = {tree + "/keep/sub/deep", tree + "/keep/sub", tree + "/keep/a.txt"}}),
            "keep/ keep/a.txt keep/sub/ keep/sub/b.txt keep/sub/c.tmp keep/sub/deep/ keep/sub/deep/d.txt");
  EXPECT_EQ(restored(made->snapshot, {.includes = {tree + "/large", tree + "/k*.tmp"}}), "keep.tmp large");
  EXPECT_EQ(restored(made->snapshot, {.excludes = {"keep", "*cache*", "large", "*.tmp"}}), "empty/");
  auto reader = repository->open_snapshot(made->snapshot.id);
  EXPECT_EQ(restore_tree(**reader, {.target = target, .includes = {"large"}, .excludes = {"large"}}).error().kind,
            ErrorKind::kNotFound);
}

TEST_F(SelectionTest, RestoreReadsOnlyWhatItNeeds) {
  vault::SnapshotMeta meta;
  meta.host = "alpha";
  auto session = std::move(*repository->begin_backup(std::move(meta)));
  Rng rng(7);
  const auto add_folder = [&](const std::string& path) {
    vault::Entry entry;
    entry.path = path;
    entry.type = vault::EntryType::kDirectory;
    entry.mode = 0755;
    ASSERT_TRUE(session->add(entry));
  };
  add_folder("data");
  for (int d = 100; d < 140; ++d) {
    const std::string name = "data/d" + std::to_string(d);
    add_folder(name);
    for (int f = 1000; f < 1500; ++f) {
      vault::Entry entry;
      entry.path = name + "/f" + std::to_string(f);
      entry.mode = 0644;
      auto content = std::move(*session->begin_content(vault::ContentKind::kStream));
      if (f % 50 == 0) { ASSERT_TRUE(content->write(vault::testing::random_bytes(rng, 100'000))); }
      ASSERT_TRUE(session->add(std::move(entry), std::move(content)));
    }
  }
  auto made = session->commit();
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_EQ(made->source_bytes, 40'000'000u);
  auto reader = repository->open_snapshot(made->id);
  store.reads = 0;
  store.bytes = 0;
  auto done = restore_tree(**reader, {.target = target, .includes = {"/data/d117/f1150"}});
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(done->files, 1u);
  EXPECT_EQ(done->bytes, 100'000u);
  // The tree's index, a chunk of the tree for each part of the path (or two), and one read of content.
  EXPECT_LE(store.reads, 9u);
  EXPECT_LE(store.bytes, 1'500'000u);
  const std::uint64_t anchored = store.reads;
  auto again = repository->open_snapshot(made->id);
  store.reads = 0;
  fs::remove_all(target);
  ASSERT_TRUE(restore_tree(**again, {.target = target, .includes = {"d117/f1150"}}));
  EXPECT_GT(store.reads, anchored);            // a pattern of any depth reads the whole tree, and no other content
  EXPECT_LE(store.bytes, 6'000'000u);
}

}  // namespace
}  // namespace hf::sources
