// The life of a run: started, resumed, cancelled, approved, confirmed, waived, finished.
// A reader can rebuild from these alone what was planned, who agreed, and how it ended.
#pragma once

#include <array>

#include "record/fields.h"

namespace hf::record {

enum class RunKind : std::uint8_t { kFailover, kSwitchover, kFailback, kDrill, kRestore, kVerify, kBackup };
constexpr auto enum_names(RunKind) {
  return std::array<std::string_view, 7>{"failover", "switchover", "failback", "drill",
                                         "restore",  "verify",     "backup"};
}

enum class RunState : std::uint8_t { kSucceeded, kFailed, kCancelled, kBlocked };
constexpr auto enum_names(RunState) {
  return std::array<std::string_view, 4>{"succeeded", "failed", "cancelled", "blocked"};
}

struct PlannedStep {
  std::string name;
  std::string kind;                 // the action's kind: "fence", "promote", "dns"
  std::vector<std::string> needs;   // names of steps that come before
  bool irreversible = false;
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("name", s.name);
    v("kind", s.kind);
    v.optional("needs", s.needs);
    v.optional("irreversible", s.irreversible);
  }
  friend bool operator==(const PlannedStep&, const PlannedStep&) = default;
};

struct Objectives {
  std::optional<Micros> rto;
  std::optional<Micros> rpo;
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v.optional("rto_us", s.rto);
    v.optional("rpo_us", s.rpo);
  }
  friend bool operator==(const Objectives&, const Objectives&) = default;
};

struct RunStarted {
  static constexpr std::string_view kType = "run.started";
  RunKind kind = RunKind::kFailover;
  std::string runbook;
  std::string component;                              // empty where the run is about several
  std::string source_region;                          // the region being left, if any
  std::string target_region;
  std::string disaster_class;                         // "L1".."L4"
  std::string plan_hash;                              // SHA-256 (hex) of the plan file that was shown
  std::vector<PlannedStep> steps;
  Objectives objectives;
  std::optional<std::uint64_t> planned_loss_bytes;    // what was stated before anyone confirmed
  std::string planned_loss;                           // the same in words: "0 orders (sealed at 0/5000A28)"
  std::optional<WallTime> impact_started_at;          // RTO counts from here
  Json parameters = Json::object();                   // what the runbook needs to run again elsewhere
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("kind", s.kind);
    v("runbook", s.runbook);
    v.optional("component", s.component);
    v.optional("source_region", s.source_region);
    v.optional("target_region", s.target_region);
    v.optional("class", s.disaster_class);
    v("plan_hash", s.plan_hash);
    v("steps", s.steps);
    v("objectives", s.objectives);
    v.optional("planned_loss_bytes", s.planned_loss_bytes);
    v.optional("planned_loss", s.planned_loss);
    v.optional("impact_started_at", s.impact_started_at);
    v.optional("parameters", s.parameters);
  }
  friend bool operator==(const RunStarted&, const RunStarted&) = default;
};

struct RunResumed {
  static constexpr std::string_view kType = "run.resumed";
  std::string reason;   // "holdfast was killed", "operator"
  std::string from;     // host on which it ran before, where it is known
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("reason", s.reason);
    v.optional("from", s.from);
  }
  friend bool operator==(const RunResumed&, const RunResumed&) = default;
};

struct RunCancelRequested {
  static constexpr std::string_view kType = "run.cancel_requested";
  std::string reason;
  template <class Self, class V>
  static void visit(Self& s, V& v) { v("reason", s.reason); }
  friend bool operator==(const RunCancelRequested&, const RunCancelRequested&) = default;
};

struct RunFinished {
  static constexpr std::string_view kType = "run.finished";
  RunState state = RunState::kFailed;
  std::string verdict;   // one sentence for a person
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("state", s.state);
    v("verdict", s.verdict);
  }
  friend bool operator==(const RunFinished&, const RunFinished&) = default;
};

struct ApprovalRequested {
  static constexpr std::string_view kType = "approval.requested";
  std::int64_t needed = 1;   // how many people
  std::string question;
  std::string plan_hash;
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("needed", s.needed);
    v("question", s.question);
    v.optional("plan_hash", s.plan_hash);
  }
  friend bool operator==(const ApprovalRequested&, const ApprovalRequested&) = default;
};

struct ApprovalGiven {
  static constexpr std::string_view kType = "approval.given";
  std::string by;
  std::string plan_hash;   // what was seen when agreeing
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("by", s.by);
    v.optional("plan_hash", s.plan_hash);
  }
  friend bool operator==(const ApprovalGiven&, const ApprovalGiven&) = default;
};

struct ConfirmGiven {
  static constexpr std::string_view kType = "confirm.given";
  std::string phrase;      // "FAILOVER us-west-2", or "hash" for a script's --confirm
  std::string plan_hash;
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("phrase", s.phrase);
    v("plan_hash", s.plan_hash);
  }
  friend bool operator==(const ConfirmGiven&, const ConfirmGiven&) = default;
};

struct WaiverUsed {
  static constexpr std::string_view kType = "waiver.used";
  std::string rule;
  std::string place;
  std::string by;
  std::optional<WallTime> until;
  std::string reason;
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("rule", s.rule);
    v.optional("place", s.place);
    v("by", s.by);
    v.optional("until", s.until);
    v("reason", s.reason);
  }
  friend bool operator==(const WaiverUsed&, const WaiverUsed&) = default;
};

}  // namespace hf::record
