// The plan's canonical text is what is hashed, so that one who confirms it confirms every word of it.
#include "runbook/failover_plan.h"

#include <algorithm>

#include "base/lsn.h"

namespace hf::runbook {
namespace {

constexpr int kVersion = 1;

Json step_json(const StepSpec& s, const PlannedStepState& seen) {
  Json j = Json::object(), needs = Json::array();
  for (const std::string& n : s.needs) needs.push(n);
  j.set("name", s.name)
      .set("action", s.action)
      .set("summary", s.summary)
      .set("needs", needs)
      .set("irreversible", s.irreversible);
  j.set("plane", to_string(s.plane)).set("region", s.plane_region).set("expected_us", s.expected.count());
  return j.set("state", to_string(seen.state)).set("detail", seen.detail).set("facts", seen.facts);
}

Json unhashed(const FailoverPlan& p) {
  Json j = Json::object(), steps = Json::array();
  for (std::size_t i = 0; i < p.spec.steps.size(); ++i) steps.push(step_json(p.spec.steps[i], p.steps[i]));
  j.set("version", kVersion).set("runbook", p.spec.runbook).set("source", p.spec.source).set("target", p.spec.target);
  j.set("class", p.spec.disaster_class)
      .set("plan_hash", p.spec.plan_hash)
      .set("created_at", format_time(p.created_at));
  j.set("steps", steps).set("risk", to_json(p.risk)).set("confirm", p.confirm);
  const Json spec = to_json(p.spec);
  return j.set("waivers", spec["waivers"]).set("spec", spec);
}

std::string hash_of(const Json& unhashed, const DigestText& digest) {
  const auto text = canonical_json(unhashed);
  return text ? digest(*text) : std::string();
}

// Asked before anything is made of the text: what was edited is told as that, not by what is odd in it now.
Status check_hash(const Json& saved, const DigestText& digest) {
  Json rest = Json::object();
  for (const auto& [name, value] : saved.members())
    if (name != "hash") rest.set(name, value);
  const std::string& hash = saved["hash"].as_string();
  if (!hash.empty() && hash_of(rest, digest) == hash) return ok();
  return make_error(ErrorKind::kCorrupt, "the failover plan is not what its hash was made of")
      .with_hint("Make a new one by 'holdfast failover plan'; a plan is never edited.");
}

// The steps as text, without what differs from run to run.
std::string steps_text(const RunSpec& spec) {
  const Json json = to_json(spec);
  return dump_json(json["steps"]) + dump_json(json["waivers"]);
}

void compare_lsn(const std::string& what, const std::string& then, const std::string& now, std::string& out) {
  const auto a = parse_lsn(then), b = parse_lsn(now);
  if (a && (!b || *b < *a)) out += "; " + what + " went back from " + then + " to " + (now.empty() ? "nothing" : now);
}

// Positions may grow; everything else that was seen must be as it was.
void compare_facts(const PlannedStepState& then, const PlannedStepState& now, std::string& out) {
  for (const auto& [name, value] : then.facts.members()) {
    if (name == "replayed")
      compare_lsn("the standby of step '" + then.name + "'", value.as_string(), now.facts[name].as_string(), out);
    else if (name == "lsn")
      compare_lsn("the server of step '" + then.name + "'", value.as_string(), now.facts[name].as_string(), out);
    else if (name != "checks" && name != "ttl_seconds" && name != "seen_at" && value != now.facts[name])
      out += "; " + name + " of step '" + then.name + "' was " + dump_json(value) + " and is " +
             dump_json(now.facts[name]);
  }
}

}  // namespace

FailoverPlan make_failover_plan(const RunSpec& spec, const ActionTable& actions, const Risk& risk,
                                std::string_view confirm_word, WallTime now, const DigestText& digest) {
  FailoverPlan plan;
  plan.spec = spec;
  plan.created_at = now;
  plan.risk = risk;
  if (!confirm_word.empty()) plan.confirm = std::string(confirm_word) + " " + spec.target;
  const std::map<std::string, Json> no_facts;
  for (const StepSpec& s : spec.steps) {
    PlannedStepState state{s.name, ObservedState::kUnknown, "no action '" + s.action + "'", Json::object()};
    if (const auto action = actions.find(s.action); action != actions.end()) {
      auto seen = action->second->observe({spec, s, spec.id + "/" + s.name + "/1", no_facts, now, {}});
      if (seen) state = {s.name, seen->state, seen->detail, seen->facts};
      else state.detail = seen.error().text;
    }
    plan.steps.push_back(std::move(state));
  }
  plan.hash = hash_of(unhashed(plan), digest);
  return plan;
}

Json to_json(const FailoverPlan& plan) { return unhashed(plan).set("hash", plan.hash); }

Result<FailoverPlan> failover_plan_from_json(const Json& j, const DigestText& digest) {
  if (j["version"].as_int() != kVersion)
    return make_error(ErrorKind::kUnsupported,
                      "this failover plan is of version " + std::to_string(j["version"].as_int()));
  HF_TRY(check_hash(j, digest));
  FailoverPlan plan;
  HF_ASSIGN(plan.spec, run_spec_from_json(j["spec"]));
  HF_ASSIGN(plan.created_at, parse_time(j["created_at"].as_string()));
  HF_ASSIGN(plan.risk, risk_from_json(j["risk"]));
  plan.confirm = j["confirm"].as_string();
  for (const Json& s : j["steps"].items()) {
    PlannedStepState state{s["name"].as_string(), ObservedState::kUnknown, s["detail"].as_string(), s["facts"]};
    for (const ObservedState known : {ObservedState::kDone, ObservedState::kNotDone})
      if (to_string(known) == s["state"].as_string()) state.state = known;
    plan.steps.push_back(std::move(state));
  }
  plan.hash = j["hash"].as_string();
  if (plan.steps.size() != plan.spec.steps.size())
    return make_error(ErrorKind::kCorrupt, "the failover plan has " + std::to_string(plan.steps.size()) +
                                               " steps, and its specification " + std::to_string(plan.spec.steps.size()));
  return plan;
}

Status check_drift(const FailoverPlan& shown, const FailoverPlan& now) {
  std::string out;
  if (shown.spec.plan_hash != now.spec.plan_hash) out += "; the plan file is another one";
  if (shown.spec.target != now.spec.target)
    out += "; the target was " + shown.spec.target + " and is " + now.spec.target;
  if (steps_text(shown.spec) != steps_text(now.spec)) out += "; the steps or waivers are others";
  if (shown.risk.fence_possible && !now.risk.fence_possible)
    out += "; a fence is no longer possible: " + now.risk.fence;
  compare_lsn("the standby", shown.risk.standby_lsn, now.risk.standby_lsn, out);
  compare_lsn("the receivers", shown.risk.receivers_lsn, now.risk.receivers_lsn, out);
  for (const PlannedStepState& then : shown.steps) {
    const auto same = std::ranges::find(now.steps, then.name, &PlannedStepState::name);
    if (same == now.steps.end()) continue;
    if (same->state != then.state)
      out += "; step '" + then.name + "' was seen as " + std::string(to_string(then.state)) + " and is " +
             std::string(to_string(same->state)) + (same->detail.empty() ? "" : " (" + same->detail + ")");
    else compare_facts(then, *same, out);
  }
  if (out.empty()) return ok();
  return make_error(ErrorKind::kBlocked, "the world is not the one that was shown: " + out.substr(2))
      .with_hint(
          "Nothing was changed. Make a new plan by 'holdfast failover plan', look at it, and confirm that one.");
}

Status check_confirmation(const FailoverPlan& plan, std::string_view typed) {
  if (typed == plan.hash || (!plan.confirm.empty() && typed == plan.confirm)) return ok();
  return make_error(ErrorKind::kBlocked, "the failover to " + plan.spec.target + " is not confirmed")
      .with_hint("Type '" + plan.confirm + "', or pass --confirm " + plan.hash + ".");
}

}  // namespace hf::runbook
