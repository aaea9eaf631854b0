// What happens inside a step: intent before an effect, outcome after it, observations, timers, workers.
// Invariant: an effect without an intent before it in the log never happened by our hand.
#pragma once

#include <array>

#include "record/fields.h"

namespace hf::record {

struct StepIntent {
  static constexpr std::string_view kType = "step.intent";
  std::string key;             // idempotency key: the same for every retry of one effect
  std::string action;          // the action's kind
  bool irreversible = false;
  std::string summary;         // what is about to be done, for a person
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("key", s.key);
    v("action", s.action);
    v.optional("irreversible", s.irreversible);
    v.optional("summary", s.summary);
  }
  friend bool operator==(const StepIntent&, const StepIntent&) = default;
};

struct StepObserved {
  static constexpr std::string_view kType = "step.observed";
  std::string state;           // the action's word for what it saw: "not_done", "running", "done", "unknown"
  std::string detail;
  Json facts = Json::object(); // name -> text or integer
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("state", s.state);
    v.optional("detail", s.detail);
    v.optional("facts", s.facts);
  }
  friend bool operator==(const StepObserved&, const StepObserved&) = default;
};

enum class StepState : std::uint8_t { kDone, kFailed, kMaybe, kSkipped, kCancelled };
constexpr auto enum_names(StepState) {
  return std::array<std::string_view, 5>{"done", "failed", "maybe", "skipped", "cancelled"};
}

struct StepError {
  std::string kind;            // to_string(ErrorKind)
  std::string text;
  std::string hint;
  std::string effect;          // "none" or "maybe"
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("kind", s.kind);
    v("text", s.text);
    v.optional("hint", s.hint);
    v("effect", s.effect);
  }
  friend bool operator==(const StepError&, const StepError&) = default;
};

inline StepError step_error(const Error& e) {
  return {std::string(hf::to_string(e.kind)), e.text, e.hint, e.effect == Effect::kNone ? "none" : "maybe"};
}

struct StepOutcome {
  static constexpr std::string_view kType = "step.outcome";
  StepState state = StepState::kFailed;
  bool changed = false;        // the world is different because of this step
  std::string detail;
  std::optional<StepError> error;
  Json facts = Json::object(); // name -> text or integer; later steps read them
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("state", s.state);
    v("changed", s.changed);
    v.optional("detail", s.detail);
    v.optional("error", s.error);
    v.optional("facts", s.facts);
  }
  friend bool operator==(const StepOutcome&, const StepOutcome&) = default;
};

struct TimerSet {
  static constexpr std::string_view kType = "timer.set";
  std::string name;
  WallTime due{};
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("name", s.name);
    v("due", s.due);
  }
  friend bool operator==(const TimerSet&, const TimerSet&) = default;
};

struct TimerFired {
  static constexpr std::string_view kType = "timer.fired";
  std::string name;
  template <class Self, class V>
  static void visit(Self& s, V& v) { v("name", s.name); }
  friend bool operator==(const TimerFired&, const TimerFired&) = default;
};

struct WorkerStarted {
  static constexpr std::string_view kType = "worker.started";
  std::int64_t pid = 0;
  std::uint64_t start_ticks = 0;   // field 22 of /proc/<pid>/stat: pids are used again
  std::string session;             // where the worker leaves its durable result
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("pid", s.pid);
    v("start_ticks", s.start_ticks);
    v.optional("session", s.session);
  }
  friend bool operator==(const WorkerStarted&, const WorkerStarted&) = default;
};

}  // namespace hf::record
