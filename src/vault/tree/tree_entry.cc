#include <algorithm>
#include <cstring>

#include "vault/tree/tree.h"

namespace hf::vault {

namespace {

constexpr std::uint32_t kPermissionBits = 07777;
constexpr std::uint32_t kNanoseconds = 1'000'000'000;
constexpr std::uint64_t kMaxFileBytes = (std::uint64_t{1} << 63) - 1;

Error invalid(std::string why) { return make_error(ErrorKind::kInvalid, std::move(why)); }

// '/' below every other byte; no name holds NUL.
int rank(char c) { return c == '/' ? 0 : static_cast<unsigned char>(c) + 1; }

Status check_names(const Entry& e) {
  if (e.user.size() > kMaxNameBytes || e.group.size() > kMaxNameBytes)
    return invalid("name of its owner is too long");
  std::size_t total = 0;
  for (const Xattr& x : e.xattrs) {
    if (x.name.empty() || x.name.size() > kMaxNameBytes)
      return invalid("name of an extended attribute is empty or too long");
    total += x.name.size() + x.value.size();
  }
  if (total > kMaxXattrBytes) return invalid("extended attributes are larger than 1 MiB");
  return ok();
}

Status check_digests(const Entry& e) {
  const std::uint64_t wanted = (e.size + kPageBytes - 1) / kPageBytes * sizeof(PageDigest);
  if (e.page_digests.empty() && e.page_digest_chunks.empty()) return ok();
  if (!e.page_digests.empty()) {
    const bool fits = e.page_digests.size() <= kInlineDigests && e.page_digests.size() == wanted;
    return fits && e.page_digest_chunks.empty() ? ok() : invalid("page digests do not fit the file's size");
  }
  std::uint64_t held = 0;
  for (const ChunkRef& c : e.page_digest_chunks) {
    if (c.length == 0 || c.length > kDigestChunkBytes)
      return invalid("chunk of page digests has an odd length");
    held += c.length;
  }
  if (held != wanted || e.size > kMaxPagedFile) return invalid("page digests do not fit the file's size");
  return ok();
}

Status check_content(const Entry& e) {
  const bool file = e.type == EntryType::kFile;
  if (!file &&
      (e.size != 0 || !e.extents.empty() || !e.page_digests.empty() || !e.page_digest_chunks.empty())) {
    return invalid("only files have content");
  }
  const bool device = e.type == EntryType::kCharDevice || e.type == EntryType::kBlockDevice;
  if (!device && e.rdev != 0) return invalid("only devices have a device number");
  if ((e.flags & ~kInodeFlags) != 0) return invalid("unknown inode flag");
  if (e.flags != 0 && !file && e.type != EntryType::kDirectory) return invalid("only files and folders have inode flags");
  if (file) {
    if (e.size > kMaxFileBytes || e.extents.size() > kMaxFileExtents) return invalid("file is too large");
    if (const Status s = check_extents(e.extents, e.size); !s.has_value()) return invalid(s.error().text);
    return check_digests(e);
  }
  return ok();
}

Status check_links(const Entry& e) {
  const bool link = e.type == EntryType::kHardLink;
  const bool symlink = e.type == EntryType::kSymlink;
  if (!link && !symlink) return e.target.empty() ? ok() : invalid("only links have a target");
  if (e.target.empty() || e.target.size() > kMaxPathBytes || e.target.find('\0') != std::string::npos) {
    return invalid("target of a link is empty, too long, or holds a zero byte");
  }
  if (symlink) return ok();
  if (e.link_group == 0) return invalid("hard link without a group");
  if (!check_path(e.target).has_value() || compare_paths(e.target, e.path) >= 0) {
    return invalid("hard link to a path that does not stand before it");
  }
  return ok();
}

}  // namespace

int compare_paths(std::string_view a, std::string_view b) {
  const std::size_t common = std::min(a.size(), b.size());
  std::size_t i = 0;
  while (i + 8 <= common && std::memcmp(a.data() + i, b.data() + i, 8) == 0) i += 8;   // neighbours begin alike
  for (; i < common; ++i) {
    if (a[i] != b[i]) return rank(a[i]) - rank(b[i]);
  }
  // Of two paths that begin alike the shorter is first: it is a parent, or its last component is a prefix.
  if (a.size() == b.size()) return 0;
  return a.size() < b.size() ? -1 : 1;
}

Status check_path(std::string_view path) {
  if (path.empty()) return ok();
  if (path.size() > kMaxPathBytes) return invalid("path is longer than 65535 bytes");
  if (path.find('\0') != std::string_view::npos) return invalid("path holds a zero byte");
  std::size_t begin = 0;
  while (begin <= path.size()) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view name = path.substr(begin, end - begin);
    if (name.empty() || name == "." || name == "..") {
      return invalid("path has an empty, '.' or '..' component");
    }
    begin = end + 1;
  }
  return ok();
}

Status check_entry(const Entry& e) {
  HF_TRY(check_path(e.path));
  if (e.type < EntryType::kFile || e.type > EntryType::kSocket) return invalid("unknown type of entry");
  if (e.path.empty() && e.type != EntryType::kDirectory) return invalid("the root is not a folder");
  if (e.mode > kPermissionBits) return invalid("mode has more than the permission bits");
  if (e.mtime.nanoseconds >= kNanoseconds || e.ctime.nanoseconds >= kNanoseconds)
    return invalid("time has too many nanoseconds");
  HF_TRY(check_names(e));
  HF_TRY(check_content(e));
  return check_links(e);
}

}  // namespace hf::vault
