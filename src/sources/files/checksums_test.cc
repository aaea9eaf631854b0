// Checksums of a restore are of what lies on the disk, and only where that is what the snapshot holds.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "base/hex.h"
#include "crypto/hash.h"
#include "io/testing_folder.h"
#include "sources/files/files.h"
#include "vault/testing_repository.h"

namespace hf::sources {
namespace {

namespace fs = std::filesystem;

struct ChecksumsTest : ::testing::Test {
  TestFolder folder;
  vault::testing::TestVault vault;
  std::unique_ptr<vault::Repository> repository = vault.open();
  const std::string tree = folder.file("tree");
  const std::string target = folder.file("target");
  std::optional<vault::SnapshotInfo> snapshot;

  void write(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }
  void SetUp() override {
    fs::create_directories(tree);
    write(tree + "/one", "hello");
    write(tree + "/two\nlines", "x");
    write(tree + "/large", std::string(3 << 20, 'l'));
    write(tree + "/sparse", "begin");
    ASSERT_EQ(::truncate((tree + "/sparse").c_str(), 2 << 20), 0);
    ASSERT_EQ(::link((tree + "/one").c_str(), (tree + "/one again").c_str()), 0);
    auto made = backup_tree(*repository, {.paths = {tree}, .host = "alpha"});
    ASSERT_TRUE(made) << made.error().text;
    snapshot = made->snapshot;
    auto reader = repository->open_snapshot(snapshot->id);
    ASSERT_TRUE(restore_tree(**reader, {.target = target}));
  }
  Result<std::string> lines(std::vector<std::string> includes = {}) {
    auto reader = repository->open_snapshot(snapshot->id);
    return checksum_lines(**reader, {.target = target, .includes = std::move(includes)});
  }
  std::string line(const std::string& name, const std::string& content) {
    return to_hex(crypto::sha256(as_bytes(content))) + "  ./" + tree.substr(1) + "/" + name + "\n";
  }
};

TEST_F(ChecksumsTest, AreThoseOfSha256sum) {
  std::string sparse = "begin";
  sparse.resize(2 << 20);
  EXPECT_EQ(lines().value(), line("large", std::string(3 << 20, 'l')) + line("one", "hello") + line("one again", "hello") +
                                 line("sparse", sparse) + "\\" + line("two\\nlines", "x"));
  EXPECT_EQ(lines({"one again"}).value(), line("one again", "hello"));
}

TEST_F(ChecksumsTest, WhatIsNotAsInTheSnapshotHasNone) {
  const auto spoil = [&](const std::string& name, const std::string& text) {
    write(target + tree + "/" + name, text);
    const auto got = lines();
    ASSERT_FALSE(got) << name;
    EXPECT_EQ(got.error().kind, ErrorKind::kCorrupt) << got.error().text;
    EXPECT_NE(got.error().text.find(name.substr(0, 3)), std::string::npos) << got.error().text;
    fs::remove_all(target);
    auto reader = repository->open_snapshot(snapshot->id);
    ASSERT_TRUE(restore_tree(**reader, {.target = target}));
  };
  spoil("one", "hellO");
  spoil("one", "hello and more");
  spoil("large", "short");
  spoil("large", std::string((3 << 20) - 1, 'l') + "L");
  std::string noise = "begin";
  noise.resize((2 << 20) - 1);
  spoil("sparse", noise + "!");                  // where the snapshot has a hole
  fs::remove(target + tree + "/large");
  EXPECT_FALSE(lines());
}

}  // namespace
}  // namespace hf::sources
