// What a copy is to take, and what it took: for those who ask for one.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/lsn.h"
#include "base/time.h"
#include "vault/snapshot.h"

namespace hf::vault {

// Which snapshots go to the copy, with the packs that they need, and which WAL. Absent: all. Attachments go there in any
// case, but pins and holds of other snapshots.
struct CopyFilter {
  std::optional<std::set<std::string>> components;
  std::optional<std::set<SnapshotKind>> kinds;
  bool wal = true;                           // of the chosen components: those whose base backups name the cluster
  std::set<std::string> named;               // components of which there must be a snapshot, else kNotFound
  bool must_match = false;                   // kNotFound where nothing at all is taken
  bool chooses_snapshots() const { return components || kinds; }
};

// The end of a cluster's WAL in one store.
struct WalEnd {
  Timeline timeline = 0;
  Lsn lsn;
  std::optional<WallTime> last_commit;       // of the newest object, where it holds one
  friend bool operator==(const WalEnd&, const WalEnd&) = default;
};
struct WalLag {
  std::uint64_t system_id = 0;
  WalEnd source;
  std::optional<WalEnd> copy;                // none: the copy has nothing of the cluster
  // Bytes on the same timeline; nothing where they stand on different ones, or the copy has none.
  std::optional<std::uint64_t> bytes() const;
  std::optional<Micros> time() const;        // between the two last commits, where both are known
};

// How far the copy is behind the source in what was chosen, measured after copying: by what came meanwhile.
struct CopyLag {
  std::uint64_t snapshots = 0;               // that the source has and the copy lacks
  std::optional<WallTime> newest_in_source;  // by its end
  std::optional<WallTime> newest_in_copy;
  std::vector<WalLag> wal;                   // by system id; unknown to a key that cannot read
  // Between the two newest snapshots; nothing where one of them is not there.
  std::optional<Micros> time() const;
};

struct CopyReport {
  std::uint64_t packs = 0;                   // copied by this call
  std::uint64_t commits = 0;
  std::uint64_t wal_objects = 0;
  std::uint64_t attachments = 0;
  std::uint64_t copied_bytes = 0;
  std::optional<std::uint64_t> chosen;       // snapshots of the source that the filter takes, where it takes not all
  CopyLag lag;
};

}  // namespace hf::vault
