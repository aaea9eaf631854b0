// What a restore gives back, as a stream that can be walked again and again: the entries that its patterns choose, in the tree's
// order, a folder before what is in it. A hard link whose first name is not among them is a file of its own here.
//
// Invariant: every walk gives the same entries, so that a file is known by its number among the files. Memory does not grow
// with the tree; where patterns choose, with the names that share a file.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "sources/files/selection.h"
#include "vault/restore.h"

namespace hf::sources {

struct NumberedFile {
  std::uint64_t number = 0;
  vault::Entry entry;
};

// Collects files until they have so many pieces (or one file has more), and hands them over.
class FileBatches {
 public:
  using Take = std::function<Status(std::vector<NumberedFile>&)>;
  FileBatches(std::size_t pieces, Take take) : pieces_(pieces), take_(std::move(take)) {}
  Status add(NumberedFile file);
  Status finish();

 private:
  const std::size_t pieces_;
  const Take take_;
  std::vector<NumberedFile> batch_;
  std::size_t held_ = 0;
};

class WantedEntries {
 public:
  // The reader outlives this; while a walk goes on, nobody else walks over it.
  WantedEntries(vault::SnapshotReader& reader, TreeSelection selection) : reader_(reader), selection_(std::move(selection)) {}
  bool everything() const { return selection_.everything(); }
  // `take`'s error ends a walk and is returned. REQUIRES: each() ran to its end before the others.
  using Take = std::function<Status(vault::Entry)>;
  Status each(const Take& take);
  Status each_folder(const Take& take);
  Status each_leaf(bool files, const Take& take);      // all but folders; without `files` there may be some all the same
  // Files, in batches; `leave` says which are left out.
  using Leave = std::function<bool(std::uint64_t number, const vault::Entry& entry)>;
  Status each_batch(std::size_t pieces, const Leave& leave, FileBatches::Take take);

 private:
  Status walk(const TreeSelection::OfType& of_type, const Take& take);
  Result<vault::Entry> resolved(vault::Entry link);

  vault::SnapshotReader& reader_;
  TreeSelection selection_;
  std::unordered_set<std::string> first_names_;        // of what has several, where patterns choose
  std::unordered_map<std::string, vault::Entry> stand_ins_;   // by the first name that was not chosen: what stands for it
};

// Proves that all they are made of is in the vault, by its index and its list of packs alone: nothing of it is read.
class Presence {
 public:
  explicit Presence(vault::SnapshotReader& reader) : reader_(reader) {}
  Status add(const vault::Entry& entry);               // kCorrupt, of this or of one before it
  Status finish() { return prove(); }

 private:
  Status prove();
  vault::SnapshotReader& reader_;
  std::vector<vault::ChunkId> chunks_;
};

}  // namespace hf::sources
