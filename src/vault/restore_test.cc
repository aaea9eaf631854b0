// A restore by windows of pieces: what is handed out is the same, and nothing is unless all of it can be.
#include <gtest/gtest.h>

#include "vault/store/testing_counting_store.h"
#include "vault/testing_repository.h"

namespace hf::vault {
namespace {

struct RestoreWindows : ::testing::Test {
  struct Sink final : RestoreSink {
    Status write(std::uint64_t file, std::uint64_t offset, ByteView bytes) override {
      Bytes& out = files[file];
      out.resize(std::max<std::size_t>(out.size(), offset + bytes.size()));
      std::ranges::copy(bytes, out.begin() + static_cast<std::ptrdiff_t>(offset));
      return ok();
    }
    std::map<std::uint64_t, Bytes> files;
  };
  testing::TestVault vault;
  CountingStore store{vault.store};
  std::vector<testing::TestFile> files;
  SnapshotId id{};

  void SetUp() override {
    Rng rng(3);
    for (int i = 0; i < 20; ++i) files.push_back({"f" + std::to_string(100 + i), testing::random_bytes(rng, 4000)});
    files.push_back({"large", testing::random_bytes(rng, 8 << 20)});
    files.push_back({"twice", files[4].bytes});
    auto made = testing::backup_files(*vault.open(), files, "one");
    ASSERT_TRUE(made);
    id = made->id;
  }
  Result<RestoreTotals> restore(std::size_t window, Sink& sink) {
    auto repository = vault.open(&store);
    HF_ASSIGN(auto reader, repository->open_snapshot(id));
    std::vector<RestoreItem> items;
    HF_TRY(reader->each_entry([&](const Entry& entry) {
      items.push_back({items.size(), entry.extents});
      return ok();
    }));
    store.reads = 0;
    return reader->restore(items, sink, window);
  }
};

TEST_F(RestoreWindows, GiveTheSameBytes) {
  std::map<std::size_t, std::uint64_t> reads;
  for (const std::size_t window : {std::size_t{1}, std::size_t{7}, kRestoreWindow}) {
    Sink sink;
    const auto totals = restore(window, sink);
    ASSERT_TRUE(totals) << totals.error().text;
    reads[window] = store.reads;
    EXPECT_EQ(totals->bytes, 21u * 4000 + (8u << 20));
    EXPECT_EQ(totals->packs, 1u);
    ASSERT_EQ(sink.files.size(), files.size());
    for (std::size_t i = 0; i < files.size(); ++i) EXPECT_EQ(sink.files[i], files[i].bytes) << files[i].path;
  }
  EXPECT_GT(reads[1], reads[7]);
  EXPECT_GT(reads[7], reads[kRestoreWindow]);
}

TEST_F(RestoreWindows, NothingIsHandedOutUnlessAllIsThere) {
  Rng rng(9);
  files.push_back({"zlast", testing::random_bytes(rng, 5000)});
  const auto packs_before = vault.store.snapshot();
  auto made = testing::backup_files(*vault.open(), files, "one");
  ASSERT_TRUE(made);
  id = made->id;
  for (const auto& [name, bytes] : vault.store.snapshot()) {         // the last file's, which the last window needs
    if (!name.starts_with("packs/") || packs_before.contains(name) || bytes.size() <= 5000) continue;
    ASSERT_TRUE(vault.store.remove(name));
  }
  for (const std::size_t window : {std::size_t{1}, kRestoreWindow}) {
    Sink sink;
    const auto totals = restore(window, sink);
    ASSERT_FALSE(totals);
    EXPECT_EQ(totals.error().kind, ErrorKind::kCorrupt);
    EXPECT_TRUE(sink.files.empty()) << window;
  }
}

}  // namespace
}  // namespace hf::vault
