#include "sources/files/levels.h"

#include <algorithm>
#include <cerrno>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

namespace hf::sources {
namespace {

constexpr std::size_t kListBytes = 128 * 1024;     // of a folder, at once
constexpr std::size_t kOpenLevels = 64;            // the usual limit is 1024 descriptors

}  // namespace

// The names as the system gives them.
Result<std::string> Levels::list(int folder, MutableByteView buffer) {
  std::string names;
  while (true) {
    const ssize_t n = ::getdents64(folder, buffer.data(), buffer.size());
    if (n < 0) return errno_error(errno, "listing", "the folder");
    if (n == 0) return names;
    for (ssize_t at = 0; at < n;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer.data() + at);
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.append(name).push_back('\0');
      at += entry->d_reclen;
    }
  }
}

Status Levels::enter(Descriptor folder, const struct ::stat& st, std::size_t path_length) {
  buffer_.resize(kListBytes);
  HF_ASSIGN(std::string listed, list(folder.get(), buffer_));
  Level& level = levels_.emplace_back();
  level.folder = std::move(folder);
  level.device = st.st_dev;
  level.inode = st.st_ino;
  level.path_length = path_length;
  level.listed = std::move(listed);
  for (std::size_t at = 0; at < level.listed.size(); at += level.names.back().size() + 1)
    level.names.emplace_back(level.listed.data() + at);
  std::ranges::sort(level.names);
  if (levels_.size() > kOpenLevels) levels_[levels_.size() - 1 - kOpenLevels].folder.close();
  return ok();
}

const char* Levels::next_name() {
  Level& level = levels_.back();
  return level.next < level.names.size() ? level.names[level.next++].data() : nullptr;
}

std::size_t Levels::keep_only(std::string_view name) {
  Level& level = levels_.back();
  return std::erase_if(level.names, [&](std::string_view other) { return other != name; });
}

void Levels::leave() {
  const Level left = std::move(levels_.back());
  levels_.pop_back();
  if (levels_.empty() || levels_.back().folder || !left.folder) return;
  Level& above = levels_.back();
  Descriptor again(::openat(left.folder.get(), "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct ::stat st{};
  if (again && ::fstat(again.get(), &st) == 0 && st.st_dev == above.device && st.st_ino == above.inode)
    above.folder = std::move(again);
}

}  // namespace hf::sources
