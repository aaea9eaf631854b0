// Promotes a standby: first waits until it has replayed what the sealed receivers have, which is everything that was
// ever acknowledged; then pg_promote; then until it takes writes on a new timeline. What it had received beyond that,
// the server replays by itself before it ends its recovery.
//
// Refuses (kBlocked) without a proof of the fence in the facts, unless a named person waived it; and never promotes a
// server of another cluster than the one that was sealed.
#pragma once

#include "actions/resources.h"

namespace hf::actions {

class PromoteAction final : public runbook::Action {
 public:
  explicit PromoteAction(Resources& resources) : r_(resources) {}
  // Facts when done: component, host, port, timeline, lsn, seen_at.
  Result<runbook::Observation> observe(const runbook::StepContext& context) override;
  Result<runbook::Progress> start(const runbook::StepContext& context) override;
  Result<runbook::Progress> poll(const runbook::StepContext& context, const Json& handle) override;

 private:
  struct Seen;
  struct Gate;
  Result<Seen> look(const runbook::StepContext& context, remote::PgConnection& db);
  Result<Gate> gate(const runbook::StepContext& context);
  Result<runbook::Progress> go_on(const runbook::StepContext& context, bool asked);
  // False: not yet, as far as it has noted.
  Result<bool> on_sealed_timeline(const Gate& g, const Seen& seen, remote::PgConnection& db, const std::string& name);
  Json facts(const runbook::StepContext& context, const Seen& seen) const;
  bool old_primary_answers(const runbook::StepContext& context);
  Resources& r_;
};

}  // namespace hf::actions
