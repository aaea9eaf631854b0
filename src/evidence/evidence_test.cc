// A bundle verifies; no bundle with one bit changed does; and a forger who mends the sums is still found out.
#include <gtest/gtest.h>

#include "base/hex.h"
#include "evidence/bundle.h"
#include "evidence/controls.h"
#include "evidence/describe.h"
#include "io/testing_files.h"
#include "journal/testing_local.h"
#include "record/data_events.h"
#include "record/proof_events.h"
#include "record/run_events.h"

namespace hf::evidence {
namespace {

using journal::LocalJournal;

const std::string kPlan = "name: shop\n";

class EvidenceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = LocalJournal::open(files_, clock_, log_, entropy_,
                                     {.folder = "/j", .here = {"h", "r"}, .lock = false});
    ASSERT_TRUE(opened);
    journal_ = std::move(*opened);
    first_key_ = journal_->identity().public_key;
    add(journal::note_event("before"));
    add(record::event_of(record::RunStarted{.kind = record::RunKind::kDrill,
                                            .runbook = "failover",
                                            .plan_hash = to_hex(crypto::sha256(as_bytes(kPlan)))}),
        "r1");
    add(record::event_of(record::Measurement{
            .name = "rto", .actual_time = Micros(2500000), .target_time = 1h, .met = true}),
        "r1");
    add(journal::note_event("of another run"), "r2");
    add(record::event_of(record::BackupFinished{.component = "db", .snapshot = "4f"}), "r1");
    add(record::event_of(record::RunFinished{record::RunState::kSucceeded, "all steps done"}), "r1");
    add(journal::note_event("after"));
  }

  void add(record::Event e, std::string run = "") {
    e.time = clock_.wall();
    e.actor.id = "test";
    e.run = std::move(run);
    ASSERT_TRUE(journal_->append(e));
  }
  std::vector<ArchiveFile> bundle() {
    auto out = make_bundle(*journal_, "r1", kPlan);
    EXPECT_TRUE(out) << out.error().text;
    return out ? *out : std::vector<ArchiveFile>{};
  }
  static std::string& file(std::vector<ArchiveFile>& files, std::string_view name) {
    for (ArchiveFile& f : files)
      if (f.name == name) return f.content;
    static std::string none;
    return none;
  }
  // As a forger would: the sums are made right again.
  static Verdict check(std::vector<ArchiveFile> files,
                       std::optional<crypto::PublicKey> expected = std::nullopt) {
    file(files, kSums) = sums_of(files);
    return check_bundle(pack(files), "x.tar", expected);
  }
  static void drop_line(std::string& text, std::size_t line) {
    std::size_t begin = 0;
    for (; line > 0; --line) begin = text.find('\n', begin) + 1;
    text.erase(begin, text.find('\n', begin) + 1 - begin);
  }

  MemoryFiles files_;
  journal::StandingClock clock_;
  MemoryLog log_;
  journal::RepeatingEntropy entropy_;
  std::unique_ptr<LocalJournal> journal_;
  crypto::PublicKey first_key_{};
};

TEST_F(EvidenceTest, ABundleVerifies) {
  ASSERT_TRUE(export_bundle(*journal_, files_, "r1", kPlan, "/e.tar"));
  EXPECT_EQ(export_bundle(*journal_, files_, "r1", kPlan, "/e.tar").error().kind, ErrorKind::kExists);
  auto verdict = verify_bundle(files_, "/e.tar", first_key_);
  ASSERT_TRUE(verdict);
  ASSERT_FALSE(verdict->first_bad) << verdict->first_bad->file << ": " << verdict->first_bad->why;
  EXPECT_EQ(verdict->events, 6u);   // journal.opened and the five from run.started to run.finished
  EXPECT_EQ(verdict->checkpoints, 1u);
  EXPECT_TRUE(verdict->key_expected && verdict->finished);
  EXPECT_EQ(verdict->state, "succeeded");
  EXPECT_EQ(verdict->run, "r1");
}

TEST_F(EvidenceTest, EveryBitMatters) {
  const Bytes archive = pack(bundle());
  for (std::size_t i = 0; i < archive.size(); ++i) {
    Bytes other = archive;
    other[i] ^= static_cast<std::uint8_t>(1 << (i % 8));
    ASSERT_TRUE(check_bundle(other, "x.tar").first_bad) << i;
  }
}

TEST_F(EvidenceTest, EveryTruncationAndAnythingAppendedIsRefused) {
  Bytes archive = pack(bundle());
  for (std::size_t n = 0; n < archive.size(); n += 7)
    ASSERT_TRUE(check_bundle(ByteView(archive).first(n), "x.tar").first_bad) << n;
  archive.push_back(0);
  EXPECT_TRUE(check_bundle(archive, "x.tar").first_bad);
}

TEST_F(EvidenceTest, EveryByteOfEveryFileMattersEvenWithTheSumsMendedToFit) {
  const std::vector<ArchiveFile> good = bundle();
  ASSERT_FALSE(check(good).first_bad);
  for (std::size_t f = 0; f + 1 < good.size(); ++f) {   // all but SHA256SUMS
    for (std::size_t i = 0; i < good[f].content.size(); ++i) {
      std::vector<ArchiveFile> other = good;
      other[f].content[i] = static_cast<char>(other[f].content[i] ^ 1);
      // An index that claims to come from another table cannot be made again: only its sum covers it.
      if (good[f].name == kControlsJson && other[f].content.find("\"table_version\":1") == std::string::npos)
        continue;
      ASSERT_TRUE(check(other).first_bad) << good[f].name << " " << i;
    }
  }
}

TEST_F(EvidenceTest, AnEventLeftOutShows) {
  for (std::size_t line = 0; line < 6; ++line) {
    std::vector<ArchiveFile> other = bundle();
    drop_line(file(other, kEvents), line);
    drop_line(file(other, kProofs), line);
    Verdict verdict = check(other);
    ASSERT_TRUE(verdict.first_bad) << line;
    if (line >= 2 && line <= 4) {
      EXPECT_EQ(verdict.first_bad->why, "the event is left out");
      EXPECT_EQ(verdict.first_bad->seq, line + 1);
    }
  }
}

TEST_F(EvidenceTest, AForgersOwnJournalFailsAgainstTheExpectedKey) {
  std::vector<ArchiveFile> good = bundle();
  EXPECT_FALSE(check(good, first_key_).first_bad);
  crypto::PublicKey other = first_key_;
  other[0] ^= 1;
  Verdict verdict = check(good, other);
  ASSERT_TRUE(verdict.first_bad);
  EXPECT_EQ(verdict.first_bad->file, kKeyFile);
}

TEST_F(EvidenceTest, ARunThatGoesOnSaysSo) {
  add(record::event_of(record::RunStarted{.plan_hash = "00"}), "r9");
  auto files = make_bundle(*journal_, "r9", "");
  Verdict verdict = check(*files);
  ASSERT_FALSE(verdict.first_bad) << verdict.first_bad->why;
  EXPECT_FALSE(verdict.finished);
  EXPECT_EQ(verdict.state, "running");
}

TEST_F(EvidenceTest, KeysMaySucceedBeforeAndAfterTheRun) {
  ASSERT_TRUE(journal_->succeed_key(entropy_));
  add(record::event_of(record::RunStarted{.plan_hash = "00"}), "r3");
  ASSERT_TRUE(journal_->succeed_key(entropy_));
  add(record::event_of(record::RunFinished{}), "r3");
  ASSERT_TRUE(journal_->succeed_key(entropy_));
  for (const char* run : {"r1", "r3"}) {
    auto files = make_bundle(*journal_, run, "");
    EXPECT_FALSE(check(*files, first_key_).first_bad);
    EXPECT_FALSE(check(*files, journal_->identity().public_key).first_bad);
  }
  auto files = make_bundle(*journal_, "r1", "");
  drop_line(file(*files, kEvents), 6);   // the first succession
  drop_line(file(*files, kProofs), 6);
  EXPECT_TRUE(check(*files).first_bad);
}

TEST_F(EvidenceTest, RefusesAWrongPlanAndAnUnknownRun) {
  EXPECT_EQ(make_bundle(*journal_, "r1", "another").error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(make_bundle(*journal_, "r7", "").error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(verify_bundle(files_, "/none.tar").error().kind, ErrorKind::kNotFound);
}

TEST_F(EvidenceTest, ControlsAreMappedToEvents) {
  std::vector<journal::Entry> entries;
  ASSERT_TRUE(journal_->read(0, [&](const journal::Entry& e) { return entries.push_back(e), true; }));
  std::map<std::string, std::vector<std::uint64_t>> by_id;
  for (const ControlEvidence& e : map_controls(entries)) by_id[std::string(e.control->id)] = e.events;
  EXPECT_EQ(by_id["A1.2"], (std::vector<std::uint64_t>{5}));
  EXPECT_EQ(by_id["A1.3"], (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(by_id["8.5"], (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(by_id["11(8)"].size(), entries.size());
  EXPECT_EQ(by_id.count("12.10.1"), 0u) << "the end of a drill is no recovery from an incident";
  for (const Control& c : controls()) EXPECT_FALSE(c.artefacts.empty()) << c.id;
  for (const char* id : {"164.308(a)(7)(ii)(A)", "12.10.1", "12.10.2", "32(1)(b)", "32(1)(c)", "32(1)(d)",
                         "21(2)(c)", "12(6)"})
    EXPECT_TRUE(std::any_of(controls().begin(), controls().end(), [&](const Control& c) {
      return c.id == id;
    })) << id;
}

}  // namespace
}  // namespace hf::evidence
