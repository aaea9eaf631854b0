#include "health/runner.h"

#include <algorithm>
#include <thread>

#include "io/lock.h"

namespace hf::health {
namespace {

constexpr Micros kFastestRenewal = 50ms;
constexpr Micros kSlowestRenewal = 1s;
constexpr int kForgottenRounds = 3;  // a target not looked at for so many rounds is unknown, whatever it was

std::string hex_of(std::uint64_t n) {
  char text[17];
  std::snprintf(text, sizeof text, "%016lx", static_cast<unsigned long>(n));
  return text;
}

}  // namespace

Result<std::vector<plan::HealthCheck>> checks_of(const plan::Plan& plan, const std::string& region) {
  std::vector<plan::HealthCheck> out;
  for (const plan::HealthCheck& check : plan.health) {
    if (std::ranges::find(check.from, region) != check.from.end()) out.push_back(check);
  }
  if (!out.empty()) return out;
  if (plan.find_region(region) == nullptr) return make_error(ErrorKind::kUsage, "the plan has no region '" + region + "'");
  return make_error(ErrorKind::kInvalid, "no health check of the plan is made from " + region)
      .with_hint("Name " + region + " under 'from' of a check in the section 'health'.");
}

ProbeRunner::ProbeRunner(const Env& env, const ProbeTools& tools, RunnerOptions options)
    : env_(env), tools_(tools), options_(std::move(options)), session_(hex_of(env.rng.u64())), every_(kSlowestRenewal) {
  for (const plan::HealthCheck& check : options_.checks) {
    targets_.push_back(std::make_unique<Target>(check));
    every_ = std::min(every_, std::max(kFastestRenewal, check.every / 2));
  }
}

Status ProbeRunner::run(std::stop_token stop) {
  HF_TRY(env_.files.make_dirs(votes_folder(options_.coordination_dir), 0755));
  auto lock = FileLock::acquire(join_path(votes_folder(options_.coordination_dir), "." + options_.region + ".lock"));
  if (!lock) return std::move(lock).error().with_context("voting for " + options_.region);
  std::vector<std::jthread> threads;
  for (const auto& target : targets_) {
    threads.emplace_back([this, t = target.get(), stop] { look_for_ever(*t, stop); });
  }
  MonoTime next = env_.clock.mono();
  do {
    renew();
    next = std::max(next + every_, env_.clock.mono());
  } while (env_.clock.sleep_until(next, stop));
  return ok();  // the threads see the same stop
}

void ProbeRunner::look_for_ever(Target& target, const std::stop_token& stop) {
  MonoTime next = env_.clock.mono();
  do {
    look(target, stop);
    next = std::max(next + target.check.every, env_.clock.mono());
  } while (!stop.stop_requested() && env_.clock.sleep_until(next, stop));
}

void ProbeRunner::look(Target& target, const std::stop_token& stop) {
  const WallTime started = env_.clock.wall();
  const ProbeResult result = run_check(tools_, target.check, stop);
  // What answers proves that the uplink works.
  const bool good = result.outcome == Outcome::kHealthy;
  const Uplink uplink = good ? Uplink::kOk : check_uplink(tools_, target.check, stop);
  if (stop.stop_requested()) return;
  State before;
  State after;
  {
    std::lock_guard lock(target.mutex);
    before = target.states.state();
    target.states.observe(result.outcome, env_.clock.mono(), started);
    after = target.states.state();
    target.uplink = uplink;
    target.detail = result.detail;
    target.looked = env_.clock.mono();
  }
  if (before == after) return;
  env_.log.info("health", "state", {{"region", options_.region}, {"target", target.check.name},
                                    {"state", std::string(to_string(after))}, {"detail", result.detail}});
}

TargetVote ProbeRunner::vote_of(Target& target) {
  std::lock_guard lock(target.mutex);
  const MonoTime now = env_.clock.mono();
  TargetVote out{target.states.state(), target.uplink, 0, target.detail, target.states.first_failure_at()};
  if (out.state == State::kUnknown) return out;
  out.since_seconds = seconds_of(std::chrono::duration_cast<Micros>(now - target.states.since()));
  // A round is the check and its controls, each of which may take its whole timeout.
  const auto rounds = static_cast<std::int64_t>(target.check.controls.size()) + 1;
  const Micros round = target.check.every + target.check.timeout * rounds;
  if (now - target.looked > round * kForgottenRounds) return {State::kUnknown, Uplink::kUnchecked, 0, "the probe hangs", {}};
  return out;
}

Vote ProbeRunner::next_vote() {
  Vote vote{options_.region, session_, ++sequence_, every_, {}};
  for (const auto& target : targets_) vote.targets[target->check.name] = vote_of(*target);
  return vote;
}

void ProbeRunner::renew() {
  Status written = write_vote(env_.files, options_.coordination_dir, next_vote());
  const std::string problem = written ? "" : written.error().text;
  if (problem != last_problem_ && !problem.empty()) {
    env_.log.warning("health", "vote-not-written", {{"region", options_.region}, {"why", problem}});
  }
  last_problem_ = problem;
}

}  // namespace hf::health
