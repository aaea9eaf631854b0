#include "mount/vault_files.h"

#include <algorithm>

#include <sys/stat.h>

#include "base/hex.h"

namespace hf::mount {
namespace {

using vault::Entry;
using vault::EntryType;

constexpr std::size_t kShortId = 12;             // digits; more where two snapshots begin alike
constexpr const char* kLatest = "latest";

std::uint32_t type_bits(EntryType type) {
  switch (type) {
    case EntryType::kDirectory: return S_IFDIR;
    case EntryType::kSymlink: return S_IFLNK;
    case EntryType::kCharDevice: return S_IFCHR;
    case EntryType::kBlockDevice: return S_IFBLK;
    case EntryType::kFifo: return S_IFIFO;
    case EntryType::kSocket: return S_IFSOCK;
    case EntryType::kFile:
    case EntryType::kHardLink: return S_IFREG;
  }
  return S_IFREG;
}

Error not_there(const std::string& what) { return make_error(ErrorKind::kNotFound, "no " + what); }

// A host's name is what a machine said of itself: it must not be a path.
std::string safe_name(std::string name) {
  std::ranges::replace(name, '/', '_');
  return name.empty() || name == "." || name == ".." || name == kLatest ? "_" + name : name;
}

std::string join(const std::string& folder, const std::string& name) { return folder.empty() ? name : folder + "/" + name; }

vault::FileTime time_of(WallTime at) {
  const auto seconds = std::chrono::floor<Seconds>(at);
  const auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(at - seconds);
  return {seconds.time_since_epoch().count(), static_cast<std::uint32_t>(rest.count())};
}

}  // namespace

Result<std::unique_ptr<VaultFiles>> VaultFiles::open(vault::Repository& repository, const VaultFilesOptions& options) {
  if (!repository.can_read()) {
    return make_error(ErrorKind::kDenied, "this key can write to the vault at " + repository.place() + ", not read it")
        .with_hint("Use a passphrase or key of level read or admin.");
  }
  std::unique_ptr<VaultFiles> files(new VaultFiles(repository, options));
  HF_ASSIGN(files->snapshots_, repository.snapshots());
  files->name_snapshots();
  files->remember(kNoSnapshot, "");
  return files;
}

// A name that is taken already gets the snapshot's id behind it: two snapshots of one moment.
void VaultFiles::add_above(const std::string& folder, const std::string& name, Above what) {
  above_[folder].names.push_back(name);
  above_[join(folder, name)] = std::move(what);
}

void VaultFiles::name_snapshots() {
  for (const char* folder : {"hosts", "snapshots", "times"}) add_above("", folder, {});
  std::ranges::stable_sort(snapshots_, {}, &vault::SnapshotInfo::finished);
  for (std::uint32_t i = 0; i < snapshots_.size(); ++i) {
    const vault::SnapshotInfo& info = snapshots_[i];
    const std::string whole = to_hex(info.id);
    std::string id = whole.substr(0, kShortId);
    if (above_.contains("snapshots/" + id)) id = whole;
    add_above("snapshots", id, {.snapshot = i});
    const std::string time = format_time(info.finished);
    const std::string host = "hosts/" + safe_name(info.meta.host);
    if (!above_.contains(host)) add_above("hosts", safe_name(info.meta.host), {});
    for (const auto& [folder, up] : {std::pair<std::string, std::string>{"times", "../snapshots/"}, {host, "../../snapshots/"}}) {
      add_above(folder, above_.contains(folder + "/" + time) ? time + "-" + id : time, {.target = up + id});
      Above& latest = above_[folder + "/" + kLatest];
      if (!latest.target) above_[folder].names.push_back(kLatest);
      latest.target = up + id;
    }
    for (const auto& [folder, to] : {std::pair<std::string, std::string>{"snapshots", id}, {"", "snapshots/" + id}}) {
      Above& latest = above_[join(folder, kLatest)];
      if (!latest.target) above_[folder].names.push_back(kLatest);
      latest.target = to;
    }
  }
}

Result<const VaultFiles::Node*> VaultFiles::node(NodeId id) const {
  const auto it = nodes_.find(id);
  if (it == nodes_.end()) return not_there("node " + std::to_string(id));
  return &it->second;
}

NodeId VaultFiles::remember(std::uint32_t snapshot, const std::string& path) {
  const auto [it, fresh] = ids_.try_emplace(std::to_string(snapshot) + "/" + path, next_id_);
  if (fresh) nodes_[next_id_++] = {snapshot, path, 0};
  ++nodes_[it->second].known;
  return it->second;
}

void VaultFiles::forget(NodeId id, std::uint64_t count) {
  const auto it = nodes_.find(id);
  if (it == nodes_.end() || id == kTop) return;
  it->second.known -= std::min(count, it->second.known);
  if (it->second.known > 0) return;
  ids_.erase(std::to_string(it->second.snapshot) + "/" + it->second.path);
  nodes_.erase(it);
}

Result<VaultFiles::OpenSnapshot*> VaultFiles::open_snapshot(std::uint32_t number) {
  const auto it = std::ranges::find(opened_, number, &OpenSnapshot::number);
  if (it != opened_.end()) {
    opened_.splice(opened_.begin(), opened_, it);
    return &opened_.front();
  }
  HF_ASSIGN(auto reader, repository_.open_snapshot(snapshots_[number].id));
  opened_.push_front({number, std::move(reader), std::nullopt});
  if (opened_.size() > options_.open_snapshots) opened_.pop_back();
  return &opened_.front();
}

// What stands at that path; a hard link's own entry.
Result<Entry> VaultFiles::entry(std::uint32_t snapshot, const std::string& path) {
  HF_ASSIGN(OpenSnapshot* opened, open_snapshot(snapshot));
  HF_TRY(opened->reader->seek_view(path));
  HF_ASSIGN(const vault::EntryView* view, opened->reader->next_view());
  if (view == nullptr || view->path != path) return not_there("'" + path + "' in this snapshot");
  return opened->reader->entry_of_view();
}

Result<NodeId> VaultFiles::lookup(NodeId parent, const std::string& name) {
  HF_ASSIGN(const Node* folder, node(parent));
  const std::uint32_t snapshot = folder->snapshot;
  const std::string path = join(folder->path, name);
  if (snapshot == kNoSnapshot) {
    const auto it = above_.find(path);
    if (it == above_.end()) return not_there("'" + path + "'");
    return it->second.snapshot ? remember(*it->second.snapshot, "") : remember(kNoSnapshot, path);
  }
  HF_ASSIGN(const Entry found, entry(snapshot, path));
  return remember(snapshot, found.type == EntryType::kHardLink ? found.target : path);
}

// How many names a link group has: the tree says of each name only to which group it belongs.
Result<std::uint64_t> VaultFiles::link_count(std::uint32_t snapshot, std::uint64_t group) {
  if (group == 0) return std::uint64_t{1};
  HF_ASSIGN(OpenSnapshot* opened, open_snapshot(snapshot));
  if (!opened->link_counts) {
    std::map<std::uint64_t, std::uint64_t> counts;
    HF_TRY(opened->reader->seek_view(""));
    while (true) {
      HF_ASSIGN(const vault::EntryView* view, opened->reader->next_view());
      if (view == nullptr) break;
      if (view->link_group != 0) ++counts[view->link_group];
    }
    opened->link_counts = std::move(counts);
  }
  return opened->link_counts->contains(group) ? opened->link_counts->at(group) : std::uint64_t{1};
}

Result<Attributes> VaultFiles::attributes_of(std::uint32_t snapshot, const Entry& e) {
  Attributes out;
  out.mode = type_bits(e.type) | e.mode;
  out.uid = e.uid;
  out.gid = e.gid;
  out.size = e.type == EntryType::kSymlink ? e.target.size() : e.size;
  for (const vault::Extent& extent : e.extents) out.data_bytes += extent.hole ? 0 : extent.length;
  out.rdev = e.rdev;
  out.mtime = e.mtime;
  out.ctime = e.ctime;
  HF_ASSIGN(out.links, link_count(snapshot, e.link_group));
  return out;
}

Result<Attributes> VaultFiles::attributes(NodeId id) {
  HF_ASSIGN(const Node* found, node(id));
  const Node at = *found;
  if (at.snapshot != kNoSnapshot && !at.path.empty()) {
    HF_ASSIGN(const Entry e, entry(at.snapshot, at.path));
    return attributes_of(at.snapshot, e);
  }
  Attributes out;
  out.mode = S_IFDIR | 0555;
  if (at.snapshot != kNoSnapshot) {
    out.mtime = time_of(snapshots_[at.snapshot].finished);
  } else {
    const Above& above = above_.at(at.path);
    if (above.target) {
      out.mode = S_IFLNK | 0777;
      out.size = above.target->size();
    }
    if (!snapshots_.empty()) out.mtime = time_of(snapshots_.back().finished);
  }
  out.ctime = out.mtime;
  return out;
}

Result<std::vector<NameInFolder>> VaultFiles::list(NodeId id) {
  HF_ASSIGN(const Node* found, node(id));
  const Node at = *found;
  std::vector<NameInFolder> out;
  if (at.snapshot == kNoSnapshot) {
    for (const std::string& name : above_.at(at.path).names)
      out.push_back({name, above_.at(join(at.path, name)).target ? std::uint32_t{S_IFLNK} : std::uint32_t{S_IFDIR}});
    return out;
  }
  HF_ASSIGN(OpenSnapshot* opened, open_snapshot(at.snapshot));
  const std::string prefix = at.path.empty() ? "" : at.path + "/";
  HF_TRY(opened->reader->seek_view(at.path));
  while (true) {
    HF_ASSIGN(const vault::EntryView* view, opened->reader->next_view());
    if (view == nullptr) return out;
    if (view->path == at.path) continue;
    if (!view->path.starts_with(prefix)) return out;
    const std::string_view rest = view->path.substr(prefix.size());
    const std::size_t slash = rest.find('/');
    if (slash == std::string_view::npos) {
      std::uint32_t mode = type_bits(view->type);
      if (view->type == EntryType::kHardLink) mode = 0;      // of the type of its first name, which stands elsewhere
      out.push_back({std::string(rest), mode});
      continue;
    }
    // Below a folder in this one: on to what comes after it ('/' is before every other byte).
    HF_TRY(opened->reader->seek_view(prefix + std::string(rest.substr(0, slash)) + "\x01"));
  }
}

Result<std::string> VaultFiles::link_target(NodeId id) {
  HF_ASSIGN(const Node* found, node(id));
  const Node at = *found;
  if (at.snapshot == kNoSnapshot) {
    const Above& above = above_.at(at.path);
    if (above.target) return *above.target;
    return make_error(ErrorKind::kInvalid, "'" + at.path + "' is no link");
  }
  HF_ASSIGN(Entry e, entry(at.snapshot, at.path));
  if (e.type != EntryType::kSymlink) return make_error(ErrorKind::kInvalid, "'" + at.path + "' is no link");
  return std::move(e.target);
}

Result<std::vector<vault::Xattr>> VaultFiles::xattrs(NodeId id) {
  HF_ASSIGN(const Node* found, node(id));
  const Node at = *found;
  if (at.snapshot == kNoSnapshot || at.path.empty()) return std::vector<vault::Xattr>();
  HF_ASSIGN(Entry e, entry(at.snapshot, at.path));
  return std::move(e.xattrs);
}

Result<std::uint64_t> VaultFiles::open_file(NodeId id) {
  HF_ASSIGN(const Node* found, node(id));
  const Node at = *found;
  if (at.snapshot == kNoSnapshot) return make_error(ErrorKind::kInvalid, "'" + at.path + "' is no file");
  HF_ASSIGN(Entry e, entry(at.snapshot, at.path));
  if (e.type != EntryType::kFile) return make_error(ErrorKind::kInvalid, "'" + at.path + "' is no file");
  files_[next_file_] = {at.snapshot, std::move(e)};
  return next_file_++;
}

Result<PieceCache::Piece> VaultFiles::piece(const OpenFile& file, const vault::Extent& extent) {
  if (PieceCache::Piece known = cache_.find(extent)) return known;
  HF_ASSIGN(OpenSnapshot* opened, open_snapshot(file.snapshot));
  Bytes bytes;
  bytes.reserve(static_cast<std::size_t>(extent.length));
  HF_TRY(opened->reader->read_content(file.entry, extent.offset, extent.length, [&](ByteView part) {
    bytes.insert(bytes.end(), part.begin(), part.end());
    return ok();
  }));
  return cache_.put(extent, std::move(bytes));
}

Result<Bytes> VaultFiles::read(std::uint64_t handle, std::uint64_t offset, std::size_t length) {
  const auto it = files_.find(handle);
  if (it == files_.end()) return not_there("open file " + std::to_string(handle));
  const Entry& e = it->second.entry;
  Bytes out;
  const std::uint64_t end = offset >= e.size ? offset : std::min<std::uint64_t>(e.size, offset + length);
  auto extent = std::ranges::upper_bound(e.extents, offset, {}, [](const vault::Extent& x) { return x.offset + x.length; });
  for (std::uint64_t at = offset; at < end; ++extent) {
    const std::uint64_t from = at - extent->offset;
    const auto count = static_cast<std::size_t>(std::min(extent->length - from, end - at));
    if (extent->hole) {
      out.resize(out.size() + count);
    } else {
      HF_ASSIGN(const PieceCache::Piece bytes, piece(it->second, *extent));
      const ByteView part = ByteView(*bytes).subspan(static_cast<std::size_t>(from), count);
      out.insert(out.end(), part.begin(), part.end());
    }
    at += count;
  }
  return out;
}

}  // namespace hf::mount
