#include "vault/tiers/thaw.h"

#include <algorithm>
#include <atomic>
#include <map>

#include "vault/chunk_source.h"
#include "vault/core.h"
#include "vault/parallel.h"
#include "vault/tiers/storage_class.h"

namespace hf::vault {
namespace {

using Readable = KeptState::Readable;

constexpr std::size_t kThawThreads = 16;       // they wait for the store, not for a core
constexpr Micros kFirstLook = 1min;
constexpr Micros kLongestPause = 15min;        // archives answer within hours

// The same call for many packs at once; the first error ends it.
Status for_each_pack(std::vector<ArchivedPack>& packs, Readable state, const std::function<Status(ArchivedPack&)>& call) {
  std::vector<ArchivedPack*> chosen;
  for (ArchivedPack& pack : packs) {
    if (pack.state == state) chosen.push_back(&pack);
  }
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  Status failed = ok();
  run_threads(std::min(kThawThreads, chosen.size()), [&] {
    for (std::size_t i = next++; i < chosen.size(); i = next++) {
      Status done = call(*chosen[i]);
      if (done) continue;
      next = chosen.size();
      const std::lock_guard lock(mutex);
      if (failed) failed = std::move(done);
    }
  });
  return failed;
}

// The packs in which the chunks of these entries are read.
Result<std::set<std::string>> packs_of(const Repository::Core& core, const EachEntry& entries) {
  HF_ASSIGN(const std::unique_ptr<ChunkSource> source, ChunkSource::open(core));
  std::set<std::string> out;
  HF_TRY(entries([&](const Entry& entry) -> Status {
    for (const Extent& extent : entry.extents) {
      if (extent.hole) continue;
      HF_ASSIGN(const ChunkSource::Place place, source->locate(extent.chunk));
      out.insert(source->pack(place.pack).object);
    }
    return ok();
  }));
  return out;
}

}  // namespace

std::uint64_t ThawPlan::count(KeptState::Readable state) const {
  return static_cast<std::uint64_t>(std::ranges::count(packs, state, &ArchivedPack::state));
}

std::uint64_t ThawPlan::bytes(KeptState::Readable state) const {
  std::uint64_t sum = 0;
  for (const ArchivedPack& pack : packs) sum += pack.state == state ? pack.bytes : 0;
  return sum;
}

Result<ThawPlan> plan_thaw(Repository& repository, const EachEntry& entries) {
  const Repository::Core& core = repository.core();
  ThawPlan plan;
  Keeper* const keeper = core.store.keeper();
  if (keeper == nullptr) return plan;
  HF_TRY(core.store.list("packs/", [&](const ObjectInfo& info) {
    if (!is_archive_class(info.storage_class)) return ok();
    plan.packs.push_back({info.name, info.size, info.storage_class, Readable::kArchived});
    return ok();
  }));
  if (plan.packs.empty()) return plan;
  if (entries) {
    HF_ASSIGN(const std::set<std::string> needed, packs_of(core, entries));
    std::erase_if(plan.packs, [&](const ArchivedPack& pack) { return !needed.contains(pack.object); });
  }
  HF_TRY(for_each_pack(plan.packs, Readable::kArchived, [&](ArchivedPack& pack) -> Status {
    HF_TRY(core.check_going());
    HF_ASSIGN(const KeptState state, keeper->look(pack.object));
    pack.state = state.readable;
    return ok();
  }));
  return plan;
}

Status request_thaw(Repository& repository, ThawPlan& plan, const std::string& tier) {
  const Repository::Core& core = repository.core();
  for (const ArchivedPack& pack : plan.packs) {
    if (pack.state != Readable::kArchived || thaw_terms(pack.storage_class, tier)) continue;
    return make_error(ErrorKind::kUsage, "packs in " + pack.storage_class + " cannot be brought back by tier " + tier)
        .with_hint("DEEP_ARCHIVE knows Standard and Bulk; GLACIER also Expedited.");
  }
  return for_each_pack(plan.packs, Readable::kArchived, [&](ArchivedPack& pack) -> Status {
    HF_TRY(core.check_going());
    HF_TRY(core.store.keeper()->thaw(pack.object, kThawDays, tier));
    pack.state = Readable::kOnItsWay;
    return ok();
  });
}

Status look_again(Repository& repository, ThawPlan& plan) {
  const Repository::Core& core = repository.core();
  return for_each_pack(plan.packs, Readable::kOnItsWay, [&](ArchivedPack& pack) -> Status {
    HF_TRY(core.check_going());
    HF_ASSIGN(const KeptState state, core.store.keeper()->look(pack.object));
    // One that is archived again: its copy's days were over before the last one came.
    pack.state = state.readable;
    return ok();
  });
}

Status wait_for_thaw(Repository& repository, ThawPlan& plan, const std::function<void(const ThawPlan&)>& told) {
  const Repository::Core& core = repository.core();
  for (Micros pause = kFirstLook;; pause = std::min(pause * 2, kLongestPause)) {
    HF_TRY(look_again(repository, plan));
    told(plan);
    if (plan.count(Readable::kOnItsWay) == 0) break;
    if (!core.clock.sleep_until(core.clock.mono() + pause, core.stop)) {
      return make_error(ErrorKind::kCancelled, "waiting for archived packs: stopped");
    }
  }
  if (plan.ready()) return ok();
  return make_error(ErrorKind::kBlocked, std::to_string(plan.count(Readable::kArchived)) + " packs are archived again")
      .with_hint("Run the same command again: it asks for them anew.");
}

ThawEstimate estimate_thaw(const ThawPlan& plan, const std::string& tier) {
  constexpr double kMonth = 30.0;
  ThawEstimate out;
  for (const ArchivedPack& pack : plan.packs) {
    const auto terms = thaw_terms(pack.storage_class, tier);
    if (pack.state == Readable::kYes || !terms) continue;
    out.longest = std::max(out.longest, terms->longest);
    if (pack.state != Readable::kArchived) continue;
    const double copies = terms_of("")->dollars_gib_month * kThawDays / kMonth;
    out.dollars += gib(pack.bytes) * (terms->dollars_gib + copies) + terms->dollars_1000_requests / 1000;
  }
  return out;
}

}  // namespace hf::vault
