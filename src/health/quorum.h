// The decision about one target from the votes of all its vantage points. Pure, and it tells why.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "health/vote.h"

namespace hf::health {

enum class Verdict : std::uint8_t { kUndecided, kUp, kDown };
std::string_view to_string(Verdict v);

// What one vantage point says, as far as it counts.
struct Ballot {
  std::string region;
  State state = State::kUnknown;   // counted as: unknown where the vote is stale or its own uplink is down
  std::string why;                 // "down: connection refused", "not counted: its own uplink is down"
  std::optional<WallTime> first_failure_at;
};

// What a vote is worth for `target`.
Ballot ballot_of(const SeenVote& seen, const std::string& target);

struct Decision {
  Verdict verdict = Verdict::kUndecided;
  int up = 0;
  int down = 0;
  int unknown = 0;
  int needed = 0;
  int total = 0;
  std::vector<std::string> reasons;             // one for each vantage point, then one for the verdict
  std::optional<WallTime> first_failure_at;     // the earliest of those that count as down
  std::vector<Ballot> ballots;
};

// Down: at least `needed` of `total` count as down. Up: so many count as up that the others could not reach `needed`.
// REQUIRES: 0 < needed <= total; a vantage point without a ballot counts as unknown.
Decision decide_quorum(const std::vector<Ballot>& ballots, int needed, int total);

}  // namespace hf::health
