// What this version reads and checks, but does not execute: said once for each part, so that nobody relies on it.
#include "plan/executed.h"
#include "plan/lint_pass.h"

namespace hf::plan {
namespace {

void say(Lint& lint, const std::string& path, const std::string& what) {
  lint.report("not-executed-yet", path, "this version reads and checks, but does not execute: " + what,
              "Have a procedure by hand for it; see docs/STATUS.md.");
}

void components(Lint& lint) {
  for (const Component& c : lint.plan.components) {
    std::string path = "components." + c.name;
    if (c.kubernetes() != nullptr || c.bucket() != nullptr)
      say(lint, path, "a component of kind " + std::string(to_string(c.kind)));
    if (c.files() != nullptr && c.files()->git) say(lint, path + ".git", "a git remote");
    if (c.files() != nullptr && !c.files()->hosts.empty()) say(lint, path + ".hosts", "backing up other machines");
    if (c.postgres() != nullptr && c.postgres()->rds) say(lint, path + ".rds", "RDS");
    for (std::size_t i = 0; i < c.backups.size(); ++i) {
      bool later = c.backups[i].kind == BackupKind::kLogical || c.backups[i].tier;
      if (later)
        say(lint, path + ".backups." + std::to_string(i),
            c.backups[i].tier ? "moving packs to another class on a schedule" : "a logical backup");
    }
  }
}

}  // namespace

void lint_execution(Lint& lint) {
  const Plan& plan = lint.plan;
  components(lint);
  for (const Runbook* book : all_runbooks(plan)) {
    for (const Step& step : book->steps) {
      if (const std::string what = not_executed(step); !what.empty())
        say(lint, step.place.path, what + " of step '" + step.name + "'");
    }
    if (book->routing) say(lint, book->place.path + ".routing", "routing");
  }
  if (plan.coordination && plan.coordination->kind == CoordinationKind::kEtcd)
    say(lint, "coordination", "coordination by etcd");
  if (plan.maintenance) say(lint, "maintenance", "scheduled maintenance");
  if (!plan.drills.empty()) say(lint, "drills", "the schedule of drills");
  if (plan.checklist) say(lint, "checklist", "the checklist");
  if (plan.communication) say(lint, "communication", "communication");
  if (!plan.compliance.empty()) say(lint, "compliance", "mapping of evidence to regulations");
  if (plan.audit) say(lint, "audit", "the audit export");
  if (plan.console) say(lint, "console", "the console");
  if (plan.cost) say(lint, "cost", "the cost report");
  if (plan.review) say(lint, "review", "the reminder of reviews");
  for (const Region& region : plan.regions) {
    if (region.warm) say(lint, "regions." + region.name + ".warm", "the warm standby");
  }
}

}  // namespace hf::plan
