#include "cli/progress_view.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "cli/path_json.h"
#include "cli/screen.h"

namespace hf::cli {
namespace {

constexpr std::uint64_t kMiB = 1u << 20;

// A view whose clock stands until it is moved.
class ProgressViewTest : public ::testing::Test {
 protected:
  void after(MonoTime::duration time) {
    now_ += time;
    view_.look(state_.sample(), now_);
  }
  std::string all(std::size_t columns = 200) const { return join(view_.lines(columns), "|"); }
  MonoTime now_{std::chrono::hours(5)};
  ProgressState state_;
  Progress progress_{state_};
  ProgressView view_{"backing up", now_};
};

TEST_F(ProgressViewTest, ShowsPhaseBytesCountsRateRestAndFile) {
  progress_.phase("reading files", {.bytes = 1000 * kMiB});
  after(0s);
  progress_.add(Counted::kBytes, 200 * kMiB);
  progress_.add(Counted::kFiles, 1234);
  progress_.item("/", "srv/data/one");
  after(2s);
  EXPECT_EQ(all(), "backing up: reading files  2s|  200.0 MiB of 1000.0 MiB, 20 %|  1,234 files|"
                   "  100.0 MiB/s, about 8s left|  /srv/data/one");
  EXPECT_EQ(view_.line(), "backing up: reading files: 200.0 MiB of 1000.0 MiB, 20 %, 1,234 files, "
                          "100.0 MiB/s, about 8s left, 2s so far, at /srv/data/one");
  EXPECT_EQ(dump_json(view_.event()),
            R"({"phase":"reading files","elapsed_seconds":2,"done_bytes":209715200,"total_bytes":1048576000,"files":1234,)"
            R"("total_is_estimate":false,"bytes_per_second":104857600,"eta_seconds":8,"path":"/srv/data/one"})");
}

TEST_F(ProgressViewTest, WithoutATotalThereIsNoPercentAndNoRest) {
  progress_.phase("reading files");
  after(0s);
  progress_.add(Counted::kBytes, 50 * kMiB);
  after(1s);
  EXPECT_EQ(all(), "backing up: reading files  1s|  50.0 MiB|  50.0 MiB/s");
  EXPECT_FALSE(view_.left());
  EXPECT_EQ(view_.event()["total_bytes"], Json());
  EXPECT_EQ(view_.event()["eta_seconds"], Json());
}

TEST_F(ProgressViewTest, AnEstimateIsCalledOneAndMayBeExceeded) {
  progress_.phase("reading files", {.bytes = 100 * kMiB, .estimated = true});
  after(0s);
  progress_.add(Counted::kBytes, 50 * kMiB);
  after(1s);
  EXPECT_EQ(all(), "backing up: reading files  1s|  50.0 MiB of about 100.0 MiB, 50 % (an estimate)|  50.0 MiB/s, about 1s left");
  EXPECT_EQ(view_.event()["total_is_estimate"], Json(true));
  progress_.add(Counted::kBytes, 70 * kMiB);
  after(1s);
  EXPECT_EQ(all(), "backing up: reading files  2s|  120.0 MiB, more than the estimated 100.0 MiB|  60.0 MiB/s");
  EXPECT_FALSE(view_.left());
}

TEST_F(ProgressViewTest, ARateIsThatOfTheLastTenSeconds) {
  progress_.phase("reading files");
  after(0s);
  EXPECT_FALSE(view_.rate(Counted::kBytes)) << "nothing was seen yet";
  for (int i = 0; i < 100; ++i) {
    progress_.add(Counted::kBytes, 100 * kMiB);
    after(1s);
  }
  for (int i = 0; i < 20; ++i) {
    progress_.add(Counted::kBytes, kMiB);
    after(1s);
  }
  EXPECT_DOUBLE_EQ(view_.rate(Counted::kBytes).value(), static_cast<double>(kMiB));
}

TEST_F(ProgressViewTest, WhatIsLookedAtRarelyHasARateToo) {
  progress_.phase("reading files");
  after(0s);
  for (int i = 0; i < 3; ++i) {
    progress_.add(Counted::kBytes, 300 * kMiB);
    after(30s);
  }
  EXPECT_DOUBLE_EQ(view_.rate(Counted::kBytes).value(), 10.0 * kMiB);
}

TEST_F(ProgressViewTest, AStalledSourceIsSaidAndNamed) {
  progress_.phase("reading files", {.bytes = 100 * kMiB});
  progress_.add(Counted::kBytes, 10 * kMiB);
  progress_.item("/", "mnt/nfs/dead");
  after(0s);
  for (int i = 0; i < 100; ++i) after(125ms);
  EXPECT_EQ(all(), "backing up: reading files  12s|  10.0 MiB of 100.0 MiB, 10 %|  nothing moved for 12s|  /mnt/nfs/dead");
  EXPECT_FALSE(view_.left()) << "at no speed it never ends";
  EXPECT_EQ(view_.event()["bytes_per_second"], Json(0));
  progress_.add(Counted::kBytes, 1);
  after(125ms);
  EXPECT_FALSE(view_.quiet());
}

TEST_F(ProgressViewTest, APhaseThatCountsNothingIsNotCalledStalled) {
  progress_.phase("syncing the disk");
  after(0s);
  after(60s);
  EXPECT_EQ(all(), "backing up: syncing the disk  1m");
}

TEST_F(ProgressViewTest, ANewPhaseKnowsNothingOfTheSpeedOfTheLast) {
  progress_.phase("reading packs", {.packs = 10});
  after(0s);
  progress_.add(Counted::kPacks, 5);
  after(5s);
  EXPECT_EQ(all(), "backing up: reading packs  5s|  5 of 10 packs|  about 5s left");
  progress_.phase("walking snapshots", {.snapshots = 1});
  after(125ms);
  EXPECT_EQ(all(), "backing up: walking snapshots  5s|  0 of 1 snapshot");
}

TEST_F(ProgressViewTest, ARestOfMonthsIsNotSaid) {
  progress_.phase("reading packs", {.bytes = std::uint64_t{1} << 60});
  after(0s);
  progress_.add(Counted::kBytes, 1);
  after(1s);
  EXPECT_FALSE(view_.left());
}

TEST_F(ProgressViewTest, BytesOfAPathReachNoTerminal) {
  progress_.phase("reading files");
  progress_.item("/", "a\x1b]0;owned\x07\nb\r\x9b" "2J\xc2\x9b" "1mc\xff\xd0\xb6");
  after(0s);
  const std::string shown = view_.lines(200).back();
  EXPECT_EQ(shown, R"(  /a\033]0;owned\007\012b\015\2332J\302\2331mc\377)" "\xd0\xb6");
  for (const std::string& line : {all(), view_.line(), dump_json(view_.event())}) {
    EXPECT_EQ(valid_utf8_prefix(line), line.size());
    for (const char c : line) EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) << line;
  }
  EXPECT_EQ(view_.event()["path"], Json());
  EXPECT_EQ(view_.event()["path_base64"], Json("L2EbXTA7b3duZWQHCmINmzJKwpsxbWP/0LY="));
}

TEST_F(ProgressViewTest, NoLineIsWiderThanTheScreenAndThereAreSixAtMost) {
  progress_.phase("reading files", {.bytes = 1000 * kMiB, .estimated = true});
  progress_.add(Counted::kBytes, 100 * kMiB);
  progress_.add(Counted::kFiles, 1'234'567);
  progress_.add(Counted::kPacks, 3);
  progress_.add(Counted::kSnapshots, 3);
  progress_.item("/", "\xe4\xb8\xad\xe6\x96\x87/" + std::string(3000, 'x') + "/\xe4\xb8\xad\xe6\x96\x87/name");
  after(0s);
  after(1s);
  for (std::size_t columns = 0; columns <= 120; ++columns) {
    const std::vector<std::string> lines = view_.lines(columns);
    EXPECT_LE(lines.size(), kMaxProgressLines);
    for (const std::string& line : lines) {
      EXPECT_LE(columns_of(line), columns) << line;
      EXPECT_EQ(valid_utf8_prefix(line), line.size());
    }
  }
  EXPECT_EQ(view_.lines(20).back(), "  ...xxxxx/\xe4\xb8\xad\xe6\x96\x87/name");
}

TEST(Screen, TextIsCutBetweenCharacters) {
  EXPECT_EQ(fitted("abcdef", 6), "abcdef");
  EXPECT_EQ(fitted("abcdefg", 6), "abc...");
  EXPECT_EQ(fitted("\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6\xd0\xb6", 4), "\xd0\xb6...");
  EXPECT_EQ(fitted("\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad", 4), "...") << "a wide one does not fit into one column";
  EXPECT_EQ(fitted_end("abcdefg", 6), "...efg");
  EXPECT_EQ(fitted_end("ab", 1), ".");
  EXPECT_EQ(fitted("ab", 0), "");
}

}  // namespace
}  // namespace hf::cli
