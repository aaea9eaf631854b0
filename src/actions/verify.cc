// Failures here have no effect worth a doubt: a request may be repeated, and the row has the step's key.
#include "actions/verify.h"

#include <algorithm>

namespace hf::actions {
namespace {

constexpr Micros kDnsTimeout = 3s;
constexpr Micros kHttpTimeout = 5s;
constexpr Micros kTcpTimeout = 3s;
constexpr Micros kVerifyConnectTimeout = 3s;
constexpr Micros kWriteTimeout = 10s;
constexpr std::size_t kSamples = 20;  // requests for a 95th percentile

// One row for each key: written again, it stays one.
constexpr const char* kPrepare =
    "create schema if not exists holdfast;"
    "create table if not exists holdfast.verified (key text primary key, at timestamptz not null default now())";
constexpr const char* kWrite =
    "insert into holdfast.verified (key) values ($1) on conflict (key) do update set at = now()";
constexpr const char* kRead = "select count(*) from holdfast.verified where key = $1 and not pg_is_in_recovery()";

// Whatever it was, it did not break anything: the step is simply not verified yet.
Error not_yet(Error error) {
  error.effect = Effect::kNone;
  return error;
}

}  // namespace

Result<runbook::Observation> VerifyAction::observe(const runbook::StepContext&) {
  return runbook::Observation::not_done("has to be seen now");
}

Result<Endpoint> VerifyAction::address_of(const runbook::StepContext& context, const std::string& url) {
  HF_ASSIGN(const remote::UrlHost host, remote::host_of_url(url));
  if (is_numeric_address(host.host)) return Endpoint{host.host, host.port};
  HF_ASSIGN(const std::string resolver, text_of(context, "resolver"));
  HF_ASSIGN(const Endpoint server, parse_endpoint(resolver, remote::kDnsPort));
  auto found = remote::resolve_address(r_.dns, server, host.host, kDnsTimeout, context.stop);
  if (found) return Endpoint{found->addresses.front(), host.port};
  Error error = std::move(found).error().with_context("resolving " + host.host);
  if (error.kind == ErrorKind::kNotFound) error.kind = ErrorKind::kUnavailable;  // a name may still be on its way
  return error;
}

Result<Json> VerifyAction::visit(const runbook::StepContext& context, const std::string& url) {
  HF_ASSIGN(const Endpoint address, address_of(context, url));
  const Json& p95 = context.step.input["p95_us"];
  const int wanted = static_cast<int>(context.step.input["status"].as_int());
  std::vector<Micros> times;
  Json seen = Json::object();
  for (std::size_t i = 0; i < (p95.is_int() ? kSamples : 1); ++i) {
    remote::HttpRequest request;
    request.url = url;
    request.connect_to = address;
    auto response = r_.http.send(request, kHttpTimeout, context.stop);
    if (!response) return std::move(response).error().with_context("asking " + url + " at " + to_string(address));
    if (response->status != wanted)
      return make_error(ErrorKind::kUnavailable, url + " at " + to_string(address) + " answers " +
                                                     std::to_string(response->status) + ", not " +
                                                     std::to_string(wanted));
    times.push_back(response->elapsed);
  }
  std::ranges::sort(times);
  const Micros slow = times[(times.size() * 95 + 99) / 100 - 1];
  if (p95.is_int() && slow > Micros(p95.as_int()))
    return make_error(ErrorKind::kUnavailable, url + ": 95 of 100 requests take up to " + format_duration(slow) +
                                                   ", more than " + format_duration(Micros(p95.as_int())));
  return seen.set("url", url)
      .set("address", to_string(address))
      .set("status", wanted)
      .set("elapsed_us", slow.count());
}

// The name is resolved afresh for every attempt, and every attempt sends a number of its own.
Result<Json> VerifyAction::write_as_user(const runbook::StepContext& context, const Json& post) {
  const std::string url = post["url"].as_string();
  HF_ASSIGN(const Endpoint address, address_of(context, url));
  const std::string number = std::to_string(r_.env.clock.wall().time_since_epoch().count());
  std::string body = post["body"].as_string();
  for (std::size_t at = body.find("{unique}"); at != std::string::npos; at = body.find("{unique}")) body.replace(at, 8, number);
  remote::HttpRequest request;
  request.method = "POST";
  request.url = url;
  request.connect_to = address;
  request.headers = {{"Content-Type", "application/json"}};
  request.body = to_bytes(body);
  auto response = r_.http.send(request, kHttpTimeout, context.stop);
  if (!response) return std::move(response).error().with_context("writing to " + url + " at " + to_string(address));
  if (response->status != post["status"].as_int())
    return make_error(ErrorKind::kUnavailable, "a write to " + url + " at " + to_string(address) + " is answered with " +
                                                   std::to_string(response->status) + ", not " +
                                                   std::to_string(post["status"].as_int()));
  Json seen = Json::object();
  return seen.set("url", url).set("address", to_string(address)).set("number", number);
}

Status VerifyAction::reach(const runbook::StepContext& context, const std::string& place) {
  const std::string url = "http://" + place;  // the same grammar of host and port
  HF_ASSIGN(const Endpoint address, address_of(context, url));
  auto stream = TcpStream::connect(address, Limit::after(r_.env.clock, kTcpTimeout, context.stop));
  if (!stream) return std::move(stream).error();
  return ok();
}

Result<Json> VerifyAction::write(const runbook::StepContext& context, const std::string& dsn) {
  HF_ASSIGN(remote::PgConnection writer, connect(r_, context, dsn, kVerifyConnectTimeout));
  HF_TRY(writer.query(kPrepare, {}, kWriteTimeout));
  HF_TRY(writer.query(kWrite, {context.key}, kWriteTimeout));
  HF_ASSIGN(remote::PgConnection reader, connect(r_, context, dsn, kVerifyConnectTimeout));
  HF_ASSIGN(const std::string rows, reader.query_value(kRead, {context.key}, kWriteTimeout));
  if (rows != "1")
    return make_error(ErrorKind::kFailed, "the row written to " + writer.server() + " was not found there again");
  Json seen = Json::object();
  return seen.set("server", writer.server()).set("key", context.key);
}

Result<runbook::Progress> VerifyAction::start(const runbook::StepContext& context) {
  const Json& input = context.step.input;
  Json urls = Json::array(), facts = Json::object();
  for (const std::string& url : texts_of(input["urls"])) {
    auto seen = visit(context, url);
    if (!seen) return not_yet(std::move(seen).error());
    urls.push(std::move(*seen));
  }
  facts.set("urls", urls);
  if (const std::string& tcp = input["tcp"].as_string(); !tcp.empty()) {
    if (auto reached = reach(context, tcp); !reached)
      return not_yet(std::move(reached).error().with_context("reaching " + tcp));
    facts.set("tcp", tcp);
  }
  if (const std::string& dsn = input["write_dsn"].as_string(); !dsn.empty()) {
    auto written = write(context, dsn);
    if (!written) return not_yet(std::move(written).error().with_context("writing a row and reading it back"));
    facts.set("write", std::move(*written));
  }
  if (const Json& post = input["post"]; post.is_object()) {
    auto taken = write_as_user(context, post);
    if (!taken) return not_yet(std::move(taken).error());
    facts.set("post", std::move(*taken));
  }
  if (facts.members().size() == 1 && urls.items().empty())
    return make_error(ErrorKind::kInvalid, "step '" + context.step.name + "' verifies nothing")
        .with_hint("Give it http, tcp, write or post.");
  std::string detail = facts["write"].is_object()
                           ? "a row was written to " + facts["write"]["server"].as_string() + " and read back"
                           : "";
  if (const Json& post = facts["post"]; post.is_object())
    detail += (detail.empty() ? "" : "; ") + post["url"].as_string() + " at " + post["address"].as_string() + " took a write";
  for (const Json& u : urls.items())
    detail += (detail.empty() ? "" : "; ") + u["url"].as_string() + " answers " +
              std::to_string(u["status"].as_int()) + " at " + u["address"].as_string();
  facts.set("verified_at", format_time(r_.env.clock.wall()));
  const bool wrote = facts["write"].is_object() || facts["post"].is_object();
  return runbook::Progress::done(detail.empty() ? "reached" : detail, facts, wrote);
}

}  // namespace hf::actions
