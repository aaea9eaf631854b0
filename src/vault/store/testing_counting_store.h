// Counts what is read of a store's packs.
#pragma once

#include <atomic>

#include "vault/store/testing_wrapped_store.h"

namespace hf::vault {

class CountingStore final : public WrappedStore {
 public:
  using WrappedStore::WrappedStore;

  using Store::get;
  Result<Bytes> get(const std::string& name, ByteRange range) override {
    auto got = inner_.get(name, range);
    if (got && name.starts_with("packs/")) {
      ++reads;
      bytes += got->size();
    }
    return got;
  }

  std::atomic<std::uint64_t> reads = 0;
  std::atomic<std::uint64_t> bytes = 0;
};

}  // namespace hf::vault
