// Sets keys of a KEY=VALUE file, keeping its other lines, its owner and its mode; then has the service read it again.
// Beside the file, `<file>.holdfast` holds the SHA-256 of what was last reloaded: a file that was written by a
// process that died before the reload is not "done".
#pragma once

#include "actions/resources.h"

namespace hf::actions {

class ConfigureAction final : public runbook::Action {
 public:
  explicit ConfigureAction(Resources& resources) : r_(resources) {}
  Result<runbook::Observation> observe(const runbook::StepContext& context) override;
  Result<runbook::Progress> start(const runbook::StepContext& context) override;

 private:
  Resources& r_;
};

// The text with these keys set: lines of other keys, comments and order stay; a key written twice is set once.
std::string with_keys_set(std::string_view text, const std::vector<std::pair<std::string, std::string>>& set);

}  // namespace hf::actions
