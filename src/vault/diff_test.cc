// What two snapshots differ in, change by change, and that it is found without reading a content.
#include "vault/diff.h"

#include <gtest/gtest.h>

#include "vault/stats.h"
#include "vault/testing_repository.h"

namespace hf::vault {
namespace {

struct DiffTest : ::testing::Test {
  testing::TestVault vault;
  std::unique_ptr<Repository> repository = vault.open();
  std::vector<Entry> entries;

  Entry& add(const std::string& path, EntryType type = EntryType::kFile) {
    Entry e;
    e.path = path;
    e.type = type;
    e.mode = 0644;
    e.mtime = {1000, 5};
    return entries.emplace_back(std::move(e));
  }
  // Files get their target as content: links have no use for it here.
  SnapshotInfo back_up(std::uint64_t ctime) {
    SnapshotMeta meta;
    meta.host = "alpha";
    meta.paths = {"/top/data"};
    auto session = std::move(*repository->begin_backup(std::move(meta)));
    std::ranges::sort(entries, [](const Entry& a, const Entry& b) { return compare_paths(a.path, b.path) < 0; });
    for (Entry e : entries) {
      e.ctime = {static_cast<std::int64_t>(ctime), 0};
      e.inode = ctime;                                 // neither is a difference
      if (e.type != EntryType::kFile) {
        EXPECT_TRUE(session->add(e)) << e.path;
        continue;
      }
      auto content = std::move(*session->begin_content(ContentKind::kStream));
      EXPECT_TRUE(content->write(as_bytes(std::exchange(e.target, ""))));
      EXPECT_TRUE(session->add(std::move(e), std::move(content)));
    }
    auto info = session->commit();
    EXPECT_TRUE(info) << info.error().text;
    return *info;
  }
  std::string diff(const SnapshotInfo& before, const SnapshotInfo& after) {
    auto a = std::move(*repository->open_snapshot(before.id)), b = std::move(*repository->open_snapshot(after.id));
    std::string out;
    auto done = diff_snapshots(*a, *b, [&](const Change& c) {
      out += std::string(to_string(c.kind)) + " " + c.path + " ";
      out += std::to_string(c.old_bytes) + "->" + std::to_string(c.new_bytes);
      for (const std::string& what : c.what) out += " " + what;
      out += "\n";
      return ok();
    });
    EXPECT_TRUE(done) << done.error().text;
    totals = *done;
    return out;
  }
  Entry& at(const std::string& path) { return *std::ranges::find(entries, path, &Entry::path); }
  DiffTotals totals;
};

TEST_F(DiffTest, EveryKindOfChange) {
  add("top", EntryType::kDirectory);
  for (const char* name : {"bytes", "gone", "kept", "mode", "owner", "time", "noted", "flagged", "becomes a folder"})
    add(std::string("top/data/") + name).target = name;
  add("top/data", EntryType::kDirectory);
  add("top/data/link", EntryType::kSymlink).target = "here";
  add("top/data/null", EntryType::kCharDevice).rdev = 5;
  const SnapshotInfo before = back_up(1);
  EXPECT_EQ(diff(before, back_up(2)), "");
  EXPECT_FALSE(totals.different());
  EXPECT_EQ(totals.unchanged, entries.size());
  at("top").mtime = {2000, 0};                         // above what was backed up
  at("top/data/bytes").target = "other bytes";
  std::erase_if(entries, [](const Entry& e) { return e.path == "top/data/gone"; });
  at("top/data/mode").mode = 04755;
  at("top/data/owner").uid = 7;
  at("top/data/time").mtime = {1000, 6};
  at("top/data/noted").xattrs = {{"user.note", Bytes{1}}};
  at("top/data/flagged").flags = 0x10;
  at("top/data/becomes a folder").target.clear();
  at("top/data/becomes a folder").type = EntryType::kDirectory;
  at("top/data/link").target = "there";
  at("top/data/null").rdev = 6;
  add("top/data/new").target = "new bytes";
  EXPECT_EQ(diff(before, back_up(3)),
            "changed top/data/becomes a folder 16->0 type\n"
            "changed top/data/bytes 5->11 content\n"
            "metadata top/data/flagged 7->7 flags\n"
            "removed top/data/gone 4->0\n"
            "changed top/data/link 0->0 target\n"
            "metadata top/data/mode 4->4 mode\n"
            "added top/data/new 0->9\n"
            "metadata top/data/noted 5->5 attributes\n"
            "changed top/data/null 0->0 device\n"
            "metadata top/data/owner 5->5 owner\n"
            "metadata top/data/time 4->4 mtime\n");
  EXPECT_TRUE(totals.different());
  EXPECT_EQ(totals.added.entries, 1u);
  EXPECT_EQ(totals.changed.new_bytes, 11u);
  EXPECT_EQ(totals.metadata.entries, 5u);
  EXPECT_EQ(totals.unchanged, 3u);                     // kept, the folder, and the one above
}

TEST_F(DiffTest, StatsCountEachChunkOnce) {
  Rng rng(4);
  const auto random = [&](std::size_t n) {
    const Bytes bytes = testing::random_bytes(rng, n);
    return std::string(bytes.begin(), bytes.end());
  };
  add("a").target = random(100'000);
  add("b").target = random(200'000);
  const std::string same = at("b").target;
  add("b again").target = same;
  back_up(1);
  at("a").target = random(50'000);
  back_up(2);
  const VaultStats stats = measure_vault(*repository).value();
  ASSERT_EQ(stats.snapshots.size(), 2u);
  EXPECT_EQ(stats.source_bytes, 500'000u + 450'000u);
  const auto about = [](std::uint64_t n, std::uint64_t wanted) { return n >= wanted && n < wanted + 3000; };   // and the trees
  EXPECT_TRUE(about(stats.snapshots[0].referenced_bytes, 300'000)) << stats.snapshots[0].referenced_bytes;
  EXPECT_TRUE(about(stats.snapshots[0].unique_bytes, 100'000)) << stats.snapshots[0].unique_bytes;
  EXPECT_EQ(stats.snapshots[0].added_bytes, stats.snapshots[0].referenced_bytes);
  EXPECT_TRUE(about(stats.snapshots[1].unique_bytes, 50'000)) << stats.snapshots[1].unique_bytes;
  EXPECT_EQ(stats.snapshots[1].added_bytes, stats.snapshots[1].unique_bytes);
  EXPECT_TRUE(about(stats.plain_bytes, 350'000)) << stats.plain_bytes;
  EXPECT_EQ(stats.stored_bytes, stats.snapshots[0].added_bytes + stats.snapshots[1].added_bytes);
  EXPECT_EQ(stats.unreferenced_bytes, 0u);
  std::uint64_t packs = 0;
  for (const auto& [name, bytes] : vault.store.snapshot()) packs += name.starts_with("packs/") ? bytes.size() : 0;
  EXPECT_EQ(stats.objects.at("packs").bytes, packs);
  EXPECT_NEAR(stats.deduplication(), 950.0 / 350.0, 0.05);
}

}  // namespace
}  // namespace hf::vault
