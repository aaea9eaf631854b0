// PosixFiles: every call is repeated after EINTR, every descriptor is close-on-exec, every error names the path.
#include "io/files.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/descriptor.h"

namespace hf {
namespace {

// What a disk with bad sectors says: those bytes are lost, others of the file are not.
Error read_error(int error, const std::string& path) {
  Error e = errno_error(error, "reading", path);
  if (error == EIO) e.kind = ErrorKind::kCorrupt;
  if (error == EIO) e.hint = "The disk cannot read what lies there: its messages stand in the kernel's log (dmesg).";
  return e;
}

class PosixFile final : public File {
 public:
  PosixFile(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<std::size_t> read_at(std::uint64_t offset, MutableByteView out) override {
    std::size_t done = 0;
    while (done < out.size()) {
      ssize_t n = ::pread(fd_.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return read_error(errno, path_);
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

  Status write_at(std::uint64_t offset, ByteView data) override {
    std::size_t done = 0;
    while (done < data.size()) {
      ssize_t n = ::pwrite(fd_.get(), data.data() + done, data.size() - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return errno_error(errno, "writing", path_).maybe_happened();
      done += static_cast<std::size_t>(n);
    }
    return ok();
  }

  Status truncate(std::uint64_t size) override {
    if (retry([&] { return ::ftruncate(fd_.get(), static_cast<off_t>(size)); }) < 0) {
      return errno_error(errno, "truncating", path_);
    }
    return ok();
  }

  Result<std::uint64_t> size() override {
    struct ::stat st{};
    if (::fstat(fd_.get(), &st) < 0) return errno_error(errno, "looking at", path_);
    return static_cast<std::uint64_t>(st.st_size);
  }

  Status sync() override {
    if (retry([&] { return ::fsync(fd_.get()); }) < 0) return errno_error(errno, "syncing", path_);
    return ok();
  }

 private:
  Descriptor fd_;
  std::string path_;
};

int open_flags(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead: return O_RDONLY;
    case OpenMode::kReadWrite: return O_RDWR;
    case OpenMode::kCreate: return O_RDWR | O_CREAT;
    case OpenMode::kCreateNew: return O_RDWR | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

// Nobody may ever write to a FIFO: opening it does not wait. A lease on a regular file (a server of files holds one) is
// given up while the opener waits, and only then.
Descriptor open_at_once(const std::string& path, int flags, unsigned permissions) {
  Descriptor fd(retry([&] { return ::open(path.c_str(), flags | O_NONBLOCK, permissions); }));
  if (fd || errno != EWOULDBLOCK) return fd;
  return Descriptor(retry([&] { return ::open(path.c_str(), flags, permissions); }));
}

Error not_a_regular_file(const std::string& path) {
  return make_error(ErrorKind::kInvalid, "opening " + path + ": it is not a regular file")
      .with_hint("Name a file: FIFOs, sockets and devices are not read.")
      .with_object(path);
}

WallTime wall_time(const timespec& t) {
  return WallTime(std::chrono::duration_cast<Micros>(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec)));
}

bool entry_is_directory(int folder, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_DIR;
  struct ::stat st{};
  return ::fstatat(folder, entry.d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

}  // namespace

Result<std::unique_ptr<File>> PosixFiles::open(const std::string& path, OpenMode mode, unsigned permissions) {
  Descriptor fd = open_at_once(path, open_flags(mode) | O_CLOEXEC, permissions);
  if (!fd) return errno == ENXIO ? not_a_regular_file(path) : errno_error(errno, "opening", path);
  struct ::stat st{};
  if (::fstat(fd.get(), &st) < 0) return errno_error(errno, "looking at", path);
  if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) return not_a_regular_file(path);
  return std::unique_ptr<File>(std::make_unique<PosixFile>(std::move(fd), path));
}

Result<FileInfo> PosixFiles::stat(const std::string& path) {
  struct ::stat st{};
  if (::stat(path.c_str(), &st) < 0) return errno_error(errno, "looking at", path);
  return FileInfo{static_cast<std::uint64_t>(st.st_size), S_ISDIR(st.st_mode), wall_time(st.st_mtim)};
}

Result<std::vector<DirectoryEntry>> PosixFiles::list(const std::string& path) {
  DIR* folder = ::opendir(path.c_str());  // close-on-exec by glibc
  if (folder == nullptr) return errno_error(errno, "listing", path);
  std::unique_ptr<DIR, int (*)(DIR*)> closer(folder, ::closedir);
  std::vector<DirectoryEntry> out;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(folder);
    if (entry == nullptr && errno != 0) return errno_error(errno, "listing", path);
    if (entry == nullptr) break;
    std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    out.push_back({std::string(name), entry_is_directory(::dirfd(folder), *entry)});
  }
  std::ranges::sort(out, {}, &DirectoryEntry::name);
  return out;
}

Status PosixFiles::make_dirs(const std::string& path, unsigned permissions) {
  struct ::stat st{};
  if (::stat(path.c_str(), &st) == 0) {
    if (S_ISDIR(st.st_mode)) return ok();
    return errno_error(ENOTDIR, "making the folder", path);
  }
  if (errno != ENOENT) return errno_error(errno, "making the folder", path);
  const std::string parent = parent_path(path);
  if (parent != path) HF_TRY(make_dirs(parent, permissions));
  if (::mkdir(path.c_str(), permissions) < 0 && errno != EEXIST) return errno_error(errno, "making the folder", path);
  return sync_dir(parent);
}

Status PosixFiles::move(const std::string& from, const std::string& to, IfExists policy) {
  if (policy == IfExists::kReplace) {
    if (::rename(from.c_str(), to.c_str()) < 0) return errno_error(errno, "moving", from + " to " + to);
    return ok();
  }
  if (::link(from.c_str(), to.c_str()) == 0) {
    if (::unlink(from.c_str()) == 0) return ok();
    return errno_error(errno, "removing the old name", from).maybe_happened();
  }
  if (errno != EPERM && errno != EOPNOTSUPP) return errno_error(errno, "moving", from + " to " + to);
  // A folder, or a file system without hard links.
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return ok();
  return errno_error(errno, "moving", from + " to " + to);
}

Status PosixFiles::remove(const std::string& path) {
  if (::unlink(path.c_str()) == 0) return ok();
  if (errno == EISDIR && ::rmdir(path.c_str()) == 0) return ok();
  return errno_error(errno, "removing", path);
}

Status PosixFiles::sync_dir(const std::string& path) {
  Descriptor fd(retry([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!fd) return errno_error(errno, "opening the folder", path);
  if (retry([&] { return ::fsync(fd.get()); }) < 0) return errno_error(errno, "syncing the folder", path);
  return ok();
}

}  // namespace hf
