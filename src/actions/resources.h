// What actions reach the world through, given by the composition root; everything in it outlives the actions.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"
#include "io/env.h"
#include "io/sockets.h"
#include "remote/dns.h"
#include "remote/http.h"
#include "remote/postgres.h"
#include "runbook/action.h"

namespace hf::actions {

// "env:NAME", "file:PATH", "command:..." to what it names; anything else is returned as it is (a DSN without
// password).
using SecretSource = std::function<Result<Secret>(const std::string& reference)>;

struct Resources {
  Env& env;
  remote::HttpClient& http;
  remote::DnsClient& dns;
  SecretSource secret;
  std::string state_dir;  // exists; worker sessions go below it
};

// The members of a step's input: kInvalid names the step and the member that is missing or of another type.
Result<std::string> text_of(const runbook::StepContext& context, std::string_view member);
std::vector<std::string> texts_of(const Json& list);

// A connection to the server that `reference` names; every wait ends by `timeout` or when the context is stopped.
Result<remote::PgConnection> connect(const Resources& r, const runbook::StepContext& context,
                                     const std::string& reference, Micros timeout);

}  // namespace hf::actions
