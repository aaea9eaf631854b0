// What became of a run, from its facts.
#include <algorithm>

#include "runbook/step_view.h"

namespace hf::runbook {
namespace {

std::string state_of(const StepSpec& s, const StepView& v, const RunView& run) {
  switch (v.phase) {
    case StepPhase::kDone: return "done";
    case StepPhase::kCancelled: return "cancelled";
    case StepPhase::kFailing: return is_final(s, v, run) || run.finished ? "failed" : "retrying";
    case StepPhase::kWaiting:
    case StepPhase::kReady: return run.finished ? "skipped" : "waiting";
    default: return "running";
  }
}

bool missed_objective(const RunSpec& spec, const RunView& run) {
  return spec.rto && spec.impact_at && run.finished && *run.finished - *spec.impact_at > *spec.rto;
}

int exit_code(const RunSpec& spec, const RunView& run, RunState state) {
  if (state == RunState::kWaitsForApproval) return 6;
  if (state != RunState::kFinished) return 1;
  switch (run.verdict) {
    case Verdict::kSucceeded: return missed_objective(spec, run) ? 5 : 0;
    case Verdict::kBlocked: return 4;
    case Verdict::kCancelled: return 130;
    case Verdict::kFailed: return 1;
  }
  return 1;
}

}  // namespace

RunReport report_of(const RunSpec& spec, const std::vector<Fact>& facts) {
  const RunView run = view_of(spec, facts);
  RunReport out;
  const bool waits = run.approval_requested && static_cast<int>(run.approvers.size()) < spec.approvals;
  out.state = run.finished ? RunState::kFinished : waits ? RunState::kWaitsForApproval : RunState::kRunning;
  out.verdict = run.verdict;
  out.reason = run.reason;
  out.started_at = run.started;
  out.finished_at = run.finished;
  for (const StepSpec& s : spec.steps) {
    const StepView& v = run.steps.at(s.name);
    out.steps.push_back({s.name, state_of(s, v, run), v.began, v.finished, v.changed, v.detail, v.failure, v.facts});
    if (v.changed == Changed::kYes || v.changed == Changed::kObserved) out.changed.push_back(s.name);
    if (is_uncertain(v)) out.uncertain.push_back(s.name);
  }
  out.exit_code = exit_code(spec, run, out.state);
  return out;
}

std::map<std::string, Json> facts_of(const std::vector<Fact>& facts) {
  std::map<std::string, Json> out;
  for (const Fact& f : facts) {
    if (f.kind == FactKind::kWaiverRecorded && f.rule == kFenceRule && !f.by.empty()) {
      Json waiver = Json::object();
      out["waiver/" + f.object] = waiver.set("by", f.by).set("reason", f.reason);  // no step's name has a '/'
    }
    if (f.kind == FactKind::kStepOutcome && f.result == StepResult::kDone) out[f.step] = f.facts;
  }
  return out;
}

}  // namespace hf::runbook
