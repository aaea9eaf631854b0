#include "base/progress.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace hf {
namespace {

TEST(Progress, AHandleThatLeadsNowhereCountsNowhere) {
  const Progress nowhere;
  nowhere.phase("reading files");
  nowhere.add(Counted::kBytes, 5);
  nowhere.item("/", "etc/passwd");
}

TEST(Progress, APhaseBeginsWithNothingDoneAndNothingKnown) {
  ProgressState state;
  int told = 0;
  state.on_phase([&] { ++told; });
  const Progress progress(state);
  EXPECT_EQ(state.sample().number, 0u);
  progress.phase("reading files", {.bytes = 100, .files = 2, .packs = 3, .snapshots = 4, .estimated = true});
  progress.add(Counted::kBytes, 40);
  progress.add(Counted::kFiles);
  progress.item("/", "etc/passwd");
  ProgressSample seen = state.sample();
  EXPECT_EQ(seen.number, 1u);
  EXPECT_EQ(seen.phase, "reading files");
  EXPECT_EQ(seen.done, (Counts{40, 1, 0, 0}));
  EXPECT_EQ(seen.total, (Counts{100, 2, 3, 4}));
  EXPECT_TRUE(seen.estimated);
  EXPECT_EQ(seen.item, "/etc/passwd");
  progress.phase("making the snapshot");
  seen = state.sample();
  EXPECT_EQ(seen.number, 2u);
  EXPECT_EQ(seen.done, Counts{});
  EXPECT_EQ(seen.total, Counts{});
  EXPECT_FALSE(seen.estimated);
  EXPECT_EQ(seen.item, "");
  EXPECT_EQ(told, 2);
}

TEST(Progress, ANameIsCutAtTheLongestPath) {
  ProgressState state;
  const Progress progress(state);
  for (const std::size_t size : {0u, 1u, 7u, 8u, 9u, 4095u, 4096u, 5000u}) {
    const std::string name(size, 'n');
    progress.item("/", name);
    EXPECT_EQ(state.sample().item, ("/" + name).substr(0, 4096)) << size;
  }
}

// A torn name would be one that nobody gave.
TEST(Progress, NamesAndCountsOfManyThreadsAreWhole) {
  constexpr int kTurns = 20'000;
  ProgressState state;
  const Progress progress(state);
  progress.phase("writing files");
  std::vector<std::jthread> threads;
  for (const char letter : {'a', 'b', 'c'}) {
    threads.emplace_back([&progress, letter] {
      for (int i = 0; i < kTurns; ++i) {
        progress.item("", std::string(1 + static_cast<std::size_t>(i % 90), letter));
        progress.add(Counted::kFiles);
      }
    });
  }
  for (int i = 0; i < kTurns; ++i) {
    const std::string item = state.sample().item;
    ASSERT_EQ(item.find_first_not_of(item.empty() ? 'a' : item[0]), std::string::npos) << item;
    ASSERT_LE(item.size(), 90u);
  }
  threads.clear();
  EXPECT_EQ(state.sample().done[slot_of(Counted::kFiles)], 3u * kTurns);
}

}  // namespace
}  // namespace hf
