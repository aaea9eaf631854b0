// Metadata of one file: read into an entry, and set from one. Every call is relative to an open folder and follows no link.
#pragma once

#include <map>
#include <optional>
#include <string>

#include <sys/stat.h>
#include <sys/types.h>

#include "base/result.h"
#include "vault/tree/tree.h"

namespace hf::sources {

// Names of users and groups, asked once each.
class NameCache {
 public:
  const std::string& user(uid_t uid);
  const std::string& group(gid_t gid);

 private:
  std::map<uid_t, std::string> users_;
  std::map<gid_t, std::string> groups_;
};

vault::EntryType entry_type(mode_t mode);
vault::FileTime file_time(const timespec& time);
// Type, mode, owner, times, identity; not path, content or extended attributes.
vault::Entry entry_of(const struct ::stat& st, NameCache& names);
Result<std::vector<vault::Xattr>> read_xattrs(int folder, const std::string& name);    // sorted by name
Result<std::vector<vault::Xattr>> read_xattrs(int fd);                                 // of an open file or folder
Result<std::string> read_link(int folder, const std::string& name, std::size_t size_hint);

std::uint32_t read_flags(int fd);                     // those of vault::kInodeFlags; 0 where the file system has none
bool set_flags(int fd, std::uint32_t flags);          // exactly these of vault::kInodeFlags
// Takes them from a file or folder, so that it can be changed or replaced. False if there are none, or they stay.
bool free_of_flags(int folder, const std::string& name);

// Owner (as root; a user's own groups else), mode, extended attributes (and no others) and times, in the order in which none
// undoes another.
// What cannot be set is told in `why`, one clause each; the rest is set all the same. Not the inode flags: they come last.
void set_metadata(int folder, const std::string& name, const vault::Entry& entry, std::vector<std::string>& why);
// The same of an open file. `created`: it was made by this process a moment ago with these permission bits, and inherits
// nothing: what is as it should be by that is not set again.
void set_metadata(int fd, const vault::Entry& entry, std::optional<unsigned> created, std::vector<std::string>& why);

}  // namespace hf::sources
