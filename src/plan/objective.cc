#include "plan/objective.h"

#include <algorithm>
#include <map>

#include "plan/graph.h"

namespace hf::plan {
namespace {

constexpr Micros kDay = std::chrono::hours(24);
constexpr Micros kAliasTtl = std::chrono::seconds(60);  // Route 53 answers aliases with 60 s
constexpr Micros kUsualTtl = std::chrono::minutes(5);   // where a plan is silent: a common default of zones

struct Scope {
  const Objectives* objectives;
  std::string path;
};

Objective first_of(const std::vector<Scope>& scopes, std::optional<Micros> Objectives::* member, const char* name) {
  for (const Scope& scope : scopes) {
    if (const auto& value = scope.objectives->*member) return {value, scope.path + "." + name};
  }
  return {};
}

ComponentObjectives pick(const std::vector<Scope>& scopes) {
  return {first_of(scopes, &Objectives::rto, "rto"), first_of(scopes, &Objectives::rpo, "rpo"),
          first_of(scopes, &Objectives::mttr, "mttr"), first_of(scopes, &Objectives::data_loss, "data_loss")};
}

const Backup* wal_of(const Component& component) {
  for (const Backup& b : component.backups) {
    if (b.kind == BackupKind::kWal) return &b;
  }
  return nullptr;
}

// How long a step takes, as far as the plan says.
Micros time_of(const Plan& plan, const Step& step) {
  if (step.expect) return *step.expect;
  if (step.timeout) return *step.timeout;
  const auto* restore = step.as<RestoreServices>();
  if (restore == nullptr) return Micros(0);
  std::map<std::string, Micros> done;
  Micros longest{0};
  for (const std::string& name : graph_of(plan.services).order()) {
    const Service& s = *plan.find_service(name);
    const auto& names = restore->services.names;
    bool chosen = restore->services.all || std::ranges::find(names, name) != names.end();
    Micros start{0};
    for (const std::string& need : s.needs) start = std::max(start, done[need]);
    Micros own = chosen && s.restore && s.restore->timeout ? *s.restore->timeout : Micros(0);
    done[name] = start + own;
    longest = std::max(longest, done[name]);
  }
  return longest;
}

Micros ttl_of(const Dns& dns) {
  if (dns.ttl) return *dns.ttl;
  return dns.alias ? kAliasTtl : kUsualTtl;
}

}  // namespace

ComponentObjectives objective_for(const Plan& plan, const Component& component) {
  std::vector<Scope> scopes{{&component.objectives, "components." + component.name}};
  if (const DisasterClass* c = plan.find_class(component.disaster_class))
    scopes.push_back({&c->objectives, "classes." + c->name});
  scopes.push_back({&plan.objectives, "objectives"});
  return pick(scopes);
}

ComponentObjectives objective_for(const Plan& plan, const DisasterClass& disaster_class) {
  return pick({{&disaster_class.objectives, "classes." + disaster_class.name}, {&plan.objectives, "objectives"}});
}

const DisasterClass* failover_class(const Plan& plan) {
  for (const DisasterClass& c : plan.classes) {
    if (std::ranges::find(c.covers, "region-loss") != c.covers.end()) return &c;
  }
  return plan.classes.empty() ? nullptr : plan.classes.data();
}

Span detection_time(const HealthCheck& check) {
  return {(check.fall - 1) * check.every, check.fall * (check.every + check.timeout)};
}

Span detection_time(const Plan& plan, const Runbook& runbook) {
  Span out;
  for (const std::string& name : runbook.detect) {
    const HealthCheck* check = plan.find_health(name);
    if (check == nullptr) continue;
    Span one = detection_time(*check);
    out = {std::max(out.best, one.best), std::max(out.worst, one.worst)};
  }
  return out;
}

bool copy_takes(const Vault& copy, const Component& component, const Backup& backup) {
  if (!copy.only) return true;
  const VaultFilter& only = *copy.only;
  bool kind = only.kinds.empty() || std::ranges::any_of(only.kinds, [&](BackupKind k) {
    return counted_kind(k) == counted_kind(backup.kind);
  });
  bool cls = only.classes.empty() || std::ranges::find(only.classes, component.disaster_class) != only.classes.end();
  return kind && cls;
}

namespace {

// How long after it was taken a backup is outside of `lost`; nullopt: never.
std::optional<Micros> escape_time(const Plan& plan, const Component& component, const Backup& backup,
                                  const std::string& vault, const std::string& lost, int depth) {
  const Vault* at = plan.find_vault(vault);
  if (at == nullptr || depth > 8) return std::nullopt;  // deeper than any chain of copies; ends circles
  if (at->region != lost) return Micros(0);
  std::optional<Micros> best;
  for (const Vault& copy : plan.vaults) {
    if (copy.copy_of != vault || !copy_takes(copy, component, backup)) continue;
    auto rest = escape_time(plan, component, backup, copy.name, lost, depth + 1);
    if (rest && (!best || *rest + copy.within.value_or(Micros(0)) < *best))
      best = *rest + copy.within.value_or(Micros(0));
  }
  return best;
}

// WAL and incrementals count only where something is left that they build on: a full backup, or a standby
// (`has_base`).
template <class Delay>
SchedulePoint newest_point(const Component& component, bool has_base, Delay delay) {
  SchedulePoint best;
  bool has_full = has_base || component.kind != ComponentKind::kPostgres ||
                  std::ranges::any_of(component.backups,
                                      [&](const Backup& b) { return counted_kind(b.kind) == BackupKind::kFull && delay(b); });
  for (const Backup& b : component.backups) {
    bool needs_full = b.kind == BackupKind::kWal || b.kind == BackupKind::kIncremental;
    std::optional<Micros> later = delay(b);
    if ((needs_full && !has_full) || !later) continue;
    Micros age = interval_of(b) + *later;
    if (best.worst_age && *best.worst_age <= age) continue;
    best.worst_age = age;
    std::string when = b.continuous ? "continuous" : b.on ? "on change" : "every " + format_duration(interval_of(b));
    best.reason = std::string(to_string(b.kind)) + " backup " + when + " to vault '" + b.vault + "'";
    if (*later > Micros(0)) best.reason += ", copied within " + format_duration(*later);
  }
  return best;
}

}  // namespace

SchedulePoint schedule_rpo(const Component& component) {
  return newest_point(component, false, [](const Backup&) { return std::optional(Micros(0)); });
}

SchedulePoint surviving_rpo(const Plan& plan, const Component& component) {
  const Region* lost = plan.primary_region();
  if (lost == nullptr) return schedule_rpo(component);
  bool streamed =
      std::ranges::any_of(receivers_of(component), [&](const Receiver& r) { return r.region != lost->name; });
  const Postgres* pg = component.postgres();
  bool standby =
      pg != nullptr && std::ranges::any_of(pg->replicas, [&](const Instance& r) { return r.region != lost->name; });
  return newest_point(component, standby, [&](const Backup& b) -> std::optional<Micros> {
    if (b.kind == BackupKind::kWal && streamed) return Micros(0);
    return escape_time(plan, component, b, b.vault, lost->name, 0);
  });
}

Micros interval_of(const Backup& backup) {
  if (backup.every) return *backup.every;
  if (backup.at) return backup.at->weekday ? 7 * kDay : kDay;
  return Micros(0);
}

const Backup* full_backup(const Component& component) {
  const auto full = [](const Backup& b) { return counted_kind(b.kind) == BackupKind::kFull; };
  const auto row = std::ranges::find_if(component.backups, full);
  return row == component.backups.end() ? nullptr : &*row;
}

StorageClass class_in(const Vault& vault, const Backup& backup) {
  return vault.name == backup.vault ? backup.storage_class.value_or(vault.storage_class) : vault.storage_class;
}

std::vector<Receiver> receivers_of(const Component& component) {
  const Postgres* pg = component.postgres();
  if (pg == nullptr) return {};
  std::vector<Receiver> out = pg->receivers;
  const Backup* wal = wal_of(component);
  if (wal == nullptr) return out;
  for (const std::string& name : wal->receivers) {
    bool known = std::ranges::any_of(out, [&](const Receiver& r) { return r.name == name || r.region == name; });
    if (known) continue;
    Receiver implied;
    implied.name = component.name + "-receiver-" + name;
    implied.region = name;
    implied.vault = wal->vault;
    implied.place = wal->place;
    out.push_back(std::move(implied));
  }
  return out;
}

AckQuorum acknowledgers(const Component& component) {
  AckQuorum out;
  const Postgres* pg = component.postgres();
  if (pg == nullptr) return out;
  const Backup* wal = wal_of(component);
  const Quorum* quorum = pg->quorum ? &*pg->quorum : wal != nullptr && wal->quorum ? &*wal->quorum : nullptr;
  if (quorum == nullptr) {
    for (const Instance& r : pg->replicas) {
      if (r.mode == ReplicaMode::kSync) out.members.push_back({r.name, r.region, false});
    }
    out.needed = out.members.empty() ? 0 : 1;
    return out;
  }
  out.needed = quorum->any;
  std::vector<Receiver> receivers = receivers_of(component);
  for (const std::string& name : quorum->of) {
    for (const Instance& r : pg->replicas) {
      if (r.name == name) out.members.push_back({r.name, r.region, false});
    }
    for (const Receiver& r : receivers) {
      if (r.name == name || name == "receivers") out.members.push_back({r.name, r.region, true});
    }
  }
  return out;
}

Budget budget_of(const Plan& plan, const Runbook& runbook) {
  Budget out;
  out.detect = detection_time(plan, runbook).worst;
  std::map<std::string, Micros> done;
  std::map<std::string, std::string> came_from;
  std::string last;
  for (const std::string& name : graph_of(runbook).order()) {
    const Step& step = *runbook.find_step(name);
    Micros start{0};
    for (const std::string& need : step.needs) {
      if (done[need] >= start) {
        start = done[need];
        came_from[name] = need;
      }
    }
    done[name] = start + time_of(plan, step);
    if (done[name] >= out.steps) {
      out.steps = done[name];
      last = name;
    }
    if (const auto* dns = step.as<Dns>()) out.dns_ttl = std::max(out.dns_ttl, ttl_of(*dns));
  }
  for (std::string at = last; !at.empty(); at = came_from[at])
    out.critical_path.insert(out.critical_path.begin(), at);
  return out;
}

}  // namespace hf::plan
