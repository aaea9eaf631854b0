#include "sources/files/reader.h"

#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "io/descriptor.h"

namespace hf::sources {
namespace {

constexpr int kReadAttempts = 3;               // of a file that changes while it is read
constexpr std::uint64_t kReadAheadFrom = 1u << 20;
constexpr std::uint64_t kStatBlock = 512;
constexpr std::uint64_t kPartBytes = std::uint64_t{64} << 20;   // of a large file, noted for a run that goes on with it

vault::FileState state_of(const struct ::stat& st) {
  return {static_cast<std::uint64_t>(st.st_size), file_time(st.st_mtim), file_time(st.st_ctim), st.st_ino, st.st_dev};
}

constexpr int kClockTickMillis = 20;           // of the slowest clock of a file system, with room to spare

std::int64_t nanos(const timespec& t) { return t.tv_sec * 1'000'000'000 + t.tv_nsec; }

// Times of files tick every few milliseconds: what changes within the tick of the last change does not show in them.
// So a file that was changed just now is read in the next tick. (A time further ahead is of another clock.)
void let_tick_pass(const struct ::stat& st) {
  const std::int64_t changed = std::max(nanos(st.st_mtim), nanos(st.st_ctim));
  for (int n = 0; n < kClockTickMillis; ++n) {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (nanos(now) > changed || nanos(now) + kClockTickMillis * 1'000'000 < changed) return;
    (void)::poll(nullptr, 0, 1);
  }
}

}  // namespace

bool same_state(const struct ::stat& a, const struct ::stat& b) {
  return a.st_ino == b.st_ino && a.st_dev == b.st_dev && a.st_size == b.st_size && file_time(a.st_mtim) == file_time(b.st_mtim) &&
         file_time(a.st_ctim) == file_time(b.st_ctim);
}

int open_for_backup(int folder, const char* name, int flags) {
  const int fd = ::openat(folder, name, flags | O_NOATIME);
  if (fd >= 0 || errno != EPERM) return fd;
  return ::openat(folder, name, flags);
}

std::unique_ptr<vault::ContentWriter> FileReader::failed(Error error) {
  source_error_ = std::move(error);
  return nullptr;
}

// The state that was found counts as the one before the first attempt: if it is also the one after it, nothing changed
// from then on, and this descriptor is of that very file.
Result<std::unique_ptr<vault::ContentWriter>> FileReader::read(int folder, const char* name, const struct ::stat& seen,
                                                               vault::Entry& entry) {
  source_error_.reset();
  const std::string shown = "/" + entry.path;
  const Descriptor fd(open_for_backup(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd) return failed(errno_error(errno, "opening", shown));
  struct ::stat before = seen;
  struct ::stat after{};
  for (int n = 0; n < kReadAttempts; ++n) {
    if (!S_ISREG(before.st_mode)) break;         // another thing has its name by now
    HF_ASSIGN(auto content, session_.begin_content(vault::ContentKind::kStream));
    source_error_.reset();
    let_tick_pass(before);
    Status read = attempt(fd.get(), entry.path, before, *content);
    if (!read && !source_error_) return std::move(read).error();
    if (source_error_ && source_error_->kind != ErrorKind::kBusy) return nullptr;
    auto xattrs = read_xattrs(fd.get());
    if (!xattrs) return failed(std::move(xattrs).error());
    const std::uint32_t flags = read_flags(fd.get());
    if (::fstat(fd.get(), &after) < 0) return failed(errno_error(errno, "looking at", shown));
    if (read && same_state(before, after)) {
      std::string path = std::move(entry.path);
      entry = entry_of(after, names_);
      entry.path = std::move(path);
      entry.xattrs = std::move(*xattrs);
      entry.flags = flags;
      return content;
    }
    before = after;
  }
  return failed(make_error(ErrorKind::kBusy, shown + " changed while it was read"));
}

// An error of the file goes to source_error_ as well.
Status FileReader::attempt(int fd, const std::string& path, const struct ::stat& before, vault::ContentWriter& content) {
  const std::uint64_t size = static_cast<std::uint64_t>(before.st_size);
  std::uint64_t begin = 0;
  part_.reset();
  if (size > kPartBytes) {
    part_ = Part{path, state_of(before), 0};
    HF_ASSIGN(begin, session_.go_on(content, path, part_->state));
    progress_.add(Counted::kBytes, begin);
  }
  if (size >= kReadAheadFrom) (void)::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  const bool dense = static_cast<std::uint64_t>(before.st_blocks) * kStatBlock >= size;
  if (dense) return read_range(fd, begin, size, content);
  for (std::uint64_t at = begin; at < size;) {
    const off_t data = ::lseek(fd, static_cast<off_t>(at), SEEK_DATA);
    if (data < 0 && errno == ENXIO) return skip(size - at, content);     // nothing but a hole to the end
    const bool plain = data < 0;                                         // a file system without holes
    const std::uint64_t from = plain ? at : std::min<std::uint64_t>(static_cast<std::uint64_t>(data), size);
    if (from > at) HF_TRY(skip(from - at, content));
    const off_t hole = plain ? -1 : ::lseek(fd, static_cast<off_t>(from), SEEK_HOLE);
    const std::uint64_t to = hole < 0 ? size : std::min<std::uint64_t>(static_cast<std::uint64_t>(hole), size);
    HF_TRY(read_range(fd, from, to, content));
    at = to;
  }
  return ok();
}

Status FileReader::skip(std::uint64_t hole, vault::ContentWriter& content) {
  progress_.add(Counted::kBytes, hole);
  return content.hole(hole);
}

Status FileReader::read_range(int fd, std::uint64_t from, std::uint64_t to, vault::ContentWriter& content) {
  while (from < to) {
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(to - from, SIZE_MAX));
    HF_ASSIGN(const MutableByteView buffer, content.space(want));
    const ssize_t n = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(from));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) source_error_ = errno_error(errno, "reading", "the file");
    if (n == 0) source_error_ = make_error(ErrorKind::kBusy, "the file shrank");
    if (source_error_) return Error(*source_error_);
    HF_TRY(content.wrote(static_cast<std::size_t>(n)));
    progress_.add(Counted::kBytes, static_cast<std::uint64_t>(n));
    from += static_cast<std::uint64_t>(n);
    if (!part_) continue;
    part_->bytes += static_cast<std::uint64_t>(n);
    if (part_->bytes < kPartBytes) continue;
    part_->bytes = 0;
    session_.note(content, part_->path, part_->state);
  }
  return ok();
}

}  // namespace hf::sources
