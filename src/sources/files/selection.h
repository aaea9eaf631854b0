// The entries of a snapshot that patterns choose, with the folders above them.
//
// Invariant: entries come in the tree's order, a folder before what is in it. Where every pattern begins at the root with
// plain names, nothing else of the tree is read.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "sources/files/pattern.h"
#include "vault/restore.h"

namespace hf::sources {

class TreeSelection {
 public:
  static Result<TreeSelection> make(const std::vector<std::string>& includes, const std::vector<std::string>& excludes);
  bool everything() const { return includes_.empty() && excludes_.empty(); }
  // Says which types of entries are decoded and taken; null: all.
  using OfType = std::function<bool(vault::EntryType)>;
  // An error of `take` ends it and is returned.
  Status each(vault::SnapshotReader& reader, const OfType& of_type, const std::function<Status(vault::Entry)>& take);
  Status each(vault::SnapshotReader& reader, const std::function<Status(vault::Entry)>& take) {
    return each(reader, nullptr, take);
  }

 private:
  TreeSelection(PathPatterns includes, PathPatterns excludes) : includes_(std::move(includes)), excludes_(std::move(excludes)) {}
  Status each_below(const std::string& anchor, std::set<std::string>& seen);
  Status consider(const vault::EntryView& view);

  PathPatterns includes_;
  PathPatterns excludes_;
  std::vector<vault::Entry> waiting_;            // folders above what is looked at, taken only if something below is
  vault::SnapshotReader* reader_ = nullptr;      // while each() runs
  const OfType* of_type_ = nullptr;
  const std::function<Status(vault::Entry)>* take_ = nullptr;
};

}  // namespace hf::sources
