#include "sources/files/folders.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "sources/files/leftovers.h"
#include "sources/files/metadata.h"

namespace hf::sources {
namespace {

constexpr std::size_t kOpenFolders = 256;      // the usual limit is 1024 descriptors
constexpr std::size_t kFileSystems = 64;       // below one target, each with a descriptor; where there are more, all are synced

// What is made in it belongs to the maker alone.
bool inherits_nothing(int folder) {
  struct ::stat st{};
  if (::fstat(folder, &st) < 0 || st.st_gid != ::getegid() || (st.st_mode & S_ISGID) != 0) return false;
  return ::fgetxattr(folder, "system.posix_acl_default", nullptr, 0) < 0;
}

}  // namespace

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}
std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }   // npos + 1 == 0

bool move_over(int folder, const std::string& from, const std::string& to) {
  if (::renameat(folder, from.c_str(), folder, to.c_str()) == 0) return true;
  if (errno != EPERM) return false;
  if (free_of_flags(folder, to)) return ::renameat(folder, from.c_str(), folder, to.c_str()) == 0;
  errno = EPERM;
  return false;
}

Status Folders::open_root(const std::string& target, std::string tag) {
  shown_ = target;
  tag_ = std::move(tag);
  if (::mkdir(target.c_str(), 0700) < 0 && errno != EEXIST) return errno_error(errno, "making the folder", target);
  root_ = std::make_shared<const Descriptor>(::open(target.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!*root_) return errno_error(errno, "opening the folder", target);
  remember_device(root_);
  if (!tag_.empty()) remove_leftovers(root_->get());
  return ok();
}

Error Folders::refused(int error, const std::string& path) const {
  const std::string shown = shown_ + (shown_.ends_with('/') ? "" : "/") + path;
  if (error == ELOOP || error == ENOTDIR) {
    return make_error(ErrorKind::kBlocked, "restoring into " + shown +
                                               ": it is a symbolic link or not a folder, and is not followed")
        .with_object(shown)
        .with_hint("Restore into an empty folder, or move that aside.");
  }
  return errno_error(error, "opening the folder", shown);
}

Result<Folders::Handle> Folders::open(const std::string& path) {
  const std::lock_guard lock(mutex_);
  return open_locked(path);
}

// From the deepest folder above it that is open already, one part at a time: however deep, few descriptors are held.
Result<Folders::Handle> Folders::open_locked(const std::string& path) {
  Handle at = root_;
  std::size_t known = path.size();           // of the path: what `at` stands for
  for (; known > 0; known = path.rfind('/', known - 1) == std::string::npos ? 0 : path.rfind('/', known - 1)) {
    const auto it = opened_.find(path.substr(0, known));
    if (it == opened_.end()) continue;
    at = it->second;
    break;
  }
  while (known < path.size()) {
    known = std::min(path.find('/', known + (known > 0 ? 1 : 0)), path.size());
    const std::string prefix = path.substr(0, known);
    const auto staged = staged_.find(prefix);
    const std::string name = staged != staged_.end() ? staged->second : name_of(prefix);
    auto next = std::make_shared<const Descriptor>(
        ::openat(at->get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!*next) return refused(errno, prefix);
    if (opened_.size() >= kOpenFolders) opened_.clear();
    opened_.emplace(prefix, next);
    at = std::move(next);
  }
  return at;
}

bool Folders::fresh(std::string_view path) const {
  while (!made_here_.contains(path)) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) return false;
    path = path.substr(0, slash);
  }
  return true;
}

Status Folders::make(const std::string& path) {
  if (path.empty()) return ok();
  const std::lock_guard lock(mutex_);
  const std::string parent = parent_of(path);
  HF_ASSIGN(const Handle above, open_locked(parent));
  std::string name = name_of(path);
  const bool staging = !fresh(parent);
  if (staging) {
    struct ::stat st{};
    if (::fstatat(above->get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0)
      return S_ISDIR(st.st_mode) ? use(path, above, st.st_mode & 07777, st.st_uid == ::geteuid()) : refused(ENOTDIR, path);
    name = tag_ + "-d" + std::to_string(staged_count_++);
  }
  if (::mkdirat(above->get(), name.c_str(), 0700) < 0) return errno_error(errno, "making the folder", shown_ + "/" + path);
  if (!staging) return ok();
  made_here_.insert(path);
  staged_[path] = name;
  HF_ASSIGN(const Handle made, open_locked(path));
  plain_ = plain_ && inherits_nothing(made->get());
  return ok();
}

// A folder that was there before.
Status Folders::use(const std::string& path, const Handle& above, unsigned mode, bool own) {
  Taken taken;
  if (own && ::geteuid() != 0 && (mode & S_IRWXU) != S_IRWXU &&
      ::fchmodat(above->get(), name_of(path).c_str(), mode | S_IRWXU, AT_SYMLINK_NOFOLLOW) == 0)
    taken.mode = mode;
  const auto folder = open_locked(path);
  if (folder) {
    taken.flags = read_flags((*folder)->get());
    if (taken.flags != 0 && !set_flags((*folder)->get(), 0)) taken.flags = 0;
    remember_device(*folder);
    remove_leftovers((*folder)->get());
  }
  if (taken.flags != 0 || taken.mode) taken_[path] = taken;
  return folder ? ok() : Status(folder.error());
}

void Folders::leave(const std::string& path, bool give_back) {
  const std::lock_guard lock(mutex_);
  const auto it = taken_.find(path);
  if (it == taken_.end()) return;
  if (give_back) put_back_locked(path, it->second);
  taken_.erase(it);
}

// By its descriptor: what is put back may shut the way to it.
void Folders::put_back_locked(const std::string& path, const Taken& taken) {
  const auto folder = open_locked(path);
  if (!folder) return;
  if (taken.mode) (void)::fchmod((*folder)->get(), *taken.mode);
  if (taken.flags != 0) (void)set_flags((*folder)->get(), taken.flags);
}

void Folders::remember_device(const Handle& folder) {
  struct ::stat st{};
  if (::fstat(folder->get(), &st) == 0 && devices_.size() < kFileSystems) devices_.try_emplace(st.st_dev, folder);
}

Status Folders::sync() {
  const std::lock_guard lock(mutex_);
  if (devices_.size() == kFileSystems) ::sync();
  for (const auto& [device, folder] : devices_) {
    if (::syncfs(folder->get()) < 0) return errno_error(errno, "syncing", shown_);
  }
  return ok();
}

Status Folders::publish(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const auto staged = staged_.find(path);
  if (staged == staged_.end()) return ok();
  HF_ASSIGN(const Handle above, open_locked(parent_of(path)));
  if (::renameat(above->get(), staged->second.c_str(), above->get(), name_of(path).c_str()) < 0)
    return errno_error(errno, "moving into place", shown_ + "/" + path);
  staged_.erase(staged);
  return ok();
}

void Folders::discard() {
  const std::lock_guard lock(mutex_);
  for (const auto& [path, name] : staged_) {
    const auto above = open_locked(parent_of(path));
    if (!above) continue;
    std::error_code ignored;                   // best effort: the error that led here is the one to tell
    std::filesystem::remove_all("/proc/self/fd/" + std::to_string((*above)->get()) + "/" + name, ignored);
  }
  for (auto it = taken_.rbegin(); it != taken_.rend(); ++it) put_back_locked(it->first, it->second);   // what is within first
  staged_.clear();
  taken_.clear();
  opened_.clear();
}

}  // namespace hf::sources
