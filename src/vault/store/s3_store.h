// A store in a bucket: an object is one object, its key the prefix and its name.
//
// Creating where nothing is rests on If-None-Match: *. A store that does not know it may be used by one writer at a
// time, where its address says so (single_writer): then a name is looked at before it is written.
// Where the address asks for locks, what a snapshot is made of is removed by its version, so that its bytes go; what is
// locked is kBlocked, with until when.
#pragma once

#include <memory>
#include <string>

#include "remote/s3.h"
#include "vault/store/keeper.h"
#include "vault/store/s3_address.h"
#include "vault/store/store.h"

namespace hf::vault {

class S3Store final : public Store, public Keeper {
 public:
  // What the client rests on; kept as long as the store.
  struct Parts {
    std::unique_ptr<remote::HttpClient> metadata, http;
    std::unique_ptr<remote::AwsCredentialSource> credentials;
  };
  S3Store(Parts parts, const S3Address& address, remote::S3Options options, const StoreContext& context);

  using Store::get;
  Status put(const std::string& name, ByteView bytes, PutMode mode) override;
  Result<Bytes> get(const std::string& name, ByteRange range) override;
  Result<ObjectInfo> stat(const std::string& name) override;
  Status list(const std::string& prefix, const std::function<Status(const ObjectInfo&)>& each) override;
  Status remove(const std::string& name) override;
  StoreProperties properties() const override;
  Keeper* keeper() override { return this; }

  std::optional<Micros> retain() const override { return address_.retain; }
  Result<LockSupport> lock_support() override;
  Result<KeptState> look(const std::string& name) override;
  Status lock(const std::string& name, WallTime until) override;
  Status hold(const std::string& name, bool on) override;
  Status move(const std::string& name, const std::string& storage_class) override;
  Status thaw(const std::string& name, int days, const std::string& tier) override;

  remote::S3Client& client() { return client_; }

 private:
  std::string key_of(const std::string& name) const { return address_.prefix + name; }
  remote::S3Put put_of(const std::string& name, ByteView bytes) const;
  Error explain_archived(const std::string& name, Error archived);

  Parts parts_;
  S3Address address_;
  Clock& clock_;
  remote::S3Client client_;
};

// From an address: credentials from the chain, connections from a pool. Nothing is asked of the store yet.
Result<std::unique_ptr<Store>> open_s3_store(const StoreContext& context, const std::string& url);

}  // namespace hf::vault
