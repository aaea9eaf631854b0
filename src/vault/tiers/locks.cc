#include "vault/tiers/locks.h"

#include <algorithm>

#include "base/text.h"
#include "vault/object/names.h"
#include "vault/parallel.h"
#include "vault/parts.h"

namespace hf::vault {
namespace {

constexpr std::size_t kLockThreads = 16;   // they wait for the store, not for a core
constexpr Micros kOneDay = std::chrono::days(1);

class Renewal {
 public:
  Renewal(Keeper& keeper, Micros stride) : keeper_(keeper), stride_(stride) {}

  Status renew(const LockNeed& need) {
    auto state = keeper_.look(need.object);
    ++requests_;
    if (!state && state.error().kind == ErrorKind::kNotFound) return ok();     // whoever needs it finds that out
    if (!state) return std::move(state).error();
    ++objects_;
    WallTime until = state->locked_until.value_or(WallTime{});
    if (until < need.until) {
      until = need.until + stride_;
      ++requests_;
      HF_TRY(keeper_.lock(need.object, until));
      ++renewed_;
    }
    const double days = static_cast<double>((until - need.until).count()) / static_cast<double>(kOneDay.count());
    const std::lock_guard lock(mutex_);
    byte_days_ += static_cast<double>(need.size) * days;
    return ok();
  }

  LockTotals totals() const { return {objects_, renewed_, requests_, static_cast<std::uint64_t>(byte_days_)}; }

 private:
  Keeper& keeper_;
  const Micros stride_;
  std::atomic<std::uint64_t> objects_ = 0, renewed_ = 0, requests_ = 0;
  std::mutex mutex_;
  double byte_days_ = 0;
};

}  // namespace

std::optional<Micros> retain_of(const Repository::Core& core) {
  Keeper* const keeper = core.store.keeper();
  if (keeper == nullptr || keeper->retain().value_or(Micros(0)) <= Micros(0)) return std::nullopt;
  return keeper->retain();
}

Status check_retain(const Repository::Core& core) {
  const Keeper* const keeper = core.store.keeper();
  if (!core.abilities.locks || (keeper != nullptr && keeper->retain())) return ok();
  return make_error(ErrorKind::kBlocked, "the vault at " + core.store.properties().place +
                                             " locks its objects, and its address does not say for how long")
      .with_hint("Add retain=30d to the vault's address, or retain=0s to lock nothing any more.");
}

Result<LockTotals> renew_locks(const Repository::Core& core, std::vector<LockNeed> needs) {
  const std::optional<Micros> retain = retain_of(core);
  if (!retain) return LockTotals{};
  const WallTime now = core.clock.wall();
  std::erase_if(needs, [now](const LockNeed& need) { return need.until <= now; });      // no lock ends in the past
  if (needs.empty()) return LockTotals{};
  const WallTime longest = std::ranges::max_element(needs, {}, &LockNeed::until)->until;
  needs.push_back({config_name(core.config.number), 0, longest});
  needs.push_back({std::string(kStoreObject), 0, longest});
  Renewal renewal(*core.store.keeper(), lock_stride(*retain));
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::optional<Error> failed;
  run_threads(std::min(kLockThreads, needs.size()), [&] {
    for (std::size_t i = next++; i < needs.size(); i = next++) {
      Status done = core.check_going();
      if (done) done = renewal.renew(needs[i]);
      if (done) continue;
      next = needs.size();
      const std::lock_guard lock(mutex);
      if (!failed) failed = std::move(done).error();
    }
  });
  if (failed) return std::move(*failed);
  return renewal.totals();
}

std::vector<LockNeed> needs_of(const ChunkSource& source, const Marks& marks) {
  std::vector<LockNeed> needs;
  for (const auto& [name, use] : marks.packs) {
    if (use.needed) needs.push_back({pack_object_name(name), use.size, *use.needed});
  }
  for (const IndexRun& run : source.index().runs()) {
    std::optional<WallTime> until;
    for (std::uint32_t row = 0; row < run.packs(); ++row) {
      const auto pack = run.pack(row);
      const auto use = pack ? marks.packs.find(pack->name) : marks.packs.end();
      if (use != marks.packs.end() && use->second.needed) until = std::max(until, use->second.needed);
    }
    if (until) needs.push_back({run.name(), 0, *until});
  }
  return needs;
}

Result<std::optional<LockedObject>> find_lock(const Repository::Core& core, const std::string& object, std::uint64_t bytes) {
  Keeper* const keeper = core.store.keeper();
  if (keeper == nullptr || !keeper->retain()) return std::optional<LockedObject>();
  auto state = keeper->look(object);
  if (!state && state.error().kind == ErrorKind::kNotFound) return std::optional<LockedObject>();
  if (!state) return std::move(state).error();
  if (!state->locked(core.clock.wall())) return std::optional<LockedObject>();
  return std::optional(LockedObject{object, bytes, state->locked_until, state->held});
}

std::string describe(const LockedObject& locked) {
  if (locked.held) return "under a legal hold";
  return "locked until " + format_time(std::chrono::floor<Seconds>(locked.until.value_or(WallTime{})));
}

}  // namespace hf::vault
