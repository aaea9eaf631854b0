// The folders of a restore's target: opened one part at a time, never through a symbolic link; made where they are missing.
//
// Invariant: a folder that is made gets its name only at the end, by publish(): until then it lies beside its place under
// a temporary name, so that files in it may have their own names at once and still nothing half-written can be found.
// Any thread may call open().
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "io/descriptor.h"

namespace hf::sources {

std::string parent_of(const std::string& path);
std::string name_of(const std::string& path);

// rename(2) over what stands there, also if that is immutable or append-only and this user may change it. False: errno says.
bool move_over(int folder, const std::string& from, const std::string& to);

class Folders {
 public:
  // Shared: a thread uses a folder while another's look-up pushes it out of the cache.
  using Handle = std::shared_ptr<const Descriptor>;

  Status open_root(const std::string& target, std::string tag);
  Result<Handle> open(const std::string& path);        // "" is the target itself
  // The folder; its parents are there. One that was there before is opened to its owner, freed of flags that let nothing be made
  // in it, and of what a killed restore left there.
  Status make(const std::string& path);
  bool fresh(std::string_view path) const;             // made here, or in a folder that was
  bool plain() const { return plain_; }                // what is made in fresh folders inherits no group and no ACL
  Status publish(const std::string& path);             // gives a folder that was made its name
  // All is made in a folder that was there: what make() took from it is given back, unless it has what it should have.
  void leave(const std::string& path, bool give_back);
  Status sync();                                       // every file system that a folder of make() lies on
  void discard();                                      // what was made and not published goes; all is put back

 private:
  struct Taken {                                       // so that things can be made in it
    std::uint32_t flags = 0;
    std::optional<unsigned> mode;
  };
  Result<Handle> open_locked(const std::string& path);
  Status use(const std::string& path, const Handle& above, unsigned mode, bool own);
  void put_back_locked(const std::string& path, const Taken& taken);
  void remember_device(const Handle& folder);
  Error refused(int error, const std::string& path) const;
  std::mutex mutex_;
  Handle root_;
  std::string shown_;
  std::string tag_;
  std::unordered_map<std::string, Handle> opened_;
  std::map<std::string, std::string> staged_;          // path -> its temporary name
  std::set<std::string, std::less<>> made_here_;       // the topmost of those that were made
  std::map<std::string, Taken> taken_;
  std::map<std::uint64_t, Handle> devices_;            // a folder of each, opened before anything was written
  std::size_t staged_count_ = 0;
  bool plain_ = true;
};

}  // namespace hf::sources
