// File trees there and back on a real file system, with the odd files that trees hold.
#include "sources/files/files.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "io/testing_folder.h"
#include "sources/files/pattern.h"
#include "vault/store/directory_store.h"
#include "vault/testing_repository.h"

namespace hf::sources {
namespace {

namespace fs = std::filesystem;

void write_text(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }
std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// One line for each thing below `root`: what a restore has to give back.
std::string describe(const std::string& root) {
  std::map<std::string, std::string> lines;
  std::map<ino_t, std::string> first_name;
  for (const auto& item : fs::recursive_directory_iterator(root)) {
    const std::string path = item.path().string();
    struct ::stat st{};
    EXPECT_EQ(::lstat(path.c_str(), &st), 0);
    std::string line = std::to_string(st.st_mode) + " " + std::to_string(st.st_uid) + ":" + std::to_string(st.st_gid) + " " +
                       std::to_string(st.st_mtim.tv_sec) + "." + std::to_string(st.st_mtim.tv_nsec);
    if (S_ISREG(st.st_mode))
      line += " " + std::to_string(std::hash<std::string>()(read_text(path))) + " links " +
              std::to_string(st.st_nlink);
    if (S_ISLNK(st.st_mode)) line += " -> " + fs::read_symlink(path).string();
    if (S_ISCHR(st.st_mode)) line += " dev " + std::to_string(st.st_rdev);
    char value[64];
    const ssize_t n = ::lgetxattr(path.c_str(), "user.note", value, sizeof value);
    if (n > 0) line += " note " + std::string(value, static_cast<std::size_t>(n));
    lines[path.substr(root.size())] = line;
  }
  std::string out;
  for (const auto& [path, line] : lines) out += path + " " + line + "\n";
  return out;
}

struct FilesTest : ::testing::Test {
  TestFolder folder;
  vault::testing::TestVault vault;
  SystemClock clock;                                   // snapshots must lie after the files' times
  std::unique_ptr<vault::Repository> repository = open();
  const std::string tree = folder.file("tree");
  const std::string target = folder.file("target");

  std::unique_ptr<vault::Repository> open() {
    auto opened = vault::Repository::open({vault.store, vault.entropy, clock, vault.log, "alpha"}, vault.credentials);
    return opened ? std::move(*opened) : nullptr;
  }
  TreeBackupOptions options() { return {.paths = {tree}, .host = "alpha"}; }
  Result<TreeRestoreReport> restore(const vault::SnapshotInfo& info, TreeRestoreOptions how = {}) {
    HF_ASSIGN(auto reader, repository->open_snapshot(info.id));
    if (!how.in_place) how.target = target;
    return restore_tree(*reader, how);
  }
  void age(const std::string& path) {                  // older than any snapshot: its times are trusted
    const timespec times[2] = {{1'000'000'000, 5}, {1'000'000'000, 5}};
    EXPECT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
  }
};

TEST_F(FilesTest, GivesBackOddThings) {
  fs::create_directories(tree + "/a b/deep");
  write_text(tree + "/a b/deep/text", "hello");
  write_text(tree + "/empty", "");
  write_text(tree + "/a!", "sorts between");
  write_text(tree + "/\xff\xfe not utf-8\n", "bytes");
  write_text(tree + "/first", "linked");
  ASSERT_EQ(::link((tree + "/first").c_str(), (tree + "/zweite").c_str()), 0);
  ASSERT_EQ(::symlink("../nowhere", (tree + "/link").c_str()), 0);
  ASSERT_EQ(::mkfifo((tree + "/fifo").c_str(), 0640), 0);
  write_text(tree + "/noted", "x");
  const bool xattrs = ::setxattr((tree + "/noted").c_str(), "user.note", "value", 5, 0) == 0;
  EXPECT_TRUE(xattrs || errno == ENOTSUP) << std::strerror(errno);
  if (::geteuid() == 0) {
    EXPECT_EQ(::chown((tree + "/empty").c_str(), 1234, 4321), 0);
  }
  ASSERT_EQ(::chmod((tree + "/noted").c_str(), 04751), 0);
  const timespec old[2] = {{-5, 123'456'789}, {-5, 123'456'789}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (tree + "/a!").c_str(), old, 0), 0);
  age(tree + "/link");
  age(tree + "/a b");
  auto made = backup_tree(*repository, options());
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_TRUE(made->failed.empty()) << made->failed[0].path << made->failed[0].why;
  auto restored = restore(made->snapshot);
  ASSERT_TRUE(restored) << restored.error().text;
  EXPECT_TRUE(restored->failed.empty()) << restored->failed[0].path << ": " << restored->failed[0].why;
  EXPECT_EQ(describe(target + tree), describe(tree));
}

TEST_F(FilesTest, KeepsHoles) {
  fs::create_directories(tree);
  const int fd = ::open((tree + "/sparse").c_str(), O_WRONLY | O_CREAT, 0600);
  ASSERT_EQ(::pwrite(fd, "begin", 5, 0), 5);
  ASSERT_EQ(::pwrite(fd, "middle", 6, 40 << 20), 6);
  ASSERT_EQ(::ftruncate(fd, 100 << 20), 0);
  ::close(fd);
  auto made = backup_tree(*repository, options());
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_LT(made->snapshot.new_bytes, 1u << 20);
  ASSERT_TRUE(restore(made->snapshot));
  EXPECT_TRUE(read_text(target + tree + "/sparse") == read_text(tree + "/sparse"));
  struct ::stat st{};
  ASSERT_EQ(::stat((target + tree + "/sparse").c_str(), &st), 0);
  EXPECT_LT(st.st_blocks * 512, 10 << 20);
}

TEST_F(FilesTest, UnchangedFilesAreNotReadAgainAndChangedOnesAre) {
  fs::create_directories(tree);
  for (int i = 0; i < 20; ++i) write_text(tree + "/f" + std::to_string(i), std::string(1000, static_cast<char>('a' + i)));
  ASSERT_TRUE(backup_tree(*repository, options()));
  auto second = backup_tree(*repository, options());        // too fresh to be trusted: read, but nothing is stored
  ASSERT_TRUE(second) << second.error().text;
  EXPECT_EQ(second->snapshot.source_bytes, 20'000u);
  EXPECT_LT(second->snapshot.new_bytes, 20'000u);
  clock.sleep_until(clock.mono() + 2500ms, {});
  ASSERT_TRUE(backup_tree(*repository, options()));
  write_text(tree + "/f3", std::string(1000, 'Z'));
  auto fourth = backup_tree(*repository, options());
  ASSERT_TRUE(fourth) << fourth.error().text;
  EXPECT_EQ(fourth->files_unchanged, 19u);
  EXPECT_EQ(fourth->files_read, 1u);
  TreeBackupOptions again = options();
  again.reread = true;
  auto fifth = backup_tree(*repository, again);
  ASSERT_TRUE(fifth);
  EXPECT_EQ(fifth->files_read, 20u);
  ASSERT_TRUE(restore(fourth->snapshot));
  EXPECT_EQ(describe(target + tree), describe(tree));
}

TEST_F(FilesTest, ExcludesAndIncludes) {
  for (const char* d : {"/keep/sub", "/build", "/src/build"}) fs::create_directories(tree + d);
  for (const char* f : {"/a.tmp", "/keep/b.txt", "/keep/sub/c.txt", "/build/x", "/src/build/y", "/src/z"})
    write_text(tree + f, f);
  TreeBackupOptions how = options();
  how.excludes = {"*.tmp", "build/"};
  auto made = backup_tree(*repository, how);
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_EQ(made->snapshot.files, 3u);
  TreeRestoreOptions some;
  some.includes = {"keep/sub"};
  auto restored = restore(made->snapshot, some);
  ASSERT_TRUE(restored) << restored.error().text;
  EXPECT_EQ(restored->files, 1u);
  EXPECT_EQ(read_text(target + tree + "/keep/sub/c.txt"), "/keep/sub/c.txt");
  EXPECT_FALSE(fs::exists(target + tree + "/keep/b.txt"));
  some.includes = {"nothing-like-it"};
  EXPECT_EQ(restore(made->snapshot, some).error().kind, ErrorKind::kNotFound);
}

TEST_F(FilesTest, InPlaceBringsBackWhatWasChanged) {
  fs::create_directories(tree + "/d");
  write_text(tree + "/d/a", "good");
  write_text(tree + "/d/b", "gone soon");
  const std::string before = describe(tree);
  auto made = backup_tree(*repository, options());
  ASSERT_TRUE(made);
  write_text(tree + "/d/a", "ruined");
  fs::remove(tree + "/d/b");
  auto restored = restore(made->snapshot, {.in_place = true});
  ASSERT_TRUE(restored) << restored.error().text;
  EXPECT_EQ(describe(tree), before);
}

TEST_F(FilesTest, NeverWritesThroughALinkOutOfTheTarget) {
  fs::create_directories(tree + "/d");
  write_text(tree + "/d/a", "secret");
  auto made = backup_tree(*repository, options());
  ASSERT_TRUE(made);
  fs::create_directories(folder.file("outside"));
  fs::create_directories(target + tree);
  fs::create_directory_symlink(folder.file("outside"), target + tree + "/d");
  auto restored = restore(made->snapshot);
  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().kind, ErrorKind::kBlocked) << restored.error().text;
  EXPECT_TRUE(fs::is_empty(folder.file("outside")));
}

TEST_F(FilesTest, DamageLeavesNoFileThatLooksWhole) {
  fs::create_directories(tree);
  for (int i = 0; i < 5; ++i) write_text(tree + "/f" + std::to_string(i), std::string(50'000, static_cast<char>('a' + i)));
  auto made = backup_tree(*repository, options());
  ASSERT_TRUE(made);
  for (const auto& [name, bytes] : vault.store.snapshot()) {
    if (!name.starts_with("packs/")) continue;
    Bytes flipped = bytes;
    flipped[140] ^= 1;
    vault.store.set(name, flipped);
    repository = open();
    auto restored = restore(made->snapshot);
    ASSERT_FALSE(restored);
    EXPECT_EQ(restored.error().kind, ErrorKind::kCorrupt);
    EXPECT_EQ(restored.error().object, name);
    for (int i = 0; i < 5; ++i) EXPECT_FALSE(fs::exists(target + tree + "/f" + std::to_string(i)));
    EXPECT_TRUE(!fs::exists(target + tree) || fs::is_empty(target + tree));
    vault.store.set(name, bytes);
  }
  repository = open();
  EXPECT_TRUE(restore(made->snapshot));
}

TEST_F(FilesTest, MissingPathsAreTold) {
  fs::create_directories(tree);
  TreeBackupOptions how = options();
  how.paths = {folder.file("nowhere")};
  EXPECT_EQ(backup_tree(*repository, how).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(repository->snapshots()->size(), 0u);
  how.paths = {folder.file("nowhere"), tree};
  auto made = backup_tree(*repository, how);
  ASSERT_TRUE(made) << made.error().text;
  ASSERT_EQ(made->failed.size(), 1u);
  EXPECT_TRUE(made->snapshot.partial);
}

TEST_F(FilesTest, AVaultInsideTheTreeDoesNotBackUpItself) {
  fs::create_directories(tree);
  write_text(tree + "/a", "x");
  PosixFiles files;
  vault::DirectoryStore store(files, vault.entropy, tree + "/vault");
  vault::InitOptions cheap;
  cheap.cost = vault::testing::kCheapCost;
  auto own = vault::Repository::init({store, vault.entropy, clock, vault.log, "alpha"},
                                     vault::SlotLock(vault::KeyFile{vault.entropy.secret(32)}), cheap);
  ASSERT_TRUE(own) << own.error().text;
  auto made = backup_tree(**own, options());
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_EQ(made->snapshot.files, 1u);
  EXPECT_TRUE(made->failed.empty());
}

TEST(PathPatterns, FollowGitignore) {
  const auto matches = [](std::vector<std::string> rules, const std::string& path, bool directory = false) {
    return PathPatterns::parse(rules)->covers(path, directory);
  };
  EXPECT_TRUE(matches({"*.tmp"}, "a/b/c.tmp"));
  EXPECT_FALSE(matches({"*.tmp"}, "a/b/c.tmpx"));
  EXPECT_FALSE(matches({"build/"}, "a/build"));
  EXPECT_TRUE(matches({"build/"}, "a/build", true));
  EXPECT_TRUE(matches({"build/"}, "a/build/x"));
  EXPECT_TRUE(matches({"/srv/*"}, "srv/x"));
  EXPECT_FALSE(matches({"/srv/*"}, "mnt/srv/x"));
  EXPECT_TRUE(matches({"a/b"}, "x/a/b"));
  EXPECT_TRUE(matches({"a/**/z"}, "a/b/c/z"));
  EXPECT_TRUE(matches({"a/**/z"}, "a/z"));
  EXPECT_FALSE(matches({"*.tmp", "!keep.tmp"}, "keep.tmp"));
  EXPECT_TRUE(matches({"[a-c]?"}, "bx"));
  EXPECT_FALSE(matches({"[!a-c]?"}, "bx"));
  EXPECT_TRUE(matches({"\\*"}, "*"));
  EXPECT_FALSE(matches({"\\*"}, "x"));
  EXPECT_TRUE(matches({"a/**"}, "a/b"));
  EXPECT_FALSE(matches({"a/**"}, "a", true));
  EXPECT_TRUE(matches({"/**/z"}, "a/b/z"));
  EXPECT_FALSE(matches({"keep", "!keep/b"}, "x"));
  EXPECT_TRUE(matches({"keep", "!keep/b"}, "keep/b"));       // "!" brings nothing back out of a folder that is left out
  EXPECT_TRUE(matches({"v[[:digit:]]"}, "v7"));
  EXPECT_FALSE(matches({"v[[:digit:]]"}, "vx"));
  EXPECT_TRUE(matches({"[\\]]"}, "]"));
  EXPECT_TRUE(matches({"\\!x"}, "!x"));
  EXPECT_TRUE(matches({"\xff*"}, "\xff\n"));
  EXPECT_FALSE(PathPatterns::parse({"/"}).has_value());
  const auto chooses = [](std::vector<std::string> rules, const std::string& path) {
    return PathPatterns::parse(rules)->chooses(path, false);
  };
  EXPECT_TRUE(chooses({"keep", "!keep/b"}, "keep/a/x"));
  EXPECT_FALSE(chooses({"keep", "!keep/b"}, "keep/b/x"));
  EXPECT_TRUE(chooses({"keep", "!keep/b", "keep/b/z"}, "keep/b/z/y"));
  EXPECT_EQ(PathPatterns::parse({"/srv/a*/b", "/etc/"})->anchors(), (std::vector<std::string>{"srv", "etc"}));
  EXPECT_TRUE(PathPatterns::parse({"/srv", "x"})->anchors().empty());
}

// What "**" means, said as short as can be; takes time that grows with a power of the stars.
bool means(const std::vector<std::string>& pattern, const std::vector<std::string>& path, std::size_t p = 0, std::size_t n = 0) {
  if (p == pattern.size()) return n == path.size();
  if (pattern[p] != "**") return n < path.size() && pattern[p] == path[n] && means(pattern, path, p + 1, n + 1);
  if (p + 1 == pattern.size()) return n < path.size();
  return means(pattern, path, p + 1, n) || (n < path.size() && means(pattern, path, p, n + 1));
}

std::vector<std::vector<std::string>> sequences(const std::vector<std::string>& of, std::size_t longest) {
  std::vector<std::vector<std::string>> out{{}};
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (out[i].size() == longest) break;
    for (const std::string& word : of) {
      out.push_back(out[i]);
      out.back().push_back(word);
    }
  }
  out.erase(out.begin());
  return out;
}

TEST(PathPatterns, StarsMeanWhatTheyShould) {
  const auto joined = [](const std::vector<std::string>& parts) {
    std::string out;
    for (const std::string& part : parts) out += (out.empty() ? "" : "/") + part;
    return out;
  };
  std::size_t matched = 0;
  for (const auto& pattern : sequences({"a", "b", "**"}, 5)) {
    const auto rules = PathPatterns::parse({"/" + joined(pattern)});
    ASSERT_TRUE(rules) << joined(pattern);
    for (const auto& path : sequences({"a", "b"}, 5)) {
      ASSERT_EQ(rules->matches(joined(path), false), means(pattern, path)) << joined(pattern) << " and " << joined(path);
      matched += means(pattern, path) ? 1 : 0;
    }
  }
  EXPECT_GT(matched, 1000u);
}

// By coming back to every star this would not end.
TEST(PathPatterns, ManyStarsTakeNoLongerThanTheirLengths) {
  std::string pattern, path;
  for (int i = 0; i < 30; ++i) pattern += "**/a/";
  for (int i = 0; i < 300; ++i) path += "a/";
  EXPECT_FALSE(PathPatterns::parse({"/" + pattern + "b"})->matches(path + "c", false));
  EXPECT_TRUE(PathPatterns::parse({"/" + pattern + "b"})->matches(path + "b", false));
}

}  // namespace
}  // namespace hf::sources
