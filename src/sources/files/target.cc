// Restoring file trees: a list of passes over the tree's stream. What is needed is proven to be there; folders; contents through
// temporary names, a window of pieces at a time; names, links and devices; folders' metadata at the very end.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <unordered_set>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/descriptor.h"
#include "sources/files/compare.h"
#include "sources/files/files.h"
#include "sources/files/folders.h"
#include "sources/files/leftovers.h"
#include "sources/files/metadata.h"
#include "sources/files/selection.h"
#include "sources/files/sink.h"
#include "sources/files/wanted.h"

namespace hf::sources {
namespace {

using vault::Entry;
using vault::EntryType;

class Restorer {
 public:
  Restorer(vault::SnapshotReader& reader, const TreeRestoreOptions& options, TreeSelection selection)
      : reader_(reader), options_(options), wanted_(reader, std::move(selection)) {}
  Result<TreeRestoreReport> run();

 private:
  Status survey();
  Status make_folders();
  Status keep_unchanged();
  Result<bool> keep(FileComparer& comparer, const Entry& entry);
  Status write_contents();
  Status write_batch(std::vector<NumberedFile>& batch);
  Status drop_damaged(const std::vector<NumberedFile>& batch);
  Status publish();
  bool publish_file(std::uint64_t number, const Entry& entry);
  Status make_special(const Entry& entry);
  Status make_node(int folder, const std::string& name, const Entry& entry);
  Status make_link(const Entry& entry);
  Status finish_folders();
  Status finish_folder(const Entry& entry);
  void finish_metadata(int folder, const std::string& name, const Entry& entry);
  Status finish_flags(const Entry& entry);
  bool is_ancestor(const std::string& path) const;

  vault::SnapshotReader& reader_;
  const TreeRestoreOptions& options_;
  WantedEntries wanted_;
  Folders folders_;
  std::optional<FileSink> sink_;
  std::string tag_;
  std::uint64_t entries_ = 0;                    // wanted ones, of all types
  Totals to_write_;                              // files, and their bytes but for holes
  bool meets_others_ = false;                    // some file goes into a folder that was there before
  bool any_file_flags_ = false;
  bool any_others_ = false;                      // links, devices
  std::vector<bool> kept_;                       // by number of the file: it is left alone, whole already or damaged in the vault
  std::unordered_set<std::string> without_name_; // files of several names whose first could not be given
  TreeRestoreReport report_;
};

std::uint64_t written_bytes(const Entry& entry) {
  std::uint64_t sum = 0;
  for (const vault::Extent& extent : entry.extents) sum += extent.hole ? 0 : extent.length;
  return sum;
}

bool has_other_names(int folder, const std::string& name) {
  struct ::stat st{};
  return ::fstatat(folder, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_nlink > 1;
}

Status Restorer::survey() {
  options_.progress.phase("reading the tree");
  Presence presence(reader_);
  HF_TRY(wanted_.each([&](const Entry& entry) -> Status {
    ++entries_;
    any_others_ = any_others_ || (entry.type != EntryType::kFile && entry.type != EntryType::kDirectory);
    if (entry.type != EntryType::kFile) return ok();
    ++to_write_.files;
    to_write_.bytes += written_bytes(entry);
    any_file_flags_ = any_file_flags_ || entry.flags != 0;
    meets_others_ = meets_others_ || parent_of(entry.path).empty();
    return options_.skip_damaged ? ok() : presence.add(entry);
  }));
  HF_TRY(presence.finish());
  if (entries_ > 0 || wanted_.everything()) return ok();
  return make_error(ErrorKind::kNotFound, "nothing in this snapshot matches what is to be restored");
}

Status Restorer::make_folders() {
  options_.progress.phase("making folders");
  HF_TRY(folders_.open_root(options_.in_place ? "/" : options_.target, tag_));
  return wanted_.each_folder([&](const Entry& entry) -> Status {
    HF_TRY(folders_.make(entry.path));
    if (folders_.fresh(entry.path)) return ok();
    meets_others_ = true;                        // it is open until finish_folders()
    return ok();
  });
}

// Files that stand in their place and are what the snapshot says are left alone.
Status Restorer::keep_unchanged() {
  kept_.assign(to_write_.files, false);
  if (!meets_others_) return ok();               // nothing else stands where a folder was only just made
  options_.progress.phase("comparing with what is there", {.files = to_write_.files});
  FileComparer comparer(folders_, reader_, options_.progress);
  const auto leave = [&](std::uint64_t, const Entry& entry) {
    const bool fresh = folders_.fresh(parent_of(entry.path));
    if (fresh) options_.progress.add(Counted::kFiles);
    return fresh;
  };
  return wanted_.each_batch(options_.window, leave, [&](const std::vector<NumberedFile>& batch) -> Status {
    HF_ASSIGN(const std::vector<bool> same, comparer.same(batch));
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (!same[i]) continue;
      HF_ASSIGN(const bool kept, keep(comparer, batch[i].entry));
      kept_[batch[i].number] = kept;
    }
    return ok();
  });
}

// False: its metadata would have to change, and it has other names, which may be none of the snapshot's or of another file of it.
Result<bool> Restorer::keep(FileComparer& comparer, const Entry& entry) {
  HF_ASSIGN(const Folders::Handle folder, folders_.open(parent_of(entry.path)));
  const bool as_it_was = comparer.same_metadata(folder->get(), entry);
  if (!as_it_was && has_other_names(folder->get(), name_of(entry.path))) return false;
  ++report_.files;
  ++report_.entries;
  --to_write_.files;
  to_write_.bytes -= written_bytes(entry);
  if (as_it_was) return true;
  free_of_flags(folder->get(), name_of(entry.path));
  finish_metadata(folder->get(), name_of(entry.path), entry);
  HF_TRY(finish_flags(entry));
  return true;
}

Status Restorer::write_contents() {
  sink_.emplace(folders_, tag_, options_.skip_damaged, options_.progress);
  options_.progress.phase("writing files", to_write_);
  const auto leave = [&](std::uint64_t number, const Entry&) { return kept_[number]; };
  HF_TRY(wanted_.each_batch(options_.window, leave, [&](std::vector<NumberedFile>& batch) { return write_batch(batch); }));
  for (FailedItem& item : sink_->take_failed()) report_.failed.push_back(std::move(item));
  options_.progress.phase("syncing the disk");
  return folders_.sync();                        // before anything gets its name
}

Status Restorer::write_batch(std::vector<NumberedFile>& batch) {
  sink_->begin(batch);
  std::vector<vault::RestoreItem> items;
  for (std::uint64_t i = 0; i < batch.size(); ++i) {
    Entry& entry = batch[i].entry;
    report_.bytes += written_bytes(entry);
    const bool any = std::ranges::any_of(entry.extents, [](const vault::Extent& e) { return !e.hole; });
    if (any) items.push_back({i, std::move(entry.extents)});
    else HF_TRY(sink_->create_empty(i));
  }
  HF_TRY(reader_.restore(items, *sink_, options_.window));
  report_.files += batch.size();
  report_.entries += batch.size();
  return options_.skip_damaged ? drop_damaged(batch) : ok();
}

Status Restorer::drop_damaged(const std::vector<NumberedFile>& batch) {
  HF_ASSIGN(const std::vector<FileSink::DamagedFile> damaged, sink_->end());
  for (const FileSink::DamagedFile& lost : damaged) {
    const auto& [number, entry] = batch[lost.file];
    kept_[number] = true;
    if (entry.link_group != 0) without_name_.insert(entry.path);
    report_.damaged.push_back({"/" + entry.path, lost.why});
    report_.bytes -= lost.bytes;
    --report_.files;
    --report_.entries;
  }
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
  const std::string temporary = tag_ + "-x";
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
  if (without_name_.contains(entry.target)) {      // another file stands there, or none
    report_.failed.push_back({"/" + entry.path, "it is another name of /" + entry.target + ", which is not there"});
    return ok();
  }
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
  const std::string temporary = tag_ + "-x";
  const bool made = link_to(from->get(), first, folder, temporary) && move_over(folder, temporary, name);
  if (made) {
    ++report_.entries;
    return ok();
  }
  report_.failed.push_back({"/" + entry.path, errno_error(errno, "linking", entry.path).text});
  ::unlinkat(folder, temporary.c_str(), 0);
  return ok();
}

// False, and told, where it cannot have its name: a folder stands there.
bool Restorer::publish_file(std::uint64_t number, const Entry& entry) {
  const Status published = sink_->publish(number, entry);
  if (published) return true;
  report_.failed.push_back({"/" + entry.path, published.error().text});
  --report_.files;
  --report_.entries;
  if (entry.link_group != 0) without_name_.insert(entry.path);
  return false;
}

// A file's other names come after its first one in the tree. While it gets them, it must not be immutable.
Status Restorer::publish() {
  options_.progress.phase("giving files their names");
  const bool files_too = meets_others_ || any_file_flags_;       // else each has its name, and nothing is left to do
  if (!files_too && !any_others_) return ok();
  std::uint64_t number = 0;
  std::vector<Entry> flagged;
  HF_TRY(wanted_.each_leaf(files_too, [&](const Entry& entry) -> Status {
    switch (entry.type) {
      case EntryType::kFile: break;
      case EntryType::kHardLink: return make_link(entry);
      default: return make_special(entry);
    }
    if (!files_too || kept_[number++]) return ok();
    if (!publish_file(number - 1, entry)) return ok();
    if (entry.link_group == 0 || entry.flags == 0) return finish_flags(entry);
    flagged.push_back(entry);
    return ok();
  }));
  for (const Entry& entry : flagged) HF_TRY(finish_flags(entry));
  return ok();
}

// Above a path that was backed up: in its own place such a folder is not ours to change, if it is there.
bool Restorer::is_ancestor(const std::string& path) const {
  return std::ranges::any_of(reader_.info().meta.paths,
                             [&](const std::string& root) { return root.starts_with("/" + path + "/"); });
}

// Deepest first: the times of a folder change by what is made in it. A folder is through when the stream leaves it.
Status Restorer::finish_folders() {
  options_.progress.phase("finishing folders");
  std::vector<Entry> within;
  const auto leave_until = [&](const Entry* next) -> Status {
    while (!within.empty()) {
      const std::string& innermost = within.back().path;
      if (next != nullptr && (innermost.empty() || next->path.starts_with(innermost + "/"))) return ok();
      HF_TRY(finish_folder(within.back()));
      within.pop_back();
    }
    return ok();
  };
  HF_TRY(wanted_.each_folder([&](Entry entry) -> Status {
    HF_TRY(leave_until(&entry));
    within.push_back(std::move(entry));
    return ok();
  }));
  HF_TRY(leave_until(nullptr));
  return folders_.sync();
}

Status Restorer::finish_folder(const Entry& entry) {
  ++report_.entries;
  const bool ours = !options_.in_place || folders_.fresh(entry.path) || !is_ancestor(entry.path);
  if (ours) {
    HF_ASSIGN(const Folders::Handle folder, folders_.open(entry.path));
    std::vector<std::string> why;                // by the descriptor: a user may lose the way into it
    set_metadata(folder->get(), entry, std::nullopt, why);
    for (std::string& clause : why) report_.failed.push_back({"/" + entry.path, std::move(clause)});
  }
  HF_TRY(folders_.publish(entry.path));
  folders_.leave(entry.path, !ours);
  return ours ? finish_flags(entry) : ok();
}

Result<TreeRestoreReport> Restorer::run() {
  tag_ = temporary_tag(reader_.info().id);
  HF_TRY(survey());
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
