// The folders that a walk is in, from the top down: what is left of each, and a descriptor of the deepest ones.
//
// Only so many descriptors are open, however deep the tree; a folder whose descriptor was closed is reached again through
// ".." of the one below it, and only if it is still the same. So no path is ever resolved as a whole, and none is too long.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include <sys/stat.h>

#include "base/bytes.h"
#include "base/result.h"
#include "io/descriptor.h"

namespace hf::sources {

class Levels {
 public:
  bool empty() const { return levels_.empty(); }
  // Goes into a folder: lists it, in the tree's order of siblings. `path_length`: what the caller wants back from
  // path_length(). An error is of the folder; it was not entered then.
  Status enter(Descriptor folder, const struct ::stat& st, std::size_t path_length);
  int folder() const { return levels_.back().folder.get(); }          // the deepest; -1 if it could not be reached again
  std::size_t path_length() const { return levels_.back().path_length; }
  const char* next_name();                                            // null at its end
  std::size_t keep_only(std::string_view name);                       // of what is left in it; says how much goes
  dev_t device() const { return levels_.back().device; }
  void leave();

 private:
  struct Level {
    Descriptor folder;
    dev_t device = 0;
    ino_t inode = 0;
    std::size_t path_length = 0;
    std::string listed;                    // names, each with its zero byte
    std::vector<std::string_view> names;   // of it, sorted
    std::size_t next = 0;
  };
  static Result<std::string> list(int folder, MutableByteView buffer);
  std::deque<Level> levels_;               // elements stay where they are
  Bytes buffer_;
};

}  // namespace hf::sources
