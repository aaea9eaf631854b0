// Moves a name by RFC 2136, and looks whether it moved by asking the authoritative server itself.
#pragma once

#include "actions/resources.h"

namespace hf::actions {

class DnsAction final : public runbook::Action {
 public:
  explicit DnsAction(Resources& resources) : r_(resources) {}
  // unknown: no authoritative answer. Facts: name, values as found, ttl_seconds.
  Result<runbook::Observation> observe(const runbook::StepContext& context) override;
  // The whole RRset is replaced by one signed message, then asked for again.
  Result<runbook::Progress> start(const runbook::StepContext& context) override;

 private:
  Resources& r_;
};

}  // namespace hf::actions
