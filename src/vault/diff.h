// What is different between two snapshots of a vault: two passes in the same order, merged. Contents are compared by the ids
// of their chunks; no content is read.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "vault/restore.h"

namespace hf::vault {

enum class ChangeKind : std::uint8_t {
  kAdded,
  kRemoved,
  kContent,    // other bytes, another target, or another type of thing
  kMetadata,   // the same content
};
std::string_view to_string(ChangeKind kind);   // "added", "removed", "changed", "metadata"

struct Change {
  ChangeKind kind = ChangeKind::kAdded;
  std::string path;
  EntryType type = EntryType::kFile;           // in the newer one, if it is there
  std::uint64_t old_bytes = 0;
  std::uint64_t new_bytes = 0;
  std::vector<std::string> what;               // content, type, target, device, mode, owner, mtime, attributes, flags
};

struct DiffTotals {
  struct Count {
    std::uint64_t entries = 0;
    std::uint64_t old_bytes = 0;
    std::uint64_t new_bytes = 0;
  };
  Count added, removed, changed, metadata;
  std::uint64_t unchanged = 0;
  bool different() const { return added.entries + removed.entries + changed.entries + metadata.entries > 0; }
};

// In the order of paths; an error of `each` ends it and is returned.
Result<DiffTotals> diff_snapshots(SnapshotReader& before, SnapshotReader& after,
                                  const std::function<Status(const Change&)>& each);

}  // namespace hf::vault
