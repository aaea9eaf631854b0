// What the facts say about one step: a fold over the history, without the clock. decide() and report_of() read it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runbook/decide.h"

namespace hf::runbook {

enum class StepPhase : std::uint8_t {
  kWaiting,   // nothing happened yet, or the next attempt may begin
  kReady,     // looked at: not done; may start
  kInFlight,  // intent journaled by this process; the call has not returned
  kRunning,   // start() said that it goes on; there is a handle
  kOrphan,    // intent journaled by a process that is gone: look first
  kDoubt,     // a call failed and may have had its effect: look first
  kRestart,   // looked at after a doubt or crash: not done; start again with the same key
  kStopping,  // cancelled: a last look tells what is
  kSettled,   // looked at: done; its outcome is to be recorded
  kFailing,   // the last attempt failed; another may follow
  kDone,
  kCancelled,
};

struct StepView {
  StepPhase phase = StepPhase::kWaiting;
  int attempt = 1;          // part of the key; grows only where the attempt before is known to have had no effect
  int failures = 0;         // failed attempts and doubts that turned out as not done
  int unknown_looks = 0;    // in a row
  bool intent = false;      // an effect of ours was begun at some time
  bool doubted = false;     // kRestart came from a doubt, not from a crash
  bool in_the_air = false;  // a request of ours was lost from sight once: it may still arrive
  bool stopped = false;     // kStopping: the last look said not done
  bool last_word = false;   // kFailing: the outcome said so
  std::optional<WallTime> began;  // first intent; for observe steps the first look
  std::optional<WallTime> finished;
  std::optional<WallTime> timer;  // set after what last failed
  WallTime last{};                // of the last fact
  std::string detail;
  std::string key;
  Json handle = Json::object();
  Micros poll_after{0};
  Json facts = Json::object();
  Changed changed = Changed::kNo;
  std::optional<Failure> failure;
};

struct RunView {
  std::map<std::string, StepView> steps;
  std::optional<WallTime> started;
  std::optional<WallTime> finished;
  Verdict verdict = Verdict::kFailed;
  std::string reason;
  bool cancel_requested = false;
  std::string cancel_reason;
  bool approval_requested = false;
  std::vector<std::string> approvers;  // different persons
  std::vector<const Fact*> proofs;     // fence.proof
  std::vector<const Fact*> waivers;
};

RunView view_of(const RunSpec& spec, const std::vector<Fact>& facts);

// Would another attempt make sense after this failure?
bool is_retryable(const Failure& failure);
// Its effect may be in the world, or may still arrive there.
inline bool is_uncertain(const StepView& view) {
  return view.changed == Changed::kMaybe || (view.in_the_air && view.phase != StepPhase::kDone);
}
bool is_final(const StepSpec& spec, const StepView& view, const RunView& run);

}  // namespace hf::runbook
