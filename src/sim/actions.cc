// Each action is a few lines: what it looks at, and what it does.
#include "sim/actions.h"

namespace hf::sim {
namespace {

using runbook::Observation;
using runbook::Progress;
using runbook::StepContext;

class WorldAction : public runbook::Action {
 public:
  explicit WorldAction(SimWorld& world) : world_(world) {}

 protected:
  SimWorld& world_;
};

class CheckAction final : public WorldAction {
 public:
  using WorldAction::WorldAction;
  Result<Observation> observe(const StepContext&) override { return Observation::done("the standby answers"); }
  Result<Progress> start(const StepContext&) override {
    return make_error(ErrorKind::kFailed, "a check is never started");
  }
};

class FenceAction final : public WorldAction {
 public:
  using WorldAction::WorldAction;
  Result<Observation> observe(const StepContext&) override {
    for (const Receiver& r : world_.receivers())
      if (!r.sealed) return Observation::not_done(r.name + " is not sealed");
    return Observation::done("sealed", proof());
  }
  Result<Progress> start(const StepContext&) override {
    for (const Receiver& r : world_.receivers()) world_.seal(r.name);
    return Progress::done("sealed", proof());
  }

 private:
  Json proof() const {
    Lsn furthest{};
    for (const Receiver& r : world_.receivers()) furthest = std::max(furthest, *r.sealed);
    Json proof = Json::object(), facts = Json::object();
    proof.set("component", "orders").set("level", "quorum");
    return facts.set("fence_proof", proof).set("sealed_lsn", format_lsn(furthest));
  }
};

class PromoteAction final : public WorldAction {
 public:
  using WorldAction::WorldAction;
  Result<Observation> observe(const StepContext&) override {
    return world_.promoted() ? Observation::done("writable") : Observation::not_done("in recovery");
  }
  Result<Progress> start(const StepContext& context) override { return go_on(context); }
  Result<Progress> poll(const StepContext& context, const Json&) override { return go_on(context); }

 private:
  Result<Progress> go_on(const StepContext& context) {
    const auto fence = context.facts.find("fence");
    Lsn wanted{};
    if (fence != context.facts.end()) {
      HF_ASSIGN(wanted, parse_lsn(fence->second["sealed_lsn"].as_string()));
    }
    if (world_.promoted()) return Progress::done("writable already", Json::object(), false);
    if (world_.replayed() < wanted) return Progress::running(Json::object(), Millis(200), "replaying");
    world_.promote();
    return Progress::done("promoted");
  }
};

class ConfigureAction final : public WorldAction {
 public:
  using WorldAction::WorldAction;
  Result<Observation> observe(const StepContext&) override {
    return world_.config() == "us-west" ? Observation::done("configured")
                                        : Observation::not_done("old configuration");
  }
  Result<Progress> start(const StepContext&) override {
    world_.configure("us-west");
    return Progress::done("configured");
  }
};

class DnsAction final : public WorldAction {
 public:
  using WorldAction::WorldAction;
  Result<Observation> observe(const StepContext&) override {
    return world_.dns() == "us-west" ? Observation::done("points to us-west")
                                     : Observation::not_done("points to " + world_.dns());
  }
  Result<Progress> start(const StepContext&) override {
    world_.point_dns("us-west");
    return Progress::done("moved");
  }
};

class VerifyAction final : public WorldAction {
 public:
  using WorldAction::WorldAction;
  Result<Observation> observe(const StepContext& context) override {
    return world_.has_order(context.key) ? Observation::done("the order is there")
                                         : Observation::not_done("no order yet");
  }
  Result<Progress> start(const StepContext& context) override {
    if (context.step.name == "users" && world_.dns() != "us-west")
      return make_error(ErrorKind::kFailed, "the name points elsewhere");
    if (!world_.write_order(context.key)) return make_error(ErrorKind::kFailed, "the service refused the order");
    return Progress::done("order written and read back");
  }
};

class AnnounceAction final : public WorldAction {
 public:
  using WorldAction::WorldAction;
  Result<Observation> observe(const StepContext& context) override {
    return world_.announced(context.key) ? Observation::done("delivered") : Observation::not_done("not delivered");
  }
  Result<Progress> start(const StepContext& context) override {
    world_.announce(context.key);
    return Progress::done("delivered");
  }
};

Error lost() { return make_error(ErrorKind::kTimeout, "no answer within 5s").maybe_happened(); }

runbook::StepSpec step(std::string name, std::string action, runbook::StepKind kind, std::vector<std::string> needs) {
  runbook::StepSpec s;
  s.name = std::move(name);
  s.action = std::move(action);
  s.kind = kind;
  s.needs = std::move(needs);
  s.summary = s.action;
  return s;
}

}  // namespace

Result<Observation> FaultyAction::observe(const StepContext& context) {
  if (rng_.bounded(1000) < faults_.blind) return make_error(ErrorKind::kTimeout, "nothing answers");
  return inner_.observe(context);
}

Result<Progress> FaultyAction::start(const StepContext& context) {
  const std::uint64_t dice = rng_.bounded(1000);
  unsigned edge = faults_.lost_request;
  if (dice < edge) return lost();
  if (dice < (edge += faults_.lost_answer)) {
    const auto unseen = inner_.start(context);
    return unseen || unseen.error().effect == Effect::kNone ? lost() : Error(unseen.error());
  }
  if (dice < (edge += faults_.late_request)) {
    // What travels is a copy of the request.
    world_.later(Micros(rng_.bounded(20'000'000)), [this, run = context.run, name = context.step.name,
                                                    key = context.key, facts = context.facts, now = context.now] {
      const StepContext then{run, *run.find_step(name), key, facts, now, {}};
      const auto unseen = inner_.start(then);
      static_cast<void>(unseen.has_value());
    });
    return lost();
  }
  if (dice < (edge += faults_.refused)) return make_error(ErrorKind::kUnavailable, "try again later");
  if (dice < (edge += faults_.denied)) return make_error(ErrorKind::kDenied, "not allowed");
  return inner_.start(context);
}

Result<Progress> FaultyAction::poll(const StepContext& context, const Json& handle) {
  if (rng_.bounded(1000) < faults_.lost_answer) {
    const auto unseen = inner_.poll(context, handle);
    static_cast<void>(unseen.has_value());
    return lost();
  }
  return inner_.poll(context, handle);
}

Status FaultyAction::cancel(const StepContext& context, const Json& handle) { return inner_.cancel(context, handle); }

SimActions::SimActions(SimWorld& world, std::uint64_t seed, Faults faults) : rng_(seed) {
  const auto add = [&](const std::string& name, std::unique_ptr<runbook::Action> action) {
    auto faulty = std::make_unique<FaultyAction>(*action, world, rng_, faults);
    table_[name] = faulty.get();
    actions_.push_back(std::move(action));
    actions_.push_back(std::move(faulty));
  };
  add("check", std::make_unique<CheckAction>(world));
  add("fence", std::make_unique<FenceAction>(world));
  add("promote", std::make_unique<PromoteAction>(world));
  add("configure", std::make_unique<ConfigureAction>(world));
  add("dns", std::make_unique<DnsAction>(world));
  add("verify", std::make_unique<VerifyAction>(world));
  add("announce", std::make_unique<AnnounceAction>(world));
}

runbook::RunSpec failover_spec(std::string id) {
  using runbook::StepKind;
  runbook::RunSpec spec;
  spec.id = std::move(id);
  spec.runbook = "failover";
  spec.source = "us-east";
  spec.target = "us-west";
  spec.locks = {"orders"};
  spec.steps = {step("checks", "check", StepKind::kObserve, {}),
                step("tell", "announce", StepKind::kChange, {"checks"}),
                step("fence", "fence", StepKind::kChange, {"checks"}),
                step("promote", "promote", StepKind::kChange, {"fence"}),
                step("configure", "configure", StepKind::kChange, {"checks"}),
                step("verify", "verify", StepKind::kVerify, {"promote", "configure"}),
                step("traffic", "dns", StepKind::kChange, {"verify"}),
                step("users", "verify", StepKind::kVerify, {"traffic"})};
  spec.steps[3].irreversible = true;
  spec.steps[3].fence_gate = runbook::FenceGate{"orders", plan::FenceLevel::kQuorum};
  return spec;
}

}  // namespace hf::sim
