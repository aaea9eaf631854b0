// Healing between the passes of a check: findings are tried once each, and go if they are healed. Without CheckOptions::repair
// nothing is done. Invariant: what is left among the findings is damaged still.
#pragma once

#include <string_view>
#include <vector>

#include "vault/check/findings.h"
#include "vault/check/heal.h"
#include "vault/check/indexed_packs.h"

namespace hf::vault {

class Repairs {
 public:
  Repairs(const Repository::Core& core, const CheckOptions& options, IndexedPacks& packs, Findings& findings)
      : core_(core), repair_(options.repair), packs_(packs), findings_(findings), healer_(core, options.copies) {}
  // What was found until now and begins so. True if anything was healed.
  Result<bool> heal(std::string_view prefix);
  bool reindexed() const { return reindexed_; }     // a healed pack is named by another run now
  // What nothing heals is condemned: no new backup refers to it, so the next one stores its chunks again where the source
  // still has them; and prune removes it only when each of its live chunks lies elsewhere.
  Status set_aside();
  Status remove_leftovers();
  void tell(CheckReport& report);                   // the last call

 private:
  Result<Healed> heal_one(const Findings::Untried& found);
  Result<Healed> heal_pack(const Findings::Untried& found, const PackName& name);

  const Repository::Core& core_;
  const bool repair_;
  IndexedPacks& packs_;
  Findings& findings_;
  Healer healer_;
  bool reindexed_ = false;
  std::vector<Healed> healed_;
};

}  // namespace hf::vault
