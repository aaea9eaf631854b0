// `wal check`: what the archive covers and where it has gaps, within a timeline and from one to the next.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vault/wal/wal_archive.h"

namespace hf::sources {

struct WalCheckTimeline {
  Timeline timeline = 0;
  Lsn from;
  Lsn to;
  std::vector<vault::WalRange> gaps;    // before `from`, too, where the timeline it left does not reach so far
  std::optional<WallTime> last_commit;  // in what is contiguous up to `to`
  std::vector<vault::TimelineSeal> seals;
  bool history_missing = false;  // its history file is not there: a recovery cannot reach it
};

struct WalCheckReport {
  std::uint64_t system_id = 0;
  std::vector<WalCheckTimeline> timelines;
  bool healthy() const;  // no gap, no missing history
};

// kCorrupt: a history file that cannot be read.
Result<WalCheckReport> check_wal(const vault::WalCoverage& coverage);

}  // namespace hf::sources
