// One simulated failover over as many lives of the orchestrator as it takes: setup, run, crash, resume, check.
#pragma once

#include <string>
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
  runbook::Rules rules;
  runbook::RunSpec spec = failover_spec("r1");
};

struct Crash {
  std::size_t append = 0;  // counted in this life
  bool stored = false;     // the event was durable when the process died
};

class Failover {
 public:
  explicit Failover(Scenario scenario);

  // One life of the orchestrator. kFailed "journal ..." where it crashed.
  Result<runbook::RunReport> live(std::optional<Crash> crash);
  // Lives until the run is finished; empty if it never is within kMostLives.
  std::optional<runbook::RunReport> live_on();

  SimWorld& world() { return world_; }
  std::size_t appends() const { return leaves_.size(); }
  std::vector<runbook::Fact> facts();
  // What is wrong with the end, as sentences: world rules broken, claims that are not so, error lines.
  std::vector<std::string> judge(const runbook::RunReport& report);

 private:
  static constexpr int kMostLives = 12;
  Status people(runbook::History& history);

  Scenario scenario_;
  SimClock clock_;
  Rng rng_;
  SimWorld world_;
  SimActions actions_;
  MemoryLog log_;
  std::vector<std::string> leaves_;
  bool cancelled_ = false;
};

}  // namespace hf::sim
