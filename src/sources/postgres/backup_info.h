// What a snapshot says about the cluster that it is a base backup of: attributes of the snapshot record, typed.
//
// Layout of such a snapshot's tree: data/... (the data directory, with backup_label, tablespace_map and backup_manifest),
// tablespaces/<oid>/... (what lies in each tablespace).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/lsn.h"
#include "base/result.h"
#include "base/time.h"
#include "vault/snapshot.h"

namespace hf::sources {

inline constexpr const char* kDataTree = "data";
inline constexpr const char* kTablespaceTree = "tablespaces";
// A restore keeps staged WAL and its key here, inside the data directory; no backup takes it along.
inline constexpr const char* kRecoveryFolder = "holdfast_recovery";

struct DatabaseSize {
  std::string name;
  std::uint64_t bytes = 0;
  friend bool operator==(const DatabaseSize&, const DatabaseSize&) = default;
};

struct TablespaceInfo {
  std::uint32_t oid = 0;
  std::string location;
  friend bool operator==(const TablespaceInfo&, const TablespaceInfo&) = default;
};

struct PostgresBackupInfo {
  std::uint64_t system_id = 0;
  int server_version = 0;                          // 150020
  Timeline timeline = 0;                           // at start and at stop: a backup across a promotion does not count
  Lsn start_lsn;                                   // WAL is needed from here ...
  Lsn stop_lsn;                                    // ... to here before the files are consistent
  std::uint64_t wal_segment_bytes = 0;
  std::uint32_t block_bytes = 0;
  bool page_checksums = false;
  bool from_standby = false;
  WallTime started{};                              // by the server's clock, as commit times are
  WallTime finished{};
  std::map<std::string, std::string> limits;       // settings that a hot standby must not undercut: max_connections, ...
  std::vector<DatabaseSize> databases;
  std::vector<TablespaceInfo> tablespaces;
  friend bool operator==(const PostgresBackupInfo&, const PostgresBackupInfo&) = default;
};

std::map<std::string, std::string> to_attributes(const PostgresBackupInfo& info);
// kInvalid, naming the attribute, if the snapshot is of another kind or lacks one.
Result<PostgresBackupInfo> backup_info(const vault::SnapshotInfo& snapshot);

}  // namespace hf::sources
