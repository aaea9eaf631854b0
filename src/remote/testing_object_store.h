// Real object stores for tests, on loopback, with their data in a temporary folder: MinIO, and moto, which imitates
// AWS.
// ./setup --tests makes them. Each is started once a test program, when first asked for, and ended with it. A missing
// one aborts the test.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "io/sockets.h"
#include "remote/aws_credentials.h"
#include "remote/s3.h"

namespace hf::remote {

enum class S3ServerKind : std::uint8_t { kMinio, kMoto };

class S3TestServer {
 public:
  static S3TestServer& get(S3ServerKind kind);

  const Endpoint& endpoint() const { return endpoint_; }
  AwsCredentials credentials() const;
  std::string new_bucket(const HttpHeaders& headers = {});  // empty, with a name of its own
  S3Options options(const std::string& bucket) const;       // with quick retries
  // A signed request of the owner to any path of the server; aborts unless the status is below 300.
  HttpResponse ask(const std::string& method, const std::string& path,
                   const std::vector<std::pair<std::string, std::string>>& query, const std::string& body,
                   const HttpHeaders& headers = {});
  // MinIO: credentials of a session that may do what both the owner and the policy (JSON) allow; aborts if it is
  // refused.
  AwsCredentials session(const std::string& policy);

 private:
  explicit S3TestServer(S3ServerKind kind);
  ~S3TestServer();
  struct Running;
  Result<HttpResponse> try_to_ask(const std::string& method, const std::string& path,
                                  const std::vector<std::pair<std::string, std::string>>& query,
                                  const std::string& body, const HttpHeaders& headers);
  void start(S3ServerKind kind);

  Endpoint endpoint_;
  std::string program_;
  std::unique_ptr<Running> running_;
};

}  // namespace hf::remote
