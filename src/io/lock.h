// The one-writer lock: flock(2) on a small file that holds the pid of its holder. The kernel frees it when the holder
// dies, however it dies. The file stays: removing it would let two processes lock two files of the same name.
#pragma once

#include <string>

#include "base/result.h"
#include "io/descriptor.h"

namespace hf {

class FileLock {
 public:
  // kBusy names the holder's pid. Creates the file, not its folder.
  static Result<FileLock> acquire(const std::string& path);
  const std::string& path() const { return path_; }

 private:
  FileLock(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  Descriptor fd_;
  std::string path_;
};

}  // namespace hf
