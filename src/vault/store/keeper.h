// What only some stores can do with an object that is there: lock it against deletion, move it to another storage class,
// bring it back from an archive. A store without such things has no keeper.
//
// Invariant: a lock is only ever made longer. Every call may come from any thread.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace hf::vault {

struct KeptState {
  std::string storage_class;             // "": standard
  std::optional<WallTime> locked_until;  // may lie in the past
  bool held = false;                     // a legal hold: until it is taken off
  enum class Readable : std::uint8_t { kYes, kArchived, kOnItsWay } readable = Readable::kYes;
  std::optional<WallTime> readable_until;  // a copy that was brought back from an archive
  bool locked(WallTime now) const { return held || (locked_until && *locked_until > now); }
};

struct LockSupport {
  bool can_lock = false;
  bool keeps_versions = false;
  std::string default_retention;  // of everything that is put; "": none. Such a bucket cannot hold a vault.
};

class Keeper {
 public:
  virtual ~Keeper() = default;
  // For how long each object of a snapshot is locked from its commit on; nothing or 0: it is not.
  virtual std::optional<Micros> retain() const = 0;
  virtual Result<LockSupport> lock_support() = 0;
  virtual Result<KeptState> look(const std::string& name) = 0;  // kNotFound
  virtual Status lock(const std::string& name, WallTime until) = 0;
  virtual Status hold(const std::string& name, bool on) = 0;
  // kBlocked: locked, so that the old copy would stay and cost beside the new one. REQUIRES: a pack of file data.
  virtual Status move(const std::string& name, const std::string& storage_class) = 0;
  // Asks for a readable copy for so many days. Asked for already is fine.
  virtual Status thaw(const std::string& name, int days, const std::string& tier) = 0;
};

// A lock is set for longer than is needed, so that a pack that each backup still uses need not be locked anew by each of
// them: a quarter of the retention, at most ten days. What it costs is bytes held for so long beyond need.
constexpr Micros lock_stride(Micros retain) {
  constexpr Micros kLongest = std::chrono::days(10);
  return retain / 4 < kLongest ? retain / 4 : kLongest;
}

inline bool is_archive_class(const std::string& storage_class) {
  return storage_class == "GLACIER" || storage_class == "DEEP_ARCHIVE";
}

}  // namespace hf::vault
