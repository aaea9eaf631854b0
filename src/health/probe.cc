#include "health/probe.h"

#include <algorithm>
#include <charconv>

#include "remote/postgres.h"

namespace hf::health {
namespace {

constexpr std::size_t kBodyLimitBytes = 64 * 1024;  // the body of a health page is not looked at

Micros since(Clock& clock, MonoTime start) { return std::chrono::duration_cast<Micros>(clock.mono() - start); }

Micros left(Clock& clock, MonoTime start, Micros timeout) {
  return std::max(Micros(1000), timeout - since(clock, start));
}

// A stop or our own limits say nothing about the target.
Outcome outcome_of(const Error& e) {
  switch (e.kind) {
    case ErrorKind::kCancelled:
    case ErrorKind::kUsage:
    case ErrorKind::kInvalid:
    case ErrorKind::kUnsupported: return Outcome::kUnknown;
    default: return Outcome::kUnhealthy;
  }
}

struct Address {
  std::optional<Endpoint> endpoint;
  ProbeResult why;  // where there is none
};

// NXDOMAIN is the target's own trouble; a resolver that does not answer is not.
Address find_address(const ProbeTools& tools, const std::string& host, std::uint16_t port, Micros timeout,
                     const std::stop_token& stop) {
  if (is_numeric_address(host)) return {Endpoint{host, port}, {}};
  if (!tools.resolver) {
    return {{}, {Outcome::kUnknown, Micros(0), "the plan names no resolver, so " + host + " has no address"}};
  }
  auto found = remote::resolve_address(tools.dns, *tools.resolver, host, timeout, stop);
  if (found) return {Endpoint{found->addresses.front(), port}, {}};
  const bool absent = found.error().kind == ErrorKind::kNotFound;
  return {{}, {absent ? Outcome::kUnhealthy : Outcome::kUnknown, Micros(0), found.error().text}};
}

struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};

std::optional<HostPort> split_host_port(const std::string& text) {
  if (auto endpoint = parse_endpoint(text)) return HostPort{endpoint->address, endpoint->port};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  HostPort out{text.substr(0, colon), 0};
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + colon + 1, end, out.port);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return out;
}

}  // namespace

std::string_view to_string(Outcome v) {
  switch (v) {
    case Outcome::kHealthy: return "healthy";
    case Outcome::kUnhealthy: return "unhealthy";
    case Outcome::kUnknown: break;
  }
  return "unknown";
}

std::string_view to_string(Uplink v) {
  switch (v) {
    case Uplink::kOk: return "ok";
    case Uplink::kDown: return "down";
    case Uplink::kUnchecked: break;
  }
  return "unchecked";
}

ProbeResult http_check(const ProbeTools& tools, const std::string& url, int status, Micros timeout, std::stop_token stop) {
  const MonoTime start = tools.clock.mono();
  auto host = remote::host_of_url(url);
  if (!host) return {Outcome::kUnknown, Micros(0), host.error().text};
  const Address address = find_address(tools, host->host, host->port, timeout, stop);
  if (!address.endpoint) return address.why;
  remote::HttpRequest request;
  request.url = url;
  request.connect_to = address.endpoint;
  request.body_limit = kBodyLimitBytes;
  auto answer = tools.http.send(request, left(tools.clock, start, timeout), stop);
  const Micros latency = since(tools.clock, start);
  if (!answer && answer.error().kind == ErrorKind::kExhausted) {
    return {Outcome::kUnhealthy, latency, answer.error().text};
  }
  if (!answer) return {outcome_of(answer.error()), latency, answer.error().text};
  const std::string told = "status " + std::to_string(answer->status);
  if (answer->status == status) return {Outcome::kHealthy, latency, told};
  return {Outcome::kUnhealthy, latency, told + " instead of " + std::to_string(status)};
}

ProbeResult tcp_check(const ProbeTools& tools, const std::string& host_port, Micros timeout, std::stop_token stop) {
  const MonoTime start = tools.clock.mono();
  const auto target = split_host_port(host_port);
  if (!target) return {Outcome::kUnknown, Micros(0), "'" + host_port + "' is not host:port"};
  const Address address = find_address(tools, target->host, target->port, timeout, stop);
  if (!address.endpoint) return address.why;
  const Limit limit = Limit::after(tools.clock, left(tools.clock, start, timeout), stop);
  auto stream = TcpStream::connect(*address.endpoint, limit);
  const Micros latency = since(tools.clock, start);
  if (stream) return {Outcome::kHealthy, latency, "connected"};
  return {outcome_of(stream.error()), latency, stream.error().text};
}

ProbeResult postgres_check(const ProbeTools& tools, const plan::SecretRef& dsn, Micros timeout, std::stop_token stop) {
  const MonoTime start = tools.clock.mono();
  auto text = tools.read_secret(dsn);
  if (!text) return {Outcome::kUnknown, Micros(0), text.error().text};
  remote::PgConnectOptions options;
  options.application_name = "holdfast probe";
  options.timeout = timeout;
  options.stop = stop;
  auto connection = remote::PgConnection::connect(*text, tools.clock, options);
  if (!connection) return {outcome_of(connection.error()), since(tools.clock, start), connection.error().text};
  auto answer = connection->query_value("select pg_is_in_recovery()", {}, left(tools.clock, start, timeout));
  const Micros latency = since(tools.clock, start);
  if (!answer) return {outcome_of(answer.error()), latency, answer.error().text};
  return {Outcome::kHealthy, latency, *answer == "t" ? "answers, in recovery" : "answers, a primary"};
}

ProbeResult run_check(const ProbeTools& tools, const plan::HealthCheck& check, std::stop_token stop) {
  if (!check.url.empty()) return http_check(tools, check.url, check.status.value_or(200), check.timeout, stop);
  if (!check.tcp.empty()) return tcp_check(tools, check.tcp, check.timeout, stop);
  if (check.postgres) return postgres_check(tools, check.postgres->dsn, check.timeout, stop);
  return {Outcome::kUnknown, Micros(0), "the check " + check.name + " says nothing to look at"};
}

Uplink check_uplink(const ProbeTools& tools, const plan::HealthCheck& check, std::stop_token stop) {
  if (check.controls.empty()) return Uplink::kUnchecked;
  for (const std::string& control : check.controls) {
    if (tcp_check(tools, control, check.timeout, stop).outcome == Outcome::kHealthy) return Uplink::kOk;
  }
  return stop.stop_requested() ? Uplink::kUnchecked : Uplink::kDown;
}

}  // namespace hf::health
