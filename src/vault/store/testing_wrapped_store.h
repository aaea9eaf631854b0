// A store that passes every call on: what changes some of them derives from it and overrides those.
#pragma once

#include <functional>
#include <string>

#include "vault/store/store.h"

namespace hf::vault {

class WrappedStore : public Store {
 public:
  explicit WrappedStore(Store& inner) : inner_(inner) {}      // which outlives it

  using Store::get;
  Status put(const std::string& name, ByteView bytes, PutMode mode) override { return inner_.put(name, bytes, mode); }
  Result<Bytes> get(const std::string& name, ByteRange range) override { return inner_.get(name, range); }
  Result<ObjectInfo> stat(const std::string& name) override { return inner_.stat(name); }
  Status list(const std::string& prefix, const std::function<Status(const ObjectInfo&)>& each) override {
    return inner_.list(prefix, each);
  }
  Status remove(const std::string& name) override { return inner_.remove(name); }
  StoreProperties properties() const override { return inner_.properties(); }

 protected:
  Store& inner_;
};

}  // namespace hf::vault
