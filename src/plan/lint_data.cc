// Passes over data: objectives against schedules, acknowledgement, retention, where backups lie.
#include <algorithm>
#include <set>

#include "plan/lint_pass.h"

namespace hf::plan {
namespace {

constexpr Micros kOneDay = std::chrono::hours(24);
constexpr Micros kHour = std::chrono::hours(1);

// Charged for at least this long (price lists of S3).
Micros minimum_duration(StorageClass c) {
  switch (c) {
    case StorageClass::kStandard: return Micros(0);
    case StorageClass::kStandardIa:
    case StorageClass::kOnezoneIa: return 30 * kOneDay;
    case StorageClass::kGlacierIr:
    case StorageClass::kGlacier: return 90 * kOneDay;
    case StorageClass::kDeepArchive: return 180 * kOneDay;
  }
  return Micros(0);
}

// Until the first byte, standard retrieval.
Micros retrieval_time(StorageClass c) {
  if (c == StorageClass::kGlacier) return 5 * kHour;
  if (c == StorageClass::kDeepArchive) return 12 * kHour;
  return Micros(0);
}

bool must_survive_region(const Plan& plan, const Component& component) {
  const DisasterClass* c = plan.find_class(component.disaster_class);
  if (c == nullptr) return false;
  return std::ranges::any_of(c->covers,
                             [](const std::string& d) { return d == "region-loss" || d == "datacenter-loss"; });
}

// Classes whose incidents wake everybody: there, missing the class's objective is an error.
bool is_grave(const DisasterClass& c) { return c.severity == "P1" || c.severity == "P2"; }

std::string backup_path(const Component& c, std::size_t i) {
  return "components." + c.name + ".backups." + std::to_string(i);
}

void lint_rpo(Lint& lint, const Component& c) {
  std::string path = "components." + c.name;
  ComponentObjectives own = objective_for(lint.plan, c);
  bool region = must_survive_region(lint.plan, c);
  SchedulePoint point = region ? surviving_rpo(lint.plan, c) : schedule_rpo(c);
  if (!own.rpo.target) return;
  std::string where = region ? " outside the primary region" : "";
  if (!point.worst_age) {
    lint.report("objective-unreachable", path,
                "nothing bounds the age of the newest recovery point of '" + c.name + "'" + where + ", but " +
                    own.rpo.source + " asks for " + format_duration(*own.rpo.target),
                "Add a backup" + (region ? std::string(", and a copy of its vault in another region.") : "."));
    return;
  }
  std::string age = "the newest recovery point of '" + c.name + "'" + where + " can be " +
                    format_duration(*point.worst_age) + " old (" + point.reason + "), but ";
  const char* hint =
      "Back up more often, stream WAL to receivers in other regions, or state the objective that you can keep.";
  if (*point.worst_age > *own.rpo.target) {
    lint.report("objective-unreachable", path, age + own.rpo.source + " asks for " + format_duration(*own.rpo.target),
                hint);
    return;
  }
  const DisasterClass* k = lint.plan.find_class(c.disaster_class);
  if (k == nullptr || !k->objectives.rpo || *point.worst_age <= *k->objectives.rpo) return;
  lint.report_as(is_grave(*k) ? FindingSeverity::kError : FindingSeverity::kWarning, "objective-unreachable", path,
                 age + "class " + k->name + " asks for " + format_duration(*k->objectives.rpo), hint);
}

// The strictest class and the plan: people quote the more comfortable number.
void lint_contradiction(Lint& lint, std::optional<Micros> Objectives::* member, const std::string& name) {
  std::optional<Micros> whole = lint.plan.objectives.*member;
  const DisasterClass* strictest = nullptr;
  for (const DisasterClass& c : lint.plan.classes) {
    if (!(c.objectives.*member)) continue;
    if (strictest == nullptr || *(c.objectives.*member) < *(strictest->objectives.*member)) strictest = &c;
  }
  if (!whole || strictest == nullptr || *whole <= *(strictest->objectives.*member)) return;
  lint.report("objective-contradicts-class", "objectives." + name,
              "the plan says " + name + " " + format_duration(*whole) + ", class " + strictest->name + " says " +
                  format_duration(*(strictest->objectives.*member)),
              "The class counts where it applies; say so in the document, or make the plan's as strict.");
}

bool needs_zero_loss(const Plan& plan, const Component& c) {
  ComponentObjectives o = objective_for(plan, c);
  if (o.rpo.target == Micros(0) || o.data_loss.target == Micros(0)) return true;
  if (!plan.failover || plan.failover->max_loss != Micros(0)) return false;
  return std::ranges::any_of(plan.failover->steps, [&](const Step& s) {
    return s.as<Promote>() != nullptr && s.as<Promote>()->component == c.name;
  });
}

// Vaults that hold backup `b` of `c`: its own and, through copies of copies, those that take it.
std::vector<const Vault*> places_of(const Plan& plan, const Component& c, const Backup& b) {
  std::vector<const Vault*> out;
  std::set<std::string> seen;
  std::vector<std::string> work{b.vault};
  while (!work.empty()) {
    std::string name = work.back();
    work.pop_back();
    const Vault* vault = plan.find_vault(name);
    if (vault == nullptr || !seen.insert(name).second) continue;
    if (name != b.vault && !copy_takes(*vault, c, b)) continue;
    out.push_back(vault);
    for (const Vault& copy : plan.vaults) {
      if (copy.copy_of == name) work.push_back(copy.name);
    }
  }
  return out;
}

void lint_survival(Lint& lint, const Component& c) {
  std::string lost = lint.lost_region();
  if (c.backups.empty() || lost.empty()) return;
  std::optional<Micros> fastest;
  std::string slow_class;
  bool outside = false, region = must_survive_region(lint.plan, c);
  for (const Backup& b : c.backups) {
    if (b.kind == BackupKind::kWal) continue;  // WAL alone restores nothing
    for (const Vault* vault : places_of(lint.plan, c, b)) {
      outside |= vault->region != lost;
      if (region && vault->region == lost) continue;
      Micros time = retrieval_time(class_in(*vault, b));
      if (fastest && *fastest <= time) continue;
      fastest = time;
      slow_class = to_string(class_in(*vault, b));
    }
  }
  std::string path = "components." + c.name;
  if (!outside) {
    lint.report_as(region ? FindingSeverity::kError : FindingSeverity::kWarning, "backups-only-in-lost-region", path,
                   "all backups of '" + c.name + "' lie in " + lost + ", the region whose loss they are for",
                   "Add a vault in another region with copy_of, or send them to one there.");
  }
  Objective rto = objective_for(lint.plan, c).rto;
  if (fastest && rto.target && *fastest > *rto.target) {
    lint.report("retrieval-exceeds-rto", path,
                "the fastest surviving copy of '" + c.name + "' is in " + slow_class + " and takes up to " +
                    format_duration(*fastest) + " to answer; " + rto.source + " is " + format_duration(*rto.target),
                "Keep the newest backups in STANDARD, STANDARD_IA or GLACIER_IR.");
  }
}

void lint_minimum(Lint& lint, const Component& c, const Backup& b, const std::string& path) {
  if (b.keep.forever) return;
  for (const Vault* vault : places_of(lint.plan, c, b)) {
    const StorageClass its = class_in(*vault, b);
    Micros least = minimum_duration(its);
    if (b.keep.duration >= least) continue;
    std::string at = vault->name == b.vault ? path + ".keep" : "vaults." + vault->name + ".storage_class";
    lint.report("storage-class-minimum", at,
                std::string(to_string(b.kind)) + " backups of '" + c.name + "' are kept " + to_string(b.keep) +
                    ", but " + std::string(to_string(its)) + " in vault '" + vault->name +
                    "' is charged for " + format_duration(least),
                "Use STANDARD there, or keep longer.");
  }
  if (b.tier && b.keep.duration - b.tier->after < minimum_duration(b.tier->to)) {
    lint.report("storage-class-minimum", path + ".tier",
                "after the move at " + format_duration(b.tier->after) + ", too little of " + to_string(b.keep) +
                    " is left for " + std::string(to_string(b.tier->to)),
                "Do not move what goes so soon.");
  }
}

// What is kept shorter than what it belongs to.
void lint_chain(Lint& lint, const Component& c) {
  std::optional<Micros> full_every;
  const Backup* full = nullptr;
  for (const Backup& b : c.backups) {
    if (counted_kind(b.kind) == BackupKind::kFull) full = &b, full_every = interval_of(b);
  }
  for (std::size_t i = 0; i < c.backups.size(); ++i) {
    const Backup& b = c.backups[i];
    std::string path = backup_path(c, i) + ".keep";
    const char* rule = "retention-shorter-than-recovery-window";
    if (!b.keep.forever && b.keep.duration < interval_of(b)) {
      lint.report(rule, path,
                  "a " + std::string(to_string(b.kind)) + " backup goes after " + to_string(b.keep) +
                      ", before the next one comes after " + format_duration(interval_of(b)),
                  "Keep it longer than its interval.");
    }
    bool builds_on_full = b.kind == BackupKind::kWal || b.kind == BackupKind::kIncremental;
    if (!builds_on_full || !full_every || b.keep.forever) continue;
    std::string what(to_string(b.kind));
    if (b.keep.duration < *full_every) {
      lint.report(rule, path,
                  what + " is kept " + to_string(b.keep) + ", but full backups come every " +
                      format_duration(*full_every) + ": there are moments that nothing can restore",
                  "Keep " + what + " at least " + format_duration(*full_every) + ".");
    }
    if (!full->keep.forever && full->keep.duration < b.keep.duration) {
      lint.report(rule, path,
                  what + " is kept " + to_string(b.keep) + ", but the full backups that it needs only " +
                      to_string(full->keep),
                  "Keep full backups longer.");
    }
  }
}

// A damaged backup is found by verification; by then a good one must still exist.
void lint_verification_window(Lint& lint) {
  for (const Drill& drill : lint.plan.drills) {
    if (drill.scope != DrillScope::kVerify || !drill.every) continue;
    for (const Component& c : lint.plan.components) {
      const auto& names = drill.components.names;
      bool meant = drill.components.all || names.empty() || std::ranges::find(names, c.name) != names.end();
      for (std::size_t i = 0; meant && i < c.backups.size(); ++i) {
        const Backup& b = c.backups[i];
        if (b.keep.forever || b.keep.duration >= *drill.every) continue;
        lint.report_as(FindingSeverity::kWarning, "retention-shorter-than-recovery-window",
                       backup_path(c, i) + ".keep",
                       "backups go after " + to_string(b.keep) + ", but are verified only every " +
                           format_duration(*drill.every),
                       "Verify more often, or keep longer.");
      }
    }
  }
}

}  // namespace

void lint_objectives(Lint& lint) {
  for (const Component& c : lint.plan.components) lint_rpo(lint, c);
  lint_contradiction(lint, &Objectives::rto, "rto");
  lint_contradiction(lint, &Objectives::rpo, "rpo");
  for (const Component& c : lint.plan.components) {
    const DisasterClass* k = lint.plan.find_class(c.disaster_class);
    if (k == nullptr || !c.objectives.rpo || !k->objectives.rpo || *c.objectives.rpo <= *k->objectives.rpo) continue;
    lint.report("objective-contradicts-class", "components." + c.name + ".rpo",
                "'" + c.name + "' asks for rpo " + format_duration(*c.objectives.rpo) + ", its class " + k->name +
                    " for " + format_duration(*k->objectives.rpo),
                "The component's counts; give it another class if it need not meet this one.");
  }
}

void lint_acknowledgement(Lint& lint) {
  std::string lost = lint.lost_region();
  for (const Component& c : lint.plan.components) {
    if (c.postgres() == nullptr) continue;
    AckQuorum quorum = acknowledgers(c);
    int inside = static_cast<int>(std::ranges::count(quorum.members, lost, &Acknowledger::region));
    bool safe = quorum.needed > inside;
    bool zero = needs_zero_loss(lint.plan, c);
    bool declared =
        c.postgres()->quorum || std::ranges::any_of(c.backups, [](const Backup& b) { return b.quorum.has_value(); });
    std::string quorum_text = quorum.needed == 0
                                  ? "commits of '" + c.name + "' wait for nobody"
                                  : "any " + std::to_string(quorum.needed) + " of " +
                                        std::to_string(quorum.members.size()) + " acknowledge commits of '" + c.name +
                                        "', and " + std::to_string(inside) + " of them are in " + lost;
    if (!safe && (zero || declared)) {
      lint.report_as(zero ? FindingSeverity::kError : FindingSeverity::kWarning, "no-outside-acknowledgement",
                     "components." + c.name,
                     quorum_text + ": losing the region can lose acknowledged commits" +
                         (zero ? ", but no loss is allowed" : ""),
                     "Require more than " + std::to_string(inside) +
                         " of replicas and receivers of which enough are in other regions.");
    }
    if (safe) continue;
    for (const Runbook* runbook : all_runbooks(lint.plan)) {
      for (const Step& step : runbook->steps) {
        const auto* fence = step.as<Fence>();
        if (fence == nullptr || fence->component != c.name || fence->level != FenceLevel::kQuorum) continue;
        lint.report("fence-proves-nothing", step.place.path,
                    quorum_text + ", so sealing receivers elsewhere does not stop the old primary",
                    "Change the quorum, or fence by network, lease or power.");
      }
    }
  }
}

void lint_retention(Lint& lint) {
  for (const Component& c : lint.plan.components) {
    lint_chain(lint, c);
    for (std::size_t i = 0; i < c.backups.size(); ++i) lint_minimum(lint, c, c.backups[i], backup_path(c, i));
  }
  lint_verification_window(lint);
}

void lint_storage(Lint& lint) {
  for (const Component& c : lint.plan.components) lint_survival(lint, c);
}

}  // namespace hf::plan
