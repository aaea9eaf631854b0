// What `wal fetch` and `wal push` decide without a server: tails that grow while they are read, the small files of an
// archive, and the vault's archive behind both.
#include <gtest/gtest.h>

#include <cstring>

#include "io/testing_files.h"
#include "sources/testing_vault.h"
#include "sources/testing_wal.h"
#include "sources/wal/archive_reader.h"
#include "sources/wal/archive_target.h"
#include "sources/wal/push.h"

namespace hf::sources {
namespace {

constexpr std::uint64_t kSystem = 7'000'000'000'000'000'001U;
const Lsn kStart{5 * kTestSegment};

// A data directory with nothing but the fields of pg_control that are read.
void make_control_file(Files& files, std::uint64_t system_id) {
  Bytes control(512, 0);
  const double constant = 1234567.0;
  const auto segment = static_cast<std::uint32_t>(kTestSegment);
  std::memcpy(control.data(), &system_id, 8);
  std::memcpy(control.data() + 200, &constant, 8);
  std::memcpy(control.data() + 200 + 8 + 12, &segment, 4);
  ASSERT_TRUE(files.make_dirs("/data/global"));
  ASSERT_TRUE(write_file_atomic(files, "/data/global/pg_control", control));
}

Bytes numbered(std::size_t n) {
  Bytes out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<std::uint8_t>(i * 31 + 7);
  return out;
}

// The rest of the tail, then its seal, arrive when the segment has been read `reads_before` times.
class GrowingTail final : public WalReader {
 public:
  explicit GrowingTail(int reads_before) : reads_before_(reads_before) {}
  Result<vault::WalSegmentData> read_segment(Timeline, std::uint64_t) override {
    const std::size_t size = ++reads > reads_before_ ? 3000 : 1000;
    vault::WalSegmentData data;
    data.start = kStart;
    data.bytes = numbered(size);
    data.end = kStart + size;
    data.segment_size = kTestSegment;
    return data;
  }
  Result<Bytes> read_history(Timeline) override { return make_error(ErrorKind::kNotFound, "none"); }
  Result<std::vector<vault::TimelineSeal>> read_seals(Timeline timeline) override {
    return std::vector<vault::TimelineSeal>{{kSystem, timeline, kStart + 3000, "r1", {}, ""}};
  }
  Result<bool> has_wal_from(Timeline, Lsn) override { return false; }
  int reads = 0;

 private:
  const int reads_before_;
};

struct WalTailTest : ::testing::Test {
  void SetUp() override {
    make_control_file(files, kSystem);
    options.name = wal_file_name(1, 5, kTestSegment);
    options.path = "/out";
    options.data_directory = "/data";
  }
  MemoryFiles files;
  WalFetchOptions options;
};

TEST_F(WalTailTest, ATailReadBeforeItsSealCameIsReadAgain) {
  GrowingTail source(1);
  const auto fetched = fetch_wal(files, source, options);
  ASSERT_TRUE(fetched) << fetched.error().text;
  EXPECT_EQ(*fetched, WalFetchOutcome::kFetched);
  Bytes out = read_file(files, "/out", 2 * kTestSegment).value();
  EXPECT_EQ(out.size(), kTestSegment);
  out.resize(3000);
  EXPECT_EQ(out, numbered(3000));
  EXPECT_EQ(source.reads, 2);
}

TEST_F(WalTailTest, ATailShorterThanItsSealIsAnErrorAndNeverAbsent) {
  GrowingTail source(1000);
  const auto fetched = fetch_wal(files, source, options);
  EXPECT_EQ(exit_code_of(fetched), kWalFetchError);
  EXPECT_FALSE(file_exists(files, "/out"));
}

TEST_F(WalTailTest, BackupLabelsAreKeptAndOnlyWhereThereIsAPlaceForThem) {
  const std::string name = wal_file_name(1, 5, kTestSegment) + ".00000028.backup";
  const Bytes label = to_bytes("START WAL LOCATION: 0/500028 (file 000000010000000000000005)\n");
  ASSERT_TRUE(files.make_dirs("/data/pg_wal"));
  ASSERT_TRUE(write_file_atomic(files, "/data/pg_wal/" + name, label));
  MemoryTarget target;
  WalPushOptions push;
  push.data_directory = "/data";
  push.path = "pg_wal/" + name;
  EXPECT_EQ(push_wal(files, target, push).error().kind, ErrorKind::kUnsupported);
  std::map<std::string, Bytes> kept;
  push.keep_other = [&](const std::string& kept_name, ByteView bytes) {
    kept[kept_name] = to_bytes(bytes);
    return ok();
  };
  ASSERT_TRUE(push_wal(files, target, push));
  EXPECT_EQ(kept, (std::map<std::string, Bytes>{{name, label}}));
  EXPECT_EQ(target.end(1), Lsn{});
  push.keep_other = [](const std::string&, ByteView) -> Status {
    return make_error(ErrorKind::kUnavailable, "the vault does not answer");
  };
  EXPECT_EQ(push_wal(files, target, push).error().kind, ErrorKind::kUnavailable);
}

TEST_F(WalTailTest, AHistoryNameThatIsNoneIsRefused) {
  ASSERT_TRUE(files.make_dirs("/data/pg_wal"));
  MemoryTarget target;
  WalPushOptions push;
  push.data_directory = "/data";
  for (const char* name : {".history", "2.history", "0000000g.history", "000000002.history"}) {
    push.path = std::string("pg_wal/") + name;
    ASSERT_TRUE(write_file_atomic(files, "/data/" + push.path, as_bytes("1\t0/500000\tx\n")));
    EXPECT_EQ(push_wal(files, target, push).error().kind, ErrorKind::kCorrupt) << name;
  }
  EXPECT_TRUE(target.histories().empty());
}

// From a receiver's target, through a vault in a folder, to what restore_command reads.
TEST(WalArchiveAccess, WhatTheTargetTookTheReaderGives) {
  testing::World world;
  testing::TestVault vault(world);
  vault::WalArchive archive(*vault);
  ArchiveTarget target(archive);
  ArchiveReader reader(archive, kSystem);
  EXPECT_FALSE(reader.has_wal_from(1, Lsn{}).value());
  EXPECT_EQ(reader.read_segment(1, 5).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(reader.read_history(2).error().kind, ErrorKind::kNotFound);
  EXPECT_TRUE(reader.read_seals(1)->empty());
  ASSERT_TRUE(target.put_frame({kSystem, 1, kTestSegment, kStart, numbered(1000), {}}));
  ASSERT_TRUE(target.put_segment({kSystem, 1, kTestSegment, kStart + kTestSegment, numbered(kTestSegment), {}}));
  ASSERT_TRUE(target.put_history(kSystem, 2, as_bytes("1\t0/500000\tx\n")));
  ASSERT_TRUE(target.put_seal({kSystem, 1, kStart + 1000, "r1", {}, ""}));
  EXPECT_EQ(reader.read_segment(1, 5)->bytes, numbered(1000));
  EXPECT_FALSE(reader.read_segment(1, 5)->complete);
  EXPECT_TRUE(reader.read_segment(1, 6)->complete);
  EXPECT_EQ(as_text(*reader.read_history(2)), "1\t0/500000\tx\n");
  ASSERT_EQ(reader.read_seals(1)->size(), 1U);
  EXPECT_EQ(reader.read_seals(1)->front().lsn, kStart + 1000);
  EXPECT_TRUE(reader.has_wal_from(1, kStart + (2 * kTestSegment - 1)).value());
  EXPECT_FALSE(reader.has_wal_from(1, kStart + 2 * kTestSegment).value());
  EXPECT_FALSE(reader.has_wal_from(3, Lsn{}).value());
  // Of another cluster nothing is seen.
  ArchiveReader other(archive, kSystem + 1);
  EXPECT_EQ(other.read_segment(1, 5).error().kind, ErrorKind::kNotFound);
  EXPECT_FALSE(other.has_wal_from(1, Lsn{}).value());
  EXPECT_TRUE(other.read_seals(1)->empty());
}

}  // namespace
}  // namespace hf::sources
