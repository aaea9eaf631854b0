// The actions of a failover over a SimWorld, behind the same interface as the real ones, and a wrapper that makes
// their world unkind: answers get lost, requests get lost or arrive late, calls fail, observations see nothing.
#pragma once

#include <memory>
#include <vector>

#include "runbook/action.h"
#include "sim/world.h"

namespace hf::sim {

// Chances in a thousand, for each call.
struct Faults {
  unsigned lost_request = 0;  // never arrives; the caller cannot tell
  unsigned lost_answer = 0;   // arrives, happens; the caller cannot tell
  unsigned late_request = 0;  // the caller gives up; it arrives seconds later
  unsigned refused = 0;       // a clear error without effect
  unsigned denied = 0;        // a clear error that no retry mends
  unsigned blind = 0;         // observe: unknown
};

class FaultyAction final : public runbook::Action {
 public:
  FaultyAction(runbook::Action& inner, SimWorld& world, Rng& rng, Faults faults)
      : inner_(inner), world_(world), rng_(rng), faults_(faults) {}
  Result<runbook::Observation> observe(const runbook::StepContext& context) override;
  Result<runbook::Progress> start(const runbook::StepContext& context) override;
  Result<runbook::Progress> poll(const runbook::StepContext& context, const Json& handle) override;
  Status cancel(const runbook::StepContext& context, const Json& handle) override;

 private:
  runbook::Action& inner_;
  SimWorld& world_;
  Rng& rng_;
  Faults faults_;
};

// check, fence, promote, configure, verify, dns, announce; everything it holds lives as long as it does.
class SimActions {
 public:
  SimActions(SimWorld& world, std::uint64_t seed, Faults faults);
  const runbook::ActionTable& table() const { return table_; }

 private:
  Rng rng_;
  std::vector<std::unique_ptr<runbook::Action>> actions_;
  runbook::ActionTable table_;
};

// The runbook of the tests: checks, fence, promote, configure, verify, traffic, users, announce.
runbook::RunSpec failover_spec(std::string id);

}  // namespace hf::sim
