// Which WAL of a vault is still needed: of each cluster, what reaches from its oldest base backup on.
//
// A base backup carries the recovery points from its own on up to the next base backup, the newest one up to the newest WAL.
// Where the store locks, each of these points is locked as a snapshot is, counted from when it was reached: so a base backup and
// the WAL behind it stay locked for longer than the snapshot alone.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/lsn.h"
#include "vault/collect/retention.h"
#include "vault/core.h"
#include "vault/tiers/locks.h"
#include "vault/wal/wal_objects.h"

namespace hf::vault {

// Of each commit, what retention is judged by.
Result<std::vector<RetentionInput>> read_inputs(const Repository::Core& core, const std::vector<CommittedRecord>& commits);

// The folder of the cluster that a base backup is of; nothing for what is none.
Result<std::optional<std::string>> cluster_of(const Repository::Core& core, const SnapshotInfo& info);

class NeededWal {
 public:
  // `snapshots`: those that stay, of every kind. kCorrupt: a base backup does not say where its WAL begins.
  static Result<NeededWal> of(const Repository::Core& core, const std::vector<RetentionInput>& snapshots);
  static Result<NeededWal> read(const Repository::Core& core);        // by the commits of now

  // Ends at or below the start of the oldest base backup of its cluster. Without a base backup nothing says what is old.
  bool is_old(const WalName& name) const;
  // When the last recovery point of this base backup was reached: nothing for what is none, or has no WAL in `listed`.
  std::map<SnapshotId, WallTime> last_points(const std::vector<ObjectInfo>& listed) const;
  // The locked ones of `listed` (whole segments and histories) that are needed, each as long as the longest of the base
  // backups that replay it.
  using Until = std::function<WallTime(const SnapshotId& id, WallTime committed)>;
  std::vector<LockNeed> needs(const std::vector<ObjectInfo>& listed, const Until& until) const;

 private:
  struct BaseBackup {
    Lsn start;
    SnapshotId id{};
    WallTime committed{};
  };
  struct Cluster {
    std::uint64_t segment = 0;                 // bytes
    std::vector<BaseBackup> backups;           // ascending by start
  };
  static std::uint64_t end_of(const WalName& name, const Cluster& cluster);
  std::map<std::string, Cluster> clusters_;    // by folder
};

// WAL below the start of the oldest kept base backup of its cluster. `listed`: made before the leases were looked at.
Result<std::vector<std::string>> find_old_wal(const Repository::Core& core, const std::vector<ObjectInfo>& listed);

}  // namespace hf::vault
