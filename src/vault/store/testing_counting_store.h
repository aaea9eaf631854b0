// Counts what is read of a store's packs.
#pragma once

#include <atomic>

#include "vault/store/store.h"

namespace hf::vault {

class CountingStore final : public Store {
 public:
  explicit CountingStore(Store& inner) : inner_(inner) {}

  using Store::get;
  Status put(const std::string& name, ByteView bytes, PutMode mode) override { return inner_.put(name, bytes, mode); }
  Result<Bytes> get(const std::string& name, ByteRange range) override {
    auto got = inner_.get(name, range);
    if (got && name.starts_with("packs/")) {
      ++reads;
      bytes += got->size();
    }
    return got;
  }
  Result<ObjectInfo> stat(const std::string& name) override { return inner_.stat(name); }
  Status list(const std::string& prefix, const std::function<Status(const ObjectInfo&)>& each) override {
    return inner_.list(prefix, each);
  }
  Status remove(const std::string& name) override { return inner_.remove(name); }
  StoreProperties properties() const override { return inner_.properties(); }

  std::atomic<std::uint64_t> reads = 0;
  std::atomic<std::uint64_t> bytes = 0;

 private:
  Store& inner_;
};

}  // namespace hf::vault
