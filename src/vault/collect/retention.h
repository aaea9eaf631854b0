// Which snapshots stay, and by which rule: a pure function of what is there, the policy and the store's own clock.
//
// Snapshots are judged by series: one host, component (or set of paths) and kind. Invariant: the newest whole snapshot of
// a series always stays, and what is pinned, held or not yet finished stays whatever the policy says.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "vault/snapshot.h"

namespace hf::vault {

struct KeepRules {
  std::optional<Micros> within;          // younger than this, by the store's time of the commit object
  std::uint32_t last = 0;                // so many of the newest
  std::uint32_t hourly = 0;              // the newest of each of so many hours (UTC) that have one; the same below
  std::uint32_t daily = 0;
  std::uint32_t weekly = 0;              // ISO weeks
  std::uint32_t monthly = 0;
  std::uint32_t yearly = 0;
  bool forever = false;
  bool any() const;                      // false: this says nothing, and everything stays
};

struct RetentionPolicy {
  KeepRules all;                                               // where nothing more exact is said
  std::map<std::pair<std::string, SnapshotKind>, KeepRules> components;
  bool only_listed = false;              // a component that is not in `components` stays as it is
  // Any instant of so long can be restored: the newest base backup that is older stays, too.
  std::map<std::string, Micros> wal_window;                    // by component; "" for all others
};

enum class Pin : std::uint8_t { kNone, kPinned, kHeld };       // held: legal hold

struct RetentionInput {
  SnapshotInfo info;
  WallTime committed{};
  Pin pin = Pin::kNone;
  std::string pin_reason;
};

struct RetentionVerdict {
  SnapshotId id{};
  bool keep = true;
  std::string rule;                      // for a person: "younger than 30d", "daily 3 of 7"
};

// In the order of the input. `now` is the store's own clock.
std::vector<RetentionVerdict> judge(const std::vector<RetentionInput>& snapshots, const RetentionPolicy& policy, WallTime now);

}  // namespace hf::vault
