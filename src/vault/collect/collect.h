// Collection: removing what no snapshot needs, beside any number of writers and other collectors, by the rules that
// docs/design/gc/ proves. One pass reads an epoch and ends with the next one; a prune makes a few of them.
//
// Invariant: a pack is deleted only after an epoch condemned it, every lease that read an older epoch has its fate, and
// every live chunk of it, marked after that, lies in another pack that is not condemned. No writer ever waits.
#pragma once

#include "vault/collect/retention.h"
#include "vault/core.h"
#include "vault/tiers/locks.h"

namespace hf::vault {

struct PruneOptions {
  RetentionPolicy policy;
  bool dry_run = false;
  bool accept_clock = false;             // the operator has looked at the store's clock
  Micros dead_after = 2min;              // a lease whose beat does not move for so long is fenced
  bool lock_as_kept = false;             // locks last as long as the rules of a component keep its snapshots
  std::map<SnapshotId, WallTime> locked_until;     // prune_vault's own: of kept snapshots, where the store locks
};

struct PruneReport {
  std::vector<RetentionVerdict> snapshots;         // by number
  std::uint64_t condemned_packs = 0;               // newly
  std::uint64_t swept_packs = 0;
  std::uint64_t freed_bytes = 0;
  std::uint64_t repacked_bytes = 0;
  std::uint64_t removed_wal = 0;                   // objects
  std::uint64_t fenced = 0;                        // leases of dead writers
  bool pending = false;                            // something waits for a writer that is alive, or for another run
  std::vector<std::string> why_pending;
  std::vector<LockedObject> locked;                // what would have gone and may not yet
  LockTotals locks;                                // renewed for snapshots that stay, the WAL behind them, and attachments
};

// kBlocked: the store's clock ran backwards or jumped. kCorrupt: a snapshot lacks something; nothing was removed.
Result<PruneReport> prune_vault(Repository& repository, const PruneOptions& options);

// What the store says of each session.
struct SessionState {
  SessionId session{};
  bool open = false;
  bool taken = false;
  bool forgotten = false;
  std::optional<LeaseFate> fate;
  std::optional<LeaseBeat> beat;
};
Result<std::vector<SessionState>> read_sessions(const Repository::Core& core);
// Watches these open leases by this process's own clock, and fences those whose beat does not move. Returns how many moved;
// the first that moves ends the watching: what waits for it is left for a later run.
struct Resolved {
  std::uint64_t fenced = 0;
  std::vector<SessionState> alive;
};
Result<Resolved> resolve_leases(const Repository::Core& core, std::vector<SessionState> blocking, Micros dead_after);

// One pass after retention: what is condemned, swept, repacked, and tidied up. True if another pass would do more.
Result<bool> collect_once(const Repository::Core& core, const PruneOptions& options, PruneReport& report);
// Removes the commit objects of these snapshots: after an epoch that knows their numbers, with a tombstone where needed.
Status forget(const Repository::Core& core, const std::set<SnapshotId>& ids, Epoch& epoch);
// Creates the next epoch. kExists if another collector was first.
Status publish_epoch(const Repository::Core& core, Epoch next);

}  // namespace hf::vault
