// The list of passes, and waivers.
#include "plan/lint.h"

#include <algorithm>
#include <tuple>

#include "plan/lint_pass.h"

namespace hf::plan {
namespace {

bool covers(const Waiver& waiver, const Finding& finding) {
  const std::string& path = finding.place.path;
  return waiver.rule == finding.rule && (path == waiver.at || path.starts_with(waiver.at + "."));
}

std::string last_day(const Waiver& waiver) { return format_time(waiver.until - std::chrono::days(1)).substr(0, 10); }

// A waiver holds for findings of rules with semantics; mistakes of reading cannot be waived.
void apply_waivers(const Plan& plan, std::vector<Finding>& findings, WallTime now) {
  std::vector<Finding> about_waivers;
  for (const Waiver& waiver : plan.waivers) {
    bool matched = false;
    bool expired = now >= waiver.until;
    for (Finding& finding : findings) {
      if (!covers(waiver, finding)) continue;
      matched = true;
      if (!expired) finding.waived_by = waiver.by;
    }
    std::string what = "the waiver of " + waiver.rule + " at " + waiver.at;
    if (expired) {
      about_waivers.push_back(make_finding("waiver-expired", waiver.place, what + " ended on " + last_day(waiver),
                                           "Mend the finding, or let a person decide again and move the end."));
    } else if (!matched) {
      about_waivers.push_back(make_finding("waiver-unmatched", waiver.place, what + " covers no finding",
                                           "Take it away, or mend its rule and place."));
    }
  }
  findings.insert(findings.end(), about_waivers.begin(), about_waivers.end());
}

}  // namespace

void Lint::report(std::string_view rule, const std::string& path, std::string message, std::string hint) {
  findings.push_back(make_finding(rule, plan.place_of(path), std::move(message), std::move(hint)));
}

void Lint::report_as(FindingSeverity severity, std::string_view rule, const std::string& path, std::string message,
                     std::string hint) {
  report(rule, path, std::move(message), std::move(hint));
  findings.back().severity = severity;
}

std::string Lint::lost_region() const { return plan.primary_region() != nullptr ? plan.primary_region()->name : ""; }

std::vector<const Runbook*> all_runbooks(const Plan& plan) {
  std::vector<const Runbook*> out;
  if (plan.failover) out.push_back(&*plan.failover);
  if (plan.failback) out.push_back(&*plan.failback);
  for (const Runbook& runbook : plan.runbooks) out.push_back(&runbook);
  return out;
}

bool is_whole(const std::vector<Finding>& findings) {
  return std::ranges::none_of(findings, [](const Finding& f) {
    return f.severity == FindingSeverity::kError && f.id.starts_with("HF1") && f.rule != "unknown-key";
  });
}

std::vector<Finding> lint(const Loaded& loaded, WallTime now) {
  std::vector<Finding> out = loaded.findings;
  if (is_whole(loaded.findings)) {
    Lint pass{loaded.plan, {}};
    lint_objectives(pass);       // can the schedule meet what was promised
    lint_acknowledgement(pass);  // is an acknowledged commit anywhere but in the region that may be lost
    lint_retention(pass);        // is everything kept as long as something depends on it
    lint_storage(pass);          // what survives, how fast it answers, what it costs
    lint_detection(pass);        // can the loss be seen at all
    lint_cycles(pass);           // can the steps start
    lint_order(pass);            // check, fence, promote, verify, traffic
    lint_approval(pass);         // who may do it, is there a way back
    lint_budget(pass);           // do times and costs add up
    lint_execution(pass);        // what this version only reads
    apply_waivers(loaded.plan, pass.findings, now);
    out.insert(out.end(), pass.findings.begin(), pass.findings.end());
  }
  std::ranges::stable_sort(out, [](const Finding& a, const Finding& b) {
    return std::tie(a.place.file, a.place.line, a.place.column, a.id) <
           std::tie(b.place.file, b.place.line, b.place.column, b.id);
  });
  return out;
}

Loaded load_and_lint(const std::vector<Source>& sources, WallTime now) {
  Loaded loaded = load(sources);
  loaded.findings = lint(loaded, now);
  return loaded;
}

}  // namespace hf::plan
