#include "vault/store/directory_store.h"

#include <algorithm>

namespace hf::vault {
namespace {

constexpr std::string_view kTemporaryFolder = ".tmp";
// An object is written within minutes: a temporary file so old, by the clock of its file system, is of a writer that died.
// One that was only suspended finds it gone, and its put fails without effect.
constexpr Micros kLeftoverAge = 24h;

Error about(Error error, const std::string& name) {
  error.object = name;
  return error;
}

}  // namespace

Status DirectoryStore::write_temporary(const std::string& path, ByteView bytes) {
  HF_TRY(files_.make_dirs(parent_path(path)));
  HF_ASSIGN(auto file, files_.open(path, OpenMode::kCreateNew, 0600));
  HF_TRY(file->write_at(0, bytes));
  return file->sync();
}

// `temporary`: just written. Best effort; a leftover takes room and nothing else.
void DirectoryStore::remove_leftovers(const std::string& temporary) {
  const auto now = files_.stat(temporary);
  const auto entries = files_.list(parent_path(temporary));
  if (!now || !entries) return;
  for (const DirectoryEntry& entry : *entries) {
    const std::string path = join_path(parent_path(temporary), entry.name);
    const auto info = files_.stat(path);
    if (info && !info->is_directory && info->modified + kLeftoverAge < now->modified) (void)files_.remove(path);
  }
}

Status DirectoryStore::publish(const std::string& temporary, const std::string& path, IfExists policy) {
  Status moved = files_.move(temporary, path, policy);
  if (!moved && moved.error().kind == ErrorKind::kNotFound) {   // the first object of its folder
    HF_TRY(files_.make_dirs(parent_path(path)));
    moved = files_.move(temporary, path, policy);
  }
  if (!moved) return moved;
  Status synced = files_.sync_dir(parent_path(path));
  if (!synced) return Error(std::move(synced).error()).maybe_happened();
  return ok();
}

Status DirectoryStore::put(const std::string& name, ByteView bytes, PutMode mode) {
  HF_TRY(check_object_name(name));
  const std::string temporary = path_of(std::string(kTemporaryFolder) + "/" + entropy_.hex_id());
  const std::string path = path_of(name);
  Status written = write_temporary(temporary, bytes);
  const bool tried = written.has_value();
  if (tried) std::call_once(tidied_, [&] { remove_leftovers(temporary); });
  if (written) written = publish(temporary, path, mode == PutMode::kCreate ? IfExists::kFail : IfExists::kReplace);
  if (written) return ok();
  Error error = std::move(written).error();
  if (!tried) error.effect = Effect::kNone;   // only the temporary file was touched
  (void)files_.remove(temporary);             // best effort; a leftover is not part of the store
  if (error.kind == ErrorKind::kExists) {
    return make_error(ErrorKind::kExists, "object " + name + " exists in " + root_).with_object(name);
  }
  return about(std::move(error).with_context("storing " + name), name);
}

Result<Bytes> DirectoryStore::get(const std::string& name, ByteRange range) {
  HF_TRY(check_object_name(name));
  auto file = files_.open(path_of(name), OpenMode::kRead, 0600);
  if (!file) return about(std::move(file).error(), name);
  HF_ASSIGN(const std::uint64_t size, (*file)->size());
  const std::uint64_t begin = std::min(range.offset, size);
  const std::uint64_t length = range.length.value_or(size - begin);
  if (range.offset > size || length > size - begin) {
    return make_error(ErrorKind::kCorrupt, "object " + name + " has " + std::to_string(size) + " bytes, " +
                      std::to_string(range.offset + length) + " were expected").with_object(name);
  }
  if (length > kMaxObjectBytes) {
    return make_error(ErrorKind::kExhausted, "object " + name + " is larger than any that a vault holds").with_object(name);
  }
  Bytes out(static_cast<std::size_t>(length));
  auto read = (*file)->read_at(begin, out);
  if (!read) return about(std::move(read).error(), name);
  if (*read != out.size()) {
    return make_error(ErrorKind::kCorrupt, "object " + name + " ended while it was read").with_object(name);
  }
  return out;
}

Result<ObjectInfo> DirectoryStore::stat(const std::string& name) {
  HF_TRY(check_object_name(name));
  auto info = files_.stat(path_of(name));
  if (!info) return about(std::move(info).error(), name);
  if (info->is_directory) {
    return make_error(ErrorKind::kNotFound, "no object " + name + " in " + root_).with_object(name);
  }
  return ObjectInfo{name, info->size, info->modified};
}

// `folder` is "" or ends with '/'. Objects below it whose names begin with `prefix`, in name order: a folder sorts as
// its name with '/' behind, which is how its objects' names go on.
Status DirectoryStore::list_folder(const std::string& folder, const std::string& prefix,
                                   const std::function<Status(const ObjectInfo&)>& each) {
  auto entries = files_.list(folder.empty() ? root_ : path_of(folder.substr(0, folder.size() - 1)));
  if (!entries && entries.error().kind == ErrorKind::kNotFound) return ok();
  if (!entries) return std::move(entries).error();
  for (DirectoryEntry& entry : *entries) {
    if (entry.is_directory) entry.name += '/';
  }
  std::sort(entries->begin(), entries->end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  for (const DirectoryEntry& entry : *entries) {
    const std::string name = folder + entry.name;
    if (entry.is_directory) {
      const bool within = name.starts_with(prefix) || prefix.starts_with(name);
      if (within && check_object_name(name.substr(0, name.size() - 1))) HF_TRY(list_folder(name, prefix, each));
      continue;
    }
    if (!name.starts_with(prefix) || !check_object_name(name)) continue;
    auto info = stat(name);
    if (!info && info.error().kind == ErrorKind::kNotFound) continue;   // removed meanwhile
    if (!info) return std::move(info).error();
    HF_TRY(each(*info));
  }
  return ok();
}

Status DirectoryStore::list(const std::string& prefix, const std::function<Status(const ObjectInfo&)>& each) {
  const std::size_t slash = prefix.rfind('/');
  return list_folder(slash == std::string::npos ? "" : prefix.substr(0, slash + 1), prefix, each);
}

Status DirectoryStore::remove(const std::string& name) {
  HF_TRY(check_object_name(name));
  const std::string path = path_of(name);
  Status removed = files_.remove(path);
  if (!removed && removed.error().kind == ErrorKind::kNotFound) return ok();
  if (!removed) return about(Error(std::move(removed).error()).maybe_happened(), name);
  Status synced = files_.sync_dir(parent_path(path));
  if (!synced) return about(Error(std::move(synced).error()).maybe_happened(), name);
  return ok();
}

}  // namespace hf::vault
