// A backup that follows the snapshot before it, without looking up each chunk: where it may, and that in every other case it
// finds out, as if it had looked them up.
#include "vault/backup/vouched.h"

#include <gtest/gtest.h>

#include "io/testing_folder.h"
#include "vault/backup/chunk_store.h"
#include "vault/collect/collect.h"
#include "vault/object/names.h"
#include "vault/testing_repository.h"
#include "vault/tree/tree_record.h"

namespace hf::vault {
namespace {

using testing::TestFile;
using testing::TestVault;

struct VouchedTest : ::testing::Test {
  TestVault vault;
  TestFolder folder;                       // the session's journal takes a lock there
  PosixFiles files;
  std::unique_ptr<Repository> repository;
  std::vector<TestFile> content;

  void SetUp() override {
    Rng rng(1);
    for (int i = 0; i < 300; ++i) {
      content.push_back({"f" + std::to_string(1000 + i), testing::random_bytes(rng, 50 + rng.bounded(3000))});
    }
    repository = open();
  }
  std::unique_ptr<Repository> open() {
    RepositoryContext context = vault.context(vault.store);
    context.local = {&files, folder.path()};
    auto opened = Repository::open(context, vault.credentials);
    return opened ? std::move(*opened) : nullptr;
  }
  struct Made {
    SnapshotInfo info;
    std::size_t unchanged = 0;
  };
  // Every entry as it was, where the session takes it so; else its content is written again.
  Made back_up(const std::optional<SnapshotId>& previous) {
    SnapshotMeta meta;
    meta.host = "alpha";
    meta.previous = previous;
    Made made;
    auto session = repository->begin_backup(meta).value();
    auto reader = previous ? repository->open_snapshot(*previous).value() : nullptr;
    for (const TestFile& file : content) {
      const EntryView* view = reader ? reader->next_view().value() : nullptr;
      if (view != nullptr && session->add_unchanged(*view).value()) {
        ++made.unchanged;
        continue;
      }
      auto written = session->begin_content(ContentKind::kStream).value();
      EXPECT_TRUE(written->write(file.bytes));
      Entry entry;
      entry.path = file.path;
      EXPECT_TRUE(session->add(std::move(entry), std::move(written)));
    }
    made.info = session->commit().value();
    return made;
  }
  void expect_whole(const SnapshotInfo& snapshot) {
    repository = open();
    const auto restored = testing::restore_files(*repository, snapshot.id);
    ASSERT_TRUE(restored) << restored.error().text;
    ASSERT_EQ(restored->size(), content.size());
    for (std::size_t i = 0; i < content.size(); ++i) EXPECT_EQ((*restored)[i].bytes, content[i].bytes) << content[i].path;
  }
  Result<bool> vouches(const SnapshotId& snapshot) {
    const Repository::Core& core = repository->core();
    SnapshotMeta meta;
    meta.host = "alpha";
    const auto vouched = read_vouched(core, meta);
    if (!vouched || vouched->snapshot != snapshot) return false;
    HF_ASSIGN(const auto lease, Lease::open(core));
    HF_ASSIGN(const auto chunks, ChunkStore::open(core, *lease));
    auto answer = chunks->vouches(*vouched);
    lease->give_up();
    return answer;
  }
  std::vector<std::string> objects(std::string_view prefix) {
    std::vector<std::string> out;
    for (const auto& [name, bytes] : vault.store.snapshot()) {
      if (name.starts_with(prefix)) out.push_back(name);
    }
    return out;
  }
};

TEST_F(VouchedTest, WhatDidNotChangeIsVouchedForSnapshotAfterSnapshot) {
  const Made first = back_up({});
  EXPECT_TRUE(vouches(first.info.id).value());
  const Made second = back_up(first.info.id);
  EXPECT_EQ(second.unchanged, content.size());
  EXPECT_EQ(second.info.stored_bytes, 0u);
  EXPECT_TRUE(vouches(second.info.id).value());
  EXPECT_FALSE(vouches(first.info.id).value());            // the newest alone
  expect_whole(back_up(second.info.id).info);
}

TEST_F(VouchedTest, APackThatIsGoneIsStoredAgain) {
  const Made first = back_up({});
  for (const std::string& pack : objects("packs/")) {
    const Bytes bytes = vault.store.snapshot().at(pack);
    const auto opened = decode_header(bytes, ObjectKind::kPack, pack);
    if ((opened->header.flags & kFlagMetadata) != 0) continue;
    ASSERT_TRUE(vault.store.remove(pack));
  }
  EXPECT_FALSE(vouches(first.info.id).value());
  const Made second = back_up(first.info.id);
  EXPECT_EQ(second.unchanged, 0u);
  expect_whole(second.info);
}

TEST_F(VouchedTest, ARunThatIsGoneIsNotMissed) {
  const Made first = back_up({});
  content.push_back({"g", Bytes(900, 7)});
  const Made second = back_up(first.info.id);              // a run of its own
  ASSERT_EQ(objects("index/").size(), 2u);
  EXPECT_TRUE(vouches(second.info.id).value());
  for (const std::string& run : objects("index/")) {
    const auto before = vault.store.snapshot();
    ASSERT_TRUE(vault.store.remove(run));
    EXPECT_FALSE(vouches(second.info.id).value());
    vault.store.set(run, before.at(run));
  }
  EXPECT_TRUE(vouches(second.info.id).value());
}

TEST_F(VouchedTest, AnEpochThatCameSinceEndsIt) {
  const Made first = back_up({});
  Epoch epoch;
  epoch.number = 1;
  for (const std::string& pack : objects("packs/")) epoch.condemned.push_back({*parse_pack_name(pack), 1});
  std::ranges::sort(epoch.condemned, {}, &Condemned::pack);
  ASSERT_TRUE(publish_epoch(repository->core(), epoch));
  EXPECT_FALSE(vouches(first.info.id).value());
  const Made second = back_up(first.info.id);
  EXPECT_EQ(second.unchanged, 0u);                         // each chunk lies in condemned packs alone
  EXPECT_TRUE(vouches(second.info.id).value());
  for (const Condemned& c : epoch.condemned) ASSERT_TRUE(vault.store.remove(pack_object_name(c.pack)));   // as a collector will
  expect_whole(second.info);
}

// An epoch of the same number in a store that was put back is another one.
TEST_F(VouchedTest, TheSameNumberIsNotTheSameEpoch) {
  Epoch epoch;
  epoch.number = 1;
  epoch.nonce.fill(1);
  ASSERT_TRUE(publish_epoch(repository->core(), epoch));
  const std::string name = objects("epoch/").front();
  const Made first = back_up({});
  EXPECT_TRUE(vouches(first.info.id).value());
  ASSERT_TRUE(vault.store.remove(name));
  epoch.nonce.fill(2);
  ASSERT_TRUE(publish_epoch(repository->core(), epoch));
  EXPECT_FALSE(vouches(first.info.id).value());
}

TEST_F(VouchedTest, WhatIsDamagedIsNotBelieved) {
  const Made first = back_up({});
  const auto listed = files.list(folder.file("vouched"));
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 1u);
  const std::string path = folder.file("vouched/" + listed->front().name);
  Bytes bytes = read_file(files, path, 1 << 20).value();
  for (std::size_t at = 0; at < bytes.size(); at += 7) {
    bytes[at] ^= 1;
    ASSERT_TRUE(write_file_atomic(files, path, bytes));
    EXPECT_FALSE(vouches(first.info.id).value()) << at;
    bytes[at] ^= 1;
  }
  ASSERT_TRUE(write_file_atomic(files, path, bytes));
  EXPECT_TRUE(vouches(first.info.id).value());
}

// Entries of a tree that is not vouched for are looked up, whatever else is.
TEST_F(VouchedTest, AnotherTreesEntriesAreLookedUp) {
  const Made first = back_up({});
  ASSERT_TRUE(vouches(first.info.id).value());
  SnapshotMeta meta;
  meta.host = "alpha";
  meta.previous = first.info.id;
  auto session = repository->begin_backup(meta).value();
  EntryView other;                                         // of a chunk that the vault does not have
  Entry entry;
  entry.path = "f1000";
  entry.size = 1;
  entry.extents = {Extent{0, 1, false, ChunkId{}, 0, 1}};
  const Bytes record = encode_entry_record(entry);
  std::uint64_t total = 0;
  ASSERT_TRUE(decode_entry_view(record, other, total));
  TreePlace place{crypto::sha256({}), std::make_shared<const Bytes>(record), {}, 0, record.size(), false};
  other.place = &place;
  EXPECT_FALSE(session->add_unchanged(other).value());
  session->abandon();
}

}  // namespace
}  // namespace hf::vault
