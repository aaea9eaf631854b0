// `wal check`: what the archive covers, where it has gaps, and how far it is behind the server.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vault/wal_archive.h"

namespace hf::sources {

struct WalCheckTimeline {
  Timeline timeline = 0;
  Lsn from;
  Lsn to;
  std::vector<vault::WalRange> gaps;
  std::optional<WallTime> last_commit;  // in what is contiguous up to `to`
  std::vector<vault::TimelineSeal> seals;
  bool history_missing = false;  // its history file is not there: a recovery cannot reach it
};

struct WalCheckReport {
  std::uint64_t system_id = 0;
  std::vector<WalCheckTimeline> timelines;
  std::optional<std::uint64_t> lag_bytes;  // behind the position given, on its timeline
  bool healthy() const;                    // no gap, no missing history
};

struct WalPosition {
  Timeline timeline = 0;
  Lsn lsn;
};

WalCheckReport check_wal(const vault::WalCoverage& coverage, std::optional<WalPosition> server);

}  // namespace hf::sources
