// Which files of a restore stand in their place already, byte for byte: read and hashed on all cores, nothing is fetched.
#pragma once

#include <span>
#include <vector>

#include "base/progress.h"
#include "sources/files/folders.h"
#include "sources/files/metadata.h"
#include "sources/files/wanted.h"
#include "vault/restore.h"

namespace hf::sources {

class FileComparer {
 public:
  FileComparer(Folders& folders, const vault::SnapshotReader& reader, Progress progress)
      : folders_(folders), reader_(reader), progress_(progress) {}
  // same[i]: files[i] is there, a file of the same size whose every chunk has the id that the entry names.
  Result<std::vector<bool>> same(std::span<const NumberedFile> files);
  bool same_metadata(int folder, const vault::Entry& entry);

 private:
  struct Batch;
  bool load(const vault::Entry& entry, Batch& batch) const;
  Folders& folders_;
  const vault::SnapshotReader& reader_;
  const Progress progress_;
  NameCache names_;
};

}  // namespace hf::sources
