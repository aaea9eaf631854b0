// Restoring file trees: folders first, contents through temporary names, metadata last, folders' metadata at the very end.
#include <algorithm>
#include <cerrno>
#include <list>
#include <map>
#include <set>
#include <unordered_map>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/hex.h"
#include "io/descriptor.h"
#include "sources/files.h"
#include "sources/files_metadata.h"
#include "sources/files_pattern.h"

namespace hf::sources {
namespace {

using vault::Entry;
using vault::EntryType;

constexpr std::size_t kOpenFiles = 128;        // written at the same time; the usual limit is 1024 descriptors

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}
std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }   // npos + 1 == 0

// Opens folders below the target, one part at a time, never through a symbolic link. Keeps the one opened last.
class Folders {
 public:
  Status open_root(const std::string& target);
  Result<int> open(const std::string& path);       // "" is the target itself
  Status make(const std::string& path);            // the folder; its parents are there
  int root() const { return root_.get(); }

 private:
  Error refused(int error, const std::string& path) const;
  Descriptor root_;
  std::string shown_;
  std::string last_path_;
  Descriptor last_;
};

Status Folders::open_root(const std::string& target) {
  shown_ = target;
  if (::mkdir(target.c_str(), 0700) < 0 && errno != EEXIST) return errno_error(errno, "making the folder", target);
  root_ = Descriptor(::open(target.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root_) return errno_error(errno, "opening the folder", target);
  return ok();
}

Error Folders::refused(int error, const std::string& path) const {
  const std::string shown = shown_ + (shown_.ends_with('/') ? "" : "/") + path;
  if (error == ELOOP || error == ENOTDIR) {
    return make_error(ErrorKind::kBlocked, "restoring into " + shown +
                                               ": it is a symbolic link or not a folder, and is not followed")
        .with_object(shown)
        .with_hint("Restore into an empty folder, or move that aside.");
  }
  return errno_error(error, "opening the folder", shown);
}

Result<int> Folders::open(const std::string& path) {
  if (path.empty()) return root_.get();
  if (last_ && path == last_path_) return last_.get();
  Descriptor current;
  for (std::size_t at = 0; at < path.size();) {
    std::size_t slash = path.find('/', at);
    if (slash == std::string::npos) slash = path.size();
    const std::string part = path.substr(at, slash - at);
    const int above = current ? current.get() : root_.get();
    Descriptor next(::openat(above, part.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next) return refused(errno, path.substr(0, slash));
    current = std::move(next);
    at = slash + 1;
  }
  last_ = std::move(current);
  last_path_ = path;
  return last_.get();
}

Status Folders::make(const std::string& path) {
  HF_ASSIGN(const int above, open(parent_of(path)));
  if (::mkdirat(above, name_of(path).c_str(), 0700) == 0) return ok();
  if (errno != EEXIST) return errno_error(errno, "making the folder", shown_ + "/" + path);
  struct ::stat st{};
  if (::fstatat(above, name_of(path).c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode)) return ok();
  return refused(ENOTDIR, path);
}

// Writes to temporary files; a bounded number of them is open.
class FileSink final : public vault::RestoreSink {
 public:
  struct Place {
    std::string folder;
    std::string temporary;
  };
  explicit FileSink(Folders& folders) : folders_(folders) {}
  Status write(std::uint64_t file, std::uint64_t offset, ByteView bytes) override;
  Status create(std::uint64_t file, std::uint64_t size);
  void close_all() { open_.clear(); order_.clear(); }
  std::vector<Place> places;

 private:
  Result<int> descriptor(std::uint64_t file);
  struct Open {
    Descriptor fd;
    std::list<std::uint64_t>::iterator position;
  };
  Folders& folders_;
  std::list<std::uint64_t> order_;               // used last first
  std::unordered_map<std::uint64_t, Open> open_;
};

Result<int> FileSink::descriptor(std::uint64_t file) {
  if (const auto it = open_.find(file); it != open_.end()) {
    order_.splice(order_.begin(), order_, it->second.position);
    return it->second.fd.get();
  }
  if (open_.size() >= kOpenFiles) {
    open_.erase(order_.back());
    order_.pop_back();
  }
  const Place& place = places.at(file);
  HF_ASSIGN(const int folder, folders_.open(place.folder));
  Descriptor fd(::openat(folder, place.temporary.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return errno_error(errno, "opening", place.folder + "/" + place.temporary);
  order_.push_front(file);
  const int number = fd.get();
  open_.emplace(file, Open{std::move(fd), order_.begin()});
  return number;
}

Status FileSink::create(std::uint64_t file, std::uint64_t size) {
  const Place& place = places.at(file);
  HF_ASSIGN(const int folder, folders_.open(place.folder));
  Descriptor fd(::openat(folder, place.temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return errno_error(errno, "creating", place.folder + "/" + place.temporary);
  if (::ftruncate(fd.get(), static_cast<off_t>(size)) < 0)
    return errno_error(errno, "sizing", place.folder + "/" + place.temporary);
  return ok();
}

Status FileSink::write(std::uint64_t file, std::uint64_t offset, ByteView bytes) {
  HF_ASSIGN(const int fd, descriptor(file));
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, "writing", places.at(file).folder + "/" + places.at(file).temporary);
    offset += static_cast<std::uint64_t>(n);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return ok();
}

class Restorer {
 public:
  Restorer(vault::SnapshotReader& reader, const TreeRestoreOptions& options, PathPatterns includes)
      : reader_(reader), options_(options), includes_(std::move(includes)), sink_(folders_) {}
  Result<TreeRestoreReport> run();

 private:
  Status select();
  Status make_folders();
  Status resolve_links();
  Status write_contents();
  Status publish();
  Status publish_file(std::uint64_t file);
  Status make_special(const Entry& entry);
  Status make_node(int folder, const std::string& name, const Entry& entry);
  Status make_link(const Entry& entry);
  Status finish_folders();
  void remove_temporaries();
  void finish_metadata(int folder, const std::string& name, const Entry& entry);
  bool is_ancestor(const std::string& path) const;
  std::string temporary_name(std::uint64_t file) const { return ".holdfast-" + tag_ + "-" + std::to_string(file); }

  vault::SnapshotReader& reader_;
  const TreeRestoreOptions& options_;
  PathPatterns includes_;
  Folders folders_;
  FileSink sink_;
  std::string tag_;
  std::vector<Entry> directories_;               // in the tree's order
  std::vector<Entry> files_;
  std::vector<Entry> others_;                    // symbolic links, devices, hard links: in the tree's order
  std::set<std::string> have_;                   // paths of files_
  TreeRestoreReport report_;
};

// What is asked for, and the folders above it.
Status Restorer::select() {
  std::vector<Entry> waiting;                    // folders above, taken only if something below them is
  return reader_.each_entry([&](const Entry& entry) {
    const bool directory = entry.type == EntryType::kDirectory;
    while (!waiting.empty() && !entry.path.starts_with(waiting.back().path + "/")) waiting.pop_back();
    if (!includes_.empty() && !includes_.covers(entry.path, directory)) {
      if (directory) waiting.push_back(entry);
      return ok();
    }
    directories_.insert(directories_.end(), waiting.begin(), waiting.end());
    waiting.clear();
    if (directory) directories_.push_back(entry);
    else if (entry.type == EntryType::kFile) { have_.insert(entry.path); files_.push_back(entry); }
    else others_.push_back(entry);
    return ok();
  });
}

// A hard link whose first name was not asked for becomes a file of its own; more links of that group then lead to it.
Status Restorer::resolve_links() {
  std::map<std::string, std::string> moved;      // first name -> the name that stands for it
  std::vector<Entry> others;
  for (Entry& entry : others_) {
    if (entry.type != EntryType::kHardLink || have_.contains(entry.target)) {
      others.push_back(std::move(entry));
      continue;
    }
    if (const auto it = moved.find(entry.target); it != moved.end()) {
      entry.target = it->second;
      others.push_back(std::move(entry));
      continue;
    }
    HF_ASSIGN(Entry first, reader_.find_entry(entry.target));
    moved[entry.target] = entry.path;
    first.path = entry.path;
    files_.push_back(std::move(first));
  }
  others_ = std::move(others);
  return ok();
}

Status Restorer::make_folders() {
  HF_TRY(folders_.open_root(options_.in_place ? "/" : options_.target));
  for (const Entry& entry : directories_) HF_TRY(folders_.make(entry.path));
  return ok();
}

Status Restorer::write_contents() {
  std::vector<vault::RestoreItem> items;
  for (std::uint64_t i = 0; i < files_.size(); ++i) {
    sink_.places.push_back({parent_of(files_[i].path), temporary_name(i)});
    HF_TRY(sink_.create(i, files_[i].size));
    items.push_back({i, files_[i].extents});
  }
  HF_ASSIGN(const vault::RestoreTotals totals, reader_.restore(items, sink_));
  sink_.close_all();
  report_.bytes = totals.bytes;
  if (::syncfs(folders_.root()) < 0) return errno_error(errno, "syncing", options_.target);   // before any file gets its name
  return ok();
}

void Restorer::finish_metadata(int folder, const std::string& name, const Entry& entry) {
  std::vector<std::string> why;
  set_metadata(folder, name, entry, why);
  for (std::string& clause : why) report_.failed.push_back({"/" + entry.path, std::move(clause)});
}

Status Restorer::publish_file(std::uint64_t file) {
  const Entry& entry = files_[file];
  const FileSink::Place& place = sink_.places[file];
  HF_ASSIGN(const int folder, folders_.open(place.folder));
  finish_metadata(folder, place.temporary, entry);
  if (::renameat(folder, place.temporary.c_str(), folder, name_of(entry.path).c_str()) < 0) {
    return errno_error(errno, "moving into place", entry.path);
  }
  ++report_.files;
  ++report_.entries;
  return ok();
}

Status Restorer::make_node(int folder, const std::string& name, const Entry& entry) {
  int made = 0;
  const mode_t mode = entry.mode & 0777;
  switch (entry.type) {
    case EntryType::kSymlink: made = ::symlinkat(entry.target.c_str(), folder, name.c_str()); break;
    case EntryType::kCharDevice: made = ::mknodat(folder, name.c_str(), S_IFCHR | mode, entry.rdev); break;
    case EntryType::kBlockDevice: made = ::mknodat(folder, name.c_str(), S_IFBLK | mode, entry.rdev); break;
    case EntryType::kFifo: made = ::mknodat(folder, name.c_str(), S_IFIFO | mode, 0); break;
    case EntryType::kSocket: made = ::mknodat(folder, name.c_str(), S_IFSOCK | mode, 0); break;
    default: return make_error(ErrorKind::kCorrupt, "'" + entry.path + "' is of no known type");
  }
  if (made < 0) return errno_error(errno, "making", entry.path);
  return ok();
}

// Links and devices, under a temporary name first, too: what stood there is replaced in one step.
Status Restorer::make_special(const Entry& entry) {
  HF_ASSIGN(const int folder, folders_.open(parent_of(entry.path)));
  const std::string temporary = ".holdfast-" + tag_ + "-x";
  Status made = make_node(folder, temporary, entry);
  if (!made) {
    report_.failed.push_back({"/" + entry.path, made.error().text});
    return ok();
  }
  finish_metadata(folder, temporary, entry);
  if (::renameat(folder, temporary.c_str(), folder, name_of(entry.path).c_str()) < 0) {
    const int error = errno;
    ::unlinkat(folder, temporary.c_str(), 0);
    report_.failed.push_back({"/" + entry.path, errno_error(error, "moving into place", entry.path).text});
    return ok();
  }
  ++report_.entries;
  return ok();
}

Status Restorer::make_link(const Entry& entry) {
  HF_ASSIGN(const int found, folders_.open(parent_of(entry.target)));
  Descriptor from(::fcntl(found, F_DUPFD_CLOEXEC, 0));      // the next open may close it
  HF_ASSIGN(const int folder, folders_.open(parent_of(entry.path)));
  const std::string temporary = ".holdfast-" + tag_ + "-x";
  const bool made = ::linkat(from.get(), name_of(entry.target).c_str(), folder, temporary.c_str(), 0) == 0 &&
                    ::renameat(folder, temporary.c_str(), folder, name_of(entry.path).c_str()) == 0;
  if (!made) {
    report_.failed.push_back({"/" + entry.path, errno_error(errno, "linking", entry.path).text});
  }
  ::unlinkat(folder, temporary.c_str(), 0);      // renaming onto another name of the same file leaves it
  if (made) ++report_.entries;
  return ok();
}

Status Restorer::publish() {
  for (std::uint64_t i = 0; i < files_.size(); ++i) HF_TRY(publish_file(i));
  for (const Entry& entry : others_) HF_TRY(entry.type == EntryType::kHardLink ? make_link(entry) : make_special(entry));
  return ok();
}

// Above a path that was backed up: in its own place such a folder is not ours to change.
bool Restorer::is_ancestor(const std::string& path) const {
  return std::ranges::any_of(reader_.info().meta.paths,
                             [&](const std::string& root) { return root.starts_with("/" + path + "/"); });
}

Status Restorer::finish_folders() {
  // Deepest first: the times of a folder change by what is made in it.
  for (auto it = directories_.rbegin(); it != directories_.rend(); ++it) {
    ++report_.entries;
    if (options_.in_place && is_ancestor(it->path)) continue;
    HF_ASSIGN(const int above, folders_.open(parent_of(it->path)));
    finish_metadata(above, name_of(it->path), *it);
  }
  if (::syncfs(folders_.root()) < 0) return errno_error(errno, "syncing", options_.target);
  return ok();
}

void Restorer::remove_temporaries() {
  sink_.close_all();
  for (const FileSink::Place& place : sink_.places) {
    auto folder = folders_.open(place.folder);
    if (folder) ::unlinkat(*folder, place.temporary.c_str(), 0);
  }
}

Result<TreeRestoreReport> Restorer::run() {
  tag_ = to_hex(ByteView(reader_.info().id).first(4)) + "-" + std::to_string(::getpid());
  HF_TRY(select());
  HF_TRY(resolve_links());
  if (directories_.empty() && files_.empty() && others_.empty() && !includes_.empty()) {
    return make_error(ErrorKind::kNotFound, "nothing in this snapshot matches what is to be restored");
  }
  HF_TRY(make_folders());
  Status written = write_contents();
  if (written) written = publish();
  if (!written) {
    remove_temporaries();
    return std::move(written).error();
  }
  HF_TRY(finish_folders());
  return std::move(report_);
}

}  // namespace

Result<TreeRestoreReport> restore_tree(vault::SnapshotReader& reader, const TreeRestoreOptions& options) {
  HF_ASSIGN(PathPatterns includes, PathPatterns::parse(options.includes));
  return Restorer(reader, options, std::move(includes)).run();
}

}  // namespace hf::sources
