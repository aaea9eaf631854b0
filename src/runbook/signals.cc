// What people add to a run from outside. The run itself takes it up when it goes on.
#include "runbook/runner.h"

namespace hf::runbook {
namespace {

Status add(History& history, Clock& clock, Fact fact) {
  HF_ASSIGN(const std::vector<Fact> facts, history.read(fact.run));
  if (facts.back().kind == FactKind::kRunFinished)
    return make_error(ErrorKind::kBlocked, "run " + fact.run + " is finished already")
        .with_hint("'holdfast run show " + fact.run + "' tells how it ended.");
  if (fact.by.empty())
    return make_error(ErrorKind::kUsage, "a person's name is needed for this").with_hint("Say who with --by NAME.");
  fact.time = clock.wall();
  HF_TRY(history.append(fact));
  return ok();
}

Fact make(FactKind kind, const std::string& run, const std::string& by, const std::string& reason = {}) {
  Fact f;
  f.kind = kind;
  f.run = run;
  f.by = by;
  f.reason = reason;
  return f;
}

}  // namespace

Status approve_run(History& history, Clock& clock, const std::string& run, const std::string& by) {
  return add(history, clock, make(FactKind::kApprovalGiven, run, by));
}

Status cancel_run(History& history, Clock& clock, const std::string& run, const std::string& by,
                  const std::string& reason) {
  return add(history, clock, make(FactKind::kCancelRequested, run, by, reason));
}

Status waive_fence(History& history, Clock& clock, const std::string& run, const std::string& component,
                   const std::string& by, const std::string& reason) {
  Fact f = make(FactKind::kWaiverRecorded, run, by, reason);
  f.rule = kFenceRule;
  f.object = component;
  return add(history, clock, std::move(f));
}

}  // namespace hf::runbook
