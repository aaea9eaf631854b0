// Restoring file trees: folders first, contents through temporary names, metadata last, folders' metadata at the very end.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <set>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/hex.h"
#include "io/descriptor.h"
#include "sources/files/compare.h"
#include "sources/files/files.h"
#include "sources/files/folders.h"
#include "sources/files/metadata.h"
#include "sources/files/selection.h"
#include "sources/files/sink.h"

namespace hf::sources {
namespace {

using vault::Entry;
using vault::EntryType;

class Restorer {
 public:
  Restorer(vault::SnapshotReader& reader, const TreeRestoreOptions& options, TreeSelection selection)
      : reader_(reader), options_(options), selection_(std::move(selection)) {}
  Result<TreeRestoreReport> run();

 private:
  Status select();
  Status make_folders();
  Status resolve_links();
  Status keep_unchanged();
  Status write_contents();
  Status publish();
  Status make_special(const Entry& entry);
  Status make_node(int folder, const std::string& name, const Entry& entry);
  Status make_link(const Entry& entry);
  Status finish_folders();
  void finish_metadata(int folder, const std::string& name, const Entry& entry);
  Status finish_flags(const Entry& entry);
  bool is_ancestor(const std::string& path) const;

  vault::SnapshotReader& reader_;
  const TreeRestoreOptions& options_;
  TreeSelection selection_;
  Folders folders_;
  std::optional<FileSink> sink_;
  std::string tag_;
  std::vector<Entry> directories_;               // in the tree's order
  std::vector<Entry> files_;
  std::vector<Entry> others_;                    // symbolic links, devices, hard links: in the tree's order
  std::set<std::string> have_;                   // paths of files_ and others_ with several names
  TreeRestoreReport report_;
};

Status Restorer::select() {
  return selection_.each(reader_, [&](Entry entry) {
    if (entry.type != EntryType::kHardLink && entry.link_group != 0) have_.insert(entry.path);
    auto& list = entry.type == EntryType::kDirectory ? directories_ : entry.type == EntryType::kFile ? files_ : others_;
    list.push_back(std::move(entry));
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
    (first.type == EntryType::kFile ? files_ : others).push_back(std::move(first));
  }
  others_ = std::move(others);
  return ok();
}

Status Restorer::make_folders() {
  HF_TRY(folders_.open_root(options_.in_place ? "/" : options_.target, tag_));
  for (const Entry& entry : directories_) {
    HF_TRY(folders_.make(entry.path));
    if (entry.flags == 0 || folders_.fresh(entry.path)) continue;
    HF_ASSIGN(const Folders::Handle folder, folders_.open(entry.path));
    free_of_flags(folder->get(), ".");           // until finish_folders()
  }
  return ok();
}

// Files that stand in their place and are what the snapshot says are left alone.
Status Restorer::keep_unchanged() {
  FileComparer comparer(folders_, reader_, options_.progress);
  HF_ASSIGN(const std::vector<bool> same, comparer.same(files_));
  std::vector<Entry> rest;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    if (!same[i]) {
      rest.push_back(std::move(files_[i]));
      continue;
    }
    ++report_.files;
    ++report_.entries;
    HF_ASSIGN(const Folders::Handle folder, folders_.open(parent_of(files_[i].path)));
    if (comparer.same_metadata(folder->get(), files_[i])) continue;
    free_of_flags(folder->get(), name_of(files_[i].path));
    finish_metadata(folder->get(), name_of(files_[i].path), files_[i]);
    HF_TRY(finish_flags(files_[i]));
  }
  files_ = std::move(rest);
  return ok();
}

Status Restorer::write_contents() {
  std::vector<vault::RestoreItem> items;
  sink_.emplace(folders_, tag_, options_.progress);
  for (const Entry& entry : files_) sink_->add(entry);
  Totals all{.files = files_.size()};
  for (const Entry& entry : files_)
    for (const vault::Extent& extent : entry.extents) all.bytes += extent.hole ? 0 : extent.length;
  options_.progress.phase("writing files", all);
  for (std::uint64_t i = 0; i < files_.size(); ++i) {
    const bool any = std::ranges::any_of(files_[i].extents, [](const vault::Extent& e) { return !e.hole; });
    if (any) items.push_back({i, std::move(files_[i].extents)});
    else HF_TRY(sink_->create_empty(i));
  }
  HF_ASSIGN(const vault::RestoreTotals totals, reader_.restore(items, *sink_));
  for (FailedItem& item : sink_->take_failed()) report_.failed.push_back(std::move(item));
  report_.bytes = totals.bytes;
  options_.progress.phase("syncing the disk");
  if (::syncfs(folders_.root()) < 0) return errno_error(errno, "syncing", options_.target);   // before anything gets its name
  return ok();
}

void Restorer::finish_metadata(int folder, const std::string& name, const Entry& entry) {
  std::vector<std::string> why;
  set_metadata(folder, name, entry, why);
  for (std::string& clause : why) report_.failed.push_back({"/" + entry.path, std::move(clause)});
}

// At the very end of what is done to it: an immutable file gets no other name, an immutable folder nothing in it.
Status Restorer::finish_flags(const Entry& entry) {
  if (entry.flags == 0 && folders_.fresh(parent_of(entry.path))) return ok();   // elsewhere it may have inherited some
  HF_ASSIGN(const Folders::Handle folder, folders_.open(parent_of(entry.path)));
  const Descriptor fd(::openat(folder->get(), name_of(entry.path).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd && entry.flags == 0) return ok();      // a user cannot open what is shut to him; nothing was asked for
  if (!fd || !set_flags(fd.get(), entry.flags))
    report_.failed.push_back({"/" + entry.path, std::string("inode flags: ") + std::strerror(errno)});
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
  HF_ASSIGN(const Folders::Handle handle, folders_.open(parent_of(entry.path)));
  const int folder = handle->get();
  const std::string temporary = ".holdfast-" + tag_ + "-x";
  Status made = make_node(folder, temporary, entry);
  if (!made) {
    report_.failed.push_back({"/" + entry.path, made.error().text});
    return ok();
  }
  finish_metadata(folder, temporary, entry);
  if (!move_over(folder, temporary, name_of(entry.path))) {
    const int error = errno;
    ::unlinkat(folder, temporary.c_str(), 0);
    report_.failed.push_back({"/" + entry.path, errno_error(error, "moving into place", entry.path).text});
    return ok();
  }
  ++report_.entries;
  return ok();
}

// Another name for `from`, also if that is immutable and this user may change it.
bool link_to(int from_folder, const std::string& from, int folder, const std::string& to) {
  if (::linkat(from_folder, from.c_str(), folder, to.c_str(), 0) == 0) return true;
  if (errno != EPERM) return false;
  const Descriptor fd(::openat(from_folder, from.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  const std::uint32_t flags = fd ? read_flags(fd.get()) : 0;
  const bool linked = flags != 0 && set_flags(fd.get(), 0) && ::linkat(from_folder, from.c_str(), folder, to.c_str(), 0) == 0;
  if (flags != 0) (void)set_flags(fd.get(), flags);
  if (!linked) errno = EPERM;
  return linked;
}

Status Restorer::make_link(const Entry& entry) {
  HF_ASSIGN(const Folders::Handle from, folders_.open(parent_of(entry.target)));
  HF_ASSIGN(const Folders::Handle handle, folders_.open(parent_of(entry.path)));
  const int folder = handle->get();
  const std::string first = name_of(entry.target), name = name_of(entry.path);
  struct ::stat a{}, b{};
  if (::fstatat(from->get(), first.c_str(), &a, AT_SYMLINK_NOFOLLOW) == 0 &&
      ::fstatat(folder, name.c_str(), &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino) {
    ++report_.entries;                           // it is there already
    return ok();
  }
  const std::string temporary = ".holdfast-" + tag_ + "-x";
  const bool made = link_to(from->get(), first, folder, temporary) && move_over(folder, temporary, name);
  if (made) {
    ++report_.entries;
    return ok();
  }
  report_.failed.push_back({"/" + entry.path, errno_error(errno, "linking", entry.path).text});
  ::unlinkat(folder, temporary.c_str(), 0);
  return ok();
}

Status Restorer::publish() {
  options_.progress.phase("giving files their names");
  for (std::uint64_t i = 0; i < files_.size(); ++i) HF_TRY(sink_->publish(i));
  report_.files += files_.size();
  report_.entries += files_.size();
  for (const Entry& entry : others_) HF_TRY(entry.type == EntryType::kHardLink ? make_link(entry) : make_special(entry));
  for (const Entry& entry : files_) HF_TRY(finish_flags(entry));
  return ok();
}

// Above a path that was backed up: in its own place such a folder is not ours to change.
bool Restorer::is_ancestor(const std::string& path) const {
  return std::ranges::any_of(reader_.info().meta.paths,
                             [&](const std::string& root) { return root.starts_with("/" + path + "/"); });
}

Status Restorer::finish_folders() {
  options_.progress.phase("finishing folders");
  // Deepest first: the times of a folder change by what is made in it.
  for (auto it = directories_.rbegin(); it != directories_.rend(); ++it) {
    ++report_.entries;
    if (!options_.in_place || !is_ancestor(it->path)) {
      HF_ASSIGN(const Folders::Handle folder, folders_.open(it->path));
      std::vector<std::string> why;              // by the descriptor: a user may lose the way into it
      set_metadata(folder->get(), *it, std::nullopt, why);
      for (std::string& clause : why) report_.failed.push_back({"/" + it->path, std::move(clause)});
    }
    HF_TRY(folders_.publish(it->path));
    if (!options_.in_place || !is_ancestor(it->path)) HF_TRY(finish_flags(*it));
  }
  if (::syncfs(folders_.root()) < 0) return errno_error(errno, "syncing", options_.target);
  return ok();
}

Result<TreeRestoreReport> Restorer::run() {
  tag_ = to_hex(ByteView(reader_.info().id).first(4)) + "-" + std::to_string(::getpid());
  options_.progress.phase("reading the tree");
  HF_TRY(select());
  HF_TRY(resolve_links());
  if (directories_.empty() && files_.empty() && others_.empty() && !selection_.everything()) {
    return make_error(ErrorKind::kNotFound, "nothing in this snapshot matches what is to be restored");
  }
  options_.progress.phase("making folders");
  Status written = make_folders();
  if (written) written = keep_unchanged();
  if (written) written = write_contents();
  if (written) written = publish();
  if (written) written = finish_folders();
  if (!written) {
    if (sink_) sink_->discard();
    folders_.discard();
    return std::move(written).error();
  }
  return std::move(report_);
}

}  // namespace

Result<TreeRestoreReport> restore_tree(vault::SnapshotReader& reader, const TreeRestoreOptions& options) {
  HF_ASSIGN(TreeSelection selection, TreeSelection::make(options.includes, options.excludes));
  return Restorer(reader, options, std::move(selection)).run();
}

}  // namespace hf::sources
