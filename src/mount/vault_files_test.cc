// What a mounted vault answers, asked as the kernel asks, without a kernel: names, attributes, contents, and what is read.
#include "mount/vault_files.h"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include "base/hex.h"
#include "vault/store/testing_counting_store.h"
#include "vault/testing_repository.h"

namespace hf::mount {
namespace {

using vault::Entry;
using vault::EntryType;

Entry make(const std::string& path, EntryType type, std::uint32_t mode) {
  Entry e;
  e.path = path;
  e.type = type;
  e.mode = mode;
  e.uid = 1000;
  e.gid = 1001;
  e.mtime = {-5, 123'456'789};
  e.ctime = {1'700'000'000, 1};
  return e;
}

struct VaultFilesTest : ::testing::Test {
  vault::testing::TestVault vault;
  vault::CountingStore store{vault.store};
  std::unique_ptr<vault::Repository> repository = vault.open(&store);
  Bytes large = [] {
    Rng rng(3);
    return vault::testing::random_bytes(rng, 40 << 20);
  }();
  std::unique_ptr<VaultFiles> files;

  vault::SnapshotInfo back_up(const std::string& host, const std::string& text) {
    vault::SnapshotMeta meta;
    meta.host = host;
    auto session = std::move(*repository->begin_backup(std::move(meta)));
    const auto add = [&](Entry e, ByteView bytes) {
      auto content = std::move(*session->begin_content(vault::ContentKind::kStream));
      EXPECT_TRUE(content->write(bytes));
      EXPECT_TRUE(session->add(std::move(e), std::move(content)));
    };
    const auto bare = [&](Entry e) { EXPECT_TRUE(session->add(e)) << e.path; };
    bare(make("etc", EntryType::kDirectory, 0755));
    Entry first = make("etc/first", EntryType::kFile, 0640);
    first.link_group = 1;
    add(first, as_bytes(text));
    Entry link = make("etc/link", EntryType::kSymlink, 0777);
    link.target = "../somewhere";
    bare(link);
    Entry second = make("etc/second", EntryType::kHardLink, 0640);
    second.link_group = 1;
    second.target = "etc/first";
    bare(second);
    bare(make("etc/sub", EntryType::kDirectory, 01777));
    for (int i = 100; i < 400; ++i) bare(make("etc/sub/f" + std::to_string(i), EntryType::kFifo, 0600));
    bare(make("etc/sub!", EntryType::kDirectory, 0755));
    Entry noted = make("etc/z", EntryType::kFile, 04755);
    noted.xattrs = {{"security.capability", Bytes{1, 2, 3}}, {"user.note", Bytes{'x'}}};
    add(noted, {});
    add(make("large", EntryType::kFile, 0600), host == "alpha" ? ByteView(large) : ByteView());
    Entry null = make("null", EntryType::kCharDevice, 0666);
    null.rdev = 0x103;
    bare(null);
    auto sparse = std::move(*session->begin_content(vault::ContentKind::kStream));
    EXPECT_TRUE(sparse->write(as_bytes("begin")));
    EXPECT_TRUE(sparse->hole(5'000'000'000));
    EXPECT_TRUE(sparse->write(as_bytes("end")));
    EXPECT_TRUE(session->add(make("sparse", EntryType::kFile, 0600), std::move(sparse)));
    auto info = session->commit();
    EXPECT_TRUE(info) << info.error().text;
    vault.clock.advance(Micros(1'000'000));
    return *info;
  }
  void open(VaultFilesOptions options = {}) {
    auto opened = VaultFiles::open(*repository, options);
    ASSERT_TRUE(opened) << opened.error().text;
    files = std::move(*opened);
  }
  // The node at a path from the top; 0 if there is none. Links are not followed.
  NodeId at(const std::string& path) {
    NodeId node = kTop;
    for (std::size_t begin = 0; begin < path.size();) {
      const std::size_t end = std::min(path.find('/', begin), path.size());
      const auto next = files->lookup(node, path.substr(begin, end - begin));
      if (!next) {
        EXPECT_EQ(next.error().kind, ErrorKind::kNotFound) << next.error().text;
        return 0;
      }
      node = *next;
      begin = end + 1;
    }
    return node;
  }
  std::string names(const std::string& path) {
    std::string out;
    const auto listed = files->list(at(path)).value();
    for (const NameInFolder& name : listed) out += (out.empty() ? "" : " ") + name.name;
    return out;
  }
  std::string read(const std::string& path, std::uint64_t offset, std::size_t length) {
    const auto handle = files->open_file(at(path));
    EXPECT_TRUE(handle) << handle.error().text;
    const auto bytes = files->read(*handle, offset, length);
    EXPECT_TRUE(bytes) << bytes.error().text;
    files->close_file(*handle);
    return {bytes->begin(), bytes->end()};
  }
};

TEST_F(VaultFilesTest, SnapshotsByIdTimeAndHost) {
  const auto first = back_up("alpha", "one"), second = back_up("beta/../..", "two"), third = back_up("alpha", "three");
  open();
  const auto id = [](const vault::SnapshotInfo& info) { return to_hex(info.id).substr(0, 12); };
  EXPECT_EQ(names(""), "hosts snapshots times latest");
  EXPECT_EQ(names("snapshots"), id(first) + " latest " + id(second) + " " + id(third));
  EXPECT_EQ(names("hosts"), "alpha beta_.._..");
  EXPECT_EQ(names("hosts/alpha"), format_time(first.finished) + " latest " + format_time(third.finished));
  EXPECT_EQ(names("times"),
            format_time(first.finished) + " latest " + format_time(second.finished) + " " + format_time(third.finished));
  EXPECT_EQ(files->link_target(at("latest")).value(), "snapshots/" + id(third));
  EXPECT_EQ(files->link_target(at("snapshots/latest")).value(), id(third));
  EXPECT_EQ(files->link_target(at("times/latest")).value(), "../snapshots/" + id(third));
  EXPECT_EQ(files->link_target(at("hosts/beta_.._../latest")).value(), "../../snapshots/" + id(second));
  EXPECT_EQ(files->link_target(at("times/" + format_time(first.finished))).value(), "../snapshots/" + id(first));
  EXPECT_EQ(at("snapshots/000000000000"), 0u);
  EXPECT_EQ(at("hosts/gamma"), 0u);
  EXPECT_EQ(files->attributes(at("latest"))->mode & S_IFMT, static_cast<std::uint32_t>(S_IFLNK));
  EXPECT_EQ(files->attributes(at("snapshots/" + id(first)))->mode, S_IFDIR | 0555u);
}

TEST_F(VaultFilesTest, AnEmptyVaultHasNoLatest) {
  open();
  EXPECT_EQ(names(""), "hosts snapshots times");
  EXPECT_EQ(names("snapshots"), "");
}

TEST_F(VaultFilesTest, AttributesLinksAndOddThings) {
  const std::string s = "snapshots/" + to_hex(back_up("alpha", "hello").id).substr(0, 12);
  open();
  EXPECT_EQ(names(s), "etc large null sparse");
  EXPECT_EQ(names(s + "/etc"), "first link second sub sub! z");
  EXPECT_EQ(files->list(at(s + "/etc/sub"))->size(), 300u);
  EXPECT_EQ(names(s + "/etc/sub!"), "");
  const Attributes first = files->attributes(at(s + "/etc/first")).value();
  EXPECT_EQ(first.mode, S_IFREG | 0640u);
  EXPECT_EQ(first.uid, 1000u);
  EXPECT_EQ(first.gid, 1001u);
  EXPECT_EQ(first.links, 2u);
  EXPECT_EQ(first.size, 5u);
  EXPECT_EQ(first.mtime, (vault::FileTime{-5, 123'456'789}));
  EXPECT_EQ(first.ctime, (vault::FileTime{1'700'000'000, 1}));
  EXPECT_EQ(at(s + "/etc/second"), at(s + "/etc/first"));
  EXPECT_EQ(files->attributes(at(s + "/etc/z"))->links, 1u);
  EXPECT_EQ(files->attributes(at(s + "/etc/z"))->mode, S_IFREG | 04755u);
  EXPECT_EQ(files->attributes(at(s + "/null"))->mode, S_IFCHR | 0666u);
  EXPECT_EQ(files->attributes(at(s + "/null"))->rdev, 0x103u);
  EXPECT_EQ(files->link_target(at(s + "/etc/link")).value(), "../somewhere");
  EXPECT_EQ(files->attributes(at(s + "/etc/link"))->size, 12u);
  EXPECT_EQ(files->xattrs(at(s + "/etc/z")).value(),
            (std::vector<vault::Xattr>{{"security.capability", Bytes{1, 2, 3}}, {"user.note", Bytes{'x'}}}));
  EXPECT_TRUE(files->xattrs(at(s))->empty());
  EXPECT_EQ(files->attributes(at(s + "/sparse"))->size, 5'000'000'008u);
  EXPECT_EQ(files->attributes(at(s + "/sparse"))->data_bytes, 8u);
  EXPECT_EQ(files->link_target(at(s + "/etc")).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(files->open_file(at(s + "/etc")).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(files->open_file(kTop).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(at(s + "/etc/absent"), 0u);
  EXPECT_EQ(at(s + "/etc/first/below"), 0u);
}

TEST_F(VaultFilesTest, ContentsByAnyRange) {
  const std::string s = "snapshots/" + to_hex(back_up("alpha", "hello").id).substr(0, 12);
  open();
  EXPECT_EQ(read(s + "/etc/second", 0, 100), "hello");
  EXPECT_EQ(read(s + "/etc/first", 3, 1), "l");
  EXPECT_EQ(read(s + "/etc/first", 5, 10), "");
  EXPECT_EQ(read(s + "/etc/first", 1u << 30, 10), "");
  EXPECT_EQ(read(s + "/etc/z", 0, 10), "");
  EXPECT_EQ(read(s + "/sparse", 2, 8), std::string("gin") + std::string(5, '\0'));
  EXPECT_EQ(read(s + "/sparse", 5'000'000'003, 100), std::string(2, '\0') + "end");
  const std::string all(large.begin(), large.end());
  Rng rng(5);
  for (int i = 0; i < 60; ++i) {
    const std::uint64_t offset = rng.bounded(all.size());
    const auto length = static_cast<std::size_t>(rng.bounded(131'072));
    ASSERT_TRUE(read(s + "/large", offset, length) == all.substr(offset, length)) << offset << " " << length;
  }
}

TEST_F(VaultFilesTest, ReadsWhatItNeedsAndKeepsLittle) {
  const std::string s = "snapshots/" + to_hex(back_up("alpha", "hello").id).substr(0, 12);
  open({.cache_bytes = 10u << 20});
  const auto handle = files->open_file(at(s + "/large")).value();
  store.bytes = 0;
  ASSERT_TRUE(files->read(handle, 30 << 20, 4096));
  EXPECT_LE(store.bytes, 5u << 20);                        // one chunk, at most 4 MiB, and a seal
  const std::uint64_t once = store.bytes;
  ASSERT_TRUE(files->read(handle, (30 << 20) + 4096, 4096));
  EXPECT_LE(store.bytes, once + (5u << 20));
  store.bytes = 0;
  for (std::uint64_t offset = 0; offset < large.size(); offset += 131'072) {
    ASSERT_TRUE(files->read(handle, offset, 131'072));
    ASSERT_LE(files->cached_bytes(), 10u << 20);
  }
  EXPECT_LE(store.bytes, large.size() + (1u << 20));       // in order: each chunk once
  ASSERT_TRUE(files->read(handle, 0, 4096));
  ASSERT_TRUE(files->read(handle, 20 << 20, 4096));
  store.bytes = 0;
  ASSERT_TRUE(files->read(handle, 4096, 4096));           // both are still known
  ASSERT_TRUE(files->read(handle, (20 << 20) + 1, 4096));
  EXPECT_EQ(store.bytes, 0u);
  const auto sparse = files->open_file(at(s + "/sparse")).value();
  store.bytes = 0;
  ASSERT_TRUE(files->read(sparse, 2'000'000'000, 1 << 20));
  EXPECT_EQ(store.bytes, 0u);                              // a hole is nowhere
}

TEST_F(VaultFilesTest, NodesAreForgottenAndSnapshotsClosed) {
  std::vector<std::string> tops;
  for (int i = 0; i < 6; ++i)
    tops.push_back("snapshots/" + to_hex(back_up("beta", "text " + std::to_string(i)).id).substr(0, 12));
  open({.open_snapshots = 2});
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(read(tops[i] + "/etc/first", 0, 99), "text " + std::to_string(i));
  }
  store.bytes = 0;
  EXPECT_EQ(read(tops[5] + "/etc/first", 0, 99), "text 5");
  EXPECT_EQ(store.bytes, 0u);                              // open, and all of it known
  EXPECT_EQ(read(tops[0] + "/etc/first", 0, 99), "text 0");
  EXPECT_GT(store.bytes, 0u);                              // closed since
  const std::size_t before = files->known_nodes();
  const NodeId folder = at(tops[0] + "/etc");
  const NodeId node = files->lookup(folder, "z").value();
  EXPECT_EQ(files->lookup(folder, "z").value(), node);
  EXPECT_EQ(files->known_nodes(), before + 1);
  files->forget(node, 1);
  EXPECT_TRUE(files->attributes(node));
  files->forget(node, 1);
  EXPECT_EQ(files->attributes(node).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(files->known_nodes(), before);
  files->forget(kTop, 1'000'000);
  EXPECT_TRUE(files->attributes(kTop));
}

TEST_F(VaultFilesTest, DamageIsAnErrorOfThatFileAlone) {
  const std::string s = "snapshots/" + to_hex(back_up("alpha", "hello").id).substr(0, 12);
  for (const auto& [name, bytes] : vault.store.snapshot()) {
    if (!name.starts_with("packs/") || bytes.size() < (16u << 20)) continue;
    Bytes flipped = bytes;
    for (std::size_t i = 2u << 20; i < (3u << 20); ++i) flipped[i] ^= 1;
    vault.store.set(name, flipped);
  }
  open();
  const auto handle = files->open_file(at(s + "/large")).value();
  std::size_t good = 0, bad = 0;
  for (std::uint64_t offset = 0; offset < large.size(); offset += 65'536) {
    const auto bytes = files->read(handle, offset, 65'536);
    if (bytes) {
      ASSERT_TRUE(std::ranges::equal(*bytes, ByteView(large).subspan(offset, bytes->size())));
      ++good;
    } else {
      EXPECT_EQ(bytes.error().kind, ErrorKind::kCorrupt);
      ++bad;
    }
  }
  EXPECT_GT(bad, 0u);
  EXPECT_GT(good, bad);
  EXPECT_EQ(read(s + "/etc/z", 0, 9), "");
}

}  // namespace
}  // namespace hf::mount
