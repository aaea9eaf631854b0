// What a failover could lose, from what is left of the write-ahead log: stated before anybody confirms it, and kept in the
// journal with the run. Pure; the caller looked at the standby, the receivers' spools and their vaults.
//
// A commit that was acknowledged is with a receiver that counted for it, or with its vault, or with the standby. So where
// every spool can be read, nothing is lost that a fence covers. Where a receiver's disk is gone as well, what it had not yet
// put into its vault may be: at most kVaultLag while the vault answered.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/lsn.h"
#include "base/time.h"

namespace hf::runbook {

inline constexpr Micros kVaultLag = 1s;  // a receiver's spool is in its vault within this time

struct ReceiverSeen {
  std::string name;
  std::string vault;
  std::optional<Lsn> durable;  // on its disk; empty: it cannot be read
  std::string why;             // it cannot
};

// The vault of a receiver that cannot be read.
struct VaultSeen {
  std::string name;
  std::optional<Lsn> end;               // of the WAL that goes on from what the standby has
  std::optional<WallTime> last_commit;  // in it
  std::string why;                      // there is no end
};

// What a quorum was known to have on disk, at that time.
struct Acknowledged {
  Lsn lsn;
  WallTime at{};
};

struct RiskInput {
  Lsn standby;
  std::vector<ReceiverSeen> receivers;
  std::vector<VaultSeen> vaults;
  std::optional<std::uint64_t> commits;  // between the standby and the furthest receiver, where they could be counted
  std::optional<Acknowledged> acknowledged;
  std::optional<WallTime> impact_at;  // the first failure that was seen
};

struct Risk {
  std::uint64_t standby_lacks_bytes = 0;  // of what the receivers have: lost if the standby alone were promoted
  std::optional<std::uint64_t> standby_lacks_commits;
  std::string standby_lsn;
  std::string receivers_lsn;  // the furthest
  // Where a receiver's disk is lost, else null: receivers[{name,vault,why}], left_lsn, at_most_us (null: nobody knows),
  // measured_us, last_commit_at, acknowledged_lsn, acknowledged_at, lacks_bytes.
  Json lost_spools;
  bool fence_possible = false;
  std::string fence;  // the verdict's sentence
  std::string text;   // for a person; its parts are separated by "; "
};

Lsn furthest_of(const std::vector<ReceiverSeen>& receivers);  // 0/0 where none can be read
Risk risk_of(const RiskInput& input);
Json to_json(const Risk& risk);
// kCorrupt for a count that is none.
Result<Risk> risk_from_json(const Json& json);

}  // namespace hf::runbook
