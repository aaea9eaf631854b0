// Which objects of the source a filtered copy takes.
//
// Invariant: whatever is chosen can be restored from the copy by itself: snapshots with all their packs, WAL with the base
// backups of the same component.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "vault/copy/copy_report.h"
#include "vault/core.h"

namespace hf::vault {

class CopyChoice {
 public:
  // Reads the source's commits. kDenied: a key that cannot read cannot choose. kNotFound with what there is: see must_match.
  static Result<CopyChoice> of(const Repository::Core& from, CopyFilter filter);

  bool limits_packs() const { return filter_.chooses_snapshots(); }
  std::optional<std::uint64_t> chosen() const { return limits_packs() ? std::optional(chosen_.size()) : std::nullopt; }
  bool takes(const SnapshotInfo& info) const;
  // Those of `commits` that go to the copy. A key that cannot read takes all, because it was not asked to choose.
  Result<std::vector<CommittedRecord>> choose(std::vector<CommittedRecord> commits) const;
  bool takes_wal(const std::string& cluster) const;      // by its folder
  Result<bool> takes_attachment(const ObjectInfo& info) const;

 private:
  CopyChoice(const Repository::Core& from, CopyFilter filter) : from_(from), filter_(std::move(filter)) {}
  Status look();
  Status expect_something() const;
  std::string what_is_there() const;

  const Repository::Core& from_;
  CopyFilter filter_;
  std::map<std::string, std::set<std::string>> components_;       // their kinds, in words
  std::map<std::string, std::set<std::string>> clusters_;         // by folder: the components of its base backups
  std::set<SnapshotId> chosen_;
};

}  // namespace hf::vault
