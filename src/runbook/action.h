// An action changes one thing of the world, and can say by looking whether that thing is already as wanted.
//
// The contract, which one conformance suite checks for every action:
//   - observe() changes nothing. done: the world is as the step wants it; not_done: it is proven not to be;
//     unknown: no answer that could be trusted. Unknown is never taken for either.
//   - start() begins the effect and returns at once with what it knows: done, or running with a handle. It may be
//   called
//     again with the same key after a crash or a lost answer; that must not do the effect twice.
//   - poll() asks how the effect named by the handle is going; it may take the next step of the same effect.
//   - cancel() stops what start() began, as far as it can be stopped; it never undoes what is done.
//   - Nobody sleeps. What takes long returns running, and the engine owns the waiting.
//   - An error that cannot exclude the effect says so: Effect::kMaybe.
// All four are called from a pool thread, for one step by one thread at a time.
#pragma once

#include <map>
#include <stop_token>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "runbook/run_spec.h"

namespace hf::runbook {

enum class ObservedState : std::uint8_t { kDone, kNotDone, kUnknown };
std::string_view to_string(ObservedState v);

// `facts` is an object of canonical JSON that later steps and the journal get (LSNs, proofs); `detail` is for a
// person.
struct Observation {
  ObservedState state = ObservedState::kUnknown;
  std::string detail;
  Json facts = Json::object();

  static Observation done(std::string detail, Json facts = Json::object());
  static Observation not_done(std::string detail, Json facts = Json::object());
  static Observation unknown(std::string detail);
};

// What start() and poll() know. `changed` tells whether this call (with its key) changed the world.
struct Progress {
  bool finished = false;
  bool changed = true;
  std::string detail;
  Json facts = Json::object();   // finished: the facts of the step
  Json handle = Json::object();  // running: canonical JSON, enough to poll() after a crash, on another machine
  Micros poll_after{0};          // running

  static Progress done(std::string detail, Json facts = Json::object(), bool changed = true);
  static Progress running(Json handle, Micros poll_after, std::string detail = {});
};

// What a call gets to know. All references outlive the call.
struct StepContext {
  const RunSpec& run;
  const StepSpec& step;
  std::string key;  // "run/step/attempt": the same for the same effect
  // Of the finished steps, by step name. A recorded waiver of a fence stands under "waiver/COMPONENT" as {by,
  // reason}.
  const std::map<std::string, Json>& facts;
  WallTime now;
  std::stop_token stop;
  bool begun = false;  // an intent with this key stands in the journal: its effect may be there already
};

class Action {
 public:
  virtual ~Action() = default;
  virtual Result<Observation> observe(const StepContext& context) = 0;
  virtual Result<Progress> start(const StepContext& context) = 0;
  virtual Result<Progress> poll(const StepContext& context,
                                const Json& handle);  // default: a bug, for those that never run on
  virtual Status cancel(const StepContext& context, const Json& handle);  // default: nothing is to be stopped
};

// From StepSpec::action to what does it. Filled by hand; everything in it outlives the runner.
using ActionTable = std::map<std::string, Action*, std::less<>>;

}  // namespace hf::runbook
