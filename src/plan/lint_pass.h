// What the passes of lint share.
#pragma once

#include "plan/graph.h"
#include "plan/lint.h"
#include "plan/objective.h"
#include "plan/yaml.h"

namespace hf::plan {

struct Lint {
  const Plan& plan;
  std::vector<Finding> findings;

  // At the place of `path`, with the rule's severity or a lower one.
  void report(std::string_view rule, const std::string& path, std::string message, std::string hint = {});
  void report_as(FindingSeverity severity, std::string_view rule, const std::string& path, std::string message,
                 std::string hint = {});
  // Empty where the plan names no primary region.
  std::string lost_region() const;
};

// The runbooks of the plan, failover and failback first.
std::vector<const Runbook*> all_runbooks(const Plan& plan);

void lint_objectives(Lint& lint);
void lint_acknowledgement(Lint& lint);
void lint_retention(Lint& lint);
void lint_storage(Lint& lint);
void lint_detection(Lint& lint);
void lint_cycles(Lint& lint);
void lint_order(Lint& lint);
void lint_approval(Lint& lint);
void lint_budget(Lint& lint);
void lint_execution(Lint& lint);

}  // namespace hf::plan
