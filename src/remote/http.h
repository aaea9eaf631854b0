// An HTTP client seam and its two libcurl implementations. No policy: no retries, no redirects, no cookies.
//
// CurlHttpClient makes a connection for each request and gives no name to libc's resolver: a request for a name carries
// the address that our own DNS client found (`connect_to`); without one it is refused. CurlHttpPool keeps connections,
// for object stores: their endpoints are names of whatever network the machine is in, so the system's resolver is
// asked. Names always stand in the Host header and in TLS verification.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "io/sockets.h"

namespace hf::remote {

inline constexpr std::size_t kHttpBodyLimitBytes = 1 << 20;
inline constexpr std::size_t kHttpHeaderLimitBytes = 64 * 1024;

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method = "GET";
  std::string url;  // http:// or https://
  HttpHeaders headers;
  Bytes body;
  ByteView body_view;                            // sent instead of `body` where not empty; outlives the call
  std::optional<Endpoint> connect_to;            // where the connection goes, whatever the URL names
  std::string ca_file;                           // PEM, instead of the system's authorities
  std::size_t body_limit = kHttpBodyLimitBytes;  // of the answer: more is kExhausted

  ByteView content() const { return body_view.empty() ? ByteView(body) : body_view; }
};

struct HttpResponse {
  int status = 0;
  HttpHeaders headers;  // names in lower case
  Bytes body;
  Micros elapsed{0};

  std::string_view header(std::string_view name) const;  // "" where there is none; `name` in lower case
};

// Any thread may call. A status such as 503 is an answer, not an error.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // Errors: kInvalid (URL), kUnavailable (refused, reset), kTimeout, kCancelled, kExhausted, kDenied (TLS). Once bytes
  // of anything but GET and HEAD were sent they say `maybe`.
  virtual Result<HttpResponse> send(const HttpRequest& request, Micros timeout, std::stop_token stop) = 0;
};

class CurlHttpClient final : public HttpClient {
 public:
  explicit CurlHttpClient(Clock& clock);
  Result<HttpResponse> send(const HttpRequest& request, Micros timeout, std::stop_token stop) override;

 private:
  Clock& clock_;
};

struct HttpPoolOptions {
  std::string proxy;     // "http://proxy:3128"; empty: none
  std::string no_proxy;  // "a.example,.b.example" are reached without it
  std::string ca_file;   // PEM, instead of the system's authorities
  Micros connect_timeout = 10s;
  Micros stall_timeout = 30s;  // not one byte either way for so long ends a transfer
  long max_connections = 64;   // more requests wait for a free one
};

// Keeps connections open and runs the requests of many threads at once, in one thread of its own.
class CurlHttpPool final : public HttpClient {
 public:
  CurlHttpPool(Clock& clock, HttpPoolOptions options);
  ~CurlHttpPool() override;  // REQUIRES: no call is running
  Result<HttpResponse> send(const HttpRequest& request, Micros timeout, std::stop_token stop) override;

 private:
  class Engine;
  Clock& clock_;
  HttpPoolOptions options_;
  std::unique_ptr<Engine> engine_;
};

struct UrlHost {
  std::string host;
  std::uint16_t port = 0;
};
// The host and port that an http(s) URL names.
Result<UrlHost> host_of_url(const std::string& url);

}  // namespace hf::remote
