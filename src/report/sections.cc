#include "report/sections.h"

#include "base/text.h"
#include "plan/objective.h"

namespace hf::report {

namespace {

std::string target_text(const std::optional<Micros>& target) { return target ? format_duration(*target) : "no target"; }

std::string rounded(Micros d) {
  if (d >= 10s) return format_duration(std::chrono::round<Seconds>(d));
  return format_duration(std::chrono::round<Millis>(d));
}

std::string yes_no(const std::optional<bool>& met) { return !met ? "" : *met ? " (met)" : " **(missed)**"; }

std::string code(std::string_view text) { return "`" + std::string(text) + "`"; }

}  // namespace

std::string Pages::missing(const std::string& what) {
  not_measured.push_back(what);
  return "not measured";
}

std::string Pages::duration(const std::string& name, const std::string& component) {
  const auto* m = figures.find(name, component);
  if (m == nullptr || !m->value.actual_time) return missing(name + (component.empty() ? "" : " of " + component));
  return out.measured(rounded(*m->value.actual_time) + yes_no(m->value.met), m->from, m->value.detail);
}

std::string Pages::test_date(const std::string& name, const std::string& component) {
  const auto* m = figures.find(name, component);
  return m == nullptr ? "never" : date_of(m->from.at);
}

void write_objectives(Pages& p) {
  p.out.heading(2, "Recovery objectives");
  const plan::Objectives& o = p.input.plan.objectives;
  struct Row {
    const char* title;
    const char* name;
    std::optional<Micros> target;
  };
  std::vector<std::vector<std::string>> rows;
  for (const Row& r :
       {Row{"**RTO** (Recovery Time Objective)", "rto", o.rto}, Row{"**RPO** (Recovery Point Objective)", "rpo", o.rpo},
        Row{"**MTTR** (Mean Time To Recovery)", "mttr", o.mttr},
        Row{"**Data loss tolerance**", "data_loss", o.data_loss}})
    rows.push_back({r.title, target_text(r.target), p.duration(r.name), p.test_date(r.name)});
  p.out.table({"Metric", "Target", "Actual", "Test date"}, rows);

  rows.clear();
  for (const plan::Component& c : p.input.plan.components) {
    plan::ComponentObjectives own = plan::objective_for(p.input.plan, c);
    rows.push_back({escaped(c.name), c.disaster_class, target_text(own.rto.target), p.duration("rto", c.name),
                    target_text(own.rpo.target), p.duration("rpo", c.name), p.test_date("rto", c.name)});
  }
  p.out.paragraph("By component (targets of its class, where the component does not set its own):");
  p.out.table({"Component", "Class", "RTO target", "RTO actual", "RPO target", "RPO actual", "Test date"}, rows);
}

void write_classes(Pages& p) {
  p.out.heading(2, "Disaster classes");
  std::vector<std::vector<std::string>> rows;
  for (const plan::DisasterClass& c : p.input.plan.classes) {
    plan::ComponentObjectives own = plan::objective_for(p.input.plan, c);
    std::string covers;
    for (const std::string& d : c.covers) covers += (covers.empty() ? "" : ", ") + d;
    rows.push_back({"**" + escaped(c.name) + " - " + escaped(c.title) + "**", escaped(c.means), escaped(covers),
                    target_text(own.rto.target), target_text(own.rpo.target), escaped(c.severity)});
  }
  p.out.table({"Level", "Description", "Covers", "RTO", "RPO", "Severity"}, rows);
}

void write_architecture(Pages& p) {
  p.out.heading(2, "Architecture");
  std::vector<std::vector<std::string>> rows;
  for (const plan::Region& r : p.input.plan.regions) {
    std::string vaults;
    for (const plan::Vault& v : p.input.plan.vaults)
      if (v.region == r.name)
        vaults += (vaults.empty() ? "" : ", ") + escaped(v.name) +
                  (v.copy_of.empty() ? "" : " (copy of " + escaped(v.copy_of) + ")");
    rows.push_back({escaped(r.name), std::string(plan::to_string(r.role)), vaults});
  }
  p.out.table({"Region", "Role", "Vaults"}, rows);
  std::string graph = "graph LR\n";
  for (const plan::Component& c : p.input.plan.components) {
    const auto* postgres = std::get_if<plan::Postgres>(&c.detail);
    if (postgres == nullptr) continue;
    graph += "  P[\"" + c.name + " primary, " + postgres->primary.region + "\"]\n";
    for (const plan::Instance& r : postgres->replicas)
      graph += "  P -->|" + std::string(plan::to_string(r.mode)) + "| " + r.name + "[\"" + r.name + ", " + r.region +
               "\"]\n";
    for (const plan::Receiver& r : plan::receivers_of(c))
      graph += "  P -->|WAL| " + r.name + "[\"" + r.name + ", " + r.region + "\"]\n";
    plan::AckQuorum quorum = plan::acknowledgers(c);
    std::string members;
    for (const plan::Acknowledger& a : quorum.members) members += (members.empty() ? "" : ", ") + a.name;
    if (quorum.needed > 0)
      p.out.paragraph("A commit of " + escaped(c.name) + " is acknowledged after " + std::to_string(quorum.needed) +
                      " of " + escaped(members) + " have it on disk.");
  }
  if (graph.size() > 10) p.out.block("mermaid", graph);
}

void write_backups(Pages& p) {
  p.out.heading(2, "Backups");
  std::vector<std::vector<std::string>> rows;
  for (const plan::Component& c : p.input.plan.components) {
    for (const plan::Backup& b : c.backups) {
      std::string when = b.continuous ? "continuous"
                         : b.at       ? "at " + plan::to_string(*b.at)
                         : b.every    ? "every " + format_duration(*b.every)
                                      : "on change";
      rows.push_back({escaped(c.name), std::string(plan::to_string(b.kind)), when, plan::to_string(b.keep),
                      escaped(b.vault), "AES-256-GCM"});
    }
  }
  p.out.table({"Component", "Kind", "Frequency", "Retention", "Vault", "Encryption"}, rows);

  rows.clear();
  for (const plan::Component& c : p.input.plan.components) {
    auto backup = p.figures.backups.find(c.name);
    auto verified = p.figures.verified.find(c.name);
    std::string last =
        backup == p.figures.backups.end()
            ? p.missing("a backup of " + c.name)
            : p.out.measured(date_of(backup->second.from.at) + ", " +
                                 format_bytes(backup->second.value.source_bytes) + " in " +
                                 rounded(backup->second.value.duration),
                             backup->second.from, "snapshot " + backup->second.value.snapshot.substr(0, 12));
    std::string proof = p.missing("a restore test of " + c.name);
    if (verified != p.figures.verified.end()) {
      p.not_measured.pop_back();
      const record::VerifyFinished& v = verified->second.value;
      std::size_t held = 0;
      for (const record::Assertion& a : v.assertions) held += a.ok ? 1 : 0;
      proof = p.out.measured("restored and booted in " + (v.rto ? rounded(*v.rto) : "?") + ", " + std::to_string(held) +
                                 " of " + std::to_string(v.assertions.size()) + " assertions held",
                             verified->second.from);
    }
    rows.push_back({escaped(c.name), last, proof});
  }
  p.out.heading(3, "Proof");
  p.out.table({"Component", "Last backup", "Last restore test"}, rows);
}

void write_failover(Pages& p) {
  p.out.heading(2, "Failover procedure");
  if (!p.input.plan.failover) {
    p.out.paragraph("The plan has no failover.");
    return;
  }
  const plan::Runbook& runbook = *p.input.plan.failover;
  const RunRecord* last = p.figures.last_run(record::RunKind::kFailover);
  p.out.paragraph("To **" + escaped(runbook.target) + "**, after typing " +
                  code(runbook.confirm + " " + runbook.target) +
                  " under the stated loss; approvals: " + std::to_string(runbook.approvals.value_or(0)) +
                  "; largest loss accepted: " + target_text(runbook.max_loss) + ".");
  std::vector<std::vector<std::string>> rows;
  for (const plan::Step& s : runbook.steps) {
    std::string needs, took = "not run";
    for (const std::string& n : s.needs) needs += (needs.empty() ? "" : ", ") + escaped(n);
    if (last != nullptr) {
      for (const StepRecord& r : last->steps)
        if (r.name == s.name && r.started && r.finished)
          took = p.out.measured(r.state + " in " + rounded(*r.finished - *r.started), r.from);
    }
    rows.push_back(
        {escaped(s.name), std::string(plan::to_string(s.kind())), needs, s.is_irreversible() ? "yes" : "", took});
  }
  p.out.table({"Step", "Does", "After", "Irreversible", "Last run"}, rows);
  if (last == nullptr) return;
  p.out.heading(3, "The last failover");
  p.out.paragraph("Run " + code(last->id) + " of " + minute_of(last->at) +
                  (last->resumed > 0 ? ", taken up again " + std::to_string(last->resumed) +
                                               " time(s) after an interruption or an approval" : "") + ": " +
                  escaped(last->finished->value.verdict) + ".");
  if (last->fence)
    p.out.paragraph(
        "Fence: " +
        p.out.measured(escaped(last->fence->value.level), last->fence->from, last->fence->value.explanation) + ".");
  std::vector<std::vector<std::string>> phases;
  for (auto [name, title] : {std::pair{"t_detect", "Detect"},
                             {"t_fence", "Fence"},
                             {"t_promote", "Promote"},
                             {"t_verify", "Verify"},
                             {"t_traffic", "Move traffic"}})
    phases.push_back({title, p.duration(name)});
  p.out.table({"Phase", "Measured"}, phases);
  p.out.paragraph(kFailoverChart);
}

void write_recovery(Pages& p) {
  p.out.heading(2, "Data recovery");
  p.out.paragraph(
      "To a time, an LSN or a named restore point: `holdfast restore --at TIME --to DATADIR`. A target that cannot be "
      "reached is refused "
      "before a byte moves, and the nearest that can be reached is named.");
  p.out.heading(2, "Service restoration");
  std::vector<std::vector<std::string>> rows;
  for (const plan::Service& s : p.input.plan.services) {
    std::string needs;
    for (const std::string& n : s.needs) needs += (needs.empty() ? "" : ", ") + escaped(n);
    rows.push_back({escaped(s.name), std::string(plan::to_string(s.priority)), needs, escaped(s.component)});
  }
  p.out.table({"Service", "Priority", "Needs", "Component"}, rows);
}

}  // namespace hf::report
