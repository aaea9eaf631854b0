// Backing up file trees: one walk in the tree's order, merged with the previous snapshot.
#include <algorithm>
#include <cerrno>
#include <climits>
#include <filesystem>
#include <map>
#include <set>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/descriptor.h"
#include "sources/files/files.h"
#include "sources/files/levels.h"
#include "sources/files/metadata.h"
#include "sources/files/pattern.h"
#include "sources/files/reader.h"

namespace hf::sources {
namespace {

constexpr std::int64_t kTrustAfterSeconds = 1; // a file changed this short before the last backup began is read again

struct PathOrder {
  bool operator()(const std::string& a, const std::string& b) const { return vault::compare_paths(a, b) < 0; }
};

constexpr std::string_view kCacheTag = "CACHEDIR.TAG";
constexpr std::string_view kCacheSignature = "Signature: 8a477f597d28d172789f06886806bc55";

// A folder of things that can be made again, as https://bford.info/cachedir/ has it.
bool is_cache(int directory) {
  const Descriptor tag(::openat(directory, kCacheTag.data(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct ::stat st{};
  std::array<char, kCacheSignature.size()> begin{};
  return tag && ::fstat(tag.get(), &st) == 0 && S_ISREG(st.st_mode) &&
         ::pread(tag.get(), begin.data(), begin.size(), 0) == static_cast<ssize_t>(begin.size()) &&
         std::string_view(begin.data(), begin.size()) == kCacheSignature;
}

class Walker {
 public:
  Walker(vault::Repository& repository, const TreeBackupOptions& options, PathPatterns includes, PathPatterns excludes)
      : repository_(repository), options_(options), progress_(repository.progress()), includes_(std::move(includes)),
        excludes_(std::move(excludes)) {}
  Result<TreeBackupReport> run();

 private:
  Status resolve_roots();
  Status open_previous();
  Status begin();
  Status walk_roots();
  Status walk_ancestors(const std::string& root);
  Status walk(int folder, const char* name);
  // path_ is the path of what is being looked at; `name` its last part.
  Status visit(int folder, const char* name);
  Status visit_directory(int folder, const char* name, const struct ::stat& st);
  bool left_out(const struct ::stat& st) const;
  Status add_waiting();
  Result<bool> add_directory(int folder, const char* name, const struct ::stat& st, int directory);
  bool add_link(const struct ::stat& st, vault::Entry& entry);
  Status visit_file(int folder, const char* name, const struct ::stat& st);
  Status visit_other(int folder, const char* name, const struct ::stat& st);
  vault::Entry entry_here(const struct ::stat& st);
  Result<bool> reuse(const struct ::stat& st);
  Result<bool> reuse_linked(const struct ::stat& st);
  bool same_as_before(const vault::EntryView& old, const struct ::stat& st, std::int64_t began);
  Result<bool> go_on(const struct ::stat& st);
  Result<const vault::EntryView*> previous_entry(std::string_view path);
  Status fail(const std::string& path, const Error& error);

  vault::Repository& repository_;
  const TreeBackupOptions& options_;
  const Progress progress_;
  PathPatterns includes_;
  PathPatterns excludes_;
  std::vector<vault::Entry> waiting_;           // folders above path_ that were not chosen: added if something in them is
  dev_t root_device_ = 0;                       // of the root that is being walked
  std::set<std::string, PathOrder> roots_;      // without leading '/'
  std::unique_ptr<vault::BackupSession> session_;
  std::unique_ptr<vault::SnapshotReader> previous_;
  const vault::EntryView* ahead_ = nullptr;     // of the previous snapshot: the first not before path_
  bool previous_done_ = true;
  std::int64_t previous_began_ = 0;             // Unix seconds
  std::optional<vault::SnapshotId> previous_id_;
  std::uint64_t previous_bytes_ = 0;
  std::map<std::pair<dev_t, ino_t>, std::pair<std::uint64_t, std::string>> links_;   // group, first path
  std::set<std::string> ancestors_;
  std::optional<std::pair<dev_t, ino_t>> vault_folder_;
  NameCache names_;
  std::optional<FileReader> reader_;
  Levels levels_;
  std::string path_;
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
    previous_bytes_ = it->source_bytes;
    if (options_.reread) return ok();
    HF_ASSIGN(previous_, repository_.open_snapshot(it->id));
    previous_done_ = false;
    previous_began_ = std::chrono::floor<Seconds>(previous_->info().started).time_since_epoch().count();
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
  reader_.emplace(*session_, names_, progress_);
  struct ::stat st{};
  if (::stat(repository_.place().c_str(), &st) == 0) vault_folder_ = {st.st_dev, st.st_ino};
  return ok();
}

// The previous snapshot's entry of that path. If the previous snapshot cannot be read further, everything is read anew.
Result<const vault::EntryView*> Walker::previous_entry(std::string_view path) {
  while (!previous_done_) {
    if (ahead_ != nullptr) {
      const int order = ahead_->path == path ? 0 : vault::compare_paths(ahead_->path, path);
      if (order == 0) return ahead_;
      if (order > 0) return nullptr;
    }
    auto next = previous_->next_view();
    if (!next && next.error().kind != ErrorKind::kCorrupt) return std::move(next).error();
    ahead_ = next ? *next : nullptr;
    previous_done_ = ahead_ == nullptr;
  }
  return nullptr;
}

vault::Entry Walker::entry_here(const struct ::stat& st) {
  vault::Entry entry = entry_of(st, names_);
  entry.path = path_;
  return entry;
}

// The same file, folder or link, unchanged for long enough to be sure. Its ctime vouches for mode, owner and attributes.
bool Walker::same_as_before(const vault::EntryView& old, const struct ::stat& st, std::int64_t began) {
  const std::uint64_t size = S_ISREG(st.st_mode) ? static_cast<std::uint64_t>(st.st_size) : 0;
  const bool same = old.inode == st.st_ino && old.device == st.st_dev && old.size == size &&
                    old.mtime == file_time(st.st_mtim) && old.ctime == file_time(st.st_ctim) &&
                    old.mode == (st.st_mode & 07777u) && old.type == entry_type(st.st_mode) && old.uid == st.st_uid &&
                    old.gid == st.st_gid && old.user == names_.user(st.st_uid) && old.group == names_.group(st.st_gid);
  return same && std::max(old.ctime.seconds, old.mtime.seconds) + kTrustAfterSeconds < began;
}

// Adds the previous snapshot's entry, as it stands, where nothing changed.
Result<bool> Walker::reuse(const struct ::stat& st) {
  HF_ASSIGN(const vault::EntryView* old, previous_entry(path_));
  if (old == nullptr || !same_as_before(*old, st, previous_began_)) return false;
  if (old->link_group != 0 || (st.st_nlink > 1 && !S_ISDIR(st.st_mode))) return reuse_linked(st);
  return session_->add_unchanged(*old);
}

// Adds the entry that an earlier run, which was cut short, had made of it.
Result<bool> Walker::go_on(const struct ::stat& st) {
  if (options_.reread || st.st_nlink > 1) return false;
  const vault::BegunEntry* begun = session_->begun(path_);
  if (begun == nullptr || begun->view.link_group != 0) return false;
  if (!same_as_before(begun->view, st, std::chrono::floor<Seconds>(begun->sure).time_since_epoch().count())) return false;
  HF_ASSIGN(const bool added, session_->add_unchanged(begun->view));
  if (!added) return false;
  ++report_.files_resumed;
  report_.resumed_bytes += begun->view.size;
  return true;
}

// A file with several names: its group has a number in this snapshot, so that its entry is made anew, with the old content.
Result<bool> Walker::reuse_linked(const struct ::stat& st) {
  if (!S_ISREG(st.st_mode)) return false;
  HF_ASSIGN(vault::Entry entry, previous_->entry_of_view());
  HF_ASSIGN(const bool usable, session_->may_reuse(entry.extents));
  if (!usable || !entry.page_digest_chunks.empty()) return false;
  entry.link_group = 0;
  if (st.st_nlink > 1) {
    entry.link_group = links_.size() + 1;
    links_[{st.st_dev, st.st_ino}] = {entry.link_group, entry.path};
  }
  HF_TRY(session_->add(entry));
  return true;
}

// What lies at path_, and below it.
Status Walker::walk(int folder, const char* name) {
  HF_TRY(visit(folder, name));
  while (!levels_.empty()) {
    path_.resize(levels_.path_length());
    const char* next = levels_.next_name();
    if (next == nullptr) {
      levels_.leave();
      continue;
    }
    if (levels_.folder() < 0) {
      HF_TRY(fail(path_, make_error(ErrorKind::kBusy, "the folder was moved while it was read, the rest of it is missing")));
      levels_.leave();
      continue;
    }
    if (!path_.empty()) path_.push_back('/');
    path_.append(next);
    HF_TRY(visit(levels_.folder(), next));
  }
  return ok();
}

Status Walker::visit(int folder, const char* name) {
  if (options_.looking_at) options_.looking_at(path_);
  progress_.item("/", path_);
  struct ::stat st{};
  if (::fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return fail(path_, errno_error(errno, "looking at", "/" + path_));
  if (!path_.empty() && left_out(st)) {
    ++report_.left_out;
    return ok();
  }
  while (!waiting_.empty() && !path_.starts_with(waiting_.back().path + "/")) waiting_.pop_back();
  if (levels_.empty()) root_device_ = st.st_dev;
  if (S_ISDIR(st.st_mode)) return visit_directory(folder, name, st);
  HF_TRY(add_waiting());
  return S_ISREG(st.st_mode) ? visit_file(folder, name, st) : visit_other(folder, name, st);
}

bool Walker::left_out(const struct ::stat& st) const {
  const bool directory = S_ISDIR(st.st_mode);
  if (excludes_.matches(path_, directory)) return true;
  if (!directory && !includes_.empty() && !includes_.chooses(path_, false)) return true;
  return S_ISREG(st.st_mode) && options_.exclude_larger && static_cast<std::uint64_t>(st.st_size) > *options_.exclude_larger;
}

Status Walker::add_waiting() {
  for (const vault::Entry& entry : waiting_) HF_TRY(session_->add(entry));
  waiting_.clear();
  return ok();
}

// What has several names: true, and `entry` leads to the first, if that is in the snapshot. Else `entry` begins a group.
bool Walker::add_link(const struct ::stat& st, vault::Entry& entry) {
  if (st.st_nlink < 2) return false;
  const auto first = links_.find({st.st_dev, st.st_ino});
  if (first == links_.end()) {
    entry.link_group = links_.size() + 1;
    return false;
  }
  entry = entry_here(st);
  entry.type = vault::EntryType::kHardLink;
  entry.rdev = 0;
  entry.link_group = first->second.first;
  entry.target = first->second.second;
  return true;
}

Status Walker::visit_other(int folder, const char* name, const struct ::stat& st) {
  vault::Entry entry;
  if (add_link(st, entry)) return session_->add(entry);
  HF_ASSIGN(const bool unchanged, reuse(st));
  if (unchanged) return ok();
  const std::uint64_t group = entry.link_group;
  entry = entry_here(st);
  entry.link_group = group;
  auto xattrs = read_xattrs(folder, name);
  if (!xattrs) return fail(path_, xattrs.error());
  entry.xattrs = std::move(*xattrs);
  if (entry.type == vault::EntryType::kSymlink) {
    auto target = read_link(folder, name, static_cast<std::size_t>(st.st_size));
    if (!target) return fail(path_, target.error());
    entry.target = std::move(*target);
  }
  if (Status good = vault::check_entry(entry); !good) return fail(path_, good.error());
  if (group != 0) links_[{st.st_dev, st.st_ino}] = {group, entry.path};
  return session_->add(entry);
}

// False if it could not be had: then what is in it has no place in the tree.
Result<bool> Walker::add_directory(int folder, const char* name, const struct ::stat& st, int directory) {
  const bool chosen = includes_.empty() || includes_.chooses(path_, true);
  if (chosen) {
    HF_TRY(add_waiting());
    HF_ASSIGN(const bool unchanged, reuse(st));
    if (unchanged) return true;
  }
  vault::Entry entry = entry_here(st);
  auto xattrs = directory >= 0 ? read_xattrs(directory) : read_xattrs(folder, name);
  Status good = xattrs ? ok() : Status(xattrs.error());
  if (xattrs) entry.xattrs = std::move(*xattrs);
  if (directory >= 0) entry.flags = read_flags(directory);
  if (good) good = vault::check_entry(entry);
  if (!good) HF_TRY(fail(path_, good.error()));
  else if (chosen) HF_TRY(session_->add(entry));
  else waiting_.push_back(std::move(entry));
  return good.has_value();
}

Status Walker::visit_directory(int folder, const char* name, const struct ::stat& st) {
  if (vault_folder_ == std::pair(st.st_dev, st.st_ino)) return ok();     // a vault does not back up itself
  Descriptor directory(open_for_backup(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  const int open_error = errno;
  struct ::stat opened{};
  if (directory && (::fstat(directory.get(), &opened) < 0 || opened.st_dev != st.st_dev || opened.st_ino != st.st_ino))
    return fail(path_, make_error(ErrorKind::kBusy, "/" + path_ + " was replaced while it was read"));
  if (!path_.empty()) {
    HF_ASSIGN(const bool added, add_directory(folder, name, st, directory.get()));
    if (!added) return ok();
  }
  if (options_.one_file_system && st.st_dev != root_device_) {
    ++report_.left_out;
    return ok();
  }
  if (!directory) return fail(path_, errno_error(open_error, "opening", "/" + path_));
  const bool cache = options_.exclude_caches && is_cache(directory.get());
  if (Status entered = levels_.enter(std::move(directory), st, path_.size()); !entered) return fail(path_, entered.error());
  if (cache) report_.left_out += levels_.keep_only(kCacheTag);
  return ok();
}

Status Walker::visit_file(int folder, const char* name, const struct ::stat& st) {
  vault::Entry entry;
  progress_.add(Counted::kFiles);
  if (add_link(st, entry)) return session_->add(entry);
  HF_ASSIGN(const bool unchanged, reuse(st));
  if (unchanged) ++report_.files_unchanged;
  HF_ASSIGN(const bool resumed, unchanged ? Result<bool>(false) : go_on(st));
  if (unchanged || resumed) {
    progress_.add(Counted::kBytes, static_cast<std::uint64_t>(st.st_size));
    return ok();
  }
  const std::uint64_t group = entry.link_group;
  entry.path = path_;
  HF_ASSIGN(auto content, reader_->read(folder, name, st, entry));
  if (!content) return fail(path_, *reader_->source_error());
  if (Status good = vault::check_entry(entry); !good) return fail(path_, good.error());
  entry.link_group = group;
  if (group != 0) links_[{st.st_dev, st.st_ino}] = {group, entry.path};
  ++report_.files_read;
  return session_->add(std::move(entry), std::move(content));
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
    path_ = root;
    const std::string name = root.empty() ? "." : root.substr(slash == std::string::npos ? 0 : slash + 1);
    HF_TRY(walk(folder.get(), name.c_str()));
  }
  return ok();
}

Result<TreeBackupReport> Walker::run() {
  HF_TRY(resolve_roots());
  HF_TRY(open_previous());
  HF_TRY(begin());
  progress_.phase("reading files", {.bytes = previous_bytes_, .estimated = true});
  Status walked = walk_roots();
  if (!walked) {
    session_->abandon();
    return std::move(walked).error();
  }
  std::map<std::string, std::string> attributes;
  if (!report_.failed.empty()) attributes["failed_items"] = std::to_string(report_.failed.size());
  report_.resumed_bytes += session_->progress().resumed_bytes;
  progress_.phase("making the snapshot");
  HF_ASSIGN(report_.snapshot, session_->commit(attributes, !report_.failed.empty()));
  return std::move(report_);
}

}  // namespace

Result<TreeBackupReport> backup_tree(vault::Repository& repository, const TreeBackupOptions& options) {
  HF_ASSIGN(PathPatterns includes, PathPatterns::parse(options.includes));
  HF_ASSIGN(PathPatterns excludes, PathPatterns::parse(options.excludes));
  return Walker(repository, options, std::move(includes), std::move(excludes)).run();
}

}  // namespace hf::sources
