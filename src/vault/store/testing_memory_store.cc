#include "vault/store/testing_memory_store.h"

namespace hf::vault {

Status MemoryStore::put(const std::string& name, ByteView bytes, PutMode mode) {
  HF_TRY(check_object_name(name));
  std::lock_guard lock(mutex_);
  if (mode == PutMode::kCreate && objects_.contains(name)) {
    return make_error(ErrorKind::kExists, "object " + name + " exists").with_object(name);
  }
  objects_[name] = {to_bytes(bytes), clock_.wall()};
  return ok();
}

Result<Bytes> MemoryStore::get(const std::string& name, ByteRange range) {
  HF_TRY(check_object_name(name));
  std::lock_guard lock(mutex_);
  auto it = objects_.find(name);
  if (it == objects_.end()) return make_error(ErrorKind::kNotFound, "no object " + name).with_object(name);
  const Bytes& bytes = it->second.bytes;
  if (range.offset > bytes.size() || range.length.value_or(0) > bytes.size() - range.offset) {
    return make_error(ErrorKind::kCorrupt, "object " + name + " is too short").with_object(name);
  }
  const std::size_t begin = static_cast<std::size_t>(range.offset);
  const std::size_t length = static_cast<std::size_t>(range.length.value_or(bytes.size() - begin));
  return to_bytes(ByteView(bytes).subspan(begin, length));
}

Result<ObjectInfo> MemoryStore::stat(const std::string& name) {
  HF_TRY(check_object_name(name));
  std::lock_guard lock(mutex_);
  auto it = objects_.find(name);
  if (it == objects_.end()) return make_error(ErrorKind::kNotFound, "no object " + name).with_object(name);
  return ObjectInfo{name, it->second.bytes.size(), it->second.modified};
}

Status MemoryStore::list(const std::string& prefix, const std::function<Status(const ObjectInfo&)>& each) {
  std::vector<ObjectInfo> found;
  {
    std::lock_guard lock(mutex_);
    for (auto it = objects_.lower_bound(prefix); it != objects_.end() && it->first.starts_with(prefix); ++it) {
      found.push_back({it->first, it->second.bytes.size(), it->second.modified});
    }
  }
  for (const ObjectInfo& info : found) HF_TRY(each(info));
  return ok();
}

Status MemoryStore::remove(const std::string& name) {
  HF_TRY(check_object_name(name));
  std::lock_guard lock(mutex_);
  objects_.erase(name);
  return ok();
}

std::map<std::string, Bytes> MemoryStore::snapshot() {
  std::lock_guard lock(mutex_);
  std::map<std::string, Bytes> out;
  for (const auto& [name, object] : objects_) out[name] = object.bytes;
  return out;
}

void MemoryStore::set(const std::string& name, Bytes bytes) {
  std::lock_guard lock(mutex_);
  objects_[name] = {std::move(bytes), clock_.wall()};
}

}  // namespace hf::vault
