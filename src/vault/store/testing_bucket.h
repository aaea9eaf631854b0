// A store in a new bucket of a real server, over a good road or a faulty one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "remote/testing_http_proxy.h"
#include "remote/testing_object_store.h"
#include "vault/store/s3_store.h"
#include "vault/store/testing_store_fixture.h"

namespace hf::vault {

struct InBucket : StoreFixture {
  explicit InBucket(remote::S3ServerKind kind, remote::WireFault fault = remote::WireFault::kNone,
                    const std::string& address_options = "", const remote::HttpHeaders& bucket_headers = {})
      : server(remote::S3TestServer::get(kind)), bucket(server.new_bucket(bucket_headers)) {
    if (fault != remote::WireFault::kNone) proxy = std::make_unique<remote::FaultyHttpProxy>(server.endpoint(), fault);
    client_options = server.options(bucket);
    client_options.endpoint = "http://" + to_string(proxy ? proxy->endpoint() : server.endpoint());
    // Long enough for a busy machine, short enough to wait for once a request.
    if (fault == remote::WireFault::kHeldAnswer) client_options.request_timeout = 400ms;
    address = *parse_s3_address("s3://" + bucket + "/a/prefix" + address_options);
    client_options.encryption = address.encryption;
    s3 = make();
  }
  std::unique_ptr<S3Store> make() { return make(server.credentials()); }
  std::unique_ptr<S3Store> make(remote::AwsCredentials who) {
    S3Store::Parts parts;
    parts.http = std::make_unique<remote::CurlHttpPool>(clock, remote::HttpPoolOptions{});
    parts.credentials = std::make_unique<remote::FixedAwsCredentials>(std::move(who));
    return std::make_unique<S3Store>(std::move(parts), address, client_options,
                                     StoreContext{files, entropy, clock, log, {}, {}});
  }
  Store& store() override { return *s3; }

  remote::S3TestServer& server;
  std::string bucket;
  PosixFiles files;
  crypto::SystemEntropy entropy;
  SystemClock clock;
  MemoryLog log;
  std::unique_ptr<remote::FaultyHttpProxy> proxy;
  remote::S3Options client_options;
  S3Address address;
  std::unique_ptr<S3Store> s3;
};

// moto looks for the object and then writes it: of two creators at once both can win. MinIO is held to that promise.
inline constexpr int kMotoRaces = 0;

// MinIO and moto, directly and over every kind of faulty road.
inline std::vector<StoreMaker> every_server_and_road() {
  std::vector<StoreMaker> out;
  for (const remote::S3ServerKind kind : {remote::S3ServerKind::kMinio, remote::S3ServerKind::kMoto}) {
    const std::string server = kind == remote::S3ServerKind::kMinio ? "minio" : "moto";
    for (int f = 0; f <= static_cast<int>(remote::WireFault::kHeldAnswer); ++f) {
      const auto fault = static_cast<remote::WireFault>(f);
      // moto checks no digest and keeps none, so that damage on the way is not seen: that is for signatures, and TLS.
      const bool unseen = fault == remote::WireFault::kDamagedAnswer || fault == remote::WireFault::kDamagedRequest;
      const bool slow = fault == remote::WireFault::kHeldAnswer;  // once is enough: the client waits, not the server
      if (kind == remote::S3ServerKind::kMoto && (unseen || slow)) continue;
      out.push_back({server + "_" + name_of(fault), [kind, fault] { return std::make_unique<InBucket>(kind, fault); },
                     kind == remote::S3ServerKind::kMoto ? kMotoRaces : f == 0 ? 20 : 4});
    }
  }
  return out;
}

}  // namespace hf::vault
