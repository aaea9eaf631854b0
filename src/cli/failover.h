// The failover of a plan against the live world: its steps, its risk, its run. Used by `failover plan` and `apply`, and
// by `run resume`.
#pragma once

#include <memory>

#include "cli/command.h"
#include "cli/plan_file.h"
#include "cli/wire.h"
#include "journal/local.h"
#include "runbook/failover_plan.h"
#include "runbook/runner.h"

namespace hf::cli {

// The actions of a plan, wired to the real world for the time of one command.
class World {
 public:
  static Result<std::unique_ptr<World>> make(Context& context, const plan::Plan& plan);
  ~World();
  const runbook::ActionTable& actions() const;

 private:
  struct Parts;
  explicit World(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// Makes the plan of the failover as the world is now. `run_id` goes into the keys of its steps.
Result<runbook::FailoverPlan> plan_failover(Context& context, const PlanFile& file, const World& world,
                                            const std::string& run_id);
std::string digest_text(std::string_view text);  // SHA-256, hex

// kDenied unless the plan lets each of these persons approve.
Status check_approvers(const plan::Plan& plan, const std::vector<std::string>& approvers);
// kDenied unless the plan lets this person waive; kUsage without a name or a reason.
Status check_waiver(const plan::Plan& plan, const std::string& component, const std::string& by,
                    const std::string& reason);
// kBusy while another command drives a run, or one that is not finished holds what this one works on. Asked before
// anything is compared: a run that goes on is the reason of the drift that would be seen.
Status refuse_if_busy(Context& context, const runbook::RunSpec& spec);

// Runs or resumes, then writes the run's measurements into the journal.
struct RunRequest {
  runbook::RunSpec spec;  // to start; or empty id
  std::string resume;     // or the run to go on with
  std::vector<std::string> approvers;
  std::string confirmed_hash;
};
Outcome execute_run(Context& context, const PlanFile& file, const RunRequest& request);

}  // namespace hf::cli
