// What disks, crashes and people do to a log: every call failing once, every byte cut, every bit flipped,
// rolled back, rewritten. After each, either exactly the acknowledged events are there, or the exact place is
// named and nothing changes.
#include <gtest/gtest.h>

#include "io/testing_files.h"
#include "journal/testing_local.h"

namespace hf::journal {
namespace {

using Texts = std::vector<std::string>;

constexpr int kEvents = 24;               // past one checkpoint of kCheckpointEvery
constexpr std::uint64_t kSegment = 2048;  // several segments

class DamageTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<LocalJournal>> open(Files& files, std::uint64_t segment_bytes = kSegment) {
    return LocalJournal::open(
        files, clock_, log_, entropy_,
        {.folder = "/j", .here = {"h", "r"}, .segment_bytes = segment_bytes, .lock = false});
  }

  // The texts of all notes; what the journal says of itself is left out.
  Texts notes(Journal& journal) {
    Texts out;
    Status read = journal.read(0, [&](const Entry& e) {
      if (record::is<record::Note>(e.event)) out.push_back(note_text(e));
      return true;
    });
    EXPECT_TRUE(read) << read.error().text;
    return out;
  }

  // Writes events until the end or the first error; returns those acknowledged.
  Texts write(Files& files) {
    Texts acknowledged;
    auto journal = open(files);
    if (!journal) return acknowledged;
    for (int i = 0; i < kEvents; ++i) {
      std::string text = "event " + std::to_string(i);
      if (!(*journal)->append(note_event(text))) {
        EXPECT_FALSE((*journal)->append(note_event("after an error")));
        break;
      }
      acknowledged.push_back(text);
    }
    return acknowledged;
  }

  void expect_acknowledged(MemoryFiles& files, const Texts& acknowledged, const std::string& when) {
    auto journal = open(files);
    ASSERT_TRUE(journal) << when << ": " << journal.error().text;
    Texts found = notes(**journal);
    ASSERT_GE(found.size(), acknowledged.size()) << when;
    ASSERT_LE(found.size(), acknowledged.size() + 1) << when;
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i], "event " + std::to_string(i)) << when;
    ASSERT_TRUE((*journal)->append(note_event("and on"))) << when;
    EXPECT_FALSE(verify_journal(files, "/j")->first_bad) << when;
  }

  void enumerate(Fault kind, const std::string& name) {
    for (std::size_t n = 0;; ++n) {
      for (int crash = 0; crash < 3; ++crash) {
        MemoryFiles memory;
        kind.at = n;
        FaultyFiles faulty(memory, kind);
        Texts acknowledged = write(faulty);
        if (!faulty.fired()) {
          EXPECT_EQ(acknowledged.size(), static_cast<std::size_t>(kEvents));
          EXPECT_GT(n, 60u);
          return;
        }
        Rng rng(n);
        if (crash == 1) memory.crash();
        if (crash == 2) memory.crash(rng);
        expect_acknowledged(memory, acknowledged, name + " " + std::to_string(n) + " " + faulty.trace()[n]);
        if (HasFatalFailure()) return;
      }
    }
  }

  std::string tail(MemoryFiles& files) { return "/j/log/" + files.list("/j/log")->back().name; }

  StandingClock clock_;
  MemoryLog log_;
  RepeatingEntropy entropy_;
};

TEST_F(DamageTest, EveryCallFailsOnce) { enumerate({}, "fails"); }
TEST_F(DamageTest, EveryCallFailsForEver) { enumerate({.for_ever = true}, "fails for ever"); }
TEST_F(DamageTest, EveryWriteIsTorn) { enumerate({.for_ever = true, .torn = true}, "torn"); }
TEST_F(DamageTest, EveryAnswerIsLost) { enumerate({.after = true}, "answer lost"); }

TEST_F(DamageTest, ACrashAfterAnyEventKeepsExactlyTheAcknowledgedOnes) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    MemoryFiles memory;
    auto journal = open(memory);
    ASSERT_TRUE(journal);
    Texts acknowledged;
    for (std::uint64_t i = 0; i < seed % kEvents; ++i) {
      acknowledged.push_back("event " + std::to_string(i));
      ASSERT_TRUE((*journal)->append(note_event(acknowledged.back())));
    }
    Rng rng(seed);
    memory.crash(rng);
    journal->reset();
    expect_acknowledged(memory, acknowledged, "seed " + std::to_string(seed));
  }
}

// A log of one segment, whose checkpoint covers only the first event; and that checkpoint's bytes.
struct Small {
  MemoryFiles files;
  Bytes log;
  std::vector<std::size_t> ends;   // of frame i
};

void make_small(Small& small, Result<std::unique_ptr<LocalJournal>> journal, int events) {
  ASSERT_TRUE(journal) << journal.error().text;
  Bytes checkpoint = *read_file(small.files, "/j/checkpoint", 4096);
  std::string path = "/j/log/" + segment_name(0);
  small.ends.push_back(read_file(small.files, path, 1 << 20)->size());
  for (int i = 0; i < events; ++i) {
    ASSERT_TRUE((*journal)->append(note_event("event " + std::to_string(i))));
    small.ends.push_back(read_file(small.files, path, 1 << 20)->size());
  }
  journal->reset();
  small.log = *read_file(small.files, path, 1 << 20);
  ASSERT_TRUE(write_file_atomic(small.files, "/j/checkpoint", checkpoint));
}

TEST_F(DamageTest, TruncatedAtEveryByte) {
  Small small;
  make_small(small, open(small.files, kSegmentBytes), 4);
  if (HasFatalFailure()) return;
  const std::string path = "/j/log/" + segment_name(0);
  const Bytes checkpoint = *read_file(small.files, "/j/checkpoint", 4096);
  for (std::size_t n = 0; n < small.log.size(); ++n) {
    ASSERT_TRUE(write_file_atomic(small.files, path, ByteView(small.log).first(n)));
    ASSERT_TRUE(write_file_atomic(small.files, "/j/checkpoint", checkpoint));
    auto journal = open(small.files, kSegmentBytes);
    if (n < small.ends[0]) {   // the signed event is gone: that is no crash
      ASSERT_FALSE(journal) << n;
      EXPECT_EQ(journal.error().kind, ErrorKind::kCorrupt);
      continue;
    }
    ASSERT_TRUE(journal) << n << ": " << journal.error().text;
    std::size_t whole = 0;
    while (whole + 1 < small.ends.size() && small.ends[whole + 1] <= n) ++whole;
    EXPECT_EQ(notes(**journal).size(), whole) << n;
    EXPECT_EQ((*journal)->size(), 1 + whole + (n == small.ends[whole] ? 0 : 1))
        << n << ": healing is an event";
  }
}

TEST_F(DamageTest, EveryBitFlippedIsRefusedWithItsPlace) {
  Small small;
  make_small(small, open(small.files, kSegmentBytes), 3);
  if (HasFatalFailure()) return;
  const std::string path = "/j/log/" + segment_name(0);
  for (std::size_t bit = 0; bit < small.log.size() * 8; ++bit) {
    Bytes other = small.log;
    other[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
    ASSERT_TRUE(write_file_atomic(small.files, path, other));
    auto verified = verify_journal(small.files, "/j");
    ASSERT_TRUE(verified) << verified.error().text;
    ASSERT_TRUE(verified->first_bad) << bit / 8;
    std::size_t frame = 0;
    while (small.ends[frame] <= bit / 8) ++frame;
    EXPECT_EQ(verified->first_bad->seq, frame);
    EXPECT_EQ(verified->first_bad->file, path);
    EXPECT_EQ(verified->first_bad->offset, bit / 8 < kHeaderBytes ? 0
                                           : frame == 0           ? kHeaderBytes
                                                                  : small.ends[frame - 1]);
    if (bit % 8 != 0) continue;
    auto journal = open(small.files, kSegmentBytes);
    ASSERT_FALSE(journal) << bit / 8;
    EXPECT_EQ(journal.error().kind, ErrorKind::kCorrupt);
    EXPECT_EQ(*read_file(small.files, path, 1 << 20), other) << "damage is left as it is";
  }
}

TEST_F(DamageTest, ZerosAfterACrashAreHealed) {
  Small small;
  make_small(small, open(small.files, kSegmentBytes), 2);
  if (HasFatalFailure()) return;
  const std::string path = "/j/log/" + segment_name(0);
  Bytes longer = small.log;
  longer.resize(longer.size() + 700);   // the size reached the disk, the blocks did not
  ASSERT_TRUE(write_file_atomic(small.files, path, longer));
  auto journal = open(small.files, kSegmentBytes);
  ASSERT_TRUE(journal) << journal.error().text;
  EXPECT_EQ(notes(**journal).size(), 2u);
  journal->reset();
  Bytes part = small.log;
  std::fill(part.end() - 20, part.end(), 0);
  ASSERT_TRUE(
      write_file_atomic(small.files, "/j/checkpoint", *read_file(small.files, "/j/checkpoint", 4096)));
  ASSERT_TRUE(write_file_atomic(small.files, path, part));
  EXPECT_TRUE(verify_journal(small.files, "/j")->first_bad)
      << "the checkpoint signed by the open before covers it";
}

TEST_F(DamageTest, ARollBackIsNoticed) {
  MemoryFiles files;
  { ASSERT_TRUE((*open(files))->append(note_event("a"))); }
  const std::string path = tail(files);
  Bytes before = *read_file(files, path, 1 << 20);
  { ASSERT_TRUE((*open(files))->append(note_event("b"))); }
  ASSERT_TRUE(write_file_atomic(files, path, before));
  auto journal = open(files);
  ASSERT_FALSE(journal);
  EXPECT_EQ(journal.error().kind, ErrorKind::kCorrupt);
  EXPECT_NE(journal.error().text.find("acknowledged events are gone"), std::string::npos)
      << journal.error().text;
  ASSERT_TRUE(files.remove(path));
  EXPECT_EQ(open(files).error().kind, ErrorKind::kCorrupt);
}

TEST_F(DamageTest, ARewrittenLogIsNoticed) {
  MemoryFiles files;
  { ASSERT_TRUE((*open(files))->append(note_event("paid 100"))); }
  auto inspection = inspect(files, "/j");
  std::string opened, forged = *record::encode_event(note_event("paid 999"));
  ASSERT_TRUE(inspection->segments.read(
      0, 1, [&](std::uint64_t, std::string_view leaf) { return opened = leaf, true; }));
  const JournalId id = *inspection->segments.id();
  ASSERT_TRUE(files.remove(tail(files)));
  {
    auto segments = Segments::load(files, "/j/log", id);
    ASSERT_TRUE(segments->open_for_append());
    ASSERT_TRUE(segments->append(opened));
    ASSERT_TRUE(segments->append(forged));
  }
  auto verified = verify_journal(files, "/j");
  ASSERT_TRUE(verified->first_bad);
  EXPECT_NE(verified->first_bad->why.find("rewritten"), std::string::npos) << verified->first_bad->why;
  ASSERT_TRUE(files.remove("/j/checkpoint"));
  EXPECT_TRUE(verify_journal(files, "/j")->first_bad);
}

TEST_F(DamageTest, EveryBitOfTheCheckpointMatters) {
  MemoryFiles files;
  { ASSERT_TRUE((*open(files))->append(note_event("a"))); }
  const Bytes note = *read_file(files, "/j/checkpoint", 4096);
  for (std::size_t bit = 0; bit < note.size() * 8; ++bit) {
    Bytes other = note;
    other[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
    ASSERT_TRUE(write_file_atomic(files, "/j/checkpoint", other));
    ASSERT_TRUE(verify_journal(files, "/j")->first_bad) << bit / 8;
  }
}

}  // namespace
}  // namespace hf::journal
