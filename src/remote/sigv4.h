// AWS Signature Version 4: who sends a request, and that nobody changed it on the way.
// Source: "Signing AWS API requests" and "Authenticating Requests (AWS Signature Version 4)" of the S3 API reference.
//
// Pure: the time comes in. The test has the published vectors.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/secret.h"
#include "base/time.h"
#include "remote/http.h"

namespace hf::remote {

struct AwsCredentials {
  std::string access_key;
  Secret secret_key;
  Secret session_token;  // empty: of a user, not of a role
  std::optional<WallTime> expires;
};

struct SigV4Request {
  std::string method;
  std::string host;  // as it stands in the Host header, with the port unless it is the scheme's
  std::string path;  // encoded already, as it is sent: see uri_encode
  std::vector<std::pair<std::string, std::string>> query;  // not encoded
  HttpHeaders headers;                                     // all of them are signed; without host and x-amz-date
  std::string payload_sha256;                              // lower-case hex
};

struct SigV4Scope {
  std::string region;
  std::string service;  // "s3"
};

// `request.headers`, and with them host, x-amz-date, x-amz-security-token and authorization.
HttpHeaders sigv4_sign(const SigV4Request& request, const SigV4Scope& scope, const AwsCredentials& credentials,
                       WallTime now);

// RFC 3986: everything but A-Z a-z 0-9 - . _ ~ becomes %XX; '/' stays where `keep_slash`.
std::string uri_encode(std::string_view text, bool keep_slash);
Result<std::string> uri_decode(std::string_view text);  // %XX and '+'; kInvalid for a bad %
// "a=1&b=", encoded, in the order of the encoded names.
std::string canonical_query(const std::vector<std::pair<std::string, std::string>>& query);

// The parts of the computation, for the tests.
std::string canonical_request(const SigV4Request& request, const HttpHeaders& signed_headers);
std::string amz_date(WallTime time);  // "20150830T123600Z"
// "Sun, 22 Nov 2026 19:18:31 GMT" (RFC 9110, IMF-fixdate); nullopt for anything else.
std::optional<WallTime> parse_http_date(std::string_view text);

}  // namespace hf::remote
