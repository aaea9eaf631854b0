// Fencing at level `quorum`: the receivers seal the timeline, and fence_verdict() says whether that is enough. The
// proof goes into the facts and, through the runner, into the journal as an event of its own.
//
// Seals bind one timeline. Where the receivers follow a newer one than their seals prove, an earlier failover sealed:
// those seals prove nothing of the primary that is to be fenced now, unless the standby of this run is that primary,
// promoted already; then nothing is left to fence, and sealing would stop the new primary.
//
// Level none or attested fences nothing: it passes only where a named person waived the rule, and brings no proof.
#pragma once

#include "actions/resources.h"
#include "actions/spools.h"

namespace hf::actions {

class FenceAction final : public runbook::Action {
 public:
  FenceAction(Resources& resources, Spools& spools) : r_(resources), spools_(spools) {}
  // By the seals that stand in the spools that can be read; one that cannot be read counts as unsealed.
  Result<runbook::Observation> observe(const runbook::StepContext& context) override;
  Result<runbook::Progress> start(const runbook::StepContext& context) override;

 private:
  struct Standing;  // what the spools say now
  Standing look(const runbook::StepContext& context);
  // Whether the standby of this run takes writes; an error where it does not tell.
  Result<bool> promoted(const runbook::StepContext& context);

  Resources& r_;
  Spools& spools_;
};

// The verdict of the seals that stand in the spools; one that cannot be read counts as unsealed.
FenceVerdict proven_fence(Spools& spools, const Json& receivers, const Json& quorum);
// The verdict if every receiver that can be reached sealed now; for checks and the failover plan.
FenceVerdict possible_fence(Spools& spools, const Json& receivers, const Json& quorum);

}  // namespace hf::actions
