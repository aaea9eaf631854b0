// The snapshot record: what one backup of one component at one moment is, and where its tree begins.
//
// Its sealed form is what a commit object holds; the snapshot's id is the SHA-256 of those bytes.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"

namespace hf::vault {

using SnapshotId = std::array<std::uint8_t, 32>;

enum class SnapshotKind : std::uint8_t { kFiles = 1, kPostgres = 2, kLogical = 3 };
std::string_view to_string(SnapshotKind kind);     // "files", "postgres", "logical"

// What the one who backs up says at the beginning.
struct SnapshotMeta {
  std::string host;
  std::string component;                           // empty: none named
  SnapshotKind kind = SnapshotKind::kFiles;
  std::vector<std::string> paths;                  // raw bytes
  std::vector<std::string> tags;
  std::map<std::string, std::string> attributes;   // system id, timeline, start and stop LSN, ...: the source's own words
  std::optional<SnapshotId> previous;              // whose extents are used again
};

// What renewing locks of packs (and index runs, config) took, which a snapshot uses and earlier ones stored.
struct LockTotals {
  std::uint64_t objects = 0;                       // looked at
  std::uint64_t renewed = 0;
  std::uint64_t requests = 0;
  std::uint64_t byte_days_beyond = 0;              // bytes that stay locked past need, times the days
};

struct SnapshotInfo {
  SnapshotId id{};
  std::uint64_t number = 0;                        // of its commit in this store; 0 while only its lease says committed
  SnapshotMeta meta;                               // attributes as of the commit
  WallTime started{};
  WallTime finished{};
  std::uint64_t files = 0;                         // regular files
  std::uint64_t entries = 0;
  std::uint64_t source_bytes = 0;                  // of file contents
  std::uint64_t new_bytes = 0;                     // of chunks that were not in the vault, before compression
  std::uint64_t stored_bytes = 0;                  // added to the store: packs and index
  bool partial = false;                            // some items failed: attributes say how many
  LockTotals locks;                                // of the backup that has just made it; not stored
};

}  // namespace hf::vault
