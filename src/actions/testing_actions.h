// What the tests of actions share: the real world, one step at a time, and the contract that every action keeps.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "actions/resources.h"
#include "base/log.h"
#include "io/testing_folder.h"

namespace hf::actions {

class ActionBench {
 public:
  ActionBench();

  SystemClock clock;
  Rng rng{1};
  PosixFiles files;
  PosixProcesses processes{clock};
  MemoryLog log;
  Env env{clock, rng, files, processes, log};
  crypto::SystemEntropy entropy;
  remote::CurlHttpClient http{clock};
  remote::LdnsDnsClient dns{clock, entropy};
  TestFolder folder;
  std::map<std::string, std::string> secrets;  // by reference; others stand for themselves
  Resources resources;

  runbook::RunSpec run;  // of one step
  std::map<std::string, Json> facts;

  // Makes `input` the input of the one step, named `name`.
  void step(const std::string& name, Json input);
  runbook::StepContext context(int attempt = 1, bool begun = false);
  // start(), then poll() until it is finished, at most 30 s.
  Result<runbook::Progress> finish(runbook::Action& action, int attempt = 1);
};

struct Conformance {
  std::function<std::string()> world;  // what of the world this action may change, as text
  bool seen_by_looking = true;         // false: a verify action, which has to act in order to look
};

// observe: not_done, and nothing changed; start: done; observe: done; start again with the same key: nothing changes;
// cancel: nothing changes. Reports by gtest.
void expect_conformance(ActionBench& bench, runbook::Action& action, const Conformance& expected);

}  // namespace hf::actions
