// Restores from a damaged vault: refused, or, where the caller says so, all that is whole, with the list that a check gives.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/rng.h"
#include "io/testing_folder.h"
#include "sources/files/files.h"
#include "vault/testing_repository.h"

namespace hf::sources {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargeBytes = 9'000'000;
constexpr int kSmallFiles = 40;

struct DamagedTest : ::testing::Test {
  TestFolder folder;
  vault::testing::TestVault vault;
  SystemClock clock;
  std::unique_ptr<vault::Repository> repository;
  std::string tree = folder.file("tree"), target = folder.file("target");
  vault::SnapshotId id{};

  void SetUp() override {
    repository = std::move(*vault::Repository::open({vault.store, vault.entropy, clock, vault.log, "alpha"}, vault.credentials));
    Rng rng(3);
    write("large", rng, kLargeBytes);
    for (int i = 0; i < kSmallFiles; ++i) write("small/" + std::to_string(i), rng, 20'000);
    std::ofstream(tree + "/empty");
    fs::create_hard_link(tree + "/large", tree + "/small/another name of large");
    const auto made = backup_tree(*repository, {.paths = {tree}, .host = "alpha"});
    ASSERT_TRUE(made) << made.error().text;
    id = made->snapshot.id;
  }
  void write(const std::string& name, Rng& rng, std::size_t size) const {
    const std::string path = tree + "/" + name;
    fs::create_directories(fs::path(path).parent_path());
    std::string text(size, '\0');
    for (char& c : text) c = static_cast<char>(rng.u64());
    std::ofstream(path, std::ios::binary) << text;
  }
  static std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // Of the largest pack, every so many bytes from a place on.
  void flip(std::size_t from, std::size_t step, std::size_t to) {
    const std::string name = largest_pack();
    Bytes bytes = vault.store.get(name).value();
    for (std::size_t at = from; at < std::min(to, bytes.size()); at += step) bytes[at] ^= 1;
    vault.store.set(name, bytes);
  }
  std::string largest_pack() {
    std::string name;
    std::size_t size = 0;
    for (const auto& [object, bytes] : vault.store.snapshot()) {
      if (!object.starts_with("packs/") || bytes.size() < size) continue;
      name = object;
      size = bytes.size();
    }
    return name;
  }
  Result<TreeRestoreReport> restore(TreeRestoreOptions options) {
    HF_ASSIGN(const auto reader, repository->open_snapshot(id));
    return restore_tree(*reader, options);
  }
  std::set<std::string> hit_by_check() {
    std::set<std::string> out;
    const auto report = repository->check({.read_data = true});
    for (const vault::Damage& damage : report->damaged) {
      for (const vault::DamagedFile& file : damage.files) out.insert("/" + file.path);
    }
    return out;
  }
  static std::set<std::string> paths(const std::vector<FailedItem>& items) {
    std::set<std::string> out;
    for (const FailedItem& item : items) out.insert(item.path);
    return out;
  }
  // All but those are there as they were, and of those nothing is.
  void expect_all_but(const std::set<std::string>& damaged, const std::set<std::string>& left_alone = {}) {
    for (const auto& item : fs::recursive_directory_iterator(tree)) {
      const std::string path = item.path(), there = target + path;
      if (item.is_directory() || left_alone.contains(path)) continue;
      const bool lost = damaged.contains(path) || (damaged.contains(tree + "/large") && path.ends_with("name of large"));
      EXPECT_EQ(fs::exists(there), !lost) << path;
      if (!lost) {
        EXPECT_TRUE(read(there) == read(path)) << path;
      }
    }
    for (const auto& item : fs::recursive_directory_iterator(target))
      EXPECT_FALSE(item.path().filename().string().starts_with(".holdfast-")) << item.path();
  }
};

TEST_F(DamagedTest, ARestoreIsRefusedAndLeavesNothing) {
  flip(100'000, 1, 100'001);
  const auto done = restore({.target = target});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::kCorrupt);
  EXPECT_NE(done.error().text.find(largest_pack()), std::string::npos) << done.error().text;
  EXPECT_TRUE(!fs::exists(target) || fs::is_empty(target));
}

TEST_F(DamagedTest, TheRestIsRestoredAndWhatIsLostIsWhatACheckNames) {
  flip(100'000, 400'000, 5'000'000);
  const std::set<std::string> lost = hit_by_check();
  ASSERT_FALSE(lost.empty());
  for (const std::size_t window : {std::size_t{1}, std::size_t{5}, vault::kRestoreWindow}) {
    fs::remove_all(target);
    const auto done = restore({.target = target, .skip_damaged = true, .window = window});
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_EQ(paths(done->damaged), lost);
    for (const FailedItem& item : done->damaged) EXPECT_NE(item.why.find("packs/"), std::string::npos) << item.why;
    EXPECT_EQ(done->files, 2u + kSmallFiles - lost.size());
    std::uint64_t bytes = 0;
    for (const auto& item : fs::recursive_directory_iterator(target)) bytes += item.is_regular_file() ? item.file_size() : 0;
    if (lost.contains(tree + "/large")) {                       // its other name is not counted
      EXPECT_EQ(done->bytes, bytes);
    }
    expect_all_but(lost);
  }
}

TEST_F(DamagedTest, OneDamagedPieceLosesOneFile) {
  flip(2'500'000, 1, 2'500'001);
  const auto done = restore({.target = target, .skip_damaged = true});
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(done->damaged.size(), 1u);
  EXPECT_EQ(paths(done->damaged), hit_by_check());
  expect_all_but(paths(done->damaged));
}

TEST_F(DamagedTest, AMissingPackLosesItsFilesAlone) {
  const std::string pack = largest_pack();
  ASSERT_TRUE(vault.store.remove(pack));
  EXPECT_EQ(restore({.target = target}).error().kind, ErrorKind::kCorrupt);
  EXPECT_FALSE(fs::exists(target)) << "something was written before it was known to be there";
  const auto done = restore({.target = target, .skip_damaged = true});
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(paths(done->damaged), hit_by_check());
  expect_all_but(paths(done->damaged));
  EXPECT_TRUE(fs::exists(target + tree + "/empty"));
}

// What stands there may be all that is left of it; and what is whole there needs nothing of the vault.
TEST_F(DamagedTest, FilesThatStandInTheirPlacesAreLeftAlone) {
  flip(100'000, 400'000, 9'000'000);
  const std::set<std::string> lost = hit_by_check();
  const std::string large = tree + "/large", name = tree + "/small/another name of large";
  ASSERT_TRUE(lost.contains(large)) << "the test damages nothing of it";
  fs::copy(tree, target + tree, fs::copy_options::recursive | (fs::create_directories(target + tree), fs::copy_options::none));
  std::ofstream(target + large, std::ios::binary) << "older";
  const auto done = restore({.target = target, .skip_damaged = true});
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(paths(done->damaged), std::set<std::string>{large}) << "all others stand there";
  EXPECT_EQ(read(target + large), "older");
  EXPECT_EQ(paths(done->failed), std::set<std::string>{name});
  expect_all_but({}, {large, name});
}

}  // namespace
}  // namespace hf::sources
