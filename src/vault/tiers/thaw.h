// Bringing archived packs back, all that a job needs by one request each and before it begins: the plan with its price, the
// requests, and the wait. Only packs of file data are ever archived, so that the plan itself reads nothing that is.
//
// What was asked for stays asked for: the same job run again finds what is on its way and what is there already.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "vault/repository.h"
#include "vault/store/keeper.h"

namespace hf::vault {

inline constexpr int kThawDays = 7;            // that a copy brought back stays readable: a restore may take long

struct ArchivedPack {
  std::string object;
  std::uint64_t bytes = 0;
  std::string storage_class;
  KeptState::Readable state = KeptState::Readable::kArchived;
};

struct ThawPlan {
  std::vector<ArchivedPack> packs;             // of an archive class, whatever their state
  std::uint64_t count(KeptState::Readable state) const;
  std::uint64_t bytes(KeptState::Readable state) const;
  bool ready() const { return count(KeptState::Readable::kYes) == packs.size(); }
};

// Hands over the entries that will be read.
using EachEntry = std::function<Status(const std::function<Status(const Entry&)>&)>;
// Which archived packs these entries need; every archived pack where `entries` is null. One listing where nothing is archived.
Result<ThawPlan> plan_thaw(Repository& repository, const EachEntry& entries);
// Asks for each pack that is archived and not yet on its way; they are on their way then. kUsage: the class has no such tier.
Status request_thaw(Repository& repository, ThawPlan& plan, const std::string& tier);
// Looks at those that are on their way.
Status look_again(Repository& repository, ThawPlan& plan);
// Until all are there, looking at first each minute, then less often. `told` hears of each look. kCancelled.
Status wait_for_thaw(Repository& repository, ThawPlan& plan, const std::function<void(const ThawPlan&)>& told);

struct ThawEstimate {
  Micros longest{0};
  double dollars = 0;                          // of what is still to be asked for, with seven days of the copies
};
ThawEstimate estimate_thaw(const ThawPlan& plan, const std::string& tier);

}  // namespace hf::vault
