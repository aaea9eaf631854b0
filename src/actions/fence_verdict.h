// Can the old primary still acknowledge a commit? A pure judgement from what it must wait for and from who has
// sealed.
//
// A commit is acknowledged when `needed` of the members have it. A sealed receiver never acknowledges again. So if
// fewer than `needed` members are unsealed, nothing is acknowledged any more, wherever the old primary runs and
// whoever talks to it; and everything that was acknowledged is with at least one sealed receiver, so the furthest
// seal covers it.
// https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-SYNCHRONOUS-STANDBY-NAMES
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/lsn.h"
#include "base/result.h"

namespace hf::actions {

struct SyncStandbys {
  enum class Method : std::uint8_t { kNone, kFirst, kAny };
  Method method = Method::kNone;
  int needed = 0;
  std::vector<std::string> members;  // as written, without quotes; "*" is any name
};

// "ANY 2 (a, \"b\", c)", "FIRST 1 (a, b)", "2 (a, b)", "a, b", "*", "". kInvalid for anything else.
Result<SyncStandbys> parse_sync_standbys(std::string_view text);

struct SealSeen {
  std::string receiver;
  std::uint64_t system_id = 0;
  Timeline timeline = 0;
  Lsn lsn;
};

struct FenceInput {
  std::string synchronous_standby_names;
  std::vector<std::string> synchronous_commit;  // the values in force for the roles in use; empty: not known
  std::vector<SealSeen> seals;
};

struct FenceVerdict {
  bool proven = false;
  std::string explanation;  // one sentence, either way
  SyncStandbys standbys;
  std::vector<std::string> sealed;    // members
  std::vector<std::string> unsealed;  // members that could still acknowledge
  std::uint64_t system_id = 0;
  Timeline timeline = 0;
  Lsn furthest;  // of the seals that count
};

FenceVerdict fence_verdict(const FenceInput& input);

}  // namespace hf::actions
