// One simulated failover over as many lives of the orchestrator as it takes: setup, run, crash, resume, check.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "journal/testing_memory.h"
#include "runbook/runner.h"
#include "sim/actions.h"
#include "sim/executor.h"

namespace hf::sim {

struct Scenario {
  std::uint64_t seed = 1;
  Fate fate;
  Faults faults;
  Micros slowest_call{100'000};
  int crashes = 0;           // at random appends, by seed
  bool cancel_once = false;  // a person cancels after the first crash
  int approvals = 0;
  unsigned clock_sets = 0;   // of 1,000 appends, after how many the wall clock is set, by up to kLongestClockStep
  runbook::Rules rules;
  runbook::RunSpec spec = failover_spec("r1");
};

struct Crash {
  std::size_t append = 0;  // counted in this life
  bool stored = false;     // the event was durable when the process died
};

constexpr Micros kLongestClockStep = 48h;

class Failover {
 public:
  explicit Failover(Scenario scenario);

  // One life of the orchestrator. kFailed "journal ..." where it crashed.
  Result<runbook::RunReport> live(std::optional<Crash> crash);
  // Lives until the run is finished; empty if it never is within kMostLives.
  std::optional<runbook::RunReport> live_on();

  // The wall clock is set by so much after an append of the next life.
  void set_clock_after(std::size_t append, Micros by) { set_clock_ = {append, by}; }

  SimWorld& world() { return world_; }
  Micros elapsed() { return std::chrono::duration_cast<Micros>(clock_.mono().time_since_epoch()); }
  std::size_t appends() const { return leaves_.size(); }
  std::vector<runbook::Fact> facts();
  // What is wrong with the end, as sentences: world rules broken, claims that are not so, error lines.
  std::vector<std::string> judge(const runbook::RunReport& report);

 private:
  static constexpr int kMostLives = 12;
  Status people(runbook::History& history);
  void disturb_clock(std::size_t append);

  Scenario scenario_;
  SimClock clock_;
  Rng rng_;
  SimWorld world_;
  SimActions actions_;
  MemoryLog log_;
  std::vector<std::string> leaves_;
  bool cancelled_ = false;
  std::optional<std::pair<std::size_t, Micros>> set_clock_;
};

}  // namespace hf::sim
