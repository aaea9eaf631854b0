// Whole-file helpers over the Files seam. The order is always: write beside, sync, make visible by one step, sync the
// folder. Once the visible step was tried an error says `maybe`.
#include <algorithm>
#include <atomic>
#include <string>

#include <unistd.h>

#include "io/files.h"

namespace hf {
namespace {

constexpr std::size_t kReadStepBytes = 64 * 1024;
constexpr std::size_t kTemporaryBaseBytes = 200;  // of the final name, so that the whole stays within NAME_MAX (255)
constexpr int kTemporaryAttempts = 100;           // a crashed process with our pid may have left some names
constexpr std::string_view kTemporarySuffix = ".hf-tmp";

std::string temporary_path(const std::string& path) {
  static std::atomic<std::uint64_t> counter = 0;
  const std::size_t slash = path.rfind('/');
  const std::string base = slash == std::string::npos ? path : path.substr(slash + 1);
  const std::string name = "." + base.substr(0, kTemporaryBaseBytes) + "." + std::to_string(::getpid()) + "-" +
                           std::to_string(counter.fetch_add(1)) + std::string(kTemporarySuffix);
  return join_path(parent_path(path), name);
}

// Opens a new file beside `path`; `temporary` gets its name.
Result<std::unique_ptr<File>> open_beside(Files& files, const std::string& path, unsigned permissions,
                                          std::string& temporary) {
  for (int attempt = 0;; ++attempt) {
    temporary = temporary_path(path);
    auto file = files.open(temporary, OpenMode::kCreateNew, permissions);
    if (file || file.error().kind != ErrorKind::kExists || attempt == kTemporaryAttempts) return file;
  }
}

Status write_and_sync(File& file, ByteView data) {
  HF_TRY(file.write_at(0, data));
  return file.sync();
}

Status write_visible(Files& files, const std::string& path, ByteView data, unsigned permissions, IfExists policy) {
  std::string temporary;
  HF_ASSIGN(std::unique_ptr<File> file, open_beside(files, path, permissions, temporary));
  Status written = write_and_sync(*file, data);
  file.reset();
  Status moved = written ? files.move(temporary, path, policy) : ok();
  if (!written || !moved) {
    const bool wrote = written.has_value();
    Error e = wrote ? std::move(moved).error() : std::move(written).error();
    if (!wrote) e.effect = Effect::kNone;  // only the temporary was touched
    (void)files.remove(temporary);  // best effort: its name says what it is
    e.object = path;
    return std::move(e).with_context("writing " + path);
  }
  Status synced = files.sync_dir(parent_path(path));
  if (!synced) return std::move(synced).error().maybe_happened().with_context("writing " + path);
  return ok();
}

}  // namespace

Result<Bytes> read_file(Files& files, const std::string& path, std::size_t limit) {
  HF_ASSIGN(std::unique_ptr<File> file, files.open(path, OpenMode::kRead));
  HF_ASSIGN(const std::uint64_t hint, file->size());
  Bytes out;
  while (true) {  // the size is a hint only: files of /proc say 0
    const std::size_t old = out.size();
    std::size_t step = hint > old ? static_cast<std::size_t>(std::min<std::uint64_t>(hint - old, limit)) : 0;
    step = std::min(std::max(step, old == 0 ? kReadStepBytes : kReadStepBytes / 16), limit - old + 1);
    out.resize(old + step);
    HF_ASSIGN(const std::size_t n, file->read_at(old, MutableByteView(out).subspan(old)));
    out.resize(old + n);
    if (out.size() > limit) {
      return make_error(ErrorKind::kExhausted, "reading " + path + ": larger than " + std::to_string(limit) + " bytes")
          .with_object(path);
    }
    if (n < step) return out;
  }
}

Status write_file_atomic(Files& files, const std::string& path, ByteView data, unsigned permissions) {
  return write_visible(files, path, data, permissions, IfExists::kReplace);
}

Status create_file_atomic(Files& files, const std::string& path, ByteView data, unsigned permissions) {
  return write_visible(files, path, data, permissions, IfExists::kFail);
}

bool is_temporary_name(std::string_view name) { return name.starts_with('.') && name.ends_with(kTemporarySuffix); }

bool file_exists(Files& files, const std::string& path) { return files.stat(path).has_value(); }

Status remove_tree(Files& files, const std::string& path) {
  Status removed = files.remove(path);  // first, so that a symbolic link goes and its target stays
  if (removed || removed.error().kind == ErrorKind::kNotFound) return ok();
  auto entries = files.list(path);
  if (!entries) return removed;         // not a folder: the first error says why
  for (const DirectoryEntry& entry : *entries) HF_TRY(remove_tree(files, join_path(path, entry.name)));
  return files.remove(path);
}

std::string parent_path(const std::string& path) {
  std::size_t end = path.find_last_not_of('/');
  if (end == std::string::npos) return path.empty() ? "." : "/";
  const std::size_t slash = path.rfind('/', end);
  if (slash == std::string::npos) return ".";
  end = path.find_last_not_of('/', slash);
  return end == std::string::npos ? "/" : path.substr(0, end + 1);
}

std::string join_path(std::string_view folder, std::string_view name) {
  if (folder.empty()) return std::string(name);
  std::string out(folder);
  if (!out.ends_with('/')) out += '/';
  return out += name;
}

}  // namespace hf
