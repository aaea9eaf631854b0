// A store in memory, for tests. The reference for the conformance suite.
#pragma once

#include <map>
#include <mutex>

#include "vault/store/store.h"

namespace hf::vault {

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(Clock& clock) : clock_(clock) {}

  using Store::get;
  Status put(const std::string& name, ByteView bytes, PutMode mode) override;
  Result<Bytes> get(const std::string& name, ByteRange range) override;
  Result<ObjectInfo> stat(const std::string& name) override;
  Status list(const std::string& prefix, const std::function<Status(const ObjectInfo&)>& each) override;
  Status remove(const std::string& name) override;
  StoreProperties properties() const override { return {"memory", "memory", true}; }

  // Behind the interface, as a bad disk or an intruder would.
  std::map<std::string, Bytes> snapshot();
  void set(const std::string& name, Bytes bytes);

 private:
  struct Object {
    Bytes bytes;
    WallTime modified{};
  };
  Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Object> objects_;
};

}  // namespace hf::vault
