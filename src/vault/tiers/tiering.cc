#include "vault/tiers/tiering.h"

#include <algorithm>
#include <atomic>

#include "vault/collect/mark.h"
#include "vault/object/names.h"
#include "vault/parallel.h"
#include "vault/snapshot_record.h"
#include "vault/store/keeper.h"
#include "vault/tiers/storage_class.h"

namespace hf::vault {
namespace {

constexpr std::size_t kMoveThreads = 16;       // they wait for the store, not for a core
constexpr double kMonthDays = 30.0;

double in_days(Micros span) { return std::chrono::duration<double, std::ratio<86400>>(span).count(); }

class Tiering {
 public:
  Tiering(Repository& repository, const TierOptions& options)
      : core_(repository.core()), keeper_(core_.store.keeper()), options_(options) {}

  Result<TierReport> run() {
    const auto to = terms_of(options_.to);
    if (!to) {
      return make_error(ErrorKind::kUsage, "there is no storage class " + options_.to)
          .with_hint("Known are STANDARD_IA, ONEZONE_IA, GLACIER_IR, GLACIER and DEEP_ARCHIVE.");
    }
    if (keeper_ == nullptr) {
      return make_error(ErrorKind::kUnsupported, core_.store.properties().place + " has no storage classes")
          .with_hint("Only vaults in S3 have packs that can be moved to another class.");
    }
    HF_TRY(core_.check_writable());
    to_ = *to;
    report_.least = to->least;
    HF_TRY(find_data_packs());
    HF_TRY(choose());
    if (options_.apply) HF_TRY(move_all());
    return std::move(report_);
  }

 private:
  // By the index: whatever it does not know, or an epoch condemned, stays where it is.
  Status find_data_packs() {
    HF_TRY(core_.store.list("packs/", [&](const ObjectInfo& info) {
      if (const auto name = parse_pack_name(info.name)) {
        sizes_[*name] = info.size;
        listed_.push_back(info);
      }
      return ok();
    }));
    HF_ASSIGN(epoch_, read_newest_epoch(core_));
    HF_ASSIGN(const std::unique_ptr<ChunkSource> source, ChunkSource::open(core_));
    for (const IndexRun& run : source->index().runs()) {
      for (std::uint32_t row = 0; row < run.packs(); ++row) {
        HF_ASSIGN(const IndexPack pack, run.pack(row));
        if (pack.kind == PackKind::kData && !epoch_.forbids(pack.name)) data_.insert(pack.name);
      }
    }
    if (options_.stay.empty()) return ok();
    HF_ASSIGN(std::vector<CommittedRecord> commits, read_commits(core_, nullptr));
    std::vector<CommittedRecord> staying;
    for (CommittedRecord& commit : commits) {
      HF_ASSIGN(const SnapshotRecord record, open_record(commit.sealed, commit.object, core_.keys, core_.writers));
      const bool stays = std::ranges::find(options_.stay, record.info.meta.component) != options_.stay.end();
      if (stays) staying.push_back(std::move(commit));
    }
    HF_ASSIGN(marks_, Marker(core_, sizes_, epoch_).mark(staying));
    return ok();
  }

  Status choose() {
    const WallTime now = core_.clock.wall();
    for (const ObjectInfo& info : listed_) {
      const PackName name = *parse_pack_name(info.name);
      const auto from = terms_of(info.storage_class);
      const bool colder = from && to_.dollars_gib_month < from->dollars_gib_month && !is_archive_class(info.storage_class);
      if (!colder || !data_.contains(name) || now - info.modified < options_.after) continue;
      const auto use = marks_.packs.find(name);
      if (use != marks_.packs.end() && use->second.live > 0) {
        ++report_.staying;
        continue;
      }
      if (keeper_->retain()) {
        HF_TRY(core_.check_going());
        HF_ASSIGN(const KeptState state, keeper_->look(info.name));
        if (state.locked(now)) {
          ++report_.locked;
          report_.locked_bytes += info.size;
          continue;
        }
      }
      take(info, *from, now - info.modified);
    }
    return ok();
  }

  void take(const ObjectInfo& info, const StorageClassTerms& from, Micros age) {
    report_.moves.push_back({info.name, info.size, info.storage_class, age});
    report_.bytes += info.size;
    const double size = gib(info.size);
    report_.request_dollars += to_.dollars_1000_puts / 1000;
    report_.least_dollars += size * to_.dollars_gib_month * in_days(to_.least) / kMonthDays;
    report_.saved_dollars_month += size * (from.dollars_gib_month - to_.dollars_gib_month);
    if (age < from.least) report_.early_dollars += size * from.dollars_gib_month * in_days(from.least - age) / kMonthDays;
  }

  Status move_all() {
    std::atomic<std::size_t> next = 0;
    std::atomic<std::uint64_t> moved = 0;
    std::mutex mutex;
    Status failed = ok();
    run_threads(std::min(kMoveThreads, report_.moves.size()), [&] {
      for (std::size_t i = next++; i < report_.moves.size(); i = next++) {
        Status done = core_.check_going();
        if (done) done = keeper_->move(report_.moves[i].object, options_.to);
        if (done) ++moved;
        if (done || done.error().kind == ErrorKind::kNotFound) continue;      // a prune removed it meanwhile
        next = report_.moves.size();
        const std::lock_guard lock(mutex);
        if (failed) failed = std::move(done);
      }
    });
    report_.moved = moved;
    return failed;
  }

  const Repository::Core& core_;
  Keeper* const keeper_;
  const TierOptions& options_;
  StorageClassTerms to_{};
  std::vector<ObjectInfo> listed_;
  std::map<PackName, std::uint64_t> sizes_;
  Epoch epoch_;
  std::set<PackName> data_;
  Marks marks_;
  TierReport report_;
};

}  // namespace

Result<TierReport> tier_vault(Repository& repository, const TierOptions& options) { return Tiering(repository, options).run(); }

}  // namespace hf::vault
