// The engine's executor in simulated time: a call acts on the world when it is submitted, and its answer arrives
// later. What is submitted and never fetched is what a crash of the orchestrator leaves behind: effects without
// answers.
#pragma once

#include <functional>
#include <vector>

#include "runbook/executor.h"
#include "sim/clock.h"

namespace hf::sim {

class SimExecutor final : public runbook::Executor {
 public:
  // `latency` is asked once for each call; `on_time` is told of every movement of the clock.
  SimExecutor(SimClock& clock, std::function<Micros()> latency, std::function<void()> on_time)
      : clock_(clock), latency_(std::move(latency)), on_time_(std::move(on_time)) {}
  void submit(runbook::Work work) override;
  std::optional<runbook::Completion> next(MonoTime deadline, std::stop_token stop) override;

 private:
  struct Answer {
    MonoTime at;
    runbook::Completion completion;
  };
  SimClock& clock_;
  std::function<Micros()> latency_;
  std::function<void()> on_time_;
  std::vector<Answer> answers_;
};

}  // namespace hf::sim
