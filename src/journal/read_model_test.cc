// The read model answers as the log would, and is made again whenever it cannot be trusted.
#include "journal/read_model.h"

#include <gtest/gtest.h>

#include "io/testing_folder.h"
#include "journal/testing_local.h"
#include "journal/testing_memory.h"
#include "record/data_events.h"
#include "record/proof_events.h"
#include "record/run_events.h"
#include "record/step_events.h"

namespace hf::journal {
namespace {

class ReadModelTest : public ::testing::Test {
 protected:
  void add(record::Event e, std::string run = "", std::string step = "") {
    e.time = WallTime(Micros(1000000 * ++second_));
    e.actor.id = "test";
    e.origin.host = "h";
    e.attempt = step.empty() ? 0 : 1;
    e.run = std::move(run);
    e.step = std::move(step);
    ASSERT_TRUE(journal_.append(e));
  }
  void add_drill() {
    add(note_event("before"));
    add(record::event_of(record::RunStarted{
            .kind = record::RunKind::kDrill,
            .runbook = "failover",
            .target_region = "us-west-2",
            .plan_hash = "ab",
            .steps = {{"fence", "fence", {}, false}, {"promote", "promote", {"fence"}, true}}}),
        "r1");
    add(record::event_of(record::StepIntent{"k", "fence", false, ""}), "r1", "fence");
    add(record::event_of(
            record::StepOutcome{.state = record::StepState::kDone, .changed = true, .detail = "sealed"}),
        "r1", "fence");
    add(record::event_of(record::StepIntent{"k2", "promote", true, ""}), "r1", "promote");
    add(record::event_of(record::RunResumed{"killed", ""}), "r1");
    add(record::event_of(record::Measurement{
            .name = "rto", .component = "db", .actual_time = Micros(7), .target_time = 1h, .met = true}),
        "r1");
    add(record::event_of(
            record::Measurement{.name = "rto", .component = "db", .actual_time = Micros(9), .met = false}),
        "r1");
    add(record::event_of(
            record::Measurement{.name = "data_loss", .component = "db", .unit = "rows", .actual = 0}),
        "r1");
  }
  ReadModel open() {
    auto model = ReadModel::open(files_, path_, journal_);
    EXPECT_TRUE(model) << model.error().text;
    EXPECT_EQ(model->size(), journal_.size());
    return std::move(*model);
  }

  TestFolder folder_;
  std::string path_ = folder_.file("read.db");
  PosixFiles files_;
  MemoryJournal journal_;
  std::int64_t second_ = 0;
};

TEST_F(ReadModelTest, RunsStepsAndMeasurements) {
  add_drill();
  ReadModel model = open();
  auto runs = *model.runs();
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].kind, "drill");
  EXPECT_EQ(runs[0].state, "running");
  EXPECT_EQ(runs[0].target_region, "us-west-2");
  EXPECT_EQ(runs[0].resumed, 1);
  EXPECT_EQ(runs[0].first_seq, 1u);
  EXPECT_EQ(runs[0].last_seq, 8u);
  EXPECT_FALSE(runs[0].finished_at);
  auto steps = *model.steps("r1");
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0].state, "done");
  EXPECT_EQ(steps[0].detail, "sealed");
  EXPECT_TRUE(steps[0].changed);
  EXPECT_EQ(steps[0].started_at, WallTime(3s));
  EXPECT_EQ(steps[0].finished_at, WallTime(4s));
  EXPECT_EQ(steps[1].state, "started");
  EXPECT_TRUE(steps[1].irreversible);
  auto latest = *model.latest_measurements();
  ASSERT_EQ(latest.size(), 2u);
  EXPECT_EQ(latest[0].name, "data_loss");
  EXPECT_EQ(latest[0].actual, 0);
  EXPECT_FALSE(latest[0].met);
  EXPECT_EQ(latest[1].actual_time, Micros(9));
  EXPECT_EQ(latest[1].met, false);
  EXPECT_EQ(latest[1].run_kind, "drill");
  EXPECT_EQ(model.measurements("r1")->size(), 3u);
  EXPECT_EQ(model.run("r2").error().kind, ErrorKind::kNotFound);
}

TEST_F(ReadModelTest, RefreshTakesInWhatIsNew) {
  add_drill();
  ReadModel model = open();
  record::StepOutcome failed{
      .state = record::StepState::kFailed,
      .error = record::step_error(make_error(ErrorKind::kFailed, "no answer").with_hint("Wait."))};
  add(record::event_of(failed), "r1", "promote");
  add(record::event_of(record::StepOutcome{.state = record::StepState::kSkipped}), "r1", "unplanned");
  add(record::event_of(record::RunFinished{record::RunState::kFailed, "promote failed"}), "r1");
  ASSERT_TRUE(model.refresh(journal_));
  EXPECT_EQ(model.run("r1")->state, "failed");
  EXPECT_EQ(model.run("r1")->verdict, "promote failed");
  EXPECT_TRUE(model.run("r1")->finished_at);
  EXPECT_EQ(model.steps("r1")->at(1).error, "no answer");
  EXPECT_EQ(model.steps("r1")->at(1).hint, "Wait.");
  EXPECT_EQ(model.steps("r1")->at(2).step, "unplanned");
}

TEST_F(ReadModelTest, BackupsAndVerifications) {
  add(record::event_of(record::BackupFinished{"db", "s1", "v", 1, 2, 3, 4, 5us}));
  add(record::event_of(record::BackupFinished{"db", "s2", "v", 1, 2, 3, 4, 5us}));
  add(record::event_of(
      record::VerifyFinished{"db", "s2", 1s, 2s, record::CanaryFound{9, 8, 1}, {{"boots", true, ""}}, true}));
  add(record::event_of(
      record::VerifyFinished{"files", "s3", std::nullopt, std::nullopt, std::nullopt, {{"boots", true, ""}, {"rows", false, ""}},
                             true}));
  ReadModel model = open();
  auto backups = *model.latest_backups();
  ASSERT_EQ(backups.size(), 1u);
  EXPECT_EQ(backups[0].snapshot, "s2");
  EXPECT_EQ(backups[0].stored_bytes, 4u);
  EXPECT_EQ(backups[0].duration, 5us);
  auto verified = *model.latest_verifications();
  ASSERT_EQ(verified.size(), 2u);
  EXPECT_TRUE(verified[0].ok);
  EXPECT_EQ(verified[0].lost, 1u);
  EXPECT_FALSE(verified[1].ok);
}

TEST_F(ReadModelTest, EventsAreFiltered) {
  add_drill();
  ReadModel model = open();
  EXPECT_EQ(model.events({})->size(), 9u);
  EXPECT_EQ(model.events({.type_prefix = "step."})->size(), 3u);
  EXPECT_EQ(model.events({.run = "r1"})->size(), 8u);
  EXPECT_EQ(model.events({.from = 7})->at(0).seq, 7u);
  EXPECT_EQ(model.events({.limit = 1, .newest_first = true})->at(0).seq, 8u);
}

TEST_F(ReadModelTest, KeptWhereItIsRightAndMadeAgainWhereItIsNot) {
  add_drill();
  EXPECT_FALSE(open().rebuilt());
  EXPECT_FALSE(open().rebuilt());
  ASSERT_TRUE(files_.remove(path_));
  EXPECT_EQ(open().runs()->size(), 1u);
  ASSERT_TRUE(write_file_atomic(
      files_, path_,
      as_bytes("not a database at all, but long enough to look at: " + std::string(4096, 'x'))));
  ReadModel again = open();
  EXPECT_TRUE(again.rebuilt());
  EXPECT_EQ(again.runs()->size(), 1u);
}

TEST_F(ReadModelTest, AModelOfAnotherLogIsMadeAgain) {
  add_drill();
  open();
  std::vector<std::string> leaves = journal_.leaves();
  MemoryJournal shorter({leaves.begin(), leaves.begin() + 3});
  auto model = ReadModel::open(files_, path_, shorter);
  ASSERT_TRUE(model);
  EXPECT_TRUE(model->rebuilt());
  EXPECT_EQ(model->size(), 3u);
  leaves[2] = leaves[0];
  MemoryJournal other(leaves);
  model = ReadModel::open(files_, path_, other);
  ASSERT_TRUE(model);
  EXPECT_TRUE(model->rebuilt());
  EXPECT_EQ(model->events({})->size(), leaves.size());
}

TEST_F(ReadModelTest, AFlippedByteEndsInAnErrorOrARebuildOrIsRead) {
  add_drill();
  open();
  const Bytes good = *read_file(files_, path_, 1 << 20);
  Rng rng(1);
  for (int i = 0; i < 100; ++i) {
    Bytes other = good;
    other[rng.bounded(good.size())] ^= 0xFF;
    ASSERT_TRUE(write_file_atomic(files_, path_, other));
    auto model = ReadModel::open(files_, path_, journal_);
    if (!model) {
      EXPECT_FALSE(model.error().hint.empty());
      continue;
    }
    auto runs = model->runs();   // never an exception; what rots inside a value SQLite cannot see
    EXPECT_TRUE(runs.has_value() || !runs.error().hint.empty());
  }
}

TEST_F(ReadModelTest, TwoBringItUpToDateTogether) {
  add_drill();
  ReadModel one = open(), two = open();
  add(note_event("new"));
  ASSERT_TRUE(one.refresh(journal_));
  ASSERT_TRUE(two.refresh(journal_));
  EXPECT_EQ(two.events({})->size(), 10u);
}

TEST_F(ReadModelTest, InMemory) {
  add_drill();
  auto model = ReadModel::open(files_, ":memory:", journal_);
  ASSERT_TRUE(model);
  EXPECT_EQ(model->runs()->size(), 1u);
  EXPECT_FALSE(model->rebuilt());
}

}  // namespace
}  // namespace hf::journal
