// Finding and reading the plan: the file, the drop-ins of holdfast.d beside it, and its hash.
#pragma once

#include <string>
#include <vector>

#include "base/secret.h"
#include "cli/command.h"
#include "plan/load.h"

namespace hf::cli {

struct PlanFile {
  std::vector<plan::Source> sources;
  plan::Loaded loaded;       // linted
  std::string hash;          // SHA-256 (hex) of the canonical form of the merged plan
  std::string text() const;  // the sources, as they are kept with a run
};

// kNotFound with id kNoPlanId if there is no plan. Findings are in `loaded`: they are not an error here.
Result<PlanFile> read_plan(Context& context);
// The same, but a plan with unwaived errors is kInvalid, with the findings rendered on stderr.
Result<PlanFile> read_valid_plan(Context& context);

// The secret behind env:, file: or command:, trimmed of one final line break.
Result<Secret> resolve_secret(Context& context, const plan::SecretRef& reference);

}  // namespace hf::cli
