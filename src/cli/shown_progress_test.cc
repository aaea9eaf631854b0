#include "cli/shown_progress.h"

#include <gtest/gtest.h>

#include <condition_variable>

#include "io/env.h"

namespace hf::cli {
namespace {

// Stands until it is moved; who sleeps is woken by that, and moving waits until he sleeps again.
class SteppedClock final : public Clock {
 public:
  MonoTime mono() override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  WallTime wall() override { return WallTime(Seconds(1'800'000'000)); }
  bool sleep_until(MonoTime when, std::stop_token stop) override {
    std::unique_lock lock(mutex_);
    ++sleeps_;
    changed_.notify_all();
    return changed_.wait(lock, stop, [&] { return now_ >= when; });
  }
  void sleeper_is_there() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return sleeps_ > 0; });
  }
  // `wakes`: the sleeper's time comes by it.
  void move(MonoTime::duration by, bool wakes) {
    std::unique_lock lock(mutex_);
    const int before = sleeps_;
    now_ += by;
    changed_.notify_all();
    if (wakes) changed_.wait(lock, [&] { return sleeps_ > before; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  MonoTime now_{std::chrono::hours(1)};
  int sleeps_ = 0;
};

class ShownProgressTest : public ::testing::Test {
 protected:
  Context context(Output& out) {
    return {env_, out, {}, "/bin/holdfast", "/nowhere", "", false, {}, {}, {}};
  }
  SteppedClock clock_;
  Rng rng_{1};
  PosixFiles files_;
  PosixProcesses processes_{clock_};
  MemoryLog log_;
  Env env_{clock_, rng_, files_, processes_, log_};
};

TEST_F(ShownProgressTest, WithoutATerminalThereIsOneLineInThirtySeconds) {
  Output out(Format::kTable, clock_, false, false);
  Context context = this->context(out);
  testing::internal::CaptureStderr();
  {
    const ShownProgress shown(context, "backing up");
    clock_.sleeper_is_there();
    context.progress.phase("reading files");
    context.progress.add(Counted::kFiles, 3);
    clock_.move(29s, false);
    clock_.move(1s, true);
    clock_.move(30s, true);
    clock_.move(29s, false);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "holdfast: backing up: reading files: 3 files, 30s so far\n"
            "holdfast: backing up: reading files: 3 files, nothing moved for 30s, 1m so far\n");
}

TEST_F(ShownProgressTest, WorkThatEndsSoonerSaysNothingAndLeavesNoPlaceToCount) {
  Output out(Format::kTable, clock_, false, false);
  Context context = this->context(out);
  testing::internal::CaptureStderr();
  {
    const ShownProgress shown(context, "backing up");
    context.progress.phase("reading files");
  }
  context.progress.add(Counted::kFiles);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_F(ShownProgressTest, EventsComeWithEachPhaseEachSecondAndAtTheEnd) {
  Output out(Format::kJsonl, clock_, true, true);
  Context context = this->context(out);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  {
    const ShownProgress shown(context, "backing up");
    clock_.sleeper_is_there();
    context.progress.phase("reading files");
    clock_.move(999ms, false);
    context.progress.add(Counted::kBytes, 1000);
    clock_.move(1ms, true);
    context.progress.add(Counted::kBytes, 500);
  }
  const std::string head = R"({"type":"progress","time":"2027-01-15T08:00:00Z",)";
  EXPECT_EQ(testing::internal::GetCapturedStdout(),
            head + R"("phase":"opening the vault","elapsed_seconds":0,"done_bytes":0})" "\n" +
            head + R"("phase":"reading files","elapsed_seconds":0,"done_bytes":0})" "\n" +
            head + R"("phase":"reading files","elapsed_seconds":1,"done_bytes":1000,"bytes_per_second":1000})" "\n" +
            head + R"("phase":"reading files","elapsed_seconds":1,"done_bytes":1500,"bytes_per_second":1500})" "\n");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_F(ShownProgressTest, AnEventNeverComesBehindTheResult) {
  Output out(Format::kJsonl, clock_, false, false);
  Context context = this->context(out);
  testing::internal::CaptureStdout();
  {
    const ShownProgress shown(context, "backing up");
    out.end_at_once(finished(Json::object()));
  }
  const std::string text = testing::internal::GetCapturedStdout();
  EXPECT_EQ(text.find(R"("type":"progress")", text.find(R"("type":"result")")), std::string::npos) << text;
}

}  // namespace
}  // namespace hf::cli
