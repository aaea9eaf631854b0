// Backing up file trees: one walk in the tree's order, merged with the previous snapshot.
#include <algorithm>
#include <cerrno>
#include <climits>
#include <filesystem>
#include <map>
#include <set>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/descriptor.h"
#include "sources/files.h"
#include "sources/files_metadata.h"
#include "sources/files_pattern.h"

namespace hf::sources {
namespace {

constexpr std::size_t kReadBytes = 1u << 20;
constexpr int kReadAttempts = 3;               // of a file that changes while it is read
constexpr std::size_t kMaxDepth = 400;         // a descriptor is open for each level; the usual limit is 1024
constexpr std::int64_t kTrustAfterSeconds = 1; // a file changed this short before the last backup began is read again

struct PathOrder {
  bool operator()(const std::string& a, const std::string& b) const { return vault::compare_paths(a, b) < 0; }
};

class Walker {
 public:
  Walker(vault::Repository& repository, const TreeBackupOptions& options, PathPatterns excludes)
      : repository_(repository), options_(options), excludes_(std::move(excludes)), buffer_(kReadBytes) {}
  Result<TreeBackupReport> run();

 private:
  Status resolve_roots();
  Status open_previous();
  Status begin();
  Status walk_roots();
  Status walk_ancestors(const std::string& root);
  Status visit(int folder, const std::string& name, const std::string& path, std::size_t depth);
  Status visit_directory(int folder, const std::string& name, const std::string& path,
                         const struct ::stat& st, std::size_t depth);
  Status visit_children(const Descriptor& directory, const std::string& path, std::size_t depth);
  Status visit_file(int folder, const std::string& name, vault::Entry entry, const struct ::stat& st);
  Result<bool> reuse(vault::Entry& entry, const struct ::stat& st);
  Result<bool> read_file(int folder, const std::string& name, vault::Entry& entry,
                         std::unique_ptr<vault::ContentWriter>& content);
  Status read_data(int fd, std::uint64_t size, vault::ContentWriter& content);
  Status read_range(int fd, std::uint64_t from, std::uint64_t to, vault::ContentWriter& content);
  Status complete_entry(int folder, const std::string& name, vault::Entry& entry, const struct ::stat& st);
  Result<const vault::Entry*> previous_entry(const std::string& path);
  Status fail(const std::string& path, const Error& error);

  vault::Repository& repository_;
  const TreeBackupOptions& options_;
  PathPatterns excludes_;
  std::set<std::string, PathOrder> roots_;      // without leading '/'
  std::unique_ptr<vault::BackupSession> session_;
  std::unique_ptr<vault::SnapshotReader> previous_;
  std::optional<vault::Entry> ahead_;
  bool previous_done_ = true;
  std::optional<vault::SnapshotId> previous_id_;
  std::map<std::pair<dev_t, ino_t>, std::pair<std::uint64_t, std::string>> links_;   // group, first path
  std::set<std::string> ancestors_;
  std::optional<std::pair<dev_t, ino_t>> vault_folder_;
  std::optional<Error> source_error_;
  NameCache names_;
  Bytes buffer_;
  TreeBackupReport report_;
};

// An error of the vault ends the backup; one of the source makes it partial. They are told apart by where they arise.
Status Walker::fail(const std::string& path, const Error& error) {
  report_.failed.push_back({"/" + path, error.text});
  return ok();
}

Status Walker::resolve_roots() {
  for (const std::string& path : options_.paths) {
    if (path.empty()) return make_error(ErrorKind::kUsage, "an empty path cannot be backed up");
    std::error_code error;
    std::filesystem::path whole = std::filesystem::absolute(path, error).lexically_normal();
    if (whole.has_relative_path() && whole.filename().empty()) whole = whole.parent_path();
    if (whole.has_filename()) {     // the path's own last part may be a link, which is then what is backed up
      const std::filesystem::path parent = std::filesystem::canonical(whole.parent_path(), error);
      if (!error) whole = parent / whole.filename();
    }
    std::string root = whole.string().substr(1);
    struct ::stat st{};
    if (::lstat(("/" + root).c_str(), &st) < 0) {
      HF_TRY(fail(root, errno_error(errno, "looking at", "/" + root)));
      continue;
    }
    roots_.insert(std::move(root));
  }
  if (roots_.empty()) {
    return make_error(ErrorKind::kNotFound, report_.failed.empty() ? "no path was given" : report_.failed.front().why)
        .with_hint("Name at least one path that exists.");
  }
  std::erase_if(roots_, [&](const std::string& root) {     // what lies in another root comes with it
    return std::ranges::any_of(roots_, [&](const std::string& other) {
      return other != root && (other.empty() || root.starts_with(other + "/"));
    });
  });
  return ok();
}

Status Walker::open_previous() {
  if (!repository_.can_read()) return ok();
  HF_ASSIGN(const std::vector<vault::SnapshotInfo> all, repository_.snapshots());
  std::vector<std::string> paths;
  for (const std::string& root : roots_) paths.push_back("/" + root);
  for (auto it = all.rbegin(); it != all.rend(); ++it) {
    const vault::SnapshotMeta& meta = it->meta;
    if (meta.kind != vault::SnapshotKind::kFiles || meta.host != options_.host || meta.component != options_.component) continue;
    if (meta.paths != paths) continue;
    previous_id_ = it->id;
    if (options_.reread) return ok();
    HF_ASSIGN(previous_, repository_.open_snapshot(it->id));
    previous_done_ = false;
    return ok();
  }
  return ok();
}

Status Walker::begin() {
  vault::SnapshotMeta meta;
  meta.host = options_.host;
  meta.component = options_.component;
  meta.kind = vault::SnapshotKind::kFiles;
  for (const std::string& root : roots_) meta.paths.push_back("/" + root);
  meta.tags = options_.tags;
  meta.previous = previous_id_;
  HF_ASSIGN(session_, repository_.begin_backup(std::move(meta)));
  struct ::stat st{};
  if (::stat(repository_.place().c_str(), &st) == 0) vault_folder_ = {st.st_dev, st.st_ino};
  return ok();
}

// The previous snapshot's entry of that path. If the previous snapshot cannot be read further, everything is read anew.
Result<const vault::Entry*> Walker::previous_entry(const std::string& path) {
  while (!previous_done_) {
    if (ahead_) {
      const int order = vault::compare_paths(ahead_->path, path);
      if (order == 0) return &*ahead_;
      if (order > 0) return nullptr;
    }
    auto next = previous_->next_entry();
    if (!next && next.error().kind != ErrorKind::kCorrupt) return std::move(next).error();
    previous_done_ = !next || !*next;
    ahead_ = previous_done_ ? std::nullopt : std::move(*next);
  }
  return nullptr;
}

Status Walker::complete_entry(int folder, const std::string& name, vault::Entry& entry, const struct ::stat& st) {
  HF_ASSIGN(entry.xattrs, read_xattrs(folder, name));
  if (entry.type == vault::EntryType::kSymlink) {
    HF_ASSIGN(entry.target, read_link(folder, name, static_cast<std::size_t>(st.st_size)));
  }
  return vault::check_entry(entry);
}

Status Walker::visit(int folder, const std::string& name, const std::string& path, std::size_t depth) {
  struct ::stat st{};
  if (::fstatat(folder, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0)
    return fail(path, errno_error(errno, "looking at", "/" + path));
  if (excludes_.matches(path, S_ISDIR(st.st_mode))) return ok();
  if (S_ISDIR(st.st_mode)) return visit_directory(folder, name, path, st, depth);
  vault::Entry entry = entry_of(st, names_);
  entry.path = path;
  if (S_ISREG(st.st_mode)) {
    if (st.st_nlink > 1) {
      const auto first = links_.find({st.st_dev, st.st_ino});
      if (first != links_.end()) {
        entry.type = vault::EntryType::kHardLink;
        entry.link_group = first->second.first;
        entry.target = first->second.second;
        return session_->add(entry);
      }
    }
    return visit_file(folder, name, std::move(entry), st);
  }
  Status complete = complete_entry(folder, name, entry, st);
  if (!complete) return fail(path, complete.error());
  return session_->add(entry);
}

Status Walker::visit_directory(int folder, const std::string& name, const std::string& path,
                               const struct ::stat& st, std::size_t depth) {
  if (vault_folder_ == std::pair(st.st_dev, st.st_ino)) return ok();     // a vault does not back up itself
  vault::Entry entry = entry_of(st, names_);
  entry.path = path;
  Status complete = complete_entry(folder, name, entry, st);
  if (!complete) return fail(path, complete.error());
  HF_TRY(session_->add(entry));
  if (depth >= kMaxDepth)
    return fail(path, make_error(ErrorKind::kExhausted,
                                 "nested deeper than " + std::to_string(kMaxDepth) + " folders"));
  const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  Descriptor directory(::openat(folder, name.c_str(), flags | O_NOATIME));
  if (!directory && errno == EPERM) directory = Descriptor(::openat(folder, name.c_str(), flags));
  if (!directory) return fail(path, errno_error(errno, "opening", "/" + path));
  return visit_children(directory, path, depth + 1);
}

Status Walker::visit_children(const Descriptor& directory, const std::string& path, std::size_t depth) {
  DIR* stream = ::fdopendir(::fcntl(directory.get(), F_DUPFD_CLOEXEC, 0));
  if (stream == nullptr) return fail(path, errno_error(errno, "listing", "/" + path));
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  const int error = errno;
  ::closedir(stream);
  if (error != 0) HF_TRY(fail(path, errno_error(error, "listing", "/" + path)));
  std::ranges::sort(names);                    // bytes: the tree's order of siblings
  for (const std::string& name : names) HF_TRY(visit(directory.get(), name, path.empty() ? name : path + "/" + name, depth));
  return ok();
}

// Takes the extents of the previous snapshot if the file is the same one, unchanged for long enough to be sure.
Result<bool> Walker::reuse(vault::Entry& entry, const struct ::stat& st) {
  HF_ASSIGN(const vault::Entry* old, previous_entry(entry.path));
  if (old == nullptr) return false;
  if (old->type != vault::EntryType::kFile) return false;
  const bool same = old->size == static_cast<std::uint64_t>(st.st_size) && old->mtime == entry.mtime &&
                    old->ctime == entry.ctime && old->inode == entry.inode && old->device == entry.device;
  if (!same) return false;
  const std::int64_t began = std::chrono::floor<Seconds>(previous_->info().started).time_since_epoch().count();
  if (std::max(old->ctime.seconds, old->mtime.seconds) + kTrustAfterSeconds >= began) return false;
  HF_ASSIGN(const bool usable, session_->may_reuse(old->extents));
  if (!usable) return false;
  entry.size = old->size;
  entry.extents = old->extents;
  return true;
}

Status Walker::visit_file(int folder, const std::string& name, vault::Entry entry, const struct ::stat& st) {
  Status complete = complete_entry(folder, name, entry, st);
  if (!complete) return fail(entry.path, complete.error());
  HF_ASSIGN(const bool unchanged, reuse(entry, st));
  std::unique_ptr<vault::ContentWriter> content;
  if (!unchanged) {
    HF_ASSIGN(const bool read, read_file(folder, name, entry, content));
    if (!read) return ok();                    // told as failed
  }
  if (st.st_nlink > 1) {
    const std::uint64_t group = links_.size() + 1;
    links_[{st.st_dev, st.st_ino}] = {group, entry.path};
    entry.link_group = group;
  }
  ++(unchanged ? report_.files_unchanged : report_.files_read);
  return unchanged ? session_->add(entry) : session_->add(std::move(entry), std::move(content));
}

bool same_state(const struct ::stat& a, const struct ::stat& b) {
  return a.st_ino == b.st_ino && a.st_dev == b.st_dev && a.st_size == b.st_size && file_time(a.st_mtim) == file_time(b.st_mtim) &&
         file_time(a.st_ctim) == file_time(b.st_ctim);
}

// Reads the file in one state of it, which `entry` then describes; false if it could not be had whole. Errors are the vault's.
Result<bool> Walker::read_file(int folder, const std::string& name, vault::Entry& entry,
                               std::unique_ptr<vault::ContentWriter>& content) {
  const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  const auto failed = [&](const Error& error) -> Result<bool> {
    HF_TRY(fail(entry.path, error));
    return false;
  };
  Descriptor fd(::openat(folder, name.c_str(), flags | O_NOATIME));
  if (!fd && errno == EPERM) fd = Descriptor(::openat(folder, name.c_str(), flags));
  if (!fd) return failed(errno_error(errno, "opening", "/" + entry.path));
  for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
    struct ::stat before{};
    struct ::stat after{};
    if (::fstat(fd.get(), &before) < 0) return failed(errno_error(errno, "looking at", "/" + entry.path));
    if (!S_ISREG(before.st_mode)) break;         // another thing has its name by now
    vault::Entry state = entry_of(before, names_);
    state.path = entry.path;
    state.xattrs = entry.xattrs;
    HF_ASSIGN(content, session_->begin_content(vault::ContentKind::kStream));
    source_error_.reset();
    Status read = read_data(fd.get(), static_cast<std::uint64_t>(before.st_size), *content);
    if (!read && !source_error_) return std::move(read).error();
    if (source_error_ && source_error_->kind != ErrorKind::kBusy) return failed(*source_error_);
    if (::fstat(fd.get(), &after) < 0) return failed(errno_error(errno, "looking at", "/" + entry.path));
    if (!read || !same_state(before, after)) continue;
    entry = std::move(state);
    return true;
  }
  content.reset();
  return failed(make_error(ErrorKind::kBusy, "/" + entry.path + " changed while it was read"));
}

// An error of the file goes to source_error_ as well.
Status Walker::read_data(int fd, std::uint64_t size, vault::ContentWriter& content) {
  for (std::uint64_t at = 0; at < size;) {
    const off_t data = ::lseek(fd, static_cast<off_t>(at), SEEK_DATA);
    if (data < 0 && errno == ENXIO) return content.hole(size - at);      // nothing but a hole to the end
    const bool plain = data < 0;                                         // a file system without holes
    const std::uint64_t from = plain ? at : std::min<std::uint64_t>(static_cast<std::uint64_t>(data), size);
    if (from > at) HF_TRY(content.hole(from - at));
    const off_t hole = plain ? -1 : ::lseek(fd, static_cast<off_t>(from), SEEK_HOLE);
    const std::uint64_t to = hole < 0 ? size : std::min<std::uint64_t>(static_cast<std::uint64_t>(hole), size);
    HF_TRY(read_range(fd, from, to, content));
    at = to;
  }
  return ok();
}

Status Walker::read_range(int fd, std::uint64_t from, std::uint64_t to, vault::ContentWriter& content) {
  while (from < to) {
    const std::size_t want = static_cast<std::size_t>(std::min<std::uint64_t>(buffer_.size(), to - from));
    const ssize_t n = ::pread(fd, buffer_.data(), want, static_cast<off_t>(from));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) source_error_ = errno_error(errno, "reading", "the file");
    if (n == 0) source_error_ = make_error(ErrorKind::kBusy, "the file shrank");
    if (source_error_) return Error(*source_error_);
    HF_TRY(content.write(ByteView(buffer_).first(static_cast<std::size_t>(n))));
    from += static_cast<std::uint64_t>(n);
  }
  return ok();
}

// The folders above a root, each once, so that the tree is whole from its top.
Status Walker::walk_ancestors(const std::string& root) {
  for (std::size_t slash = root.find('/'); slash != std::string::npos; slash = root.find('/', slash + 1)) {
    const std::string path = root.substr(0, slash);
    if (!ancestors_.insert(path).second) continue;
    struct ::stat st{};
    if (::lstat(("/" + path).c_str(), &st) < 0) return errno_error(errno, "looking at", "/" + path);
    vault::Entry entry = entry_of(st, names_);
    entry.path = path;
    HF_TRY(session_->add(entry));
  }
  return ok();
}

Status Walker::walk_roots() {
  for (const std::string& root : roots_) {
    HF_TRY(walk_ancestors(root));
    const std::size_t slash = root.rfind('/');
    const std::string parent = slash == std::string::npos ? "/" : "/" + root.substr(0, slash);
    Descriptor folder(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder) {
      HF_TRY(fail(root, errno_error(errno, "opening", parent)));
      continue;
    }
    if (root.empty()) HF_TRY(visit_children(folder, "", 0));
    else HF_TRY(visit(folder.get(), root.substr(slash == std::string::npos ? 0 : slash + 1), root, 0));
  }
  return ok();
}

Result<TreeBackupReport> Walker::run() {
  HF_TRY(resolve_roots());
  HF_TRY(open_previous());
  HF_TRY(begin());
  Status walked = walk_roots();
  if (!walked) {
    session_->abandon();
    return std::move(walked).error();
  }
  std::map<std::string, std::string> attributes;
  if (!report_.failed.empty()) attributes["failed_items"] = std::to_string(report_.failed.size());
  HF_ASSIGN(report_.snapshot, session_->commit(attributes, !report_.failed.empty()));
  return std::move(report_);
}

}  // namespace

Result<TreeBackupReport> backup_tree(vault::Repository& repository, const TreeBackupOptions& options) {
  HF_ASSIGN(PathPatterns excludes, PathPatterns::parse(options.excludes));
  return Walker(repository, options, std::move(excludes)).run();
}

}  // namespace hf::sources
