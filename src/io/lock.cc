#include "io/lock.h"

#include <array>

#include <fcntl.h>
#include <sys/file.h>

namespace hf {
namespace {

std::string holder_of(int fd) {
  std::array<char, 32> text{};
  const ssize_t n = ::pread(fd, text.data(), text.size() - 1, 0);
  std::string out(text.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return out.empty() ? "another process" : "process " + out;
}

}  // namespace

Result<FileLock> FileLock::acquire(const std::string& path) {
  Descriptor fd(retry([&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600); }));
  if (!fd) return errno_error(errno, "opening the lock", path);
  if (retry([&] { return ::flock(fd.get(), LOCK_EX | LOCK_NB); }) < 0) {
    if (errno != EWOULDBLOCK) return errno_error(errno, "locking", path);
    return make_error(ErrorKind::kBusy, path + " is held by " + holder_of(fd.get()))
        .with_hint("Wait for it to finish, or end it, then run the same command again.")
        .with_object(path);
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd.get(), 0) < 0 || ::pwrite(fd.get(), pid.data(), pid.size(), 0) < 0) {
    return errno_error(errno, "writing the lock", path);
  }
  return FileLock(std::move(fd), path);
}

}  // namespace hf
