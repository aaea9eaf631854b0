// Looks from outside, as a user does: each URL answers through our own DNS server, a port accepts, a row written
// through the new primary is read back on a second connection. Done only where all of it was seen in this very call.
#pragma once

#include "actions/resources.h"

namespace hf::actions {

class VerifyAction final : public runbook::Action {
 public:
  explicit VerifyAction(Resources& resources) : r_(resources) {}
  // Always not_done: what was seen before is not what is seen now.
  Result<runbook::Observation> observe(const runbook::StepContext& context) override;
  // Facts: urls[{url,address,status,elapsed_us}], write{server,key}, verified_at.
  Result<runbook::Progress> start(const runbook::StepContext& context) override;

 private:
  Result<Json> visit(const runbook::StepContext& context, const std::string& url);
  Result<Endpoint> address_of(const runbook::StepContext& context, const std::string& url);
  Result<Json> write_as_user(const runbook::StepContext& context, const Json& post);
  Status reach(const runbook::StepContext& context, const std::string& place);
  Result<Json> write(const runbook::StepContext& context, const std::string& dsn);
  Resources& r_;
};

}  // namespace hf::actions
