// What odd things of a real file system look like after a backup and a restore: one line of the table for each, compared
// by all that the system tells about them.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <map>
#include <thread>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "io/testing_folder.h"
#include "sources/files/files.h"
#include "sources/files/levels.h"
#include "sources/files/metadata.h"
#include "sources/files/reader.h"
#include "vault/testing_repository.h"

namespace hf::sources {
namespace {

constexpr uid_t kNobody = 65534;

// A folder of a test by its descriptor: what lies in it may be deeper than any path can say.
class Place {
 public:
  explicit Place(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}
  explicit Place(Descriptor fd) : fd_(std::move(fd)) {}
  int fd() const { return fd_.get(); }
  std::string path(const std::string& name) const { return "/proc/self/fd/" + std::to_string(fd()) + "/" + name; }
  Place folder(const std::string& name) const {
    ::mkdirat(fd(), name.c_str(), 0755);
    return Place(Descriptor(::openat(fd(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)));
  }
  Descriptor file(const std::string& name, const std::string& text = "") const {
    Descriptor out(::openat(fd(), name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    EXPECT_EQ(::write(out.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    return out;
  }
  std::vector<std::string> names() const {
    Levels levels;
    struct ::stat st{};
    EXPECT_EQ(::fstat(fd(), &st), 0);
    const Status entered = levels.enter(Descriptor(::openat(fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)), st, 0);
    std::vector<std::string> out;
    EXPECT_TRUE(entered);
    if (!entered) return out;
    while (const char* name = levels.next_name()) out.emplace_back(name);
    return out;
  }

 private:
  Descriptor fd_;
};

// Where a file has data, and what: holes are not read.
std::string data_of(int fd, off_t size) {
  std::string out;
  for (off_t at = 0; at < size;) {
    const off_t data = ::lseek(fd, at, SEEK_DATA);
    if (data < 0) break;
    at = ::lseek(fd, data, SEEK_HOLE);
    std::string bytes(static_cast<std::size_t>(at - data), '\0');
    EXPECT_EQ(::pread(fd, bytes.data(), bytes.size(), data), at - data);
    out += " " + std::to_string(data) + "-" + std::to_string(at) + "=" + std::to_string(std::hash<std::string>()(bytes));
  }
  return out;
}

// Everything below `place`, a line each. `seen` numbers the inodes as they come: hard links show as equal numbers.
void describe_tree(const Place& place, const std::string& shown, std::map<ino_t, std::size_t>& seen, std::string& out) {
  NameCache names;
  for (const std::string& name : place.names()) {
    struct ::stat st{};
    ASSERT_EQ(::fstatat(place.fd(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW), 0) << shown << "/" << name;
    const std::size_t number = seen.try_emplace(st.st_ino, seen.size()).first->second;
    out += shown + "/" + name + " " + std::to_string(st.st_mode) + " " + std::to_string(st.st_uid) + ":";
    out += std::to_string(st.st_gid) + " " + std::to_string(st.st_mtim.tv_sec) + "." + std::to_string(st.st_mtim.tv_nsec);
    out += " rdev " + std::to_string(st.st_rdev);
    if (!S_ISDIR(st.st_mode)) out += " inode " + std::to_string(number) + " links " + std::to_string(st.st_nlink);
    const auto xattrs = read_xattrs(place.fd(), name).value();
    for (const vault::Xattr& x : xattrs)
      out += " " + x.name + "=" + std::string(x.value.begin(), x.value.end());
    if (S_ISLNK(st.st_mode)) out += " -> " + read_link(place.fd(), name, 0).value();
    if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) {
      Descriptor fd(::openat(place.fd(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
      out += " flags " + std::to_string(read_flags(fd.get()));
      if (S_ISREG(st.st_mode)) out += " size " + std::to_string(st.st_size) + " data" + data_of(fd.get(), st.st_size);
      out += "\n";
      if (S_ISDIR(st.st_mode)) describe_tree(Place(std::move(fd)), shown + "/" + name, seen, out);
    } else {
      out += "\n";
    }
  }
}

std::string describe_tree(const std::string& root) {
  std::map<ino_t, std::size_t> seen;
  std::string out;
  describe_tree(Place(root), "", seen, out);
  return out;
}

void free_all(const Place& place) {            // so that the folder can be removed
  for (const std::string& name : place.names()) {
    struct ::stat st{};
    if (::fstatat(place.fd(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) continue;
    if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) free_of_flags(place.fd(), name);
    if (!S_ISDIR(st.st_mode)) continue;
    EXPECT_EQ(::fchmodat(place.fd(), name.c_str(), 0700, 0), 0);
    free_all(place.folder(name));
  }
}

void set_times(const Place& place, const std::string& name, std::int64_t seconds, long nanoseconds) {
  const timespec times[2] = {{seconds, nanoseconds}, {seconds, nanoseconds}};
  EXPECT_EQ(::utimensat(place.fd(), name.c_str(), times, AT_SYMLINK_NOFOLLOW), 0) << name;
}

void run(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& w : words) line += "'" + w + "' ";
  EXPECT_EQ(::system(line.c_str()), 0) << line;     // NOLINT: the words are ours
}

// True if it worked. What only root may do, and a user tried, did not, and that is all there is to see.
bool done(int result, std::initializer_list<int> excused) {
  if (result == 0) return true;
  EXPECT_TRUE(std::ranges::find(excused, errno) != excused.end()) << std::strerror(errno);
  return false;
}

void hard_links(const Place& t) {
  t.file("first", "linked");
  const Place below = t.folder("below");
  EXPECT_EQ(::linkat(t.fd(), "first", below.fd(), "second", 0), 0);
  EXPECT_EQ(::linkat(t.fd(), "first", t.fd(), "third", 0), 0);
  EXPECT_EQ(::symlinkat("nowhere", t.fd(), "link"), 0);
  EXPECT_EQ(::linkat(t.fd(), "link", t.fd(), "link again", 0), 0);
  EXPECT_EQ(::mkfifoat(t.fd(), "pipe", 0600), 0);
  EXPECT_EQ(::linkat(t.fd(), "pipe", below.fd(), "pipe again", 0), 0);
}

void sparse_files(const Place& t) {
  const Descriptor ends = t.file("data at both ends", "begin");
  EXPECT_EQ(::pwrite(ends.get(), "end", 3, 100 << 20), 3);
  const Descriptor middle = t.file("a hole, data, a hole");
  EXPECT_EQ(::pwrite(middle.get(), "middle", 6, 8 << 20), 6);
  EXPECT_EQ(::ftruncate(middle.get(), 64 << 20), 0);
  EXPECT_EQ(::ftruncate(t.file("nothing but a hole").get(), 5'000'000'000), 0);
}

void attributes(const Place& t) {
  t.file("noted", "x");
  t.folder("folder noted");
  const std::string large(3000, '\xee');
  for (const char* name : {"noted", "folder noted"}) {
    done(::setxattr(t.path(name).c_str(), "user.empty", "", 0, 0), {ENOTSUP});
    done(::setxattr(t.path(name).c_str(), "user.large", large.data(), large.size(), 0), {ENOTSUP, ENOSPC});
    done(::setxattr(t.path(name).c_str(), "trusted.seal", "\0\1", 2, 0), {ENOTSUP, EPERM});
  }
  EXPECT_EQ(::symlinkat("noted", t.fd(), "link"), 0);
  done(::lsetxattr(t.path("link").c_str(), "trusted.link", "of its own", 10, 0), {ENOTSUP, EPERM});
}

void access_lists(const Place& t) {
  t.file("shared", "x");
  t.folder("shared folder");
  const std::string own = "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(t.fd());
  run({"setfacl", "-m", "u:65534:rw,g:12345:r", own + "/shared"});
  run({"setfacl", "-m", "u:1:rwx", own + "/shared folder"});
  run({"setfacl", "-d", "-m", "u:2:rwx,g:3:rx", own + "/shared folder"});
  t.folder("shared folder").file("inherits", "x");
  t.folder("plain").file("none", "x");
}

void capabilities(const Place& t) {
  t.file("tool", "#!/bin/true");
  // struct vfs_cap_data, revision 2, effective: cap_net_bind_service permitted
  const unsigned char value[] = {1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  done(::setxattr(t.path("tool").c_str(), "security.capability", value, sizeof value, 0), {EPERM, ENOTSUP});
}

void inode_flags(const Place& t) {
  const std::pair<const char*, std::uint32_t> flags[] = {
      {"not dumped", FS_NODUMP_FL}, {"no access time", FS_NOATIME_FL}, {"only appended", FS_APPEND_FL},
      {"immutable", FS_IMMUTABLE_FL}, {"synchronous", FS_SYNC_FL}};
  for (const auto& [name, flag] : flags) {
    const Descriptor file = t.file(name, name);
    done(set_flags(file.get(), flag) ? 0 : -1, {EPERM, ENOTTY, EOPNOTSUPP});
  }
  t.file("named twice", "x");
  EXPECT_EQ(::linkat(t.fd(), "named twice", t.fd(), "named twice, here", 0), 0);
  done(set_flags(t.file("named twice").get(), FS_IMMUTABLE_FL) ? 0 : -1, {EPERM, ENOTTY, EOPNOTSUPP});
  const Place folder = t.folder("immutable folder");
  folder.file("in it", "y");
  done(set_flags(folder.fd(), FS_IMMUTABLE_FL | FS_NODUMP_FL) ? 0 : -1, {EPERM, ENOTTY, EOPNOTSUPP});
}

void special_files(const Place& t) {
  done(::mknodat(t.fd(), "null", S_IFCHR | 0666, makedev(1, 3)), {EPERM});
  done(::mknodat(t.fd(), "large numbers", S_IFBLK | 0600, makedev(259, 70'000)), {EPERM});
  EXPECT_EQ(::mknodat(t.fd(), "pipe", S_IFIFO | 0640, 0), 0);
  const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, t.path("socket").c_str(), sizeof address.sun_path - 1);
  EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0) << std::strerror(errno);
}

void times(const Place& t) {
  for (const auto& [name, seconds, nanoseconds] : {std::tuple("long ago", -2'000'000'000L, 999'999'999L),
                                                   std::tuple("before the epoch", -1L, 1L),
                                                   std::tuple("late", 4'300'000'000L, 7L)}) {
    t.file(name, "x");
    set_times(t, name, seconds, nanoseconds);
    t.folder(std::string("folder ") + name).file("x");
    set_times(t, std::string("folder ") + name, seconds, nanoseconds);
  }
  EXPECT_EQ(::symlinkat("x", t.fd(), "link"), 0);
  set_times(t, "link", -77, 5);
}

void modes(const Place& t) {
  for (const unsigned mode : {0u, 0400u, 0777u, 04755u, 02755u, 06711u}) {
    t.file("file " + std::to_string(mode), "x");
    EXPECT_EQ(::fchmodat(t.fd(), ("file " + std::to_string(mode)).c_str(), mode | (::geteuid() == 0 ? 0 : 0400), 0), 0);
  }
  for (const unsigned mode : {01777u, 02775u, 03700u}) {
    t.folder("folder " + std::to_string(mode)).file("x");
    EXPECT_EQ(::fchmodat(t.fd(), ("folder " + std::to_string(mode)).c_str(), mode, 0), 0);
  }
  t.file("of somebody", "x");
  done(::fchownat(t.fd(), "of somebody", 1234, 4'000'000'000u, 0), {EPERM});
  EXPECT_EQ(::fchmodat(t.fd(), "of somebody", 04755, 0), 0);
}

void names(const Place& t) {
  for (const std::string& name : {std::string("\xff\xfe no text"), std::string("two\nlines"), std::string("\\ \" ' $HOME *"),
                                  std::string(" "), std::string("-rf"), std::string(255, 'n'), std::string("a!"),
                                  std::string("a")})
    t.file(name, name);
  t.folder("a b\n").file("\x01", "control");
  EXPECT_EQ(::symlinkat("\xff\n", t.fd(), "link"), 0);
}

void long_paths(const Place& t) {               // 40 names of 250 bytes: 10,000 bytes
  Place at = t.folder("long");
  for (int i = 0; i < 40; ++i) at = at.folder(std::string(250, static_cast<char>('a' + i % 26)));
  at.file("at the end", "of 10,000 bytes");
  at.folder("folder");
  EXPECT_EQ(::symlinkat("at the end", at.fd(), "link"), 0);
  EXPECT_EQ(::linkat(at.fd(), "at the end", t.fd(), "named from above", 0), 0);
}

void deep_tree(const Place& t) {
  Place at = t.folder("deep");
  for (int i = 0; i < 1'100; ++i) {
    if (i % 100 == 0) at.file("on the way", std::to_string(i));
    at = at.folder("d");
  }
  at.file("bottom", "1,100 folders down");
}

struct Odd {
  const char* name;
  void (*make)(const Place&);
};
const Odd kOddThings[] = {{"HardLinks", hard_links},      {"SparseFiles", sparse_files}, {"Attributes", attributes},
                          {"AccessLists", access_lists},  {"Capabilities", capabilities}, {"InodeFlags", inode_flags},
                          {"SpecialFiles", special_files}, {"Times", times},             {"Modes", modes},
                          {"Names", names},               {"LongPaths", long_paths},     {"DeepTree", deep_tree}};

struct Trees {
  TestFolder folder;
  vault::testing::TestVault vault;
  SystemClock clock;
  const std::string tree = folder.file("tree");
  const std::string target = folder.file("target");
  std::unique_ptr<vault::Repository> repository =
      std::move(*vault::Repository::open({vault.store, vault.entropy, clock, vault.log, "alpha"}, vault.credentials));
  Trees() { EXPECT_EQ(::mkdir(tree.c_str(), 0755), 0); }
  ~Trees() { free_all(Place(folder.path())); }

  TreeBackupOptions options() const { return {.paths = {tree}, .host = "alpha"}; }
  TreeBackupReport backup() {
    auto made = backup_tree(*repository, options());
    EXPECT_TRUE(made) << made.error().text;
    for (const FailedItem& f : made->failed) ADD_FAILURE() << "not backed up: " << f.path << ": " << f.why;
    return std::move(*made);
  }
  void restore(const vault::SnapshotInfo& info) {
    auto reader = repository->open_snapshot(info.id);
    auto restored = restore_tree(**reader, {.target = target});
    ASSERT_TRUE(restored) << restored.error().text;
    for (const FailedItem& f : restored->failed) ADD_FAILURE() << "not restored: " << f.path << ": " << f.why;
  }
};

std::string told(const std::string& was, const std::string& is) {
  return "was\n" + was.substr(0, 4000) + "\nis\n" + is.substr(0, 4000);
}

struct FidelityTest : ::testing::TestWithParam<Odd>, Trees {};

TEST_P(FidelityTest, ComesBackAsItWas) {
  GetParam().make(Place(tree));
  const std::string before = describe_tree(tree);
  ASSERT_FALSE(before.empty());
  restore(backup().snapshot);
  EXPECT_TRUE(describe_tree(target + tree) == before) << told(before, describe_tree(target + tree));
  // Again over what is there, from a second snapshot that takes all from the first.
  restore(backup().snapshot);
  EXPECT_TRUE(describe_tree(target + tree) == before) << told(before, describe_tree(target + tree));
  EXPECT_TRUE(describe_tree(tree) == before) << "the source was changed";
}

INSTANTIATE_TEST_SUITE_P(OddThings, FidelityTest, ::testing::ValuesIn(kOddThings),
                         [](const auto& param) { return std::string(param.param.name); });

struct ReadingTest : ::testing::Test, Trees {};

// A folder's default access list is not for what is restored into it.
TEST_F(ReadingTest, NothingIsInheritedFromTheTarget) {
  Place(tree).file("plain", "x");
  ASSERT_EQ(::mkfifoat(Place(tree).fd(), "pipe", 0600), 0);
  const std::string before = describe_tree(tree);
  const auto snapshot = backup().snapshot;
  run({"mkdir", "-p", target + tree});
  run({"setfacl", "-d", "-m", "u:1:rwx", target + tree});
  restore(snapshot);
  EXPECT_EQ(describe_tree(target + tree), before);
}

// Runs as a user who is not root: this thread alone loses its rights.
void as_somebody(const std::function<void()>& what) {
  std::thread([&] {
    if (::geteuid() == 0) {
      ASSERT_EQ(::syscall(SYS_setgroups, 0, nullptr), 0);
      ASSERT_EQ(::syscall(SYS_setresgid, kNobody, kNobody, kNobody), 0);
      ASSERT_EQ(::syscall(SYS_setresuid, kNobody, kNobody, kNobody), 0);
    }
    what();
  }).join();
}

TEST_F(ReadingTest, WhatAUserMayNotReadIsListedAndTheRestIsThere) {
  const Place t(tree);
  t.file("open", "readable");
  t.file("shut", "secret");
  t.folder("shut folder").file("in it", "secret");
  t.folder("names only").file("known by name", "secret");
  t.folder("open folder").file("fine", "readable");
  ASSERT_EQ(::fchmodat(t.fd(), "shut", 0, 0), 0);
  ASSERT_EQ(::fchmodat(t.fd(), "shut folder", 0, 0), 0);
  ASSERT_EQ(::fchmodat(t.fd(), "names only", 0444, 0), 0);
  std::optional<TreeBackupReport> report;
  as_somebody([&] {
    auto made = backup_tree(*repository, options());
    ASSERT_TRUE(made) << made.error().text;
    report = std::move(*made);
  });
  ASSERT_EQ(::fchmodat(t.fd(), "names only", 0755, 0), 0);
  ASSERT_EQ(::fchmodat(t.fd(), "shut folder", 0755, 0), 0);
  std::vector<std::string> failed;
  for (const FailedItem& f : report->failed) failed.push_back(f.path.substr(tree.size()));
  EXPECT_EQ(failed, (std::vector<std::string>{"/names only/known by name", "/shut", "/shut folder"}));
  EXPECT_TRUE(report->snapshot.partial);
  EXPECT_EQ(report->snapshot.files, 2u);
  restore(report->snapshot);
  EXPECT_EQ(Place(target + tree).names(), (std::vector<std::string>{"names only", "open", "open folder", "shut folder"}));
}

TEST_F(ReadingTest, AUserGetsNoProgramThatRunsAsSomebodyElse) {
  const Place t(tree);
  t.file("tool", "x");
  if (!done(::fchownat(t.fd(), "tool", 1234, 1234, 0), {EPERM})) return;     // a user cannot make such a file
  ASSERT_EQ(::fchmodat(t.fd(), "tool", 06755, 0), 0);
  const auto snapshot = backup().snapshot;
  ASSERT_EQ(::mkdir(target.c_str(), 0777), 0);
  ASSERT_EQ(::chmod(target.c_str(), 0777), 0);
  std::optional<TreeRestoreReport> report;
  as_somebody([&] {
    auto reader = repository->open_snapshot(snapshot.id);
    auto restored = restore_tree(**reader, {.target = target});
    ASSERT_TRUE(restored) << restored.error().text;
    report = std::move(*restored);
  });
  struct ::stat st{};
  ASSERT_EQ(::stat((target + tree + "/tool").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777u, 0755u);
  EXPECT_TRUE(std::ranges::any_of(report->failed, [](const FailedItem& f) { return f.why.contains("runs as its owner"); }));
}

TEST_F(ReadingTest, WhatVanishesIsListed) {
  const Place t(tree);
  t.file("a", "stays");
  t.file("b", "goes");
  t.folder("c").file("goes, too");
  TreeBackupOptions how = options();
  how.looking_at = [&](const std::string& path) {
    if (path.ends_with("/b")) ::unlinkat(t.fd(), "b", 0);
    if (!path.ends_with("/c")) return;
    ::unlinkat(t.folder("c").fd(), "goes, too", 0);
    ::unlinkat(t.fd(), "c", AT_REMOVEDIR);
  };
  auto made = backup_tree(*repository, how);
  ASSERT_TRUE(made) << made.error().text;
  ASSERT_EQ(made->failed.size(), 2u);
  EXPECT_EQ(made->failed[0].path, tree + "/b");
  EXPECT_EQ(made->failed[1].path, tree + "/c");
  EXPECT_TRUE(made->snapshot.partial);
  EXPECT_EQ(made->snapshot.files, 1u);
}

TEST_F(ReadingTest, AFolderThatIsMovedAwayFromUnderTheWalkIsListed) {
  Place at = Place(tree).folder("top");
  at.file("z", "read last");
  for (int i = 0; i < 80; ++i) at = at.folder("d");       // deeper than descriptors are kept open
  at.file("bottom", "x");
  TreeBackupOptions how = options();
  how.looking_at = [&](const std::string& path) {
    if (!path.ends_with("/bottom")) return;
    EXPECT_EQ(::renameat(Place(tree + "/top").fd(), "d", Place(tree).fd(), "moved"), 0);
  };
  auto made = backup_tree(*repository, how);
  ASSERT_TRUE(made) << made.error().text;
  ASSERT_EQ(made->failed.size(), 1u);
  EXPECT_EQ(made->failed[0].path, tree + "/top");
}

// A session whose contents let a test in before each piece of a file is read.
class Hooked final : public vault::ContentWriter {
 public:
  Hooked(std::unique_ptr<vault::ContentWriter> below, std::function<void()>& hook) : below_(std::move(below)), hook_(hook) {}
  Result<MutableByteView> space(std::size_t want) override {
    if (hook_) hook_();
    return below_->space(want);
  }
  Status wrote(std::size_t bytes) override { return below_->wrote(bytes); }
  Status hole(std::uint64_t length) override { return below_->hole(length); }
  Status end() override { return below_->end(); }
  Result<vault::Content> finish() override { return below_->finish(); }

 private:
  std::unique_ptr<vault::ContentWriter> below_;
  std::function<void()>& hook_;
};

class HookedSession final : public vault::BackupSession {
 public:
  explicit HookedSession(std::unique_ptr<vault::BackupSession> below) : below_(std::move(below)) {}
  Result<std::unique_ptr<vault::ContentWriter>> begin_content(vault::ContentKind kind, const vault::PageMap* previous) override {
    HF_ASSIGN(auto content, below_->begin_content(kind, previous));
    return std::make_unique<Hooked>(std::move(content), hook);
  }
  Result<bool> may_reuse(std::span<const vault::Extent> extents) override { return below_->may_reuse(extents); }
  Result<bool> add_unchanged(const vault::EntryView& entry) override { return below_->add_unchanged(entry); }
  Status add(const vault::Entry& entry) override { return below_->add(entry); }
  Status add(vault::Entry entry, const vault::Content& content) override { return below_->add(std::move(entry), content); }
  Status add(vault::Entry entry, std::unique_ptr<vault::ContentWriter> content) override {
    HF_ASSIGN(const vault::Content whole, content->finish());
    return below_->add(std::move(entry), whole);
  }
  Result<vault::SnapshotInfo> commit(const std::map<std::string, std::string>& attributes, bool partial) override {
    return below_->commit(attributes, partial);
  }
  void abandon() override { below_->abandon(); }
  vault::BackupProgress progress() const override { return below_->progress(); }
  std::function<void()> hook;

 private:
  std::unique_ptr<vault::BackupSession> below_;
};

struct ChangingTest : ReadingTest {
  static constexpr std::size_t kBytes = 3 << 20;
  const Descriptor file = Place(tree).file("file", std::string(kBytes, 'a'));
  std::unique_ptr<HookedSession> session;
  NameCache names;
  int calls = 0;

  // The file's bytes as the vault has them, or why it has none.
  std::string read(std::function<void()> hook) {
    vault::SnapshotMeta meta;
    meta.host = "alpha";
    session = std::make_unique<HookedSession>(std::move(*repository->begin_backup(std::move(meta))));
    session->hook = std::move(hook);
    FileReader reader(*session, names);
    struct ::stat st{};
    EXPECT_EQ(::fstat(file.get(), &st), 0);
    vault::Entry entry;
    entry.path = "file";
    const Place place(tree);
    auto content = reader.read(place.fd(), "file", st, entry);
    EXPECT_TRUE(content) << content.error().text;
    if (*content == nullptr) return reader.source_error()->text;
    EXPECT_TRUE(session->add(std::move(entry), std::move(*content)));
    auto info = session->commit({}, false);
    auto snapshot = repository->open_snapshot(info->id);
    const Bytes bytes = (*snapshot)->read_whole((*snapshot)->find_entry("file").value(), kBytes * 2).value();
    return {bytes.begin(), bytes.end()};
  }
};

TEST_F(ChangingTest, AFileThatNeverRestsIsRefused) {
  const std::string got = read([&] { EXPECT_EQ(::pwrite(file.get(), "b", 1, ++calls), 1); });
  EXPECT_NE(got.find("changed while it was read"), std::string::npos) << got.substr(0, 100);
}

TEST_F(ChangingTest, AFileThatShrinksAllTheTimeIsRefused) {
  const std::string got = read([&] { EXPECT_EQ(::ftruncate(file.get(), static_cast<off_t>(kBytes) - 50'000 * ++calls), 0); });
  EXPECT_NE(got.find("changed while it was read"), std::string::npos) << got.substr(0, 100);
}

TEST_F(ChangingTest, AFileThatChangedOnceIsReadAgainInOneState) {
  const std::string got = read([&] {
    const bool now = ++calls == 2;
    EXPECT_TRUE(!now || ::pwrite(file.get(), "bbb", 3, 0) == 3);
  });
  EXPECT_GT(calls, 2);
  EXPECT_TRUE(got == "bbb" + std::string(kBytes - 3, 'a'));
  calls = 0;
  const std::string shrunk = read([&] {
    const bool now = ++calls == 1;
    EXPECT_TRUE(!now || ::ftruncate(file.get(), 1'000'000) == 0);
  });
  EXPECT_TRUE(shrunk == "bbb" + std::string(999'997, 'a'));
}

}  // namespace
}  // namespace hf::sources
