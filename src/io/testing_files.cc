#include "io/testing_files.h"

#include <algorithm>

namespace hf {

// A file or a folder, with what a power cut would leave of it. Shared because hard links and open files share it.
struct MemoryFiles::Node {
  using Entries = std::map<std::string, std::shared_ptr<Node>>;
  bool directory = false;
  Bytes data, synced;
  Entries entries, synced_entries;
};

struct MemoryFiles::State {
  std::mutex mutex;
  std::uint64_t crashes = 0;
  std::shared_ptr<Node> root = std::make_shared<Node>();
};

namespace {

using Node = MemoryFiles::Node;

struct Split {
  std::vector<std::string> folders;
  std::string name;  // empty for the root
};

Split split(const std::string& path) {
  Split out;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t slash = std::min(path.find('/', at), path.size());
    if (const std::string part = path.substr(at, slash - at); !part.empty() && part != ".") {
      if (!out.name.empty()) out.folders.push_back(out.name);
      out.name = part;
    }
    at = slash + 1;
  }
  return out;
}

std::shared_ptr<Node> child(const std::shared_ptr<Node>& folder, const std::string& name) {
  if (folder == nullptr || !folder->directory) return nullptr;
  const auto at = folder->entries.find(name);
  return at == folder->entries.end() ? nullptr : at->second;
}

std::shared_ptr<Node> folder_of(const std::shared_ptr<Node>& root, const Split& s) {
  std::shared_ptr<Node> node = root;
  for (const std::string& part : s.folders) node = child(node, part);
  return node != nullptr && node->directory ? node : nullptr;
}

std::shared_ptr<Node> find(const std::shared_ptr<Node>& root, const std::string& path) {
  const Split s = split(path);
  return s.name.empty() ? root : child(folder_of(root, s), s.name);
}

// Without a generator nothing unsynced survives.
void lose(Node& node, Rng* rng) {
  if (node.directory) {
    Node::Entries kept = node.synced_entries;
    for (const auto& [name, entry] : node.entries) {
      if (rng != nullptr && rng->chance(1, 2)) kept[name] = entry;
    }
    for (auto at = kept.begin(); at != kept.end();) {
      const bool removed = !node.entries.contains(at->first);
      at = removed && rng != nullptr && rng->chance(1, 2) ? kept.erase(at) : std::next(at);
    }
    node.entries = node.synced_entries = std::move(kept);
    for (auto& [name, entry] : node.entries) lose(*entry, rng);
    return;
  }
  if (rng != nullptr && node.data != node.synced && rng->chance(1, 2)) {
    const std::size_t cut = rng->bounded(node.data.size() + 1);
    Bytes mixed = to_bytes(ByteView(node.data).first(cut));
    if (node.synced.size() > cut) mixed.insert(mixed.end(), node.synced.begin() + static_cast<long>(cut), node.synced.end());
    node.synced = std::move(mixed);
  }
  node.data = node.synced;
}

template <class State>
class MemoryFile final : public File {
 public:
  MemoryFile(std::shared_ptr<State> state, std::shared_ptr<Node> node, std::string path, bool writable)
      : state_(std::move(state)), node_(std::move(node)), path_(std::move(path)), writable_(writable),
        crashes_(state_->crashes) {}

  Result<std::size_t> read_at(std::uint64_t offset, MutableByteView out) override {
    std::lock_guard lock(state_->mutex);
    HF_TRY(usable("reading", true));
    if (offset >= node_->data.size()) return std::size_t{0};
    const std::size_t n = std::min<std::size_t>(out.size(), node_->data.size() - offset);
    std::copy_n(node_->data.begin() + static_cast<long>(offset), n, out.begin());
    return n;
  }
  Status write_at(std::uint64_t offset, ByteView data) override {
    std::lock_guard lock(state_->mutex);
    HF_TRY(usable("writing", writable_));
    if (node_->data.size() < offset + data.size()) node_->data.resize(offset + data.size());
    std::copy(data.begin(), data.end(), node_->data.begin() + static_cast<long>(offset));
    return ok();
  }
  Status truncate(std::uint64_t size) override {
    std::lock_guard lock(state_->mutex);
    HF_TRY(usable("truncating", writable_));
    node_->data.resize(size);
    return ok();
  }
  Result<std::uint64_t> size() override {
    std::lock_guard lock(state_->mutex);
    HF_TRY(usable("looking at", true));
    return static_cast<std::uint64_t>(node_->data.size());
  }
  Status sync() override {
    std::lock_guard lock(state_->mutex);
    HF_TRY(usable("syncing", true));
    node_->synced = node_->data;
    return ok();
  }

 private:
  Status usable(std::string_view doing, bool allowed) const {
    if (crashes_ != state_->crashes) return errno_error(EIO, doing, path_ + " (opened before the crash)");
    if (!allowed) return errno_error(EBADF, doing, path_);
    return ok();
  }

  std::shared_ptr<State> state_;
  std::shared_ptr<Node> node_;
  std::string path_;
  bool writable_;
  std::uint64_t crashes_;
};

}  // namespace

MemoryFiles::MemoryFiles() : state_(std::make_shared<State>()) { state_->root->directory = true; }
MemoryFiles::~MemoryFiles() = default;

Result<std::unique_ptr<File>> MemoryFiles::open(const std::string& path, OpenMode mode, unsigned) {
  std::lock_guard lock(state_->mutex);
  const Split s = split(path);
  const std::shared_ptr<Node> folder = folder_of(state_->root, s);
  std::shared_ptr<Node> node = find(state_->root, path);
  if (node != nullptr && node->directory) return errno_error(EISDIR, "opening", path);
  if (node != nullptr && mode == OpenMode::kCreateNew) return errno_error(EEXIST, "opening", path);
  if (node == nullptr) {
    if (mode == OpenMode::kRead || mode == OpenMode::kReadWrite || folder == nullptr) {
      return errno_error(ENOENT, "opening", path);
    }
    node = std::make_shared<Node>();
    folder->entries[s.name] = node;
  }
  const bool writable = mode != OpenMode::kRead;
  return std::unique_ptr<File>(std::make_unique<MemoryFile<State>>(state_, std::move(node), path, writable));
}

Result<FileInfo> MemoryFiles::stat(const std::string& path) {
  std::lock_guard lock(state_->mutex);
  const auto node = find(state_->root, path);
  if (node == nullptr) return errno_error(ENOENT, "looking at", path);
  return FileInfo{node->data.size(), node->directory, {}};
}

Result<std::vector<DirectoryEntry>> MemoryFiles::list(const std::string& path) {
  std::lock_guard lock(state_->mutex);
  const auto node = find(state_->root, path);
  if (node == nullptr || !node->directory) return errno_error(node == nullptr ? ENOENT : ENOTDIR, "listing", path);
  std::vector<DirectoryEntry> out;
  for (const auto& [name, entry] : node->entries) out.push_back({name, entry->directory});
  return out;
}

Status MemoryFiles::make_dirs(const std::string& path, unsigned) {
  std::lock_guard lock(state_->mutex);
  Split s = split(path);
  if (!s.name.empty()) s.folders.push_back(s.name);
  std::shared_ptr<Node> node = state_->root;
  for (const std::string& part : s.folders) {
    std::shared_ptr<Node> next = child(node, part);
    if (next == nullptr) {
      next = std::make_shared<Node>();
      next->directory = true;
      node->entries[part] = next;
      node->synced_entries[part] = next;
    }
    if (!next->directory) return errno_error(ENOTDIR, "making the folder", path);
    node = next;
  }
  return ok();
}

Status MemoryFiles::move(const std::string& from, const std::string& to, IfExists policy) {
  std::lock_guard lock(state_->mutex);
  const Split source = split(from);
  const Split target = split(to);
  const auto node = find(state_->root, from);
  const auto into = folder_of(state_->root, target);
  const std::string both = from + " to " + to;
  if (node == nullptr || into == nullptr || source.name.empty()) return errno_error(ENOENT, "moving", both);
  const auto there = child(into, target.name);
  if (there != nullptr && policy == IfExists::kFail) return errno_error(EEXIST, "moving", both);
  if (there == node) return ok();
  if (there != nullptr && there->directory != node->directory) return errno_error(EISDIR, "moving", both);
  if (there != nullptr && !there->entries.empty()) return errno_error(ENOTEMPTY, "moving", both);
  into->entries[target.name] = node;
  folder_of(state_->root, source)->entries.erase(source.name);
  return ok();
}

Status MemoryFiles::remove(const std::string& path) {
  std::lock_guard lock(state_->mutex);
  const Split s = split(path);
  const auto node = find(state_->root, path);
  if (node == nullptr || s.name.empty()) return errno_error(ENOENT, "removing", path);
  if (!node->entries.empty()) return errno_error(ENOTEMPTY, "removing", path);
  folder_of(state_->root, s)->entries.erase(s.name);
  return ok();
}

Status MemoryFiles::sync_dir(const std::string& path) {
  std::lock_guard lock(state_->mutex);
  const auto node = find(state_->root, path);
  if (node == nullptr || !node->directory) return errno_error(ENOENT, "syncing the folder", path);
  node->synced_entries = node->entries;
  return ok();
}

void MemoryFiles::crash() {
  std::lock_guard lock(state_->mutex);
  ++state_->crashes;
  lose(*state_->root, nullptr);
}

void MemoryFiles::crash(Rng& rng) {
  std::lock_guard lock(state_->mutex);
  ++state_->crashes;
  lose(*state_->root, &rng);
}

}  // namespace hf
