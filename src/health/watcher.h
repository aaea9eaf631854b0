// From the votes to "this region is lost": quorum for each target, classification, dwell, cool-down. The watcher only
// says so; what follows (a proposal, a failover) is decided by its caller.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "health/quorum.h"
#include "io/env.h"
#include "record/proof_events.h"

namespace hf::health {

using Decisions = std::map<std::string, Decision>;   // by health check

struct Classification {
  bool region_lost = false;
  std::string region;           // that the runbook moves away from
  std::string disaster;         // "region-loss"
  std::string disaster_class;   // "L1"
  std::vector<std::string> reasons;
};
// All targets of the runbook's `detect` down: its region is lost. Some: something else, which a person must look at.
Classification classify(const plan::Plan& plan, const plan::Runbook& runbook, const Decisions& decisions);

struct Detection {
  record::Detection event;      // for the journal
  int down_votes = 0;           // of the target with the fewest
  int needed = 0;
  int total = 0;
  std::vector<std::string> reasons;
};
Json to_json(const Detection& d);

struct WatchRules {
  Micros dwell{0};                           // how long everything must be down without a break before it counts
  Micros cool_down{0};                       // after a failover nothing is detected for so long
  std::optional<WallTime> last_failover;     // of this runbook, from the journal
};

// The memory between looks; pure, told what time it is.
class DetectionMachine {
 public:
  explicit DetectionMachine(WatchRules rules) : rules_(rules) {}
  // True once for each loss: again only after the region was not lost in between. `reasons` gets why or why not.
  bool step(const Classification& c, MonoTime now, WallTime wall, std::vector<std::string>& reasons);
  std::optional<WallTime> quorum_at() const { return quorum_at_; }

 private:
  WatchRules rules_;
  std::optional<MonoTime> down_since_;
  std::optional<WallTime> quorum_at_;
  bool told_ = false;
};

struct WatchStatus {
  Decisions decisions;
  Classification classification;
  std::vector<std::string> reasons;          // of the machine
};

class QuorumWatcher {
 public:
  // REQUIRES: `plan` and `runbook` outlive it. kInvalid where the runbook detects nothing.
  static Result<QuorumWatcher> make(const Env& env, const plan::Plan& plan, const plan::Runbook& runbook,
                                    std::string coordination_dir, WatchRules rules);

  // One look at all votes.
  std::optional<Detection> look(WatchStatus& status);
  // Looks until `stop` (kCancelled) or until `on_detection` returns false. `on_status` is called when the status
  // differs from the last one told.
  Status run(std::stop_token stop, const std::function<void(const WatchStatus&)>& on_status,
             const std::function<bool(const Detection&)>& on_detection);

 private:
  QuorumWatcher(const Env& env, const plan::Plan& plan, const plan::Runbook& runbook, std::string dir, WatchRules rules);
  Detection describe(const WatchStatus& status) const;

  Env env_;
  const plan::Plan& plan_;
  const plan::Runbook& runbook_;
  std::vector<const plan::HealthCheck*> checks_;
  VoteReader reader_;
  DetectionMachine machine_;
  Micros every_{0};
};

}  // namespace hf::health
