// A store in a directory: an object is a file of its own name below the root.
//
// Written to a temporary name under `.tmp`, synced, then linked to its own name (link(2) fails if the name is taken, on
// network file systems too), then the folder is synced. What a writer that died left under `.tmp` is removed by the first
// put of a later one. Names beginning with '.' and files that are no object names are not part of the store. Invariant:
// a file under an object's name is whole.
#pragma once

#include <mutex>
#include <string>

#include "vault/store/store.h"

namespace hf::vault {

class DirectoryStore final : public Store {
 public:
  // `root` need not exist; it is made by the first put.
  DirectoryStore(Files& files, crypto::Entropy& entropy, std::string root)
      : files_(files), entropy_(entropy), root_(std::move(root)) {}

  using Store::get;
  Status put(const std::string& name, ByteView bytes, PutMode mode) override;
  Result<Bytes> get(const std::string& name, ByteRange range) override;
  Result<ObjectInfo> stat(const std::string& name) override;
  Status list(const std::string& prefix, const std::function<Status(const ObjectInfo&)>& each) override;
  Status remove(const std::string& name) override;
  StoreProperties properties() const override { return {"directory", root_, true}; }

 private:
  std::string path_of(std::string_view name) const { return join_path(root_, name); }
  Status write_temporary(const std::string& path, ByteView bytes);
  void remove_leftovers(const std::string& temporary);
  Status publish(const std::string& temporary, const std::string& path, IfExists policy);
  Status list_folder(const std::string& folder, const std::string& prefix,
                     const std::function<Status(const ObjectInfo&)>& each);

  Files& files_;
  crypto::Entropy& entropy_;
  std::string root_;
  std::once_flag tidied_;
};

}  // namespace hf::vault
