// What proves something: how the loss was detected, why the old primary can commit nothing more, what was
// measured.
#pragma once

#include "record/fields.h"

namespace hf::record {

struct Vote {
  std::string probe;                         // the vantage point
  std::string region;
  std::string verdict;                       // "down", "up", "unknown"
  std::string detail;
  std::optional<WallTime> first_failure_at;
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("probe", s.probe);
    v("region", s.region);
    v("verdict", s.verdict);
    v.optional("detail", s.detail);
    v.optional("first_failure_at", s.first_failure_at);
  }
  friend bool operator==(const Vote&, const Vote&) = default;
};

struct Detection {
  static constexpr std::string_view kType = "detection";
  std::string target;
  std::string disaster_class;
  std::string region;                        // the region found lost
  std::vector<Vote> votes;
  std::optional<WallTime> first_failure_at;
  std::optional<WallTime> quorum_at;
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("target", s.target);
    v.optional("class", s.disaster_class);
    v("region", s.region);
    v("votes", s.votes);
    v.optional("first_failure_at", s.first_failure_at);
    v.optional("quorum_at", s.quorum_at);
  }
  friend bool operator==(const Detection&, const Detection&) = default;
};

struct Seal {
  std::string receiver;
  Lsn lsn;
  std::string proof_digest;                  // SHA-256 (hex) of the receiver's durable seal record
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("receiver", s.receiver);
    v("lsn", s.lsn);
    v("proof_digest", s.proof_digest);
  }
  friend bool operator==(const Seal&, const Seal&) = default;
};

struct FenceProof {
  static constexpr std::string_view kType = "fence.proof";
  std::string component;
  std::string level;                         // "quorum", "stopped", "waived", ...
  std::uint64_t system_id = 0;
  std::int64_t timeline = 0;
  std::vector<Seal> seals;
  std::int64_t required_any = 0;             // N of `ANY N (...)`
  std::vector<std::string> members;          // of synchronous_standby_names
  std::string synchronous_commit;
  std::string explanation;                   // why no commit can be acknowledged any more
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("component", s.component);
    v("level", s.level);
    v("system_id", s.system_id);
    v("timeline", s.timeline);
    v("seals", s.seals);
    v("required_any", s.required_any);
    v("members", s.members);
    v("synchronous_commit", s.synchronous_commit);
    v("explanation", s.explanation);
  }
  friend bool operator==(const FenceProof&, const FenceProof&) = default;
};

// One number, with its objective where there is one. Durations stand in actual_us and target_us; what is
// counted in another unit ("rows", "bytes", "orders") stands in actual and target. `met` is absent where
// there is no objective.
struct Measurement {
  static constexpr std::string_view kType = "measurement";
  std::string name;        // rto rpo mttr data_loss t_detect t_fence t_promote t_verify t_traffic ...
  std::string component;
  std::string unit = "us";
  std::optional<Micros> actual_time;
  std::optional<Micros> target_time;
  std::optional<std::int64_t> actual;
  std::optional<std::int64_t> target;
  std::optional<bool> met;
  std::string detail;      // how it was measured: from what to what
  template <class Self, class V>
  static void visit(Self& s, V& v) {
    v("name", s.name);
    v.optional("component", s.component);
    v("unit", s.unit);
    v.optional("actual_us", s.actual_time);
    v.optional("target_us", s.target_time);
    v.optional("actual", s.actual);
    v.optional("target", s.target);
    v.optional("met", s.met);
    v.optional("detail", s.detail);
  }
  friend bool operator==(const Measurement&, const Measurement&) = default;
};

}  // namespace hf::record
