// The record is as wanted when the authoritative answer has exactly the wanted values.
#include "actions/dns.h"

#include <algorithm>

#include "base/text.h"

namespace hf::actions {
namespace {

constexpr Micros kDnsQueryTimeout = 3s;
constexpr Micros kUpdateTimeout = 10s;

struct WantedRecord {
  Endpoint server;
  std::string name;
  remote::DnsType type = remote::DnsType::kA;
  std::vector<std::string> values;  // sorted
  std::uint32_t ttl_seconds = 60;
};

Result<WantedRecord> wanted_record(const runbook::StepContext& context) {
  WantedRecord w;
  HF_ASSIGN(const std::string server, text_of(context, "server"));
  HF_ASSIGN(w.server, parse_endpoint(server, remote::kDnsPort));
  HF_ASSIGN(w.name, text_of(context, "name"));
  HF_ASSIGN(const std::string type, text_of(context, "type"));
  HF_ASSIGN(w.type, remote::parse_dns_type(type));
  w.values = texts_of(context.step.input["values"]);
  if (w.values.empty())
    return make_error(ErrorKind::kInvalid, "step '" + context.step.name + "' names no value for " + w.name);
  std::ranges::sort(w.values);
  w.ttl_seconds = static_cast<std::uint32_t>(context.step.input["ttl_seconds"].as_int());
  return w;
}

Json dns_facts(const WantedRecord& w, const std::vector<std::string>& values, std::uint32_t ttl) {
  Json list = Json::array(), facts = Json::object();
  for (const std::string& v : values) list.push(v);
  return facts.set("name", w.name).set("values", list).set("ttl_seconds", ttl);
}

}  // namespace

Result<runbook::Observation> DnsAction::observe(const runbook::StepContext& context) {
  HF_ASSIGN(const WantedRecord w, wanted_record(context));
  HF_ASSIGN(const remote::DnsAnswer answer, r_.dns.query(w.server, w.name, w.type, kDnsQueryTimeout, context.stop));
  const bool answered = answer.rcode_name == "NOERROR" || answer.rcode_name == "NXDOMAIN";
  if (!answered)
    return runbook::Observation::unknown(to_string(w.server) + " answers " + answer.rcode_name + " for " + w.name);
  if (!answer.authoritative)
    return runbook::Observation::unknown(to_string(w.server) + " is not authoritative for " + w.name);
  std::vector<std::string> values = answer.values(w.type);
  std::ranges::sort(values);
  const std::string detail = w.name + " is " + join(values, ", ", "nothing") + " at " + to_string(w.server);
  const Json facts = dns_facts(w, values, answer.ttl_seconds);
  return values == w.values ? runbook::Observation::done(detail, facts)
                            : runbook::Observation::not_done(detail, facts);
}

Result<runbook::Progress> DnsAction::start(const runbook::StepContext& context) {
  HF_ASSIGN(const WantedRecord w, wanted_record(context));
  remote::DnsUpdate update;
  HF_ASSIGN(update.zone, text_of(context, "zone"));
  update.name = w.name;
  update.type = w.type;
  update.ttl_seconds = w.ttl_seconds;
  update.values = w.values;
  if (const Json* tsig = context.step.input.find("tsig")) {
    auto secret = r_.secret((*tsig)["secret"].as_string());
    if (!secret)
      return std::move(secret).error().with_context("reading the TSIG key '" + (*tsig)["name"].as_string() + "'");
    std::string text = secret->reveal_text();
    text.erase(text.find_last_not_of(" \t\r\n") + 1);  // a key file ends with a line break
    update.key = remote::TsigKey{(*tsig)["name"].as_string(), (*tsig)["algorithm"].as_string(),
                                 Secret(std::string_view(text))};
  }
  HF_TRY(r_.dns.update(w.server, update, kUpdateTimeout, context.stop));
  auto seen = observe(context);
  if (!seen) return std::move(seen).error().maybe_happened();
  if (seen->state != runbook::ObservedState::kDone)
    return make_error(ErrorKind::kFailed, "the server accepted the update, and yet " + seen->detail).maybe_happened();
  return runbook::Progress::done(seen->detail, seen->facts);
}

}  // namespace hf::actions
