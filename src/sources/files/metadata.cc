#include "sources/files/metadata.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "io/descriptor.h"

namespace hf::sources {
namespace {

constexpr std::size_t kNameBuffer = 16 * 1024;
constexpr int kAttempts = 5;               // attributes that grow between asking for the size and reading

std::string proc_path(int folder, const std::string& name) { return "/proc/self/fd/" + std::to_string(folder) + "/" + name; }

// One file's attributes, by its open descriptor or by a path whose last part is not followed.
struct XattrCalls {
  int fd = -1;
  std::string path;
  std::string shown;
  ssize_t list(char* out, std::size_t size) const {
    return fd >= 0 ? ::flistxattr(fd, out, size) : ::llistxattr(path.c_str(), out, size);
  }
  ssize_t get(const std::string& name, void* out, std::size_t size) const {
    return fd >= 0 ? ::fgetxattr(fd, name.c_str(), out, size) : ::lgetxattr(path.c_str(), name.c_str(), out, size);
  }
  int set(const vault::Xattr& x) const {
    if (fd >= 0) return ::fsetxattr(fd, x.name.c_str(), x.value.data(), x.value.size(), 0);
    return ::lsetxattr(path.c_str(), x.name.c_str(), x.value.data(), x.value.size(), 0);
  }
  int remove(const std::string& name) const {
    return fd >= 0 ? ::fremovexattr(fd, name.c_str()) : ::lremovexattr(path.c_str(), name.c_str());
  }
};

Result<Bytes> read_xattr(const XattrCalls& calls, const std::string& name) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const ssize_t size = calls.get(name, nullptr, 0);
    if (size < 0) return errno_error(errno, "reading attribute " + name + " of", calls.shown);
    Bytes value(static_cast<std::size_t>(size) + 1);
    const ssize_t n = calls.get(name, value.data(), value.size());
    if (n < 0 && errno == ERANGE) continue;
    if (n < 0) return errno_error(errno, "reading attribute " + name + " of", calls.shown);
    value.resize(static_cast<std::size_t>(n));
    return value;
  }
  return make_error(ErrorKind::kBusy, "attribute " + name + " changes all the time");
}

// The names, each with its zero byte.
Result<std::string> list_xattrs(const XattrCalls& calls) {
  std::string list;
  for (int attempt = 0;; ++attempt) {
    const ssize_t size = calls.list(nullptr, 0);
    if (size == 0 || (size < 0 && (errno == ENOTSUP || errno == EOPNOTSUPP))) return std::string();
    if (size < 0) return errno_error(errno, "listing attributes of", calls.shown);
    list.resize(static_cast<std::size_t>(size));
    const ssize_t n = calls.list(list.data(), list.size());
    if (n < 0 && errno == ERANGE && attempt < kAttempts) continue;
    if (n < 0) return errno_error(errno, "listing attributes of", calls.shown);
    list.resize(static_cast<std::size_t>(n));
    return list;
  }
}

Result<std::vector<vault::Xattr>> read_all_xattrs(const XattrCalls& calls) {
  HF_ASSIGN(const std::string list, list_xattrs(calls));
  std::vector<vault::Xattr> out;
  for (std::size_t at = 0; at < list.size();) {
    std::string attribute(list.c_str() + at);
    at += attribute.size() + 1;
    auto value = read_xattr(calls, attribute);
    if (!value && value.error().text.find(std::strerror(ENODATA)) != std::string::npos) continue;   // removed meanwhile
    if (!value) return std::move(value).error();
    out.push_back({std::move(attribute), std::move(*value)});
  }
  std::ranges::sort(out, {}, &vault::Xattr::name);
  return out;
}

// Attributes that a snapshot speaks for; others belong to the machine (labels of a security module, the file system's own).
bool spoken_for(std::string_view name) {
  return name.starts_with("user.") || name.starts_with("trusted.") || name.starts_with("system.posix_acl_") ||
         name == "security.capability";
}

// `exactly`: what else is there goes; a file may have inherited an access list from its folder.
void set_xattrs(const XattrCalls& calls, const vault::Entry& entry, bool exactly, std::vector<std::string>& why) {
  const auto note = [&](const std::string& name) { why.push_back("attribute " + name + ": " + std::strerror(errno)); };
  const auto present = exactly ? list_xattrs(calls) : std::string();
  if (!present) why.push_back(present.error().text);
  for (std::size_t at = 0; present && at < present->size();) {
    const std::string name(present->c_str() + at);
    at += name.size() + 1;
    const bool wanted = std::ranges::find(entry.xattrs, name, &vault::Xattr::name) != entry.xattrs.end();
    if (!wanted && spoken_for(name) && calls.remove(name) < 0 && errno != ENODATA) note(name);
  }
  for (const vault::Xattr& x : entry.xattrs) {
    if (calls.set(x) < 0) note(x.name);
  }
}

// Gives the owner back, as far as this user may, and says which permission bits may follow: what runs as its owner or
// group must not do so for another one. An owner that only root could set is no failure; such bits are.
template <class Chown>
unsigned allowed_mode(const vault::Entry& entry, const Chown& change, std::vector<std::string>& why) {
  const bool root = ::geteuid() == 0;
  const bool own = root || entry.uid == ::geteuid();
  const uid_t uid = root ? entry.uid : static_cast<uid_t>(-1);
  const bool changed = own && change(uid, entry.gid) == 0;
  if (root && !changed) why.push_back(std::string("owner: ") + std::strerror(errno));
  unsigned mode = entry.mode;
  if (!(root ? changed : own)) mode &= ~static_cast<unsigned>(S_ISUID);
  if (!changed && entry.type != vault::EntryType::kDirectory) mode &= ~static_cast<unsigned>(S_ISGID);
  if (mode != entry.mode) why.push_back("mode: it runs as its owner or group, which cannot be given back");
  return mode;
}

}  // namespace

const std::string& NameCache::user(uid_t uid) {
  auto [it, fresh] = users_.try_emplace(uid);
  if (fresh) {
    passwd entry{};
    passwd* found = nullptr;
    std::vector<char> buffer(kNameBuffer);
    if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) it->second = found->pw_name;
  }
  return it->second;
}

const std::string& NameCache::group(gid_t gid) {
  auto [it, fresh] = groups_.try_emplace(gid);
  if (fresh) {
    ::group entry{};
    ::group* found = nullptr;
    std::vector<char> buffer(kNameBuffer);
    if (::getgrgid_r(gid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) it->second = found->gr_name;
  }
  return it->second;
}

vault::EntryType entry_type(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR: return vault::EntryType::kDirectory;
    case S_IFLNK: return vault::EntryType::kSymlink;
    case S_IFCHR: return vault::EntryType::kCharDevice;
    case S_IFBLK: return vault::EntryType::kBlockDevice;
    case S_IFIFO: return vault::EntryType::kFifo;
    case S_IFSOCK: return vault::EntryType::kSocket;
    default: return vault::EntryType::kFile;
  }
}

vault::FileTime file_time(const timespec& time) { return {time.tv_sec, static_cast<std::uint32_t>(time.tv_nsec)}; }

vault::Entry entry_of(const struct ::stat& st, NameCache& names) {
  vault::Entry entry;
  entry.type = entry_type(st.st_mode);
  entry.mode = st.st_mode & 07777;
  entry.uid = st.st_uid;
  entry.gid = st.st_gid;
  entry.user = names.user(st.st_uid);
  entry.group = names.group(st.st_gid);
  entry.mtime = file_time(st.st_mtim);
  entry.ctime = file_time(st.st_ctim);
  entry.inode = st.st_ino;
  entry.device = st.st_dev;
  if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) entry.rdev = st.st_rdev;
  return entry;
}

Result<std::vector<vault::Xattr>> read_xattrs(int folder, const std::string& name) {
  return read_all_xattrs({-1, proc_path(folder, name), name});
}

Result<std::vector<vault::Xattr>> read_xattrs(int fd) { return read_all_xattrs({fd, {}, "the file"}); }

Result<std::string> read_link(int folder, const std::string& name, std::size_t size_hint) {
  std::string text(std::max<std::size_t>(size_hint + 1, 256), '\0');
  while (true) {
    const ssize_t n = ::readlinkat(folder, name.c_str(), text.data(), text.size());
    if (n < 0) return errno_error(errno, "reading the link", name);
    if (static_cast<std::size_t>(n) < text.size()) {
      text.resize(static_cast<std::size_t>(n));
      return text;
    }
    text.resize(text.size() * 2);
  }
}

std::uint32_t read_flags(int fd) {
  int flags = 0;
  if (::ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0) return 0;
  return static_cast<std::uint32_t>(flags) & vault::kInodeFlags;
}

bool set_flags(int fd, std::uint32_t wanted) {
  int flags = 0;
  if (::ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0) return wanted == 0;
  const int next = (flags & ~static_cast<int>(vault::kInodeFlags)) | static_cast<int>(wanted);
  return next == flags || ::ioctl(fd, FS_IOC_SETFLAGS, &next) == 0;
}

bool free_of_flags(int folder, const std::string& name) {
  const Descriptor fd(::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  return fd && read_flags(fd.get()) != 0 && set_flags(fd.get(), 0);
}

void set_metadata(int folder, const std::string& name, const vault::Entry& entry, std::vector<std::string>& why) {
  const auto note = [&](const std::string& what) { why.push_back(what + ": " + std::strerror(errno)); };
  const unsigned mode = allowed_mode(entry, [&](uid_t uid, gid_t gid) {
    return ::fchownat(folder, name.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW);
  }, why);
  const bool link = entry.type == vault::EntryType::kSymlink;
  const auto change_mode = [&](unsigned bits) {
    return link || ::fchmodat(folder, name.c_str(), bits, AT_SYMLINK_NOFOLLOW) == 0;
  };
  if (::geteuid() != 0) (void)change_mode(mode | S_IWUSR);       // who may not write sets no attributes
  set_xattrs({-1, proc_path(folder, name), name}, entry, true, why);
  if (!change_mode(mode)) note("mode");
  const timespec mtime{static_cast<time_t>(entry.mtime.seconds), static_cast<long>(entry.mtime.nanoseconds)};
  const timespec times[2] = {mtime, mtime};
  if (::utimensat(folder, name.c_str(), times, AT_SYMLINK_NOFOLLOW) < 0) note("times");
}

void set_metadata(int fd, const vault::Entry& entry, std::optional<unsigned> created, std::vector<std::string>& why) {
  const auto note = [&](const std::string& what) { why.push_back(what + ": " + std::strerror(errno)); };
  const bool owned = created && entry.uid == ::geteuid() && entry.gid == ::getegid();
  unsigned mode = entry.mode;
  if (!owned) mode = allowed_mode(entry, [&](uid_t uid, gid_t gid) { return ::fchown(fd, uid, gid); }, why);
  set_xattrs({fd, {}, "the file"}, entry, !created, why);
  if ((!entry.xattrs.empty() || created != std::optional(mode)) && ::fchmod(fd, mode) < 0) note("mode");
  const timespec mtime{static_cast<time_t>(entry.mtime.seconds), static_cast<long>(entry.mtime.nanoseconds)};
  const timespec times[2] = {mtime, mtime};
  if (::futimens(fd, times) < 0) note("times");
}

}  // namespace hf::sources
