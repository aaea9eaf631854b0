// See backup_sink.h.
#include "sources/postgres/backup_sink.h"

#include <algorithm>
#include <set>

#include "sources/postgres/backup_info.h"

namespace hf::sources {
namespace {

bool digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// "16384", "16384.3", "16384_vm", "16384_init.1"
bool relation_name(std::string_view name) {
  if (const auto dot = name.find('.'); dot != std::string_view::npos) {
    if (!digits(name.substr(dot + 1))) return false;
    name = name.substr(0, dot);
  }
  if (const auto fork = name.find('_'); fork != std::string_view::npos) {
    const std::string_view kind = name.substr(fork + 1);
    if (kind != "vm" && kind != "init") return false;
    name = name.substr(0, fork);
  }
  return digits(name);
}

bool inside(std::string_view path, std::string_view folder) {
  return path == folder || (path.starts_with(folder) && path.size() > folder.size() && path[folder.size()] == '/');
}

constexpr const char* kNeeded[] = {"data/PG_VERSION", "data/backup_label", "data/global/pg_control"};

}  // namespace

bool is_relation_file(std::string_view path) {
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos || !relation_name(path.substr(slash + 1))) return false;
  const std::string_view folder = path.substr(0, slash);
  if (folder == "global") return true;
  const auto parent = folder.rfind('/');
  if (parent == std::string_view::npos || !digits(folder.substr(parent + 1))) return false;
  const std::string_view top = folder.substr(0, parent);
  return top == "base" || (top.starts_with("PG_") && top.find('/') == std::string_view::npos);
}

Status BaseBackupTree::start(const remote::BaseBackupStart& start) {
  tablespaces_ = start.tablespaces;
  HF_TRY(add_folder(kDataTree));
  const bool any = std::ranges::any_of(tablespaces_, [](const auto& t) { return t.oid != 0; });
  return any ? add_folder(kTablespaceTree) : ok();
}

Status BaseBackupTree::add_folder(const std::string& path) {
  Item item;
  item.entry.path = path;
  item.entry.type = vault::EntryType::kDirectory;
  item.entry.mode = 0700;
  items_.push_back(std::move(item));
  return ok();
}

Status BaseBackupTree::archive(const std::string& name, const std::string& tablespace_path) {
  HF_TRY(end_archive());
  ++archives_;
  if (tablespace_path.empty()) {
    root_ = kDataTree;
  } else {
    const std::string oid = name.substr(0, name.find('.'));
    if (!digits(oid)) return make_error(ErrorKind::kCorrupt, "the server sent an archive named '" + name + "'");
    root_ = std::string(kTablespaceTree) + "/" + oid;
    HF_TRY(add_folder(root_));
  }
  parser_ = std::make_unique<TarParser>(*this, name);
  return ok();
}

Status BaseBackupTree::end_archive() {
  if (!parser_) return ok();
  const auto parser = std::move(parser_);
  return parser->finish();
}

Status BaseBackupTree::bytes(ByteView data) {
  if (stop_.stop_requested()) return make_error(ErrorKind::kCancelled, "the backup was stopped");
  if (!parser_) return make_error(ErrorKind::kCorrupt, "the server sent data outside of an archive");
  return parser_->push(data);
}

Status BaseBackupTree::manifest(ByteView data) {
  HF_TRY(end_archive());
  if (!in_manifest_) {
    in_manifest_ = true;
    current_ = {};
    current_.entry.path = std::string(kDataTree) + "/backup_manifest";
    current_.entry.mode = 0600;
    HF_TRY(open_content(current_.entry.path, false));
  }
  return writer_->write(data);
}

Status BaseBackupTree::begin(const TarMember& member) {
  skipping_ = root_ == kDataTree && inside(member.path, kRecoveryFolder);
  if (skipping_) return ok();
  current_ = {};
  current_.entry.path = member.path.empty() ? root_ : root_ + "/" + member.path;
  progress_.item({}, current_.entry.path);
  current_.entry.mode = member.mode;
  current_.entry.uid = member.uid;
  current_.entry.gid = member.gid;
  current_.entry.user = member.user;
  current_.entry.group = member.group;
  current_.entry.mtime.seconds = member.mtime;
  switch (member.type) {
    case TarType::kDirectory: current_.entry.type = vault::EntryType::kDirectory; return ok();
    case TarType::kSymlink:
      current_.entry.type = vault::EntryType::kSymlink;
      current_.entry.target = member.target;
      return ok();
    case TarType::kFile: break;
  }
  return open_content(current_.entry.path, is_relation_file(member.path));
}

Status BaseBackupTree::open_content(const std::string& path, bool pages) {
  std::optional<vault::PageMap> map;
  if (pages && previous_ != nullptr) {
    const auto entry = previous_->find_entry(path);
    if (entry) {
      HF_ASSIGN(map, previous_->page_map(*entry));
    } else if (entry.error().kind != ErrorKind::kNotFound) {
      return entry.error();
    }
  }
  const auto kind = pages ? vault::ContentKind::kPages : vault::ContentKind::kStream;
  HF_ASSIGN(writer_, session_.begin_content(kind, map ? &*map : nullptr));
  return ok();
}

Status BaseBackupTree::data(ByteView bytes) { return skipping_ ? ok() : writer_->write(bytes); }

Status BaseBackupTree::end() {
  if (skipping_) return ok();
  return close_content();
}

Status BaseBackupTree::close_content() {
  if (writer_) {
    HF_TRY(writer_->end());
    current_.content = std::move(writer_);
    ++files_;
    progress_.add(Counted::kFiles);
  }
  items_.push_back(std::move(current_));
  current_ = {};
  return ok();
}

Status BaseBackupTree::finish() {
  HF_TRY(end_archive());
  if (in_manifest_) HF_TRY(close_content());
  if (archives_ != tablespaces_.size()) {
    return make_error(ErrorKind::kCorrupt, "the server announced " + std::to_string(tablespaces_.size()) +
                                               " archives and sent " + std::to_string(archives_));
  }
  std::ranges::sort(items_, [](const Item& a, const Item& b) {
    return vault::compare_paths(a.entry.path, b.entry.path) < 0;
  });
  std::set<std::string> missing(std::begin(kNeeded), std::end(kNeeded));
  std::string last;
  for (Item& item : items_) {
    const std::string path = item.entry.path;
    missing.erase(path);
    if (path == last) {                       // a folder that the server names as well
      if (item.entry.type == vault::EntryType::kDirectory) continue;
      return make_error(ErrorKind::kCorrupt, "the server sent '" + path + "' twice");
    }
    last = path;
    HF_TRY(item.content ? session_.add(std::move(item.entry), std::move(item.content)) : session_.add(item.entry));
    item = {};
  }
  if (!missing.empty()) return make_error(ErrorKind::kCorrupt, "the server did not send " + missing.begin()->substr(5));
  return ok();
}

}  // namespace hf::sources
