// A run's specification: its mistakes, and its canonical JSON form.
#include "runbook/run_spec.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "runbook/words.h"

namespace hf::runbook {
namespace {

constexpr Words<StepKind, 3> kKinds{{"observe", "change", "verify"}};
constexpr Words<Plane, 2> kPlanes{{"data", "control"}};

Result<plan::FenceLevel> level_from(std::string_view word) {
  for (int i = 0; i <= static_cast<int>(plan::FenceLevel::kPower); ++i)
    if (to_string(static_cast<plan::FenceLevel>(i)) == word) return static_cast<plan::FenceLevel>(i);
  return make_error(ErrorKind::kInvalid, "a run's specification: unknown fence level '" + std::string(word) + "'");
}

Json strings(const std::vector<std::string>& list) {
  Json out = Json::array();
  for (const std::string& s : list) out.push(s);
  return out;
}

std::vector<std::string> strings_from(const Json& json) {
  std::vector<std::string> out;
  for (const Json& item : json.items()) out.push_back(item.as_string());
  return out;
}

Json step_json(const StepSpec& s) {
  Json j = Json::object();
  j.set("name", s.name).set("action", s.action).set("kind", to_string(s.kind)).set("input", s.input);
  j.set("needs", strings(s.needs)).set("plane", to_string(s.plane)).set("plane_region", s.plane_region);
  j.set("irreversible", s.irreversible).set("summary", s.summary);
  j.set("timeout_us", s.timeout.count()).set("expected_us", s.expected.count());
  Json retry = Json::object();
  retry.set("attempts", s.retry.attempts).set("first_backoff_us", s.retry.first_backoff.count());
  j.set("retry", retry.set("longest_backoff_us", s.retry.longest_backoff.count()));
  if (s.fence_gate) {
    Json gate = Json::object();
    j.set("fence_gate", gate.set("component", s.fence_gate->component).set("level", to_string(s.fence_gate->level)));
  }
  return j;
}

Result<StepSpec> step_from(const Json& j) {
  StepSpec s;
  const auto kind = kKinds.value(j["kind"].as_string());
  const auto plane = kPlanes.value(j["plane"].as_string());
  if (!kind || !plane)
    return make_error(ErrorKind::kInvalid,
                      "a run's specification: step '" + j["name"].as_string() + "' has an unknown kind or plane");
  s.name = j["name"].as_string();
  s.action = j["action"].as_string();
  s.kind = *kind;
  s.plane = *plane;
  s.input = j["input"];
  s.needs = strings_from(j["needs"]);
  s.plane_region = j["plane_region"].as_string();
  s.irreversible = j["irreversible"].as_bool();
  s.summary = j["summary"].as_string();
  s.timeout = Micros(j["timeout_us"].as_int());
  s.expected = Micros(j["expected_us"].as_int());
  s.retry.attempts = static_cast<int>(j["retry"]["attempts"].as_int());
  s.retry.first_backoff = Micros(j["retry"]["first_backoff_us"].as_int());
  s.retry.longest_backoff = Micros(j["retry"]["longest_backoff_us"].as_int());
  if (const Json* gate = j.find("fence_gate")) {
    HF_ASSIGN(const plan::FenceLevel level, level_from((*gate)["level"].as_string()));
    s.fence_gate = FenceGate{(*gate)["component"].as_string(), level};
  }
  return s;
}

void check_step(const RunSpec& spec, const StepSpec& s, std::vector<std::string>& mistakes) {
  const auto say = [&](const std::string& what) { mistakes.push_back("step '" + s.name + "' " + what); };
  if (s.name.empty() || s.name.find('/') != std::string::npos) say("needs a name without '/'");
  for (const std::string& need : s.needs)
    if (!spec.find_step(need)) say("needs '" + need + "', which does not exist");
  if (s.timeout <= Micros(0) || s.timeout > kLongestTimeout) say("needs a timeout between 0 and 7 days");
  if (s.retry.attempts < 1) say("needs at least one attempt");
  if (s.action == "promote" && !s.fence_gate) say("promotes without a fence gate");
  if (s.fence_gate && !s.irreversible) say("has a fence gate and is not marked irreversible");
}

bool has_cycle(const RunSpec& spec) {
  std::set<std::string> done;
  for (bool moved = true; moved && done.size() < spec.steps.size();) {
    moved = false;
    for (const StepSpec& s : spec.steps) {
      if (done.contains(s.name)) continue;
      if (std::ranges::all_of(s.needs, [&](const std::string& n) { return done.contains(n); }))
        moved = done.insert(s.name).second;
    }
  }
  return done.size() < spec.steps.size();
}

}  // namespace

std::string_view to_string(StepKind v) { return kKinds.of(v); }
std::string_view to_string(Plane v) { return kPlanes.of(v); }

const StepSpec* RunSpec::find_step(std::string_view name) const {
  const auto it = std::ranges::find_if(steps, [&](const StepSpec& s) { return s.name == name; });
  return it == steps.end() ? nullptr : &*it;
}

Status validate(const RunSpec& spec) {
  std::vector<std::string> mistakes;
  if (spec.id.empty() || spec.id.find('/') != std::string::npos)
    mistakes.push_back("the run needs an id without '/'");
  if (spec.steps.empty() || spec.steps.size() > kMaxSteps) mistakes.push_back("the run needs 1 to 200 steps");
  std::set<std::string> names;
  for (const StepSpec& s : spec.steps) {
    if (!names.insert(s.name).second) mistakes.push_back("two steps are named '" + s.name + "'");
    check_step(spec, s, mistakes);
  }
  if (mistakes.empty() && has_cycle(spec)) mistakes.push_back("the needs of the steps go in a circle");
  const bool changes = std::ranges::any_of(spec.steps, [](const StepSpec& s) { return s.kind == StepKind::kChange; });
  const bool verifies =
      std::ranges::any_of(spec.steps, [](const StepSpec& s) { return s.kind == StepKind::kVerify; });
  if (changes && !verifies) mistakes.push_back("the run changes the world and no step verifies it");
  if (mistakes.empty()) return ok();
  std::string text = "runbook '" + spec.runbook + "': ";
  for (std::size_t i = 0; i < mistakes.size(); ++i) text += (i ? "; " : "") + mistakes[i];
  return make_error(ErrorKind::kInvalid, text)
      .with_hint("Mend the steps of this runbook in the plan; `holdfast lint` may say more.");
}

Json to_json(const RunSpec& spec) {
  Json j = Json::object();
  j.set("id", spec.id).set("kind", record::to_string(spec.kind)).set("runbook", spec.runbook);
  j.set("source", spec.source)
      .set("target", spec.target)
      .set("class", spec.disaster_class)
      .set("locks", strings(spec.locks));
  j.set("plan_hash", spec.plan_hash).set("confirmed_hash", spec.confirmed_hash).set("approvals", spec.approvals);
  if (spec.impact_at) j.set("impact_at", format_time(*spec.impact_at));
  if (spec.rto) j.set("rto_us", spec.rto->count());
  if (spec.rpo) j.set("rpo_us", spec.rpo->count());
  if (spec.planned_loss_bytes) j.set("planned_loss_bytes", std::to_string(*spec.planned_loss_bytes));
  j.set("planned_loss", spec.planned_loss);
  Json waivers = Json::array();
  for (const RunWaiver& w : spec.waivers) {
    Json one = Json::object();
    one.set("rule", w.rule).set("at", w.at).set("by", w.by).set("reason", w.reason);
    if (w.until) one.set("until", format_time(*w.until));
    waivers.push(std::move(one));
  }
  Json steps = Json::array();
  for (const StepSpec& s : spec.steps) steps.push(step_json(s));
  return j.set("waivers", waivers).set("steps", steps);
}

Result<RunSpec> run_spec_from_json(const Json& j) {
  RunSpec spec;
  spec.id = j["id"].as_string();
  spec.runbook = j["runbook"].as_string();
  const auto kind = record::enum_of<record::RunKind>(j["kind"].as_string());
  if (!kind)
    return make_error(ErrorKind::kInvalid, "a run's specification: unknown kind '" + j["kind"].as_string() + "'");
  spec.kind = *kind;
  spec.source = j["source"].as_string();
  spec.target = j["target"].as_string();
  spec.disaster_class = j["class"].as_string();
  spec.locks = strings_from(j["locks"]);
  spec.plan_hash = j["plan_hash"].as_string();
  spec.confirmed_hash = j["confirmed_hash"].as_string();
  spec.approvals = static_cast<int>(j["approvals"].as_int());
  if (const Json* t = j.find("impact_at")) {
    HF_ASSIGN(spec.impact_at, parse_time(t->as_string()));
  }
  if (const Json* t = j.find("rto_us")) spec.rto = Micros(t->as_int());
  if (const Json* t = j.find("rpo_us")) spec.rpo = Micros(t->as_int());
  if (const Json* t = j.find("planned_loss_bytes")) {
    spec.planned_loss_bytes = parse_whole<std::uint64_t>(t->as_string());
    if (!spec.planned_loss_bytes)
      return make_error(ErrorKind::kInvalid, "a run's specification: planned_loss_bytes is '" + t->as_string() + "'");
  }
  spec.planned_loss = j["planned_loss"].as_string();
  for (const Json& w : j["waivers"].items()) {
    RunWaiver waiver{w["rule"].as_string(), w["at"].as_string(), w["by"].as_string(), w["reason"].as_string(), {}};
    if (const Json* until = w.find("until")) {
      HF_ASSIGN(waiver.until, parse_time(until->as_string()));
    }
    spec.waivers.push_back(std::move(waiver));
  }
  for (const Json& s : j["steps"].items()) {
    HF_ASSIGN(StepSpec step, step_from(s));
    spec.steps.push_back(std::move(step));
  }
  HF_TRY(validate(spec));
  return spec;
}

}  // namespace hf::runbook
