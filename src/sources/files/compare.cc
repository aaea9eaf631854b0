#include "sources/files/compare.h"

#include <algorithm>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/parallel.h"

namespace hf::sources {
namespace {

constexpr std::size_t kBatchBytes = 1u << 20;      // what a core's cache holds
constexpr std::size_t kTaskFiles = 64;

bool read_whole(int fd, std::uint64_t offset, MutableByteView out) {
  while (!out.empty()) {
    const ssize_t n = ::pread(fd, out.data(), out.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    offset += static_cast<std::uint64_t>(n);
    out = out.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

// Chunks of one or more files, read and not yet hashed.
struct FileComparer::Batch {
  const vault::SnapshotReader& reader;
  Bytes memory;                            // only ever grows
  std::size_t used = 0;
  std::vector<std::pair<std::size_t, std::size_t>> places;
  std::vector<vault::ChunkId> expected;
  std::vector<std::size_t> files;          // of each chunk
  std::size_t file = 0;                    // being read
  std::vector<std::size_t> different;      // found so far

  void hash() {
    std::vector<ByteView> views;
    for (const auto& [at, length] : places) views.push_back(ByteView(memory).subspan(at, length));
    std::vector<vault::ChunkId> ids(views.size());
    reader.chunk_ids(views, ids);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] != expected[i]) different.push_back(files[i]);
    }
    places.clear();
    expected.clear();
    files.clear();
    used = 0;
  }
};

// False where it is plain to see that it is not the same.
bool FileComparer::load(const vault::Entry& entry, Batch& batch) const {
  auto folder = folders_.open(parent_of(entry.path));
  if (!folder) return false;
  const Descriptor fd(::openat((*folder)->get(), name_of(entry.path).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct ::stat st{};
  if (!fd || ::fstat(fd.get(), &st) < 0 || !S_ISREG(st.st_mode) || static_cast<std::uint64_t>(st.st_size) != entry.size)
    return false;
  for (const vault::Extent& extent : entry.extents) {
    if (extent.hole || extent.chunk_offset != 0 || extent.length != extent.chunk_length) return false;
    const auto length = static_cast<std::size_t>(extent.length);
    if (batch.used > 0 && batch.used + length > kBatchBytes) batch.hash();
    if (batch.memory.size() < batch.used + length) {
      batch.hash();                        // views into the memory end here
      batch.memory.resize(std::max(length, kBatchBytes));
    }
    progress_.add(Counted::kBytes, length);
    if (!read_whole(fd.get(), extent.offset, MutableByteView(batch.memory).subspan(batch.used, length))) return false;
    batch.places.emplace_back(batch.used, length);
    batch.expected.push_back(extent.chunk);
    batch.files.push_back(batch.file);
    batch.used += length;
  }
  return true;
}

Result<std::vector<bool>> FileComparer::same(std::span<const NumberedFile> files) {
  std::vector<std::uint8_t> found(files.size(), 0);
  const std::size_t tasks = (files.size() + kTaskFiles - 1) / kTaskFiles;
  HF_TRY(vault::in_parallel(tasks, [&] {
    return [&, batch = std::make_unique<Batch>(Batch{reader_})](std::size_t task) {
      const std::size_t begin = task * kTaskFiles, end = std::min(files.size(), begin + kTaskFiles);
      for (std::size_t i = begin; i < end; ++i) {
        batch->file = i;
        progress_.item("/", files[i].entry.path);
        found[i] = load(files[i].entry, *batch) ? 1 : 0;
      }
      batch->hash();
      for (const std::size_t file : batch->different) found[file] = 0;
      batch->different.clear();
      progress_.add(Counted::kFiles, end - begin);
      return ok();
    };
  }));
  return std::vector<bool>(found.begin(), found.end());
}

bool FileComparer::same_metadata(int folder, const vault::Entry& entry) {
  struct ::stat st{};
  const std::string name = name_of(entry.path);
  if (::fstatat(folder, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0) return false;
  if ((st.st_mode & 07777u) != entry.mode || st.st_uid != entry.uid || st.st_gid != entry.gid) return false;
  if (file_time(st.st_mtim) != entry.mtime) return false;
  if (file_time(st.st_ctim) == entry.ctime && st.st_ino == entry.inode) return true;     // not touched since the backup
  const auto xattrs = read_xattrs(folder, name);
  const Descriptor fd(::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  return xattrs && *xattrs == entry.xattrs && fd && read_flags(fd.get()) == entry.flags;
}

}  // namespace hf::sources
