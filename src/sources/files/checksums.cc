// The lines of sha256sum(1) for what was restored: each file is read back, and held against the snapshot chunk by chunk.
#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "crypto/hash.h"
#include "io/descriptor.h"
#include "sources/files/files.h"
#include "sources/files/folders.h"
#include "sources/files/selection.h"
#include "sources/files/wanted.h"
#include "vault/parallel.h"

namespace hf::sources {
namespace {

constexpr std::uint64_t kHoleStep = 1u << 20;

Status read_exactly(int fd, std::uint64_t offset, MutableByteView out) {
  while (!out.empty()) {
    const ssize_t n = ::pread(fd, out.data(), out.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, "reading back", "the file");
    if (n == 0) return make_error(ErrorKind::kCorrupt, "it is shorter than in the snapshot");
    offset += static_cast<std::uint64_t>(n);
    out = out.subspan(static_cast<std::size_t>(n));
  }
  return ok();
}

class ChecksumPass {
 public:
  ChecksumPass(vault::SnapshotReader& reader, Folders& folders, Progress progress)
      : reader_(reader), folders_(folders), progress_(progress) {}
  Result<crypto::Digest> sum(const vault::Entry& entry);     // one thread at a time

 private:
  Status check_extent(int fd, const vault::Extent& extent, crypto::Sha256& sum);
  vault::SnapshotReader& reader_;
  Folders& folders_;
  const Progress progress_;
  Bytes buffer_;
};

// Adds what is on the disk to the sum, once it is known to be what the snapshot has there.
Status ChecksumPass::check_extent(int fd, const vault::Extent& extent, crypto::Sha256& sum) {
  const std::uint64_t step = extent.hole ? kHoleStep : extent.length;
  for (std::uint64_t done = 0; done < extent.length; done += step) {
    buffer_.resize(static_cast<std::size_t>(std::min(step, extent.length - done)));
    HF_TRY(read_exactly(fd, extent.offset + done, buffer_));
    sum.update(buffer_);
    progress_.add(Counted::kBytes, buffer_.size());
    if (!extent.hole) continue;
    if (std::ranges::any_of(buffer_, [](std::uint8_t b) { return b != 0; }))
      return make_error(ErrorKind::kCorrupt, "it has bytes where the snapshot has a hole");
  }
  if (extent.hole) return ok();
  if (extent.chunk_offset != 0 || extent.length != extent.chunk_length)
    return make_error(ErrorKind::kUnsupported, "it shares chunks with other files");
  const ByteView view = buffer_;
  vault::ChunkId id;
  reader_.chunk_ids(std::span(&view, 1), std::span(&id, 1));
  if (id != extent.chunk) return make_error(ErrorKind::kCorrupt, "it has other bytes than the snapshot");
  return ok();
}

Result<crypto::Digest> ChecksumPass::sum(const vault::Entry& entry) {
  HF_ASSIGN(const Folders::Handle folder, folders_.open(parent_of(entry.path)));
  const Descriptor fd(::openat(folder->get(), name_of(entry.path).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return errno_error(errno, "opening", "the file");
  struct ::stat st{};
  if (::fstat(fd.get(), &st) < 0) return errno_error(errno, "looking at", "the file");
  if (!S_ISREG(st.st_mode) || static_cast<std::uint64_t>(st.st_size) != entry.size)
    return make_error(ErrorKind::kCorrupt, "it is not a file of the snapshot's size");
  crypto::Sha256 sum;
  for (const vault::Extent& extent : entry.extents) HF_TRY(check_extent(fd.get(), extent, sum));
  return sum.finish();
}

// As sha256sum does, and undoes with -c: a line with such a name begins with a backslash.
std::string line_of(const crypto::Digest& digest, const std::string& path) {
  std::string name;
  for (const char c : "./" + path) {
    if (c == '\\') name += "\\\\";
    else if (c == '\n') name += "\\n";
    else if (c == '\r') name += "\\r";
    else name += c;
  }
  const bool plain = name.size() == path.size() + 2;
  return (plain ? "" : "\\") + to_hex(digest) + "  " + name + "\n";
}

// The lines of a batch, in its order.
Result<std::string> sum_batch(vault::SnapshotReader& reader, Folders& folders, Progress progress,
                              std::span<const NumberedFile> files) {
  std::vector<crypto::Digest> sums(files.size());
  HF_TRY(vault::in_parallel(files.size(), [&] {
    return [&, pass = std::make_unique<ChecksumPass>(reader, folders, progress)](std::size_t i) {
      const vault::Entry& entry = files[i].entry;
      progress.item("/", entry.path);
      auto sum = pass->sum(entry);
      progress.add(Counted::kFiles);
      if (!sum) return Status(std::move(sum).error().with_context("reading back '/" + entry.path + "'"));
      sums[i] = *sum;
      return ok();
    };
  }));
  std::string lines;
  for (std::size_t i = 0; i < files.size(); ++i) lines += line_of(sums[i], files[i].entry.path);
  return lines;
}

bool may_have_content(vault::EntryType type) { return type == vault::EntryType::kFile || type == vault::EntryType::kHardLink; }

// Files, and the other names of one: those have its content.
Status each_content(vault::SnapshotReader& reader, TreeSelection& selection, const std::function<Status(vault::Entry)>& take) {
  return selection.each(reader, may_have_content, [&](vault::Entry entry) -> Status {
    if (entry.type == vault::EntryType::kHardLink) {
      HF_ASSIGN(vault::Entry first, reader.find_entry(entry.target));
      first.path = std::move(entry.path);
      entry = std::move(first);
    }
    return entry.type == vault::EntryType::kFile ? take(std::move(entry)) : ok();
  });
}

}  // namespace

Result<std::string> checksum_lines(vault::SnapshotReader& reader, const TreeRestoreOptions& options) {
  HF_ASSIGN(TreeSelection selection, TreeSelection::make(options.includes, options.excludes));
  Totals all;
  HF_TRY(each_content(reader, selection, [&](const vault::Entry& entry) {
    ++all.files;
    all.bytes += entry.size;
    return ok();
  }));
  Folders folders;
  HF_TRY(folders.open_root(options.in_place ? "/" : options.target, ""));
  options.progress.phase("reading back", all);
  std::string lines;
  FileBatches batches(options.window, [&](std::vector<NumberedFile>& files) -> Status {
    HF_ASSIGN(const std::string more, sum_batch(reader, folders, options.progress, files));
    lines += more;
    return ok();
  });
  HF_TRY(each_content(reader, selection, [&](vault::Entry entry) { return batches.add({0, std::move(entry)}); }));
  HF_TRY(batches.finish());
  return lines;
}

}  // namespace hf::sources
