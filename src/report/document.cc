#include "report/document.h"

#include "report/chart.h"
#include "report/html.h"
#include "report/sections.h"

namespace hf::report {

namespace {

std::map<std::string, std::string> charts_of(const Figures& figures) {
  const RunRecord* run = figures.last_run(record::RunKind::kFailover);
  if (run == nullptr) return {};
  std::vector<Bar> bars;
  std::string description = "Seconds since the run began:";
  WallTime zero = run->started.impact_started_at.value_or(run->at);
  for (const StepRecord& s : run->steps) {
    if (!s.started || !s.finished) continue;
    Bar bar{s.name, seconds_of(*s.started - zero), seconds_of(*s.finished - zero), s.state == "done"};
    description += " " + s.name + " " + format_duration(*s.finished - *s.started) + ";";
    bars.push_back(bar);
  }
  double limit = run->started.objectives.rto ? seconds_of(*run->started.objectives.rto) : 0;
  return {{std::string(kFailoverChart),
           timeline_chart("Failover " + run->id + ", from the impact on", description, bars, limit)}};
}

std::string head_of(const DocumentInput& input) {
  std::string out = "Compiled " + minute_of(input.now) + " from the plan `" + input.plan_hash.substr(0, 12) +
                    "` and the journal `" + input.journal_origin +
                    "`. Every measured figure has a note that names its run and event.";
  if (input.plan.review && input.plan.review->every)
    out += " Reviewed every " + format_duration(*input.plan.review->every) + ".";
  return out;
}

void write_foot(const DocumentInput& input, Markdown& out) {
  out.paragraph("---");
  std::string line = "*Last updated: " + date_of(input.now) + "*";
  if (input.plan.contacts.coordinator)
    line += "  \n*DR coordinator: " + escaped(input.plan.contacts.coordinator->name) + "*";
  if (input.plan.contacts.hotline) line += "  \n*24/7 hotline: " + escaped(input.plan.contacts.hotline->phone) + "*";
  out.paragraph(line);
}

}  // namespace

Result<Document> build_document(const DocumentInput& input) {
  HF_ASSIGN(Figures figures, collect_figures(input.events));
  Document document;
  Markdown out;
  Pages pages{input, figures, out, document.not_measured};
  const std::string title =
      "Disaster Recovery Plan" + (input.plan.organization.empty() ? "" : " of " + input.plan.organization);
  out.heading(1, escaped(title));
  out.paragraph(head_of(input));
  write_objectives(pages);
  write_classes(pages);
  write_architecture(pages);
  write_backups(pages);
  write_failover(pages);
  write_recovery(pages);
  write_testing(pages);
  write_communication(pages);
  write_compliance(pages);
  write_cost(pages);
  if (!document.not_measured.empty()) {
    out.heading(2, "Not measured");
    for (const std::string& what : document.not_measured) out.bullet(escaped(what));
    out.paragraph("");
  }
  write_foot(input, out);
  document.measured = out.figures();
  document.markdown = out.finish();
  HF_ASSIGN(document.html, render_html(title, document.markdown, charts_of(figures)));
  return document;
}

}  // namespace hf::report
