// A store that answers nothing any more once a stop was asked for, so that whatever is at work ends at its next call.
//
// Only remove() still goes through: a command that ends takes its lease with it. Invariant: kCancelled with Effect::kNone says
// that the call was not sent. For the vault it is as if the process had died there, which it survives at every call.
#pragma once

#include <memory>
#include <stop_token>

#include "vault/store/store.h"

namespace hf::vault {

class StoppingStore final : public Store {
 public:
  StoppingStore(std::unique_ptr<Store> inner, std::stop_token stop) : inner_(std::move(inner)), stop_(std::move(stop)) {}

  using Store::get;
  Status put(const std::string& name, ByteView bytes, PutMode mode) override;
  Result<Bytes> get(const std::string& name, ByteRange range) override;
  Result<ObjectInfo> stat(const std::string& name) override;
  Status list(const std::string& prefix, const std::function<Status(const ObjectInfo&)>& each) override;
  Status remove(const std::string& name) override { return inner_->remove(name); }
  StoreProperties properties() const override { return inner_->properties(); }
  Keeper* keeper() override { return inner_->keeper(); }   // its waits end by the stop token that it was made with

 private:
  Status going() const;
  std::unique_ptr<Store> inner_;
  std::stop_token stop_;
};

}  // namespace hf::vault
