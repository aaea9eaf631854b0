// Look-ups by name, and the text forms of small values.
#include "plan/plan.h"

#include <cstdio>

namespace hf::plan {
namespace {

template <class T>
const T* find_named(const std::vector<T>& items, std::string_view name) {
  for (const T& item : items) {
    if (item.name == name) return &item;
  }
  return nullptr;
}

constexpr const char* kWeekdays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

}  // namespace

std::string to_string(const SecretRef& ref) {
  switch (ref.kind) {
    case SecretRef::Kind::kNone: return "";
    case SecretRef::Kind::kEnv: return "env:" + ref.value;
    case SecretRef::Kind::kFile: return "file:" + ref.value;
    case SecretRef::Kind::kCommand: return "command:" + ref.value;
    case SecretRef::Kind::kLiteral: return ref.value;
  }
  return "";
}

std::string to_string(const ClockTime& t) {
  char buf[32];
  std::snprintf(buf, sizeof buf, "%02d:%02d ", t.hour, t.minute);
  std::string day = t.weekday ? std::string(kWeekdays[*t.weekday % 7]) + " " : "";
  return day + buf + t.zone;
}

std::string to_string(const Retention& keep) { return keep.forever ? "forever" : format_duration(keep.duration); }

const DisasterClass* Plan::find_class(std::string_view name) const { return find_named(classes, name); }
const Region* Plan::find_region(std::string_view name) const { return find_named(regions, name); }
const Vault* Plan::find_vault(std::string_view name) const { return find_named(vaults, name); }
const Component* Plan::find_component(std::string_view name) const { return find_named(components, name); }
const Service* Plan::find_service(std::string_view name) const { return find_named(services, name); }
const HealthCheck* Plan::find_health(std::string_view name) const { return find_named(health, name); }

const Region* Plan::primary_region() const {
  for (const Region& region : regions) {
    if (region.role == RegionRole::kPrimary) return &region;
  }
  return nullptr;
}

const Runbook* Plan::find_runbook(std::string_view name) const {
  if (failover && name == failover->name) return &*failover;
  if (failback && name == failback->name) return &*failback;
  return find_named(runbooks, name);
}

Place Plan::place_of(std::string_view path) const {
  std::string_view at = path;
  while (!at.empty()) {
    if (auto it = places.find(at); it != places.end()) {
      Place place = it->second;
      place.path = std::string(path);
      return place;
    }
    std::size_t dot = at.rfind('.');
    at = dot == std::string_view::npos ? std::string_view{} : at.substr(0, dot);
  }
  Place none;
  none.path = std::string(path);
  if (!places.empty()) none.file = places.begin()->second.file;
  none.line = none.column = none.end_line = none.end_column = 1;
  return none;
}

bool Step::is_irreversible() const {
  if (irreversible) return *irreversible;
  return kind() == ActionKind::kPromote || kind() == ActionKind::kSwitchover;
}

bool Step::changes_world() const {
  return kind() != ActionKind::kCheck && kind() != ActionKind::kVerify && kind() != ActionKind::kAnnounce;
}

const Step* Runbook::find_step(std::string_view step) const { return find_named(steps, step); }

}  // namespace hf::plan
