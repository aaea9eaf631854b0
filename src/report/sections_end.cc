// The sections about people: tests, communication, compliance, cost.
#include "report/sections.h"

namespace hf::report {

namespace {

std::string money(const std::optional<plan::Money>& m) {
  if (!m) return "";
  std::string out = std::to_string(m->minor_units / 100);
  if (m->minor_units % 100 != 0) out += "." + std::to_string(m->minor_units % 100);
  return out + " " + m->currency + "/" + m->per;
}

std::string last_of(const Pages& p, plan::DrillScope scope) {
  if (scope == plan::DrillScope::kVerify) {
    std::optional<WallTime> newest;
    for (const auto& [name, v] : p.figures.verified)
      if (!newest || v.from.at > *newest) newest = v.from.at;
    return newest ? date_of(*newest) : "never";
  }
  const RunRecord* run = p.figures.last_run(record::RunKind::kDrill);
  if (scope == plan::DrillScope::kRegion && run == nullptr) run = p.figures.last_run(record::RunKind::kFailover);
  return run == nullptr ? "never" : date_of(run->at);
}

struct Control {
  plan::Regulation regulation;
  const char* title;
  const char* asks;
  const char* shown_by;
};

constexpr Control kControls[] = {
    {plan::Regulation::kSoc2, "SOC 2 A1.2, A1.3", "recovery infrastructure, tested", "restore tests, failover runs"},
    {plan::Regulation::kGdpr, "GDPR 32(1)(b)-(d)", "timely restore, regularly tested",
     "restore tests, point-in-time recovery"},
    {plan::Regulation::kHipaa, "HIPAA 164.308(a)(7)(ii)", "backup, recovery and their tests", "the journal"},
    {plan::Regulation::kPciDss, "PCI DSS 12.10.1, 12.10.2", "recovery procedures, tested yearly", "failover runs"},
    {plan::Regulation::kIso22301, "ISO 22301 8.5", "an exercise programme", "drills and failover runs"},
    {plan::Regulation::kNis2, "NIS2 21(2)(c)", "backup management and recovery", "backups, restore tests"},
    {plan::Regulation::kDora, "DORA 11(6), 12(2)", "tests of switching over and of backups",
     "failover runs, restore tests"},
};

}  // namespace

void write_testing(Pages& p) {
  p.out.heading(2, "Testing");
  std::vector<std::vector<std::string>> rows;
  for (const plan::Drill& d : p.input.plan.drills) {
    std::string who = d.participants.automated ? "automated" : "";
    for (const std::string& g : d.participants.groups) who += (who.empty() ? "" : ", ") + escaped(g);
    rows.push_back({escaped(d.name), d.every ? "every " + format_duration(*d.every) : "",
                    d.limit ? format_duration(*d.limit) : "", who, last_of(p, d.scope)});
  }
  if (rows.empty())
    p.out.paragraph("The plan schedules no drills.");
  else
    p.out.table({"Test", "Frequency", "Limit", "Participants", "Last test"}, rows);
  rows.clear();
  for (const RunRecord& r : p.figures.runs)
    rows.push_back(
        {"`" + r.id + "`", std::string(record::to_string(r.started.kind)), minute_of(r.at),
         r.finished ? p.out.measured(record::to_string(r.finished->value.state), r.finished->from) : "running"});
  p.out.heading(3, "Runs");
  if (rows.empty())
    p.out.paragraph("None yet.");
  else
    p.out.table({"Run", "Kind", "Started", "Ended"}, rows);
}

void write_communication(Pages& p) {
  p.out.heading(2, "Communication");
  if (!p.input.plan.communication) {
    p.out.paragraph("The plan names no channels.");
    return;
  }
  std::vector<std::vector<std::string>> rows;
  for (const plan::Severity& s : p.input.plan.communication->severities) {
    std::string channels, groups;
    for (const std::string& c : s.notify) channels += (channels.empty() ? "" : ", ") + escaped(c);
    for (const std::string& g : s.groups) groups += (groups.empty() ? "" : ", ") + escaped(g);
    rows.push_back({escaped(s.name), channels, groups, escaped(s.war_room)});
  }
  p.out.table({"Severity", "Channels", "Groups", "War room"}, rows);
}

void write_compliance(Pages& p) {
  p.out.heading(2, "Compliance and audit");
  std::vector<std::vector<std::string>> rows;
  for (plan::Regulation r : p.input.plan.compliance)
    for (const Control& c : kControls)
      if (c.regulation == r) rows.push_back({c.title, c.asks, c.shown_by});
  if (!rows.empty()) p.out.table({"Control", "Asks for", "Shown by"}, rows);
  p.out.paragraph("Audit trail: " + std::to_string(p.input.events.size()) + " events in the journal `" +
                  p.input.journal_origin +
                  "`, an append-only Merkle log with signed checkpoints. A run is handed to an auditor with `holdfast "
                  "evidence export`, and checked "
                  "without us with `holdfast evidence verify`.");
}

void write_cost(Pages& p) {
  if (!p.input.plan.cost) return;
  p.out.heading(2, "Cost");
  std::vector<std::vector<std::string>> rows;
  for (const plan::CostItem& c : p.input.plan.cost->components) {
    std::string optimize;
    for (const std::string& o : c.optimize) optimize += (optimize.empty() ? "" : ", ") + escaped(o);
    rows.push_back({escaped(c.name), money(c.price.normal), money(c.price.dr_active), optimize});
  }
  if (p.input.plan.cost->budget)
    rows.push_back(
        {"**Budget**", money(p.input.plan.cost->budget->normal), money(p.input.plan.cost->budget->dr_active), ""});
  p.out.table({"Component", "Normal", "DR active", "Optimisation"}, rows);
  p.out.paragraph("These are the plan's own figures; prices times measured sizes are not computed yet.");
}

}  // namespace hf::report
