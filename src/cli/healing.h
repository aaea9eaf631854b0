// Opening a vault that may be damaged, with the copies that can heal it; telling what was damaged and what healed it.
#pragma once

#include <vector>

#include "cli/vault_access.h"

namespace hf::cli {

// A vault to be checked. With --repair also one whose config or store object is damaged: that is healed first.
struct CheckedVault {
  OpenVault vault;
  std::vector<OpenVault> copies;               // --from
  std::vector<vault::Healed> healed;           // before it could be opened
  bool repair = false;

  vault::CheckOptions options();               // repair and copies
};
std::vector<Option> healing_options();         // --repair, --from
Result<CheckedVault> open_checked(Context& context, const Arguments& args);

Json tell_damaged(Context& context, const std::vector<vault::Damage>& damaged);
Json tell_healed(Context& context, const std::vector<vault::Healed>& healed);
// The outcome: exit 13 if damage is left.
Outcome checked_outcome(Json data, const std::vector<vault::Damage>& damaged, bool repaired);

}  // namespace hf::cli
