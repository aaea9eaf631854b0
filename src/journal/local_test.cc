// The local home: order, durability, locks, checkpoints, keys.
#include "journal/local.h"

#include <gtest/gtest.h>

#include "io/testing_files.h"
#include "io/testing_folder.h"
#include "journal/testing_local.h"
#include "record/run_events.h"
#include "record/step_events.h"

namespace hf::journal {
namespace {

class LocalJournalTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<LocalJournal>> open(Files& files) {
    return LocalJournal::open(files, clock_, log_, entropy_,
                              {.folder = "/j", .here = {"h", "r"}, .lock = false});
  }
  std::vector<std::string> texts(Journal& journal) {
    std::vector<std::string> out;
    EXPECT_TRUE(journal.read(0, [&](const Entry& e) { return out.push_back(note_text(e)), true; }));
    return out;
  }

  MemoryFiles memory_;
  StandingClock clock_;
  MemoryLog log_;
  RepeatingEntropy entropy_;
};

using Texts = std::vector<std::string>;

TEST_F(LocalJournalTest, AppendsInOrderAndKeepsThem) {
  {
    auto journal = open(memory_);
    ASSERT_TRUE(journal) << journal.error().text;
    EXPECT_EQ((*journal)->size(), 1u);
    EXPECT_EQ(*(*journal)->append(note_event("a")), 1u);
    EXPECT_EQ(*(*journal)->append(note_event("b")), 2u);
  }
  auto journal = open(memory_);
  ASSERT_TRUE(journal) << journal.error().text;
  EXPECT_EQ(texts(**journal), (Texts{"(journal.opened)", "a", "b"}));
  EXPECT_EQ((*journal)->identity().origin.size(), std::string("holdfast/").size() + 32);
  Texts from;
  ASSERT_TRUE((*journal)->read(1, [&](const Entry& e) { return from.push_back(note_text(e)), false; }));
  EXPECT_EQ(from, Texts{"a"});
  EXPECT_EQ(log_.errors(), 0u);
}

TEST_F(LocalJournalTest, AcknowledgedEventsSurviveACrash) {
  auto journal = open(memory_);
  for (int i = 0; i < 40; ++i) ASSERT_TRUE((*journal)->append(note_event(std::to_string(i))));
  memory_.crash();
  journal->reset();
  auto again = open(memory_);
  ASSERT_TRUE(again) << again.error().text;
  EXPECT_EQ(texts(**again).size(), 41u);
}

TEST_F(LocalJournalTest, CheckpointsVerifyAndProve) {
  auto journal = open(memory_);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE((*journal)->append(note_event(std::to_string(i))));
  Identity who = (*journal)->identity();
  auto first = open_checkpoint(*(*journal)->checkpoint(), who.origin, who.public_key);
  ASSERT_TRUE(first) << first.error().text;
  for (int i = 0; i < 9; ++i) ASSERT_TRUE((*journal)->append(note_event(std::to_string(i))));
  auto second = open_checkpoint(*(*journal)->checkpoint(), who.origin, who.public_key);
  EXPECT_EQ(first->size, 6u);
  EXPECT_EQ(second->size, 15u);
  auto proof = (*journal)->consistency_proof(first->size, second->size);
  EXPECT_TRUE(verify_consistency(first->size, first->root, second->size, second->root, *proof));
  ASSERT_TRUE((*journal)->read(0, [&](const Entry& e) {
    auto inclusion = (*journal)->inclusion_proof(e.seq, second->size);
    EXPECT_TRUE(verify_inclusion(leaf_hash(as_bytes(e.leaf)), e.seq, second->size, *inclusion, second->root));
    return true;
  }));
  EXPECT_FALSE((*journal)->inclusion_proof(15, 15));
  EXPECT_FALSE((*journal)->inclusion_proof(0, 16));
  EXPECT_FALSE((*journal)->consistency_proof(1, 16));
}

TEST_F(LocalJournalTest, SignsEveryEventBeforeItIsAcknowledgedButForLooks) {
  auto journal = open(memory_);
  auto signed_size = [&] {
    return peek_checkpoint(to_text(*read_file(memory_, "/j/checkpoint", 4096)))->size;
  };
  ASSERT_TRUE((*journal)->append(note_event("a")));
  EXPECT_EQ(signed_size(), 2u);
  ASSERT_TRUE((*journal)->append(record::event_of(record::RunFinished{})));
  EXPECT_EQ(signed_size(), 3u);
  const record::Event look = record::event_of(record::StepObserved{"done", "", Json::object()});
  for (int i = 0; i < 15; ++i) ASSERT_TRUE((*journal)->append(look));
  EXPECT_EQ(signed_size(), 3u);
  ASSERT_TRUE((*journal)->append(look));
  EXPECT_EQ(signed_size(), 19u);
  ASSERT_TRUE((*journal)->append(look));
  EXPECT_EQ(signed_size(), 19u);
  ASSERT_TRUE((*journal)->append(record::event_of(record::StepOutcome{})));
  EXPECT_EQ(signed_size(), 21u);
  ASSERT_TRUE((*journal)->append(look));
  journal->reset();
  EXPECT_EQ(signed_size(), 22u);
}

TEST_F(LocalJournalTest, SegmentsFollowOneAnother) {
  {
    auto journal = LocalJournal::open(memory_, clock_, log_, entropy_,
                                      {.folder = "/j", .segment_bytes = 1024, .lock = false});
    for (int i = 0; i < 30; ++i) ASSERT_TRUE((*journal)->append(note_event(std::to_string(i) + "xx")));
    EXPECT_EQ(texts(**journal).size(), 31u);
  }
  EXPECT_GE(memory_.list("/j/log")->size(), 5u);
  auto journal = open(memory_);
  ASSERT_TRUE(journal) << journal.error().text;
  EXPECT_EQ(texts(**journal).back(), "29xx");
  ASSERT_TRUE(memory_.remove("/j/log/" + memory_.list("/j/log")->at(1).name));
  EXPECT_EQ(open(memory_).error().kind, ErrorKind::kCorrupt);
}

TEST_F(LocalJournalTest, AReaderSeesWhatWasAcknowledgedAndChangesNothing) {
  EXPECT_EQ(LocalJournal::open_reader(memory_, "/j").error().kind, ErrorKind::kNotFound);
  auto writer = open(memory_);
  ASSERT_TRUE((*writer)->append(note_event("a")));
  std::string tail = "/j/log/" + segment_name(0);
  auto file = memory_.open(tail, OpenMode::kReadWrite, 0600);
  std::uint64_t size = *(*file)->size();
  ASSERT_TRUE((*file)->write_at(size, as_bytes("half a fr")));   // a writer in the middle of its next append
  auto reader = LocalJournal::open_reader(memory_, "/j");
  ASSERT_TRUE(reader) << reader.error().text;
  EXPECT_EQ(texts(**reader), (Texts{"(journal.opened)", "a"}));
  EXPECT_EQ((*reader)->append(note_event("b")).error().kind, ErrorKind::kBlocked);
  EXPECT_EQ(peek_checkpoint(*(*reader)->checkpoint())->size, 2u);
  EXPECT_EQ((*reader)->succeed_key(entropy_).error().kind, ErrorKind::kBlocked);
  reader->reset();
  EXPECT_EQ(*(*file)->size(), size + 9);
}

TEST_F(LocalJournalTest, OneWriterAtATime) {
  PosixFiles files;
  TestFolder folder;
  LocalOptions options{.folder = folder.path() + "/journal", .here = {"h", "r"}};
  auto first = LocalJournal::open(files, clock_, log_, entropy_, options);
  ASSERT_TRUE(first) << first.error().text;
  auto second = LocalJournal::open(files, clock_, log_, entropy_, options);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::kBusy);
  EXPECT_NE(second.error().text.find(std::to_string(::getpid())), std::string::npos) << second.error().text;
  EXPECT_FALSE(second.error().hint.empty());
  ASSERT_TRUE((*first)->append(note_event("a")));
  EXPECT_TRUE(LocalJournal::open_reader(files, options.folder));
  first->reset();
  auto third = LocalJournal::open(files, clock_, log_, entropy_, options);
  ASSERT_TRUE(third) << third.error().text;
  EXPECT_EQ((*third)->size(), 2u);
}

TEST_F(LocalJournalTest, KeySuccessionIsSignedAndSurvives) {
  crypto::PublicKey before, after;
  {
    auto journal = open(memory_);
    ASSERT_TRUE((*journal)->append(note_event("a")));
    before = (*journal)->identity().public_key;
    ASSERT_TRUE((*journal)->succeed_key(entropy_));
    after = (*journal)->identity().public_key;
    EXPECT_NE(before, after);
    EXPECT_TRUE(open_checkpoint(*(*journal)->checkpoint(), (*journal)->identity().origin, after));
    ASSERT_TRUE((*journal)->append(note_event("b")));
  }
  auto journal = open(memory_);
  ASSERT_TRUE(journal) << journal.error().text;
  EXPECT_EQ((*journal)->identity().public_key, after);
  EXPECT_EQ(texts(**journal), (Texts{"(journal.opened)", "a", "(key.succession)", "b"}));
  EXPECT_EQ(verify_journal(memory_, "/j")->checkpoints, 1u);
}

TEST_F(LocalJournalTest, OnlyTheJournalSpeaksOfItself) {
  auto journal = open(memory_);
  EXPECT_EQ((*journal)->append(record::event_of(record::JournalOpened{})).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ((*journal)->append(record::event_of(record::KeySuccession{})).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ((*journal)->size(), 1u);
}

TEST_F(LocalJournalTest, AMissingOrForeignKeyIsRefused) {
  { ASSERT_TRUE((*open(memory_))->append(note_event("a"))); }
  Bytes key = *read_file(memory_, "/j/key", 4096);
  ASSERT_TRUE(memory_.remove("/j/key"));
  EXPECT_EQ(open(memory_).error().kind, ErrorKind::kDenied);
  EXPECT_TRUE(LocalJournal::open_reader(memory_, "/j"));
  std::string other = to_text(key).substr(0, 66) + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
  ASSERT_TRUE(write_file_atomic(memory_, "/j/key", as_bytes(other)));
  EXPECT_EQ(open(memory_).error().kind, ErrorKind::kDenied) << open(memory_).error().text;
  for (std::size_t n = 0; n < key.size(); ++n) {
    ASSERT_TRUE(write_file_atomic(memory_, "/j/key", ByteView(key).first(n)));
    EXPECT_FALSE(open(memory_)) << n;
  }
  ASSERT_TRUE(write_file_atomic(memory_, "/j/key", key));
  EXPECT_TRUE(open(memory_));
}

}  // namespace
}  // namespace hf::journal
