// Preconditions, each an observation with its words. The words that exist today:
//   standby-healthy   the server that is to take over answers, and is a standby
//   replica-lag       it has replayed all but 1 GiB of what the receivers have
//   fence-possible    the receivers that can be reached now are enough for a proof
//   vault-fresh       some receiver outside the lost region has at most 16 MiB that its vault does not have
#pragma once

#include "actions/resources.h"
#include "actions/spools.h"

namespace hf::actions {

class CheckAction final : public runbook::Action {
 public:
  CheckAction(Resources& resources, Spools& spools) : r_(resources), spools_(spools) {}
  // done: all hold. not_done: one is seen not to hold. unknown: one could not be seen. Facts:
  // checks[{name,state,detail}].
  Result<runbook::Observation> observe(const runbook::StepContext& context) override;
  Result<runbook::Progress> start(const runbook::StepContext& context) override;  // kFailed: checks only look

 private:
  runbook::Observation one(const runbook::StepContext& context, const std::string& word);
  runbook::Observation standby_healthy(const runbook::StepContext& context, Lsn* replayed);
  runbook::Observation promoted_already(const runbook::StepContext& context, remote::PgConnection& db, const std::string& name);
  runbook::Observation replica_lag(const runbook::StepContext& context);
  runbook::Observation vault_fresh(const runbook::StepContext& context);
  Resources& r_;
  Spools& spools_;
};

}  // namespace hf::actions
