// Restores in windows of few pieces: the same tree as at once, and nothing is written unless all of it can be.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rng.h"
#include "io/testing_folder.h"
#include "sources/files/files.h"
#include "vault/store/testing_counting_store.h"
#include "vault/testing_repository.h"

namespace hf::sources {
namespace {

namespace fs = std::filesystem;

struct WindowsTest : ::testing::Test {
  static constexpr unsigned kFolders = 4;
  static constexpr unsigned kFiles = 12;              // in each
  TestFolder folder;
  vault::testing::TestVault vault;
  SystemClock clock;
  vault::CountingStore store{vault.store};
  std::unique_ptr<vault::Repository> repository;
  const std::string tree = folder.file("tree");
  const std::string target = folder.file("target");
  std::optional<vault::SnapshotInfo> snapshot;

  static void write(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }
  static std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void set_time(const std::string& path, time_t seconds) {
    const timespec times[2] = {{seconds, 7}, {seconds, 7}};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
  }
  static std::string noise(std::uint64_t seed, std::size_t size) {
    Rng rng(seed);
    std::string out(size, '\0');
    for (char& c : out) c = static_cast<char>(rng.u64());
    return out;
  }
  std::string in(unsigned number) const { return tree + "/folder " + std::to_string(number); }

  void SetUp() override {
    repository = std::move(*vault::Repository::open({store, vault.entropy, clock, vault.log, "alpha"}, vault.credentials));
    for (unsigned i = 0; i < kFolders; ++i) {
      fs::create_directories(in(i) + "/deep");
      for (unsigned j = 0; j < kFiles; ++j) write(in(i) + "/file " + std::to_string(j), noise(j + 100 * i, 3000));
    }
    write(in(1) + "/large", noise(7, 6 << 20));
    write(in(1) + "/empty", "");
    const int fd = ::open((in(2) + "/sparse").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
    ASSERT_EQ(::pwrite(fd, "begin", 5, 0), 5);
    ASSERT_EQ(::pwrite(fd, "end", 3, 20 << 20), 3);
    ASSERT_EQ(::ftruncate(fd, 30 << 20), 0);
    ::close(fd);
    fs::create_hard_link(in(0) + "/file 3", in(2) + "/deep/another name");
    fs::create_hard_link(in(0) + "/file 3", in(3) + "/a third name");
    fs::create_symlink("../nowhere", in(3) + "/link");
    for (unsigned i = 0; i < kFolders; ++i) {
      ASSERT_EQ(::chmod((in(i) + "/deep").c_str(), i == 2 ? 0755 : 0500), 0);
      set_time(in(i) + "/deep", 1'000'000'000 + i);
      set_time(in(i), 1'100'000'000 + i);
    }
    set_time(tree, 1'200'000'000);
    auto made = backup_tree(*repository, {.paths = {tree}, .host = "alpha"});
    ASSERT_TRUE(made) << made.error().text;
    ASSERT_TRUE(made->failed.empty());
    snapshot = made->snapshot;
  }

  Result<TreeRestoreReport> restore(std::size_t window, TreeRestoreOptions options = {}) {
    options.window = window;
    if (!options.in_place) options.target = target;
    HF_ASSIGN(const auto reader, repository->open_snapshot(snapshot->id));
    return restore_tree(*reader, options);
  }
  // Each thing below `root`: type, mode, owner, time, blocks of sparse files apart, names, content.
  static std::string picture(const std::string& root) {
    std::map<std::string, std::string> lines;
    for (const auto& item : fs::recursive_directory_iterator(root)) {
      struct ::stat st{};
      EXPECT_EQ(::lstat(item.path().c_str(), &st), 0);
      std::string line = std::to_string(st.st_mode) + " " + std::to_string(st.st_mtim.tv_sec);
      line += " " + std::to_string(st.st_nlink);
      if (S_ISREG(st.st_mode)) line += " " + std::to_string(std::hash<std::string>()(read(item.path())));
      if (S_ISREG(st.st_mode) && st.st_size > (16 << 20)) line += st.st_blocks * 512 < (2 << 20) ? " holes" : " full";
      if (S_ISLNK(st.st_mode)) line += " -> " + fs::read_symlink(item.path()).string();
      lines[item.path().string().substr(root.size())] = line;
    }
    std::string out;
    for (const auto& [path, line] : lines) out += path + " " + line + "\n";
    return out;
  }
  // Data packs, not those of trees.
  std::vector<std::string> data_packs() {
    store.reads = 0;
    std::vector<std::string> out;
    for (const auto& [name, bytes] : vault.store.snapshot()) {
      if (name.starts_with("packs/") && bytes.size() > (1u << 20)) out.push_back(name);
    }
    return out;
  }
};

TEST_F(WindowsTest, GiveTheSameTreeAsAtOnce) {
  const std::string expected = picture(tree);
  std::map<std::size_t, std::uint64_t> reads;
  for (const std::size_t window : {std::size_t{1}, std::size_t{5}, vault::kRestoreWindow}) {
    fs::remove_all(target);
    store.reads = 0;
    const auto done = restore(window);
    ASSERT_TRUE(done) << window << ": " << done.error().text;
    reads[window] = store.reads;
    EXPECT_TRUE(done->failed.empty()) << done->failed[0].path << ": " << done->failed[0].why;
    EXPECT_EQ(done->files, kFolders * kFiles + 3) << window;
    EXPECT_EQ(done->entries, static_cast<std::uint64_t>(std::ranges::count(picture(target), '\n'))) << window;
    EXPECT_EQ(picture(target + tree), expected) << window;
  }
  EXPECT_GT(reads[1], reads[5]);
  EXPECT_GT(reads[5], reads[vault::kRestoreWindow]);
}

TEST_F(WindowsTest, NothingIsWrittenUnlessAllOfItIsThere) {
  const std::vector<std::string> packs = data_packs();
  ASSERT_FALSE(packs.empty());
  ASSERT_TRUE(vault.store.remove(packs.back()));
  for (const std::size_t window : {std::size_t{1}, vault::kRestoreWindow}) {
    store.reads = 0;
    const auto done = restore(window);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind, ErrorKind::kCorrupt);
    EXPECT_EQ(done.error().object, packs.back()) << done.error().text;
    EXPECT_FALSE(fs::exists(target)) << window;
  }
}

TEST_F(WindowsTest, InPlaceWritesWhatIsNotAsItWas) {
  const std::string expected = picture(tree);
  write(in(0) + "/file 7", "other");
  write(in(1) + "/large", read(in(1) + "/large").replace(3 << 20, 1, "x"));
  set_time(in(2) + "/file 2", 5);
  fs::remove(in(3) + "/file 11");
  fs::remove_all(in(3) + "/deep");
  const auto done = restore(4, {.in_place = true});
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_TRUE(done->failed.empty()) << done->failed[0].path << ": " << done->failed[0].why;
  EXPECT_EQ(done->files, kFolders * kFiles + 3);
  EXPECT_EQ(done->bytes, (6u << 20) + 2 * 3000u + 2 * 4096u);     // a file with holes is written anew
  EXPECT_EQ(picture(tree), expected);
}

// Found only when it is read, long after the first window was written.
TEST_F(WindowsTest, DamageLeavesEveryNameAsItWas) {
  const std::vector<std::string> packs = data_packs();
  ASSERT_EQ(packs.size(), 1u);
  Bytes bytes = vault.store.snapshot().at(packs[0]);
  for (std::size_t at = bytes.size() / 3; at < bytes.size() - bytes.size() / 3; at += 512) bytes[at] ^= 1;
  vault.store.set(packs[0], bytes);
  for (unsigned i = 0; i < kFolders; ++i) write(in(i) + "/file 1", "newer");
  write(in(1) + "/large", "newer");
  fs::remove_all(in(3));
  const auto names_and_contents = [&] {
    std::map<std::string, std::string> out;
    for (const auto& item : fs::recursive_directory_iterator(tree)) {
      out[item.path()] = item.is_regular_file() ? read(item.path()) : "";
    }
    return out;
  };
  const auto before = names_and_contents();
  const auto done = restore(2, {.in_place = true});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::kCorrupt) << done.error().text;
  EXPECT_TRUE(names_and_contents() == before);
}

TEST_F(WindowsTest, NamesOfAFileWhoseFirstWasNotAskedFor) {
  const auto done = restore(1, {.includes = {"*name"}});
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(done->files, 1u);
  const std::string one = target + in(2) + "/deep/another name", two = target + in(3) + "/a third name";
  EXPECT_EQ(read(one), noise(3, 3000));
  EXPECT_TRUE(fs::equivalent(one, two));
  EXPECT_FALSE(fs::exists(target + in(0)));
}

TEST_F(WindowsTest, ChecksumsAreTheSame) {
  ASSERT_TRUE(restore(3));
  const auto reader = repository->open_snapshot(snapshot->id);
  const auto few = checksum_lines(**reader, {.target = target, .window = 1});
  const auto all = checksum_lines(**reader, {.target = target});
  ASSERT_TRUE(few && all);
  EXPECT_EQ(static_cast<std::uint64_t>(std::ranges::count(*all, '\n')), kFolders * kFiles + 5);
  EXPECT_EQ(*few, *all);
}

}  // namespace
}  // namespace hf::sources
