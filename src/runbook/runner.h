// The runner does what decide() says and appends what came of it. Single-threaded but for the actions, which run in
// an Executor. Order of durability: intent, effect, outcome. Whatever it holds in memory can be lost at any instant.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "runbook/decide.h"
#include "runbook/executor.h"
#include "runbook/history.h"

namespace hf::runbook {

// Called after each append, with the journal's number and the event type: where tests and the demo kill this process.
using KillPoint = std::function<void(std::uint64_t seq, std::string_view type, const Fact& fact)>;

struct RunnerOptions {
  std::string lock_dir;  // exists; one lock file for each component; empty: the journal alone decides
  KillPoint after_append;
  std::function<void(const Fact&)> progress;  // for the terminal; may not block
  Rules rules;
};

class Runner {
 public:
  Runner(Clock& clock, Log& log, History& history, const ActionTable& actions, Executor& executor,
         RunnerOptions options);

  // Runs to the end, to an approval that is missing, or to a stop. kBusy while another run holds one of the locks, or this
  // one was started before; kBlocked if it is finished already.
  Result<RunReport> start(const RunSpec& spec, std::stop_token stop = {});
  // Goes on with a run of the journal, wherever it was left. A finished run gives its report again and changes
  // nothing.
  Result<RunReport> resume(const std::string& run, std::stop_token stop = {});

 private:
  class Session;
  Clock& clock_;
  Log& log_;
  History& history_;
  const ActionTable& actions_;
  Executor& executor_;
  RunnerOptions options_;
};

// What start() asks first: kBusy if this run was started before, kBlocked if it is finished already.
Status refuse_known(History& history, const std::string& run);

// Facts that a person adds to a run from outside: `run approve`, `run cancel`, a waiver. kNotFound, or kBlocked once
// finished.
Status approve_run(History& history, Clock& clock, const std::string& run, const std::string& by);
Status cancel_run(History& history, Clock& clock, const std::string& run, const std::string& by,
                  const std::string& reason);
Status waive_fence(History& history, Clock& clock, const std::string& run, const std::string& component,
                   const std::string& by, const std::string& reason);

}  // namespace hf::runbook
