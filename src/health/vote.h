// The vote of one vantage point about all its targets: a small JSON file, replaced atomically, named after the region.
//
// Clocks of other machines are never trusted: a reader ages a vote by its own monotonic clock, from the moment at which
// it saw session or sequence change. A vote that it never saw change is stale: its writer may be long dead.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "health/hysteresis.h"
#include "io/files.h"

namespace hf::health {

inline constexpr int kVoteVersion = 1;
inline constexpr std::size_t kVoteLimitBytes = 1 << 20;
inline constexpr int kStaleIntervals = 4;     // a vote not renewed for so many of its writer's intervals is stale

struct TargetVote {
  State state = State::kUnknown;
  Uplink uplink = Uplink::kUnchecked;
  double since_seconds = 0;                   // in this state, by the writer's own clock
  std::string detail;
  std::optional<WallTime> first_failure_at;   // by the writer's clock, for reports only
};

struct Vote {
  std::string region;
  std::string session;                        // of the writing process
  std::uint64_t sequence = 0;
  Micros every{0};                            // between two renewals
  std::map<std::string, TargetVote> targets;
};

Json to_json(const Vote& vote);
Result<Vote> parse_vote(std::string_view text);

std::string votes_folder(const std::string& coordination_dir);
std::string vote_path(const std::string& coordination_dir, const std::string& region);
// Replaced atomically but not synced: a vote lost in a power cut was stale anyway.
Status write_vote(Files& files, const std::string& coordination_dir, const Vote& vote);

struct SeenVote {
  std::string region;
  std::optional<Vote> vote;
  bool fresh = false;
  Micros age{0};                              // since it was seen to change
  std::string problem;                        // why there is no vote or no fresh one
};

class VoteReader {
 public:
  VoteReader(Files& files, Clock& clock, std::string coordination_dir)
      : files_(files), clock_(clock), dir_(std::move(coordination_dir)) {}
  SeenVote read(const std::string& region);

 private:
  struct Sight {
    std::string session;
    std::uint64_t sequence = 0;
    MonoTime changed{};
    bool moved = false;                       // seen to change at least once
  };
  Files& files_;
  Clock& clock_;
  std::string dir_;
  std::map<std::string, Sight> sights_;
};

}  // namespace hf::health
