#include "plan/names.h"

#include <algorithm>
#include <set>

#include "plan/objective.h"
#include "plan/suggest.h"

namespace hf::plan {
namespace {

using Names = std::vector<std::string>;

template <class T>
Names names_of(const std::vector<T>& items) {
  Names out;
  for (const T& item : items) out.push_back(item.name);
  return out;
}

void append(Names& to, const Names& from) { to.insert(to.end(), from.begin(), from.end()); }

// The component whose path the reference's path begins with.
const Component* component_around(const Plan& plan, const Place& place) {
  for (const Component& c : plan.components) {
    if (place.path.starts_with("components." + c.name + ".")) return &c;
  }
  return nullptr;
}

const Runbook* runbook_around(const Plan& plan, const Place& place) {
  if (place.path.starts_with("failover.")) return plan.failover ? &*plan.failover : nullptr;
  if (place.path.starts_with("failback.")) return plan.failback ? &*plan.failback : nullptr;
  for (const Runbook& r : plan.runbooks) {
    if (place.path.starts_with("runbooks." + r.name + ".")) return &r;
  }
  return nullptr;
}

// The component of the step that the reference stands in: its replicas are targets too.
const Component* component_of_step(const Plan& plan, const Place& place) {
  const Runbook* runbook = runbook_around(plan, place);
  if (runbook == nullptr) return nullptr;
  for (const Step& step : runbook->steps) {
    if (!place.path.starts_with(step.place.path + ".")) continue;
    if (const auto* a = step.as<Promote>()) return plan.find_component(a->component);
    if (const auto* a = step.as<Resync>()) return plan.find_component(a->component);
    if (const auto* a = step.as<Switchover>()) return plan.find_component(a->component);
  }
  return nullptr;
}

Names targets(const Plan& plan, const Place& place) {
  Names out = names_of(plan.regions);
  const Component* c = component_of_step(plan, place);
  if (c != nullptr && c->postgres() != nullptr) {
    append(out, names_of(c->postgres()->replicas));
    if (!c->postgres()->primary.name.empty()) out.push_back(c->postgres()->primary.name);
  }
  return out;
}

Names receivers(const Plan& plan, const Place& place) {
  Names out = names_of(plan.regions);
  const Component* c = component_around(plan, place);
  if (c != nullptr && c->postgres() != nullptr) append(out, names_of(c->postgres()->receivers));
  return out;
}

Names acknowledger_names(const Plan& plan, const Place& place) {
  Names out = {"receivers"};
  const Component* c = component_around(plan, place);
  if (c == nullptr || c->postgres() == nullptr) return out;
  append(out, names_of(c->postgres()->replicas));
  append(out, names_of(receivers_of(*c)));
  return out;
}

Names candidates(const Plan& plan, const Reference& ref) {
  const Communication none;
  const Communication& talk = plan.communication ? *plan.communication : none;
  switch (ref.refers) {
    case Refers::kNothing: return {ref.name};
    case Refers::kClass: return names_of(plan.classes);
    case Refers::kRegion: return names_of(plan.regions);
    case Refers::kVault: return names_of(plan.vaults);
    case Refers::kComponent: return names_of(plan.components);
    case Refers::kService: return names_of(plan.services);
    case Refers::kHealth: return names_of(plan.health);
    case Refers::kGroup: return names_of(plan.groups);
    case Refers::kChannel: return names_of(talk.channels);
    case Refers::kSeverity: return plan.communication ? names_of(talk.severities) : Names{"P1", "P2", "P3", "P4"};
    case Refers::kTemplate: return names_of(talk.templates);
    case Refers::kTarget: return targets(plan, ref.place);
    case Refers::kReceiver: return receivers(plan, ref.place);
    case Refers::kAcknowledger: return acknowledger_names(plan, ref.place);
    case Refers::kStep: {
      const Runbook* runbook = runbook_around(plan, ref.place);
      return runbook != nullptr ? names_of(runbook->steps) : Names{};
    }
  }
  return {};
}

template <class T>
void refuse_twins(const std::vector<T>& items, std::string_view kind, Reader& reader) {
  std::set<std::string> seen;
  for (const T& item : items) {
    if (item.name.empty() || seen.insert(item.name).second) continue;
    reader.report("duplicate-name", item.place, item.place.path,
                  "there is a " + std::string(kind) + " '" + item.name + "' already", "Rename one of the two.");
  }
}

// Names of steps stand in paths, so they have the form of names.
void check_steps(const Runbook& runbook, Reader& reader) {
  refuse_twins(runbook.steps, "step", reader);
  for (const Step& step : runbook.steps) {
    bool good = std::ranges::all_of(
        step.name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_'; });
    if (good) continue;
    reader.report("bad-value", step.place, step.place.path, "'" + step.name + "' cannot be the name of a step",
                  "Use letters, digits, '-' and '_'.");
  }
}

void check_regions(const Plan& plan, Reader& reader) {
  const Region* primary = nullptr;
  for (const Region& region : plan.regions) {
    if (region.role != RegionRole::kPrimary) continue;
    if (primary != nullptr) {
      reader.report("duplicate-name", region.place, region.place.path,
                    "there are two primary regions: '" + primary->name + "' and '" + region.name + "'",
                    "Give one of them the role standby.");
    }
    primary = &region;
  }
  if (primary == nullptr && !plan.regions.empty()) {
    reader.report("missing-key", plan.regions[0].place, "regions", "no region has the role primary",
                  "Give one region role: primary.");
  }
}

}  // namespace

void resolve_names(const Plan& plan, Reader& reader) {
  for (const Reference& ref : reader.references) {
    Names known = candidates(plan, ref);
    if (std::ranges::find(known, ref.name) != known.end()) continue;
    reader.report("dangling-name", ref.place, ref.place.path,
                  "there is no " + std::string(to_string(ref.refers)) + " '" + ref.name + "'",
                  did_you_mean(ref.name, known));
  }
  check_regions(plan, reader);
  for (const Component& c : plan.components) {
    refuse_twins(c.assertions, "assertion", reader);
    if (c.postgres() == nullptr) continue;
    refuse_twins(c.postgres()->replicas, "replica", reader);
    refuse_twins(c.postgres()->receivers, "receiver", reader);
  }
  if (plan.failover) check_steps(*plan.failover, reader);
  if (plan.failback) check_steps(*plan.failback, reader);
  for (const Runbook& r : plan.runbooks) check_steps(r, reader);
}

}  // namespace hf::plan
