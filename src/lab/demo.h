// The demo: a region with a database under load dies and comes back elsewhere, step by step, each with the figure that
// proves it. Every step drives the same commands that an operator has; a step that cannot show its proof is not proven.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "lab/environment.h"

namespace hf::lab {

struct DemoStep {
  std::string name;
  bool proven = false;
  double seconds = 0;
  Json figures = Json::object();
  std::string line;                // what happened, ending in the figure that proves it
  std::vector<std::string> below;  // indented lines under it
};

struct DemoResult {
  std::vector<DemoStep> steps;
  Json data = Json::object();  // the `data` of the command's result
  bool proven = false;         // every step
  std::vector<std::string> summary;
  std::vector<std::string> not_proven;
};

struct DemoOptions {
  EnvironmentOptions environment;
  std::string results_dir;  // created; stays
  bool keep = false;
};

// Called when a step begins (proven is false, seconds 0) and when it ended.
using DemoProgress = std::function<void(const DemoStep& step, bool ended)>;

// An error only where the demo could not be set up at all; a step that fails is a result.
Result<DemoResult> run_demo(Env& env, const DemoOptions& options, const DemoProgress& progress, std::stop_token stop);

}  // namespace hf::lab
