// One look at one target, from here: HTTP, TCP or PostgreSQL. "I could not look" is not "it is down".
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "base/time.h"
#include "io/sockets.h"
#include "plan/plan.h"
#include "remote/dns.h"
#include "remote/http.h"

namespace hf::health {

enum class Outcome : std::uint8_t {
  kHealthy,
  kUnhealthy,  // it was looked at, and it is not as it should be
  kUnknown,    // it could not be looked at: no resolver, no secret, stopped
};
// Of the vantage point itself, told by probing the controls of a check.
enum class Uplink : std::uint8_t { kOk, kDown, kUnchecked };

std::string_view to_string(Outcome v);
std::string_view to_string(Uplink v);

struct ProbeResult {
  Outcome outcome = Outcome::kUnknown;
  Micros latency{0};
  std::string detail;  // one line for a person: "status 503", "connection refused"
};

// What probes reach the world through. Everything outlives its users.
struct ProbeTools {
  Clock& clock;
  remote::HttpClient& http;
  remote::DnsClient& dns;
  std::optional<Endpoint> resolver;                                         // the plan's; without it only addresses
  std::function<Result<std::string>(const plan::SecretRef&)> read_secret;   // of the DSN of a PostgreSQL check
};

// Looks once, within check.timeout. Any thread may call.
ProbeResult run_check(const ProbeTools& tools, const plan::HealthCheck& check, std::stop_token stop);
// kOk as soon as one control accepts a connection.
Uplink check_uplink(const ProbeTools& tools, const plan::HealthCheck& check, std::stop_token stop);

ProbeResult http_check(const ProbeTools& tools, const std::string& url, int status, Micros timeout, std::stop_token stop);
ProbeResult tcp_check(const ProbeTools& tools, const std::string& host_port, Micros timeout, std::stop_token stop);
// Connects and asks for one row. A server in recovery answers too: it is healthy, and the detail says so.
ProbeResult postgres_check(const ProbeTools& tools, const plan::SecretRef& dsn, Micros timeout, std::stop_token stop);

}  // namespace hf::health
