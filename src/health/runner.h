// One vantage point: looks at its targets, each at its own pace in a thread of its own, and renews its vote.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "health/vote.h"
#include "io/env.h"

namespace hf::health {

// The checks that `region` makes. kInvalid where there are none: a probe without work is a mistake.
Result<std::vector<plan::HealthCheck>> checks_of(const plan::Plan& plan, const std::string& region);

struct RunnerOptions {
  std::string coordination_dir;
  std::string region;
  std::vector<plan::HealthCheck> checks;
};

class ProbeRunner {
 public:
  ProbeRunner(const Env& env, const ProbeTools& tools, RunnerOptions options);

  // Until `stop`. kBusy: another probe votes for this region. A vote that cannot be written is logged and tried again.
  Status run(std::stop_token stop);

 private:
  struct Target {
    explicit Target(plan::HealthCheck c) : check(std::move(c)), states(check.fall, check.rise) {}
    const plan::HealthCheck check;
    std::mutex mutex;  // guards the rest
    Hysteresis states;
    Uplink uplink = Uplink::kUnchecked;
    std::string detail = "not looked at yet";
    MonoTime looked{};
  };
  void look(Target& target, const std::stop_token& stop);
  void look_for_ever(Target& target, const std::stop_token& stop);
  TargetVote vote_of(Target& target);
  Vote next_vote();
  void renew();

  Env env_;
  ProbeTools tools_;
  RunnerOptions options_;
  std::vector<std::unique_ptr<Target>> targets_;
  std::string session_;
  std::uint64_t sequence_ = 0;
  Micros every_{0};
  std::string last_problem_;
};

}  // namespace hf::health
