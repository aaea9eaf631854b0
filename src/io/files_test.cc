// One suite for the real files and for those in memory, then what only one of them can do.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "base/check.h"
#include "io/descriptor.h"
#include "io/files.h"
#include "io/testing_files.h"
#include "io/testing_folder.h"

namespace hf {
namespace {

struct Place {
  TestFolder folder;
  std::unique_ptr<Files> files;
  std::string root;
};

std::unique_ptr<Place> make_place(const std::string& kind) {
  auto place = std::make_unique<Place>();
  if (kind == "posix") {
    place->files = std::make_unique<PosixFiles>();
    place->root = place->folder.path();
  } else {
    place->files = std::make_unique<MemoryFiles>();
    place->root = "/root";
    HF_CHECK(place->files->make_dirs(place->root).has_value());
  }
  return place;
}

struct FilesTest : ::testing::TestWithParam<const char*> {
  std::unique_ptr<Place> place = make_place(GetParam());
  Files& files = *place->files;
  std::string at(const std::string& name) const { return place->root + "/" + name; }
  void put(const std::string& name, std::string_view text) {
    ASSERT_TRUE(write_file_atomic(files, at(name), as_bytes(text)));
  }
  std::string get(const std::string& name) {
    auto bytes = read_file(files, at(name), 1000);
    return bytes ? to_text(*bytes) : "error: " + std::string(to_string(bytes.error().kind));
  }
  std::string names(const std::string& folder) {
    std::string out;
    const auto entries = files.list(folder).value();
    for (const DirectoryEntry& e : entries) out += e.name + (e.is_directory ? "/ " : " ");
    return out;
  }
};
INSTANTIATE_TEST_SUITE_P(Kinds, FilesTest, ::testing::Values("posix", "memory"),
                         [](const auto& kind) { return std::string(kind.param); });

TEST_P(FilesTest, ReadWriteTruncate) {
  auto file = files.open(at("f"), OpenMode::kCreateNew);
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->write_at(3, as_bytes("abc")));
  EXPECT_EQ((*file)->size().value(), 6U);
  Bytes buffer(10);
  EXPECT_EQ((*file)->read_at(2, buffer).value(), 4U);
  EXPECT_EQ(to_text(ByteView(buffer).first(4)), std::string("\0abc", 4));
  EXPECT_EQ((*file)->read_at(6, buffer).value(), 0U);
  EXPECT_EQ((*file)->read_at(60, buffer).value(), 0U);
  ASSERT_TRUE((*file)->truncate(4));
  EXPECT_EQ(get("f"), std::string("\0\0\0a", 4));
  EXPECT_TRUE((*file)->sync());
}

// The memory of a process where nothing is mapped: the kernel says EIO, as of a bad sector.
TEST(PosixFiles, WhatTheDiskCannotReadIsDamage) {
  PosixFiles files;
  auto file = files.open("/proc/self/mem", OpenMode::kRead);
  ASSERT_TRUE(file) << file.error().text;
  Bytes buffer(10);
  const auto read = (*file)->read_at(0, buffer);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(read.error().text, "reading /proc/self/mem: Input/output error");
}

TEST_P(FilesTest, OpenModes) {
  EXPECT_EQ(files.open(at("f"), OpenMode::kRead).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(files.open(at("f"), OpenMode::kReadWrite).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(files.open(at("no/f"), OpenMode::kCreate).error().kind, ErrorKind::kNotFound);
  EXPECT_NE(files.open(at("f"), OpenMode::kRead).error().text.find(at("f")), std::string::npos);
  ASSERT_TRUE(files.open(at("f"), OpenMode::kCreate));
  ASSERT_TRUE(files.open(at("f"), OpenMode::kCreate));
  EXPECT_EQ(files.open(at("f"), OpenMode::kCreateNew).error().kind, ErrorKind::kExists);
  auto reader = files.open(at("f"), OpenMode::kRead);
  ASSERT_TRUE(reader);
  EXPECT_FALSE((*reader)->write_at(0, as_bytes("x")));
}

// Opening a FIFO waits for its other end, which may never come.
TEST(PosixFilesTest, WhatIsNoFileIsRefusedAtOnce) {
  TestFolder folder;
  PosixFiles files;
  ASSERT_EQ(::mkfifo(folder.file("fifo").c_str(), 0600), 0);
  const Descriptor bound(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{AF_UNIX, {}};
  folder.file("socket").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(bound.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  for (const std::string& path : {folder.file("fifo"), folder.file("socket"), std::string("/dev/null")}) {
    for (const OpenMode mode : {OpenMode::kRead, OpenMode::kReadWrite, OpenMode::kCreate}) {
      const auto opened = files.open(path, mode);
      ASSERT_FALSE(opened) << path;
      EXPECT_EQ(opened.error().kind, ErrorKind::kInvalid) << opened.error().text;
      EXPECT_NE(opened.error().text.find(path + ": it is not a regular file"), std::string::npos);
    }
  }
}

// As a file server has one while a client caches the file: the opener waits until its holder gives it up.
TEST(PosixFilesTest, ALeaseIsWaitedFor) {
  TestFolder folder;
  PosixFiles files;
  ASSERT_TRUE(write_file_atomic(files, folder.file("f"), as_bytes("x")));
  const Descriptor holder(::open(folder.file("f").c_str(), O_RDONLY | O_CLOEXEC));
  std::signal(SIGIO, SIG_IGN);
  ASSERT_EQ(::fcntl(holder.get(), F_SETLEASE, F_RDLCK), 0) << "the file system of /tmp has no leases";
  std::jthread gives_up([&] {
    while (::fcntl(holder.get(), F_GETLEASE) == F_RDLCK) ::usleep(1000);  // it changes once somebody waits
    ::fcntl(holder.get(), F_SETLEASE, F_UNLCK);
  });
  EXPECT_TRUE(files.open(folder.file("f"), OpenMode::kReadWrite));
}

TEST_P(FilesTest, FoldersListMoveRemove) {
  ASSERT_TRUE(files.make_dirs(at("a/b/c")));
  ASSERT_TRUE(files.make_dirs(at("a/b/c")));
  put("a/z", "1");
  put("a/y", "2");
  EXPECT_EQ(names(at("a")), "b/ y z ");
  EXPECT_FALSE(files.make_dirs(at("a/z/under")));
  EXPECT_TRUE(files.stat(at("a"))->is_directory);
  EXPECT_EQ(files.stat(at("a/z"))->size, 1U);
  EXPECT_EQ(files.move(at("a/z"), at("a/y"), IfExists::kFail).error().kind, ErrorKind::kExists);
  EXPECT_EQ(get("a/y"), "2");
  ASSERT_TRUE(files.move(at("a/z"), at("a/y"), IfExists::kReplace));
  EXPECT_EQ(get("a/y"), "1");
  ASSERT_TRUE(files.move(at("a/y"), at("a/x"), IfExists::kFail));
  ASSERT_TRUE(files.move(at("a/b"), at("b2"), IfExists::kFail));
  EXPECT_EQ(names(at("a")), "x ");
  EXPECT_EQ(names(at("b2")), "c/ ");
  EXPECT_FALSE(files.remove(at("a")));
  ASSERT_TRUE(files.remove(at("a/x")));
  ASSERT_TRUE(files.remove(at("a")));
  EXPECT_EQ(files.remove(at("a")).error().kind, ErrorKind::kNotFound);
  EXPECT_TRUE(files.sync_dir(place->root));
  EXPECT_EQ(files.sync_dir(at("no")).error().kind, ErrorKind::kNotFound);
}

TEST_P(FilesTest, AtomicWriteReplacesAndAtomicCreateDoesNot) {
  put("f", "old");
  put("f", "new");
  EXPECT_EQ(get("f"), "new");
  EXPECT_EQ(create_file_atomic(files, at("f"), as_bytes("other")).error().kind, ErrorKind::kExists);
  EXPECT_EQ(get("f"), "new");
  ASSERT_TRUE(create_file_atomic(files, at("g"), as_bytes("first")));
  EXPECT_EQ(get("g"), "first");
  EXPECT_EQ(names(place->root), "f g ") << "a temporary was left";
  EXPECT_TRUE(file_exists(files, at("g")));
  EXPECT_FALSE(file_exists(files, at("h")));
}

TEST_P(FilesTest, ReadFileHasALimit) {
  put("f", std::string(1000, 'x'));
  EXPECT_EQ(read_file(files, at("f"), 1000)->size(), 1000U);
  EXPECT_EQ(read_file(files, at("f"), 999).error().kind, ErrorKind::kExhausted);
  put("big", std::string(300'000, 'y'));
  EXPECT_EQ(read_file(files, at("big"), 1 << 20)->size(), 300'000U);
}

TEST_P(FilesTest, OneOfManyCreatorsWins) {
  std::atomic<int> winners = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] {
        Status made = create_file_atomic(files, at("f"), as_bytes(std::to_string(i)));
        if (made) ++winners;
        else EXPECT_EQ(made.error().kind, ErrorKind::kExists);
      });
    }
  }
  EXPECT_EQ(winners, 1);
}

TEST_P(FilesTest, EveryFailingCallOfAnAtomicWriteLeavesTheOldOrTheNew) {
  FaultyFiles faulty(files);
  ASSERT_TRUE(write_file_atomic(faulty, at("f"), as_bytes("first")));
  const std::size_t calls = faulty.calls();
  EXPECT_EQ(calls, 5U);  // open, write, sync, move, sync_dir
  for (const bool torn : {false, true}) {
    for (std::size_t n = 0; n < calls; ++n) {
      put("f", "old");
      faulty.set_fault({.at = n, .kind = ErrorKind::kExhausted, .torn = torn});
      Status written = write_file_atomic(faulty, at("f"), as_bytes("new"));
      ASSERT_FALSE(written) << n;
      EXPECT_TRUE(faulty.fired());
      EXPECT_EQ(written.error().kind, ErrorKind::kExhausted);
      const bool visible = get("f") == "new";
      EXPECT_TRUE(visible || get("f") == "old");
      EXPECT_EQ(written.error().effect == Effect::kMaybe, visible) << n;
      EXPECT_EQ(names(place->root), "f ");
    }
  }
}

TEST_P(FilesTest, RemoveTree) {
  ASSERT_TRUE(files.make_dirs(at("a/b/c")));
  put("a/b/f", "1");
  put("a/g", "2");
  ASSERT_TRUE(remove_tree(files, at("a")));
  EXPECT_FALSE(file_exists(files, at("a")));
  ASSERT_TRUE(remove_tree(files, at("a")));
}

TEST(Paths, ParentAndJoin) {
  EXPECT_EQ(parent_path("/a/b"), "/a");
  EXPECT_EQ(parent_path("/a/b/"), "/a");
  EXPECT_EQ(parent_path("/a//b"), "/a");
  EXPECT_EQ(parent_path("/a"), "/");
  EXPECT_EQ(parent_path("/"), "/");
  EXPECT_EQ(parent_path("a"), ".");
  EXPECT_EQ(join_path("/a", "b"), "/a/b");
  EXPECT_EQ(join_path("/", "b"), "/b");
  EXPECT_EQ(join_path("", "b"), "b");
}

TEST(PosixFiles, RemoveTreeDoesNotFollowLinks) {
  TestFolder folder;
  PosixFiles files;
  ASSERT_TRUE(files.make_dirs(folder.file("kept")));
  ASSERT_TRUE(write_file_atomic(files, folder.file("kept/f"), as_bytes("1")));
  ASSERT_TRUE(files.make_dirs(folder.file("gone")));
  std::filesystem::create_directory_symlink(folder.file("kept"), folder.file("gone/link"));
  ASSERT_TRUE(remove_tree(files, folder.file("gone")));
  EXPECT_TRUE(file_exists(files, folder.file("kept/f")));
  std::filesystem::create_directory_symlink(folder.file("kept"), folder.file("link"));
  ASSERT_TRUE(remove_tree(files, folder.file("link")));
  EXPECT_TRUE(file_exists(files, folder.file("kept/f")));
}

TEST(PosixFiles, ReadsFilesThatDoNotKnowTheirSize) {
  PosixFiles files;
  auto text = read_file(files, "/proc/self/status", 1 << 20);
  ASSERT_TRUE(text);
  EXPECT_NE(to_text(*text).find("Pid:"), std::string::npos);
}

TEST(MemoryFiles, CrashLosesWhatWasNotSynced) {
  MemoryFiles files;
  ASSERT_TRUE(files.make_dirs("/d", 0700));
  auto file = files.open("/d/f", OpenMode::kCreateNew, 0600).value();
  ASSERT_TRUE(file->write_at(0, as_bytes("synced")));
  ASSERT_TRUE(file->sync());
  ASSERT_TRUE(file->write_at(6, as_bytes(" not")));
  auto unnamed = files.open("/d/g", OpenMode::kCreateNew, 0600).value();
  ASSERT_TRUE(files.sync_dir("/d"));
  auto nameless = files.open("/d/h", OpenMode::kCreateNew, 0600).value();
  ASSERT_TRUE(nameless->sync());
  files.crash();
  EXPECT_EQ(to_text(read_file(files, "/d/f", 100).value()), "synced");
  EXPECT_EQ(to_text(read_file(files, "/d/g", 100).value()), "");
  EXPECT_FALSE(file_exists(files, "/d/h"));
  EXPECT_FALSE(file->write_at(0, as_bytes("x"))) << "a file from before the crash was still usable";
}

TEST(MemoryFiles, AtomicWriteSurvivesACrashAndARenameWithoutSyncDoesNot) {
  MemoryFiles files;
  ASSERT_TRUE(files.make_dirs("/d", 0700));
  ASSERT_TRUE(write_file_atomic(files, "/d/f", as_bytes("1")));
  files.crash();
  EXPECT_EQ(to_text(read_file(files, "/d/f", 100).value()), "1");
  ASSERT_TRUE(files.move("/d/f", "/d/g", IfExists::kReplace));
  files.crash();
  EXPECT_TRUE(file_exists(files, "/d/f"));
  EXPECT_FALSE(file_exists(files, "/d/g"));
}

TEST(MemoryFiles, PartialCrashKeepsSyncedBytesOfAFileThatOnlyGrew) {
  int kept_some = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    MemoryFiles files;
    Rng rng(seed);
    auto file = files.open("/f", OpenMode::kCreateNew, 0600).value();
    ASSERT_TRUE(file->write_at(0, as_bytes("abc")));
    ASSERT_TRUE(file->sync());
    ASSERT_TRUE(files.sync_dir("/"));
    ASSERT_TRUE(file->write_at(3, as_bytes("def")));
    files.crash(rng);
    const std::string text = to_text(read_file(files, "/f", 100).value());
    ASSERT_TRUE(std::string("abcdef").starts_with(text) && text.size() >= 3) << text;
    kept_some += text.size() > 3 ? 1 : 0;
  }
  EXPECT_GT(kept_some, 0);
  EXPECT_LT(kept_some, 200);
}

TEST(FaultyFiles, FailsExactlyTheNthCallOrAllFromItOn) {
  MemoryFiles memory;
  FaultyFiles files(memory, {.at = 1, .kind = ErrorKind::kExhausted});
  EXPECT_TRUE(files.make_dirs("/d", 0700));
  EXPECT_EQ(files.sync_dir("/d").error().kind, ErrorKind::kExhausted);
  EXPECT_TRUE(files.sync_dir("/d"));
  EXPECT_EQ(files.calls(), 3U);
  EXPECT_EQ(files.trace()[1], "sync_dir /d");
  files.set_fault({.at = 0, .for_ever = true});
  EXPECT_FALSE(files.sync_dir("/d"));
  EXPECT_FALSE(files.stat("/d"));
}

TEST(FaultyFiles, TornWriteAndLostAnswer) {
  MemoryFiles memory;
  FaultyFiles files(memory, {.at = 1, .torn = true});
  auto file = files.open("/f", OpenMode::kCreateNew, 0600).value();
  Status torn = file->write_at(0, as_bytes("abcdef"));
  ASSERT_FALSE(torn);
  EXPECT_EQ(torn.error().effect, Effect::kMaybe);
  EXPECT_EQ(to_text(read_file(memory, "/f", 100).value()), "abc");
  files.set_fault({.at = 0, .after = true});
  Status moved = files.move("/f", "/g", IfExists::kFail);
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.error().effect, Effect::kMaybe);
  EXPECT_TRUE(file_exists(memory, "/g"));
}

}  // namespace
}  // namespace hf
