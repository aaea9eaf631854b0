// Branches of a cluster's history: what timeline history files say, and how far the WAL of a vault reaches along one.
// https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-TIMELINES
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/lsn.h"
#include "base/result.h"
#include "vault/wal/wal_archive.h"

namespace hf::sources {

inline constexpr Lsn kNoEnd{~std::uint64_t{0}};

// One timeline of a branch: it is followed from `begin` (where it left its parent) to `end` (where the next one left it).
struct TimelineStep {
  Timeline timeline = 0;
  Lsn begin;
  Lsn end = kNoEnd;
  friend bool operator==(const TimelineStep&, const TimelineStep&) = default;
};

// The branch that ends in `timeline`, oldest first. `history` is its history file (empty for timeline 1).
// kCorrupt if it does not parse or goes backwards.
Result<std::vector<TimelineStep>> parse_history(ByteView history, Timeline timeline);

// WAL [from, to) of one timeline.
struct WalPiece {
  Timeline timeline = 0;
  Lsn from;
  Lsn to;
  friend bool operator==(const WalPiece&, const WalPiece&) = default;
};

// How far recovery gets along `branch` when it starts at `start` on `timeline`, with the WAL that there is.
struct WalReach {
  std::vector<WalPiece> pieces;                    // contiguous, as recovery reads them
  Lsn end;                                         // the last byte's successor
  std::optional<WallTime> last_commit;             // newest known in the pieces
  Lsn missing;                                     // where WAL is missing although more lies beyond; 0 if none is
  std::vector<vault::WalRestorePoint> restore_points;   // in the order of their LSN
};
WalReach wal_reach(const vault::WalCoverage& coverage, const std::vector<TimelineStep>& branch, Timeline timeline, Lsn start,
                   std::uint64_t segment_bytes);

}  // namespace hf::sources
