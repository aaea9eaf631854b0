#include "health/watcher.h"

#include <algorithm>

#include "plan/objective.h"

namespace hf::health {
namespace {

constexpr Micros kFastestLook = 20ms;
constexpr Micros kSlowestLook = 500ms;
constexpr const char* kRegionLoss = "region-loss";

std::string lost_region(const plan::Plan& plan, const plan::Runbook& runbook) {
  if (runbook.routing && !runbook.routing->primary.region.empty()) return runbook.routing->primary.region;
  const plan::Region* primary = plan.primary_region();
  return primary != nullptr ? primary->name : "";
}

record::Vote to_record(const Ballot& b, const std::string& target) {
  return {target + " from " + b.region, b.region, std::string(to_string(b.state)), b.why, b.first_failure_at};
}

Json texts(const std::vector<std::string>& lines) {
  Json out = Json::array();
  for (const std::string& line : lines) out.push(line);
  return out;
}

// Without the details of probes, which change with every look.
std::string summary_of(const WatchStatus& s) {
  std::string out;
  for (const auto& [name, d] : s.decisions) out += name + " " + d.reasons.back() + "\n";
  for (const std::string& r : s.classification.reasons) out += r + "\n";
  return out;
}

}  // namespace

Classification classify(const plan::Plan& plan, const plan::Runbook& runbook, const Decisions& decisions) {
  Classification out;
  out.region = lost_region(plan, runbook);
  std::size_t down = 0;
  for (const std::string& name : runbook.detect) {
    const auto at = decisions.find(name);
    down += at != decisions.end() && at->second.verdict == Verdict::kDown ? 1 : 0;
  }
  const std::string count = std::to_string(down) + " of " + std::to_string(runbook.detect.size()) + " targets of " +
                            out.region + " are down";
  if (runbook.detect.empty() || down == 0) {
    out.reasons.push_back(count);
    return out;
  }
  if (down < runbook.detect.size()) {
    out.reasons.push_back(count + ": not the loss of the region, a person must look at it");
    return out;
  }
  const plan::DisasterClass* disaster_class = plan::failover_class(plan);
  out.region_lost = true;
  out.disaster = kRegionLoss;
  out.disaster_class = disaster_class != nullptr ? disaster_class->name : "";
  out.reasons.push_back(count + ": " + kRegionLoss + (disaster_class != nullptr ? ", class " + out.disaster_class : ""));
  return out;
}

Json to_json(const Detection& d) {
  Json votes = Json::array();
  for (const record::Vote& v : d.event.votes) {
    Json one = Json::object();
    one.set("probe", v.probe).set("region", v.region).set("verdict", v.verdict).set("detail", v.detail);
    if (v.first_failure_at) one.set("first_failure_at", format_time(*v.first_failure_at));
    votes.push(one);
  }
  Json out = Json::object();
  out.set("target", d.event.target).set("class", d.event.disaster_class).set("region", d.event.region);
  out.set("down_votes", d.down_votes).set("needed", d.needed).set("total", d.total);
  if (d.event.first_failure_at) out.set("first_failure_at", format_time(*d.event.first_failure_at));
  if (d.event.quorum_at) out.set("quorum_at", format_time(*d.event.quorum_at));
  return out.set("votes", votes).set("reasons", texts(d.reasons));
}

bool DetectionMachine::step(const Classification& c, MonoTime now, WallTime wall, std::vector<std::string>& reasons) {
  if (!c.region_lost) {
    down_since_.reset();
    quorum_at_.reset();
    told_ = false;
    return false;
  }
  if (!down_since_) {
    down_since_ = now;
    quorum_at_ = wall;
  }
  if (told_) {
    reasons.push_back("this loss was told already");
    return false;
  }
  if (rules_.last_failover && wall < *rules_.last_failover + rules_.cool_down) {
    reasons.push_back("cool-down: the last failover was at " + format_time(*rules_.last_failover) +
                      ", nothing is detected before " + format_time(*rules_.last_failover + rules_.cool_down));
    return false;
  }
  const Micros lasted = std::chrono::duration_cast<Micros>(now - *down_since_);
  if (lasted < rules_.dwell) {
    reasons.push_back("dwell: down for less than " + format_duration(rules_.dwell));
    return false;
  }
  told_ = true;
  reasons.push_back("detected");
  return true;
}

QuorumWatcher::QuorumWatcher(const Env& env, const plan::Plan& plan, const plan::Runbook& runbook, std::string dir,
                             WatchRules rules)
    : env_(env), plan_(plan), runbook_(runbook), reader_(env.files, env.clock, std::move(dir)), machine_(rules),
      every_(kSlowestLook) {}

Result<QuorumWatcher> QuorumWatcher::make(const Env& env, const plan::Plan& plan, const plan::Runbook& runbook,
                                          std::string coordination_dir, WatchRules rules) {
  QuorumWatcher out(env, plan, runbook, std::move(coordination_dir), rules);
  for (const std::string& name : runbook.detect) {
    const plan::HealthCheck* check = plan.find_health(name);
    const bool sound = check != nullptr && !check->from.empty() && check->needed() <= static_cast<int>(check->from.size());
    if (!sound) {
      return make_error(ErrorKind::kInvalid, "the runbook " + runbook.name + " detects by '" + name +
                                                 "', which is no health check with enough vantage points");
    }
    out.checks_.push_back(check);
    out.every_ = std::min(out.every_, std::max(kFastestLook, check->every / 4));
  }
  if (!out.checks_.empty()) return out;
  return make_error(ErrorKind::kInvalid, "the runbook " + runbook.name + " names no health check under 'detect'")
      .with_hint("Name the checks that are down when the region is lost.");
}

std::optional<Detection> QuorumWatcher::look(WatchStatus& status) {
  status = {};
  std::map<std::string, SeenVote> seen;  // each file is read once a look
  for (const plan::HealthCheck* check : checks_) {
    std::vector<Ballot> ballots;
    for (const std::string& region : check->from) {
      auto [at, absent] = seen.try_emplace(region);
      if (absent) at->second = reader_.read(region);
      ballots.push_back(ballot_of(at->second, check->name));
    }
    status.decisions[check->name] = decide_quorum(ballots, check->needed(), static_cast<int>(check->from.size()));
  }
  status.classification = classify(plan_, runbook_, status.decisions);
  if (!machine_.step(status.classification, env_.clock.mono(), env_.clock.wall(), status.reasons)) return std::nullopt;
  return describe(status);
}

Detection QuorumWatcher::describe(const WatchStatus& status) const {
  Detection out;
  out.event.region = status.classification.region;
  out.event.disaster_class = status.classification.disaster_class;
  out.event.quorum_at = machine_.quorum_at();
  for (const auto& [name, decision] : status.decisions) {
    out.event.target += (out.event.target.empty() ? "" : ", ") + name;
    for (const Ballot& b : decision.ballots) out.event.votes.push_back(to_record(b, name));
    for (const std::string& r : decision.reasons) out.reasons.push_back(name + ": " + r);
    const auto& first = decision.first_failure_at;
    if (first && (!out.event.first_failure_at || *first < *out.event.first_failure_at)) out.event.first_failure_at = first;
    if (out.total == 0 || decision.down < out.down_votes) {
      out.down_votes = decision.down;
      out.needed = decision.needed;
      out.total = decision.total;
    }
  }
  for (const std::string& r : status.classification.reasons) out.reasons.push_back(r);
  return out;
}

Status QuorumWatcher::run(std::stop_token stop, const std::function<void(const WatchStatus&)>& on_status,
                          const std::function<bool(const Detection&)>& on_detection) {
  std::string told;
  while (true) {
    WatchStatus status;
    const auto detection = look(status);
    if (std::string summary = summary_of(status); summary != told) {
      told = std::move(summary);
      on_status(status);
    }
    if (detection && !on_detection(*detection)) return ok();
    if (!env_.clock.sleep_until(env_.clock.mono() + every_, stop)) {
      return make_error(ErrorKind::kCancelled, "watching " + runbook_.name + ": stopped");
    }
  }
}

}  // namespace hf::health
