// Runs a command of the plan, as a worker that outlives us. It gets the step as JSON on standard input:
// {"run","step","key","target","facts"}; the key is the same for the same effect.
// With `observe`, its exit status 0 means done. Without, a command that was begun and lost is unknown, never
// repeated.
#pragma once

#include "actions/resources.h"

namespace hf::actions {

class ExecAction final : public runbook::Action {
 public:
  explicit ExecAction(Resources& resources) : r_(resources) {}
  Result<runbook::Observation> observe(const runbook::StepContext& context) override;
  Result<runbook::Progress> start(const runbook::StepContext& context) override;
  Result<runbook::Progress> poll(const runbook::StepContext& context, const Json& handle) override;
  Status cancel(const runbook::StepContext& context, const Json& handle) override;

 private:
  std::string session(const runbook::StepContext& context) const;
  Resources& r_;
};

}  // namespace hf::actions
