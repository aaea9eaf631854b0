// A DNS client: queries and signed updates (RFC 2136, TSIG after RFC 8945) to a server that is named, never to libc's
// resolver. An update replaces one RRset as a whole in one message, so it happens entirely or not at all.
//
// Queries go over UDP with repetition, over TCP where the answer is truncated. Updates go over TCP: a connection that is
// refused proves that nothing was changed, and nothing is ever sent twice.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "crypto/keys.h"
#include "io/sockets.h"

namespace hf::remote {

inline constexpr std::uint16_t kDnsPort = 53;

enum class DnsType : std::uint8_t { kA, kAaaa, kCname, kTxt, kSoa, kNs };
std::string_view to_string(DnsType type);
Result<DnsType> parse_dns_type(std::string_view text);

struct DnsRecord {
  std::string name;               // without the last dot, lower case
  DnsType type = DnsType::kA;
  std::uint32_t ttl_seconds = 0;
  std::string value;              // an address, a name without the last dot, the text of a TXT; SOA: its serial
};

struct DnsAnswer {
  int rcode = 0;
  std::string rcode_name;         // "NOERROR", "NXDOMAIN"
  bool authoritative = false;
  std::uint32_t ttl_seconds = 0;  // the least of `records`
  std::vector<DnsRecord> records; // the answer section, types above only, CNAMEs on the way too

  std::vector<std::string> values(DnsType type) const;
};

struct TsigKey {
  std::string name;
  std::string algorithm = "hmac-sha256";   // or hmac-sha1, hmac-sha512
  Secret secret;                           // base64, as in BIND's key files
};

struct DnsUpdate {
  std::string zone;
  std::optional<TsigKey> key;
  std::string name;                        // full: "orders.demo.test"
  DnsType type = DnsType::kA;
  std::uint32_t ttl_seconds = 60;
  std::vector<std::string> values;         // empty: the RRset is deleted
  std::optional<std::vector<std::string>> expected;  // only if the RRset is exactly this; empty: only if there is none
};

class DnsClient {
 public:
  virtual ~DnsClient() = default;
  // Any rcode is an answer. Errors: kTimeout, kUnavailable, kCancelled, kInvalid (a name), kCorrupt.
  virtual Result<DnsAnswer> query(const Endpoint& server, const std::string& name, DnsType type, Micros timeout,
                                  std::stop_token stop) = 0;
  // ok: the server says, signed with our key, that it is done. An error with effect `none` is a definite refusal or a
  // failure before anything was sent; `maybe`: sent, and no trustworthy answer came back, so ask what the record is.
  // kDenied: REFUSED, NOTAUTH, a wrong key. kBlocked: `expected` is not what is there. kUnavailable: SERVFAIL.
  virtual Status update(const Endpoint& server, const DnsUpdate& update, Micros timeout, std::stop_token stop) = 0;
};

class LdnsDnsClient final : public DnsClient {
 public:
  LdnsDnsClient(Clock& clock, crypto::Entropy& entropy) : clock_(clock), entropy_(entropy) {}
  Result<DnsAnswer> query(const Endpoint& server, const std::string& name, DnsType type, Micros timeout,
                          std::stop_token stop) override;
  Status update(const Endpoint& server, const DnsUpdate& update, Micros timeout, std::stop_token stop) override;

 private:
  std::uint16_t new_id();
  Clock& clock_;
  crypto::Entropy& entropy_;   // message ids that a stranger cannot guess
};

struct Resolved {
  std::vector<std::string> addresses;   // IPv4, at least one
  std::uint32_t ttl_seconds = 0;
  bool authoritative = false;
};
// The addresses of `host` at `server`, following CNAMEs. kNotFound: the server says that there are none.
Result<Resolved> resolve_address(DnsClient& dns, const Endpoint& server, const std::string& host, Micros timeout,
                                 std::stop_token stop);

}  // namespace hf::remote
