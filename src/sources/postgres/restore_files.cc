// See restore_files.h.
#include "sources/postgres/restore_files.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <unistd.h>

#include "io/files.h"

namespace hf::sources {
namespace {

constexpr std::size_t kOpenRelations = 128;
constexpr const char* kComplete = "complete";

// For sh, inside single quotes; '%' doubled, because PostgreSQL expands it in restore_command.
std::string shell_word(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += "'\\''";
    else if (c == '%') out += "%%";
    else out.push_back(c);
  }
  return out + "'";
}

std::string history_name(Timeline timeline) {
  char name[32];
  std::snprintf(name, sizeof name, "%08X.history", timeline);
  return name;
}

Status write_plain(const std::string& path, ByteView bytes) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return errno_error(errno, "creating", path);
  std::size_t done = 0;
  int failed = 0;
  while (failed == 0 && done < bytes.size()) {
    const auto n = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (n >= 0) done += static_cast<std::size_t>(n);
    else if (errno != EINTR) failed = errno;
  }
  if (::close(fd) != 0 && failed == 0) failed = errno;
  return failed == 0 ? ok() : errno_error(failed, "writing", path);
}

}  // namespace

FileSetSink::~FileSetSink() {
  for (const auto& [file, fd] : open_) ::close(fd);
}

Status FileSetSink::create_all() {
  for (const RestoredFile& file : files_) {
    if (stop_.stop_requested()) return make_error(ErrorKind::kCancelled, "the restore was stopped");
    const int fd = ::open(file.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, file.mode);
    if (fd < 0) return errno_error(errno, "creating", file.path);
    const bool sized = ::ftruncate(fd, static_cast<off_t>(file.size)) == 0;
    const int err = errno;
    ::close(fd);
    if (!sized) return errno_error(err, "sizing", file.path);
  }
  return ok();
}

Result<int> FileSetSink::descriptor(std::uint64_t file) {
  if (const auto at = where_.find(file); at != where_.end()) {
    open_.splice(open_.begin(), open_, at->second);
    return at->second->second;
  }
  if (open_.size() >= kOpenRelations) {
    const auto [oldest, fd] = open_.back();
    where_.erase(oldest);
    open_.pop_back();
    if (::close(fd) != 0) return errno_error(errno, "closing", files_[oldest].path);
  }
  progress_.item({}, files_[file].path);
  const int fd = ::open(files_[file].path.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno_error(errno, "opening", files_[file].path);
  open_.emplace_front(file, fd);
  where_[file] = open_.begin();
  return fd;
}

Status FileSetSink::write(std::uint64_t file, std::uint64_t offset, ByteView bytes) {
  if (stop_.stop_requested()) return make_error(ErrorKind::kCancelled, "the restore was stopped");
  HF_ASSIGN(const int fd, descriptor(file));
  while (!bytes.empty()) {
    const auto n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, "writing", files_[file].path);
    offset += static_cast<std::uint64_t>(n);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return ok();
}

Status FileSetSink::close() {
  Status result;
  for (const auto& [file, fd] : open_) {
    if (::close(fd) != 0 && result) result = errno_error(errno, "closing", files_[file].path);
  }
  open_.clear();
  where_.clear();
  return result;
}

Status stage_wal(Env& env, vault::Repository& repository, const RestorePlan& plan, const std::string& dir, std::stop_token stop) {
  vault::WalArchive archive(repository);
  HF_TRY(env.files.make_dirs(dir, 0700));
  const std::uint64_t size = plan.info.wal_segment_bytes;
  for (const WalPiece& piece : plan.wal) {
    const Lsn to = std::min(piece.to, plan.end);
    for (std::uint64_t n = piece.from.value / size; n * size < to.value; ++n) {
      if (stop.stop_requested()) return make_error(ErrorKind::kCancelled, "the restore was stopped");
      HF_ASSIGN(auto segment, archive.read_segment(plan.info.system_id, piece.timeline, n));
      segment.bytes.resize(size);                       // PostgreSQL wants whole segments: what is not there reads as zeros
      HF_TRY(write_plain(join_path(dir, wal_file_name(piece.timeline, n, size)), segment.bytes));
    }
  }
  HF_ASSIGN(const auto coverage, archive.coverage(plan.info.system_id));
  for (const auto& line : coverage.timelines) {         // all of them: the new timeline's number must be a fresh one
    if (line.history) HF_TRY(write_plain(join_path(dir, history_name(line.timeline)), *line.history));
  }
  return write_plain(join_path(dir, kComplete), {});
}

std::string restore_command(const WalAccess& source, const std::string& staged_dir) {
  if (staged_dir.empty()) {
    return shell_word(source.program) + " wal fetch --vault " + shell_word(source.vault_url) + " --key-file " +
           shell_word(source.key_file) + " --tail any %f \"%p\"";
  }
  if (!source.program.empty()) return shell_word(source.program) + " wal fetch --staged " + shell_word(staged_dir) + " %f \"%p\"";
  // 1 only where the file is proven absent; everything else ends the server instead of the recovery.
  const std::string dir = shell_word(staged_dir);
  return "test -e " + dir + "/" + kComplete + " || exit 255; test -e " + dir + "/%f || exit 1; cp " + dir +
         "/%f \"%p\" || exit 255";
}

Status make_reachable(Env& env, const PostgresRestoreOptions& options, WalAccess& source) {
  const std::string folder = join_path(options.data_dir, kRecoveryFolder);
  HF_TRY(make_owned_dir(folder, options.owner));
  if (!source.program.empty() && !reachable_by(env, options.owner, source.program, Reach::kExecute)) {
    const std::string copy = join_path(folder, "holdfast");
    HF_TRY(copy_for(source.program, copy, options.owner, 0500));
    source.program = copy;
  }
  if (!source.key_file.empty() && !reachable_by(env, options.owner, source.key_file, Reach::kRead)) {
    const std::string copy = join_path(folder, "key");
    HF_TRY(copy_for(source.key_file, copy, options.owner, 0400));
    source.key_file = copy;
  }
  if (source.key_file.empty()) return ok();
  if (source.program.empty() || source.vault_url.empty()) {
    return make_error(ErrorKind::kUsage, "WAL can be fetched with a key file only with the program and the vault's place");
  }
  return ok();
}

Status sync_file_system(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno_error(errno, "opening", path);
  const int result = ::syncfs(fd);
  const int err = errno;
  ::close(fd);
  return result == 0 ? ok() : errno_error(err, "syncing", path);
}

}  // namespace hf::sources
