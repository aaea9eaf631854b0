// The decoder against pg_waldump on WAL that a real server wrote.
#include "sources/wal/record.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "remote/testing_postgres.h"

namespace hf::sources {
namespace {

constexpr std::uint64_t kRecordedSegment = 1 << 20;

Bytes file_bytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), {});
  return to_bytes(text);
}

struct RecordedWal {
  Lsn start;
  Bytes bytes;                       // several segments
  Lsn flushed;                       // what the server said
  std::vector<std::string> commits;  // "LSN kind" of pg_waldump
  std::size_t records = 0;
  std::uint64_t system_id = 0;
};

// Runs a server through commits, aborts, prepared transactions, restore points, large records and segment
// switches.
RecordedWal make_wal() {
  remote::TestCluster cluster;
  cluster.init({{"max_prepared_transactions", "5"}});
  cluster.start();
  auto c = cluster.connect();
  RecordedWal wal;
  EXPECT_TRUE(c.query("SELECT pg_switch_wal()"));
  wal.start =
      Lsn{parse_lsn(cluster.value("SELECT pg_current_wal_lsn()")).value().value / kRecordedSegment * kRecordedSegment};
  EXPECT_TRUE(c.query("CREATE TABLE t (a int, b text)"));
  for (int i = 0; i < 40; ++i) {
    EXPECT_TRUE(c.query("INSERT INTO t SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 50) g"));
  }
  EXPECT_TRUE(c.query("SELECT pg_create_restore_point('before the fall')"));
  EXPECT_TRUE(c.query("BEGIN; DELETE FROM t; ROLLBACK"));
  EXPECT_TRUE(c.query("SELECT pg_logical_emit_message(true, 'big', repeat('x', 2500000))"));
  EXPECT_TRUE(c.query("BEGIN; DELETE FROM t WHERE a = 1; PREPARE TRANSACTION 'p'"));
  EXPECT_TRUE(c.query("COMMIT PREPARED 'p'"));
  EXPECT_TRUE(c.query("SELECT pg_switch_wal()"));
  EXPECT_TRUE(c.query("INSERT INTO t VALUES (0, 'last')"));
  wal.flushed = parse_lsn(cluster.value("SELECT pg_current_wal_flush_lsn()")).value();
  wal.system_id = cluster.replicate().identify_system()->system_id;
  cluster.stop(SIGQUIT);
  std::uint64_t last = wal.flushed.value / kRecordedSegment;
  for (std::uint64_t s = wal.start.value / kRecordedSegment; s <= last; ++s) {
    Bytes part = file_bytes(cluster.data() + "/pg_wal/" + wal_file_name(1, s, kRecordedSegment));
    EXPECT_EQ(part.size(), kRecordedSegment);
    wal.bytes.insert(wal.bytes.end(), part.begin(), part.end());
  }
  std::istringstream lines(cluster.run({"pg_waldump", "-p", cluster.data() + "/pg_wal", "-s",
                                        format_lsn(wal.start), "-e", format_lsn(wal.flushed)}));
  for (std::string line; std::getline(lines, line);) {
    ++wal.records;
    std::size_t at = line.find("lsn: ");
    std::string lsn = format_lsn(parse_lsn(line.substr(at + 5, line.find(',', at) - at - 5)).value());
    if (line.find("desc: COMMIT") != line.npos) wal.commits.push_back(lsn + " commit");
    if (line.find("desc: ABORT") != line.npos) wal.commits.push_back(lsn + " abort");
    if (line.find("desc: RESTORE_POINT") != line.npos) wal.commits.push_back(lsn + " restore point");
  }
  return wal;
}

const RecordedWal& real_wal() {
  static const RecordedWal wal = make_wal();
  return wal;
}

std::string describe(const WalEvent& e) {
  const char* kinds[] = {" commit", " abort", " restore point"};
  return format_lsn(e.start) + kinds[static_cast<int>(e.kind)];
}

TEST(WalRecord, Crc32cKnownAnswers) {
  EXPECT_EQ(crc32c(0, as_bytes("123456789")), 0xE3069283U);  // RFC 3720, B.4 and the catalogue of CRCs
  EXPECT_EQ(crc32c(0, Bytes(32, 0)), 0x8A9136AAU);
  EXPECT_EQ(crc32c(crc32c(0, as_bytes("1234")), as_bytes("56789")), 0xE3069283U);
}

TEST(WalRecord, TellsWhatPgWaldumpTells) {
  const RecordedWal& wal = real_wal();
  std::vector<std::string> told;
  std::vector<WalEvent> events;
  WalDecoder decoder(kRecordedSegment, [&](const WalEvent& e) {
    told.push_back(describe(e));
    events.push_back(e);
  });
  decoder.reset(wal.start);
  decoder.feed(ByteView(wal.bytes).first(wal.flushed - wal.start));
  EXPECT_EQ(decoder.broken(), "");
  EXPECT_EQ(told, wal.commits);
  EXPECT_EQ(decoder.records(), wal.records);
  EXPECT_EQ(decoder.system_id(), wal.system_id);
  EXPECT_EQ(decoder.valid_end(), wal.flushed);
  ASSERT_GT(told.size(), 40U);
  bool named = false;
  for (const WalEvent& e : events) {
    named = named || (e.kind == WalEvent::Kind::kRestorePoint && e.name == "before the fall");
    EXPECT_LT(std::chrono::abs(std::chrono::system_clock::now() - e.time), 10min);
  }
  EXPECT_TRUE(named);
}

TEST(WalRecord, PiecesOfAnySizeTellTheSame) {
  const RecordedWal& wal = real_wal();
  ByteView all = ByteView(wal.bytes).first(wal.flushed - wal.start);
  for (std::size_t piece : {1U, 7U, 24U, 8191U, 8193U, 100000U}) {
    std::vector<std::string> told;
    WalDecoder decoder(kRecordedSegment, [&](const WalEvent& e) { told.push_back(describe(e)); });
    decoder.reset(wal.start);
    for (std::size_t at = 0; at < all.size(); at += piece)
      decoder.feed(all.subspan(at, std::min(piece, all.size() - at)));
    EXPECT_EQ(told, wal.commits) << piece;
    EXPECT_EQ(decoder.valid_end(), wal.flushed) << piece;
  }
}

TEST(WalRecord, StartsInTheMiddleAndMissesOnlyWhatBeganEarlier) {
  const RecordedWal& wal = real_wal();
  std::uint64_t length = wal.flushed - wal.start;
  for (std::uint64_t skip : {8192ULL, 12345ULL, 700000ULL, 1048576ULL, 2000000ULL}) {
    std::vector<std::string> told;
    WalDecoder decoder(kRecordedSegment, [&](const WalEvent& e) { told.push_back(describe(e)); });
    decoder.reset(wal.start + skip);
    decoder.feed(ByteView(wal.bytes).subspan(skip, length - skip));
    EXPECT_EQ(decoder.broken(), "") << skip;
    ASSERT_LE(told.size(), wal.commits.size());
    EXPECT_TRUE(std::equal(told.rbegin(), told.rend(), wal.commits.rbegin())) << skip;
    EXPECT_EQ(decoder.valid_end(), wal.flushed) << skip;
  }
}

TEST(WalRecord, TheEndIsFoundAtEveryTruncationAndNeverPastIt) {
  const RecordedWal& wal = real_wal();
  ByteView last = ByteView(wal.bytes).last(kRecordedSegment);
  Lsn start = wal.start + (wal.bytes.size() - kRecordedSegment);
  EXPECT_EQ(end_of_valid_wal(last, start, kRecordedSegment), wal.flushed);  // zeros or an older segment follow
  std::uint64_t length = wal.flushed - start;
  Lsn before = start;
  for (std::uint64_t n = 0; n <= length; ++n) {
    Lsn end = end_of_valid_wal(last.first(n), start, kRecordedSegment);
    ASSERT_LE(end, start + n);
    ASSERT_GE(end, before);
    before = end;
  }
  EXPECT_EQ(before, wal.flushed);
}

TEST(WalRecord, NoFlippedBitBecomesAnEvent) {
  const RecordedWal& wal = real_wal();
  Bytes bytes(wal.bytes.begin(), wal.bytes.begin() + 40000);
  std::vector<std::string> clean;
  WalDecoder first(kRecordedSegment, [&](const WalEvent& e) { clean.push_back(describe(e) + format_time(e.time)); });
  first.reset(wal.start);
  first.feed(bytes);
  for (std::size_t at = 0; at < bytes.size(); at += 13) {
    Bytes hurt = bytes;
    hurt[at] ^= static_cast<std::uint8_t>(1 << (at % 8));
    std::vector<std::string> told;
    WalDecoder decoder(kRecordedSegment,
                       [&](const WalEvent& e) { told.push_back(describe(e) + format_time(e.time)); });
    decoder.reset(wal.start);
    decoder.feed(hurt);
    ASSERT_LE(told.size(), clean.size());
    ASSERT_TRUE(std::equal(told.begin(), told.end(), clean.begin())) << at;
  }
}

TEST(WalRecord, HeadOfASegment) {
  const RecordedWal& wal = real_wal();
  auto head = read_segment_head(wal.bytes);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->system_id, wal.system_id);
  EXPECT_EQ(head->segment_size, kRecordedSegment);
  EXPECT_EQ(head->start, wal.start);
  for (std::size_t n = 0; n < 40; ++n) EXPECT_FALSE(read_segment_head(ByteView(wal.bytes).first(n)));
  EXPECT_FALSE(read_segment_head(Bytes(100, 0)));
}

}  // namespace
}  // namespace hf::sources
