// The composition root: the list of commands, and the concrete providers that plans are executed with. Nothing else
// names them.
#pragma once

#include <memory>
#include <vector>

#include "cli/command.h"
#include "crypto/keys.h"
#include "health/probe.h"
#include "plan/plan.h"
#include "remote/dns.h"
#include "remote/http.h"
#include "runbook/action.h"

namespace hf::cli {

std::vector<Command> all_commands();

// The clients through which the world is reached, for the time of one command.
class Network {
 public:
  // The plan may name the resolver; without one only addresses can be reached.
  static Result<std::unique_ptr<Network>> make(Context& context, const plan::Plan& plan);
  health::ProbeTools probe_tools();
  remote::HttpClient& http() { return http_; }
  remote::DnsClient& dns() { return dns_; }

 private:
  explicit Network(Context& context) : context_(context), http_(context.env.clock), dns_(context.env.clock, entropy_) {}
  Context& context_;
  crypto::SystemEntropy entropy_;
  remote::CurlHttpClient http_;
  remote::LdnsDnsClient dns_;
  std::optional<Endpoint> resolver_;
};

}  // namespace hf::cli
