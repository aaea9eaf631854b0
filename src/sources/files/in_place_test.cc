// Restores over what is there already: what stands in the way, what a killed restore left, what is shut to a user, and that
// all of it is on the disk before it has its name.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/rng.h"
#include "io/testing_folder.h"
#include "sources/files/files.h"
#include "sources/files/metadata.h"
#include "vault/testing_repository.h"

namespace {
std::vector<dev_t> synced_devices;                    // by syncfs(2), in their order
}

extern "C" int syncfs(int fd) noexcept {              // of this program: the C library's is behind it
  struct ::stat st{};
  if (::fstat(fd, &st) == 0) synced_devices.push_back(st.st_dev);
  return static_cast<int>(::syscall(SYS_syncfs, fd));
}

namespace hf::sources {
namespace {

namespace fs = std::filesystem;

struct InPlaceTest : ::testing::Test {
  static constexpr uid_t kSomebody = 65534;
  TestFolder folder;
  vault::testing::TestVault vault;
  SystemClock clock;
  std::unique_ptr<vault::Repository> repository;
  std::string tree = folder.file("tree");
  std::optional<vault::SnapshotInfo> snapshot;

  void SetUp() override {
    repository = std::move(*vault::Repository::open({vault.store, vault.entropy, clock, vault.log, "alpha"}, vault.credentials));
  }
  void TearDown() override {
    for (const auto& item : fs::recursive_directory_iterator(folder.path())) (void)set_immutable(item.path(), false);
  }
  static void write(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }
  static std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static bool set_immutable(const std::string& path, bool set) {
    const Descriptor fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    return fd && set_flags(fd.get(), set ? 0x10 : 0);                // FS_IMMUTABLE_FL
  }
  static bool immutable(const std::string& path) {
    const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    return fd && read_flags(fd.get()) == 0x10;
  }
  void back_up() {
    auto made = backup_tree(*repository, {.paths = {tree}, .host = "alpha"});
    ASSERT_TRUE(made) << made.error().text;
    ASSERT_TRUE(made->failed.empty());
    snapshot = made->snapshot;
  }
  Result<TreeRestoreReport> restore(TreeRestoreOptions options = {}) {
    options.in_place = options.target.empty();
    HF_ASSIGN(const auto reader, repository->open_snapshot(snapshot->id));
    return restore_tree(*reader, options);
  }
  // This thread alone loses its rights.
  static void as_a_user(const std::function<void()>& what) {
    std::thread([&] {
      if (::geteuid() == 0) {
        ASSERT_EQ(::syscall(SYS_setgroups, 0, nullptr), 0);
        ASSERT_EQ(::syscall(SYS_setresgid, kSomebody, kSomebody, kSomebody), 0);
        ASSERT_EQ(::syscall(SYS_setresuid, kSomebody, kSomebody, kSomebody), 0);
      }
      what();
    }).join();
  }
  static void give_to_the_user(const std::string& root) {
    if (::geteuid() != 0) return;
    ASSERT_EQ(::lchown(root.c_str(), kSomebody, kSomebody), 0);
    for (const auto& item : fs::recursive_directory_iterator(root))
      ASSERT_EQ(::lchown(item.path().c_str(), kSomebody, kSomebody), 0);
  }
  static std::string line(const std::string& path) {
    struct ::stat st{};
    EXPECT_EQ(::lstat(path.c_str(), &st), 0) << path;
    std::string out = std::to_string(st.st_mode) + " " + std::to_string(st.st_uid) + ":" + std::to_string(st.st_gid) + " " +
                      std::to_string(st.st_mtim.tv_sec) + "." + std::to_string(st.st_mtim.tv_nsec);
    char note[16];
    const ssize_t n = ::lgetxattr(path.c_str(), "user.note", note, sizeof note);
    if (n > 0) out += " note " + std::string(note, static_cast<std::size_t>(n));
    if (!S_ISREG(st.st_mode)) return out;
    const std::string content = read(path);
    return out + " " + (content.size() < 40 ? content : std::to_string(std::hash<std::string>()(content)));
  }
  static std::string picture(const std::string& root) {             // as root
    std::map<std::string, std::string> lines;
    for (const auto& item : fs::recursive_directory_iterator(root))
      lines[item.path().string().substr(root.size())] = line(item.path());
    std::string out = line(root) + "\n";
    for (const auto& [path, text] : lines) out += path + " " + text + "\n";
    return out;
  }
  static std::vector<std::string> temporaries(const std::string& root) {
    std::vector<std::string> out;
    for (const auto& item : fs::recursive_directory_iterator(root)) {
      if (item.path().filename().string().starts_with(".holdfast-")) out.push_back(item.path());
    }
    return out;
  }
  void damage_data() {
    for (auto& [name, bytes] : vault.store.snapshot()) {
      if (!name.starts_with("packs/") || bytes.size() < (1u << 20)) continue;
      Bytes changed = bytes;
      for (std::size_t at = changed.size() / 3; at < changed.size() * 2 / 3; at += 512) changed[at] ^= 1;
      vault.store.set(name, changed);
    }
  }
  static std::string noise(std::size_t size) {
    Rng rng(size);
    std::string out(size, '\0');
    for (char& c : out) c = static_cast<char>(rng.u64());
    return out;
  }
};

TEST_F(InPlaceTest, AFolderWhereAFileBelongsIsListedAndTheRestIsThere) {
  write(tree + "/a/file", "as it was");
  write(tree + "/z/other", "as it was, too");
  fs::create_hard_link(tree + "/a/file", tree + "/z/second name");
  back_up();
  const std::string folders = line(tree + "/a") + line(tree + "/z");
  fs::remove(tree + "/a/file");
  write(tree + "/a/file/precious", "kept");
  write(tree + "/z/other", "changed");
  const auto done = restore();
  ASSERT_TRUE(done) << done.error().text;
  ASSERT_EQ(done->failed.size(), 2u);
  EXPECT_EQ(done->failed[0].path, tree + "/a/file");
  EXPECT_EQ(done->failed[1].path, tree + "/z/second name");
  EXPECT_EQ(done->files, 1u);
  EXPECT_EQ(read(tree + "/a/file/precious"), "kept");
  EXPECT_EQ(read(tree + "/z/other"), "as it was, too");
  EXPECT_EQ(read(tree + "/z/second name"), "as it was");
  EXPECT_EQ(line(tree + "/a") + line(tree + "/z"), folders);
  EXPECT_TRUE(temporaries(tree).empty());
}

TEST_F(InPlaceTest, AFileThatGotAnotherNameIsNotChangedUnderIt) {
  write(tree + "/a", "the same");
  write(tree + "/b", "the same");
  write(tree + "/c", "the same");
  ASSERT_EQ(::chmod((tree + "/b").c_str(), 0600), 0);
  write(tree + "/d", "of two names");
  fs::create_hard_link(tree + "/d", tree + "/e");
  back_up();
  const std::string before = picture(tree), outside = folder.file("outside");
  fs::remove(tree + "/b");
  fs::create_hard_link(tree + "/a", tree + "/b");                // one file now
  ASSERT_EQ(::chmod((tree + "/c").c_str(), 0640), 0);
  fs::create_hard_link(tree + "/c", outside);
  const std::string of_somebody = line(outside);
  ASSERT_EQ(::chmod((tree + "/e").c_str(), 0640), 0);
  const auto done = restore();
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_TRUE(done->failed.empty());
  EXPECT_EQ(done->files, 4u);
  EXPECT_EQ(picture(tree), before);
  EXPECT_FALSE(fs::equivalent(tree + "/a", tree + "/b"));
  EXPECT_TRUE(fs::equivalent(tree + "/d", tree + "/e"));
  EXPECT_EQ(line(outside), of_somebody);
}

// The first name could not be given: what stands there is another file.
TEST_F(InPlaceTest, NoNameLeadsToAFileThatWasNotRestored) {
  if (::geteuid() != 0) return;                       // a sticky folder of somebody else's is needed
  write(tree + "/a/file", "as it was");
  fs::create_directories(tree + "/b");
  fs::create_hard_link(tree + "/a/file", tree + "/b/second name");
  back_up();
  const std::string target = folder.file("target"), there = target + tree;
  write(there + "/a/file", "newer, and shared by all");
  fs::create_directories(there + "/b");
  give_to_the_user(target);
  ASSERT_EQ(::chown((there + "/a").c_str(), 0, 0), 0);
  ASSERT_EQ(::chmod((there + "/a").c_str(), 01777), 0);
  ASSERT_EQ(::chown((there + "/a/file").c_str(), 0, 0), 0);
  ASSERT_EQ(::chmod((there + "/a/file").c_str(), 0666), 0);
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
  as_a_user([&] {
    const auto done = restore({.target = target});
    ASSERT_TRUE(done) << done.error().text;
    std::set<std::string> failed;
    for (const FailedItem& item : done->failed) failed.insert(item.path);
    EXPECT_TRUE(failed.contains(tree + "/a/file"));
    EXPECT_TRUE(failed.contains(tree + "/b/second name"));
  });
  EXPECT_EQ(read(there + "/a/file"), "newer, and shared by all");
  EXPECT_FALSE(fs::exists(there + "/b/second name"));
  EXPECT_TRUE(temporaries(target).empty());
}

TEST_F(InPlaceTest, LostFoldersAboveThePathAreAsTheyWere) {
  const std::string above = folder.file("above");
  tree = above + "/between/tree";
  write(tree + "/file", "x");
  ASSERT_EQ(::chmod(above.c_str(), 0751), 0);
  ASSERT_EQ(::chmod((above + "/between").c_str(), 02755), 0);
  const std::string before = picture(above);
  back_up();
  fs::remove_all(above);
  const auto done = restore();
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_TRUE(done->failed.empty());
  EXPECT_EQ(picture(above), before);
}

TEST_F(InPlaceTest, EveryFileSystemIsSyncedBeforeANameIsGiven) {
  tree = "/dev/shm/holdfast-test-" + std::to_string(::getpid());
  write(tree + "/file", "x");
  struct ::stat here{}, root{};
  ASSERT_EQ(::stat(tree.c_str(), &here), 0);
  ASSERT_EQ(::stat("/", &root), 0);
  ASSERT_NE(here.st_dev, root.st_dev);
  back_up();
  write(tree + "/file", "changed");
  synced_devices.clear();
  const auto done = restore();
  EXPECT_EQ(read(tree + "/file"), "x");
  fs::remove_all(tree);
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(std::ranges::count(synced_devices, here.st_dev), 2);      // before names are given, and after it
}

TEST_F(InPlaceTest, WhatAKilledRestoreLeftIsRemovedByTheNext) {
  for (unsigned i = 0; i < 2000; ++i) write(tree + "/" + std::to_string(i % 7) + "/" + std::to_string(i), noise(1000 + i));
  back_up();
  for (const bool folders_too : {false, true}) {
    const std::string before = picture(tree);
    if (folders_too) fs::remove_all(tree + "/3");
    for (unsigned i = 0; i < 2000; ++i) fs::remove(tree + "/" + std::to_string(i % 7) + "/" + std::to_string(i));
    const pid_t child = ::fork();
    if (child == 0) {
      (void)restore({.window = 1});
      ::_exit(0);
    }
    while (temporaries(tree).empty()) ASSERT_EQ(::waitpid(child, nullptr, WNOHANG), 0);
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    ASSERT_FALSE(temporaries(tree).empty());
    write(tree + "/.holdfast-notes", "not a restore's");
    const auto done = restore();
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_TRUE(done->failed.empty());
    EXPECT_EQ(temporaries(tree), std::vector<std::string>{tree + "/.holdfast-notes"});
    fs::remove(tree + "/.holdfast-notes");
    ASSERT_TRUE(restore());
    EXPECT_EQ(picture(tree), before);
  }
}

TEST_F(InPlaceTest, AUserRestoresIntoWhatIsShutToHimself) {
  write(tree + "/read only/file", "x");
  write(tree + "/read only/deep/file", "y");
  write(tree + "/shut/file", "z");
  ASSERT_EQ(::setxattr((tree + "/read only/file").c_str(), "user.note", "fine", 4, 0), 0);
  ASSERT_EQ(::setxattr((tree + "/read only/deep").c_str(), "user.note", "good", 4, 0), 0);
  give_to_the_user(tree);
  ASSERT_EQ(::chmod((tree + "/read only/file").c_str(), 0444), 0);
  ASSERT_EQ(::chmod((tree + "/read only/deep").c_str(), 0500), 0);
  ASSERT_EQ(::chmod((tree + "/read only").c_str(), 0555), 0);
  back_up();
  ASSERT_EQ(::chmod((tree + "/shut").c_str(), 0), 0);
  if (::geteuid() == 0) back_up();
  const std::string target = folder.file("target");
  const std::string before = ::geteuid() == 0 ? picture(tree) : std::string();
  ASSERT_EQ(::mkdir(target.c_str(), 0700), 0);
  give_to_the_user(target);
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
  const auto again = [&] {
    as_a_user([&] {
      const auto done = restore({.target = target});
      ASSERT_TRUE(done) << done.error().text;
      for (const FailedItem& item : done->failed) ADD_FAILURE() << item.path << ": " << item.why;
    });
  };
  again();
  if (::geteuid() != 0) return;                       // nor could the test look
  EXPECT_EQ(picture(target + tree), before);
  fs::remove(target + tree + "/read only/deep/file");
  write(target + tree + "/shut/file", "changed");
  ASSERT_EQ(::setxattr((target + tree + "/read only/file").c_str(), "user.note", "lost", 4, 0), 0);
  again();
  EXPECT_EQ(picture(target + tree), before);
}

TEST_F(InPlaceTest, ARestoreThatFailsShutsAgainWhatItOpened) {
  write(tree + "/a/file", noise(3 << 20));
  write(tree + "/b/file", "y");
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
  give_to_the_user(tree);
  const bool flags = set_immutable(tree + "/a", true);
  ASSERT_EQ(::chmod((tree + "/b").c_str(), 0500), 0);
  back_up();
  (void)set_immutable(tree + "/a", false);
  fs::remove(tree + "/a/file");
  (void)set_immutable(tree + "/a", true);
  damage_data();
  ASSERT_FALSE(restore());
  EXPECT_EQ(immutable(tree + "/a"), flags);
  (void)set_immutable(tree + "/a", false);
  as_a_user([&] { EXPECT_EQ(restore().error().kind, ErrorKind::kCorrupt); });
  struct ::stat st{};
  ASSERT_EQ(::stat((tree + "/b").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777u, 0500u);
}

}  // namespace
}  // namespace hf::sources
