#include "vault/index/index_merge.h"

#include <algorithm>

#include "vault/chunk_source.h"
#include "vault/collect/collect.h"
#include "vault/object/names.h"
#include "vault/tiers/locks.h"

namespace hf::vault {
namespace {

constexpr std::size_t kMostMerged = 64;        // runs into one: bounds how many are open

// Runs of this writer whose packs all exist and stay, the smallest first, and the run that takes their place.
class RunMerge {
 public:
  RunMerge(const Repository::Core& core, Lease& lease, std::uint32_t number) : core_(core), lease_(lease), number_(number) {}

  // False: nothing is to be merged.
  Result<bool> run(const std::set<PackName>& packs) {
    HF_ASSIGN(std::vector<ObjectInfo> listed, list_runs(core_));
    std::ranges::sort(listed, {}, &ObjectInfo::size);
    std::uint64_t total = 0;
    for (const ObjectInfo& info : listed) {
      if (runs_.size() == kMostMerged) break;
      auto run = IndexRun::open(info.name, info.size, store_range(core_.store, info.name), core_.keys, core_.writers, cache_);
      if (!run) continue;                      // check names it
      HF_ASSIGN(const bool fits, usable(*run, packs));
      if (!fits) continue;
      HF_ASSIGN(const auto locked, find_lock(core_, info.name, 0));
      if (locked) continue;                    // it could not go
      total += run->chunks();
      if (total > kMergedRunChunks) break;     // the others are no smaller
      runs_.push_back(std::move(*run));
    }
    std::ranges::stable_sort(runs_, {}, &IndexRun::chunks);
    std::vector<std::uint64_t> chunks;
    for (const IndexRun& run : runs_) chunks.push_back(run.chunks());
    const std::size_t count = choose_merge(chunks);
    if (count == 0) return false;
    runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(count), runs_.end());
    HF_TRY(write());
    return true;
  }
  const std::string& written() const { return name_; }
  const std::vector<IndexRun>& merged() const { return runs_; }

 private:
  Result<bool> usable(const IndexRun& run, const std::set<PackName>& packs) {
    if (run.writer() != core_.keys.writer.public_key) return false;
    std::vector<IndexPack> rows;
    for (std::uint32_t row = 0; row < run.packs(); ++row) {
      HF_ASSIGN(IndexPack pack, run.pack(row));
      if (!packs.contains(pack.name) || lease_.epoch().forbids(pack.name)) return false;
      const auto other = known_.find(pack.name);
      if (other != known_.end() && other->second != pack) return false;      // two runs that do not agree stay as they are
      rows.push_back(std::move(pack));
    }
    for (IndexPack& pack : rows) known_.emplace(pack.name, std::move(pack));
    return true;
  }

  Status write() {
    IndexRunWriter writer;
    std::uint64_t total = 0;
    for (const IndexRun& run : runs_) total += run.chunks();
    writer.reserve(static_cast<std::size_t>(total));
    std::map<PackName, std::uint32_t> numbers;
    for (const IndexRun& run : runs_) {
      std::vector<std::uint32_t> rows;
      for (std::uint32_t row = 0; row < run.packs(); ++row) {
        HF_ASSIGN(IndexPack pack, run.pack(row));
        const auto [at, fresh] = numbers.try_emplace(pack.name, static_cast<std::uint32_t>(numbers.size()));
        rows.push_back(at->second);
        if (fresh) writer.add_pack(std::move(pack));
      }
      HF_TRY(run.for_each([&](const IndexEntry& entry) {
        writer.add_row({entry.chunk, rows[entry.pack]});
        return ok();
      }));
      HF_TRY(lease_.beat_if_due());
      HF_TRY(core_.check_going());
    }
    name_ = index_name(lease_.session(), number_);
    HF_ASSIGN(const Bytes bytes, writer.finish(core_.entropy, core_.keys, name_));
    return core_.create_once(name_, bytes);
  }

  const Repository::Core& core_;
  Lease& lease_;
  const std::uint32_t number_;
  BlockCache cache_{1u << 20};                 // pack rows only
  std::map<PackName, IndexPack> known_;
  std::vector<IndexRun> runs_;
  std::string name_;
};

Result<std::set<PackName>> list_packs(const Repository::Core& core) {
  std::set<PackName> packs;
  HF_TRY(core.store.list("packs/", [&](const ObjectInfo& info) {
    if (const auto name = parse_pack_name(info.name)) packs.insert(*name);
    return ok();
  }));
  return packs;
}

// Each merge ends with an epoch of its own, which changes nothing but its number: by it a listing sees that something moved.
Result<std::size_t> merge_under(const Repository::Core& core, Lease& lease, int most) {
  HF_ASSIGN(const std::set<PackName> packs, list_packs(core));
  Epoch epoch = lease.epoch();
  std::size_t gone = 0;
  for (int i = 0; i < most; ++i) {
    RunMerge merge(core, lease, static_cast<std::uint32_t>(i));
    auto merged = merge.run(packs);
    if (merged && !*merged) break;
    ++epoch.number;
    Status published = merged ? publish_epoch(core, epoch) : Status(merged.error());
    if (!published) {
      const bool maybe = published.error().effect == Effect::kMaybe;
      if (!merge.written().empty() && !maybe) HF_TRY(core.store.remove(merge.written()));   // the old ones stay
      if (published.error().kind == ErrorKind::kExists) break;
      return std::move(published).error();
    }
    for (const IndexRun& run : merge.merged()) HF_TRY(core.store.remove(run.name()));
    gone += merge.merged().size();
  }
  return gone;
}

}  // namespace

std::size_t choose_merge(std::span<const std::uint64_t> chunks) {
  std::size_t count = 0;
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < chunks.size() && total + chunks[i] <= kMergedRunChunks; ++i) {
    if (chunks[i] <= total && i + 1 >= kFewestMerged) count = i + 1;
    total += chunks[i];
  }
  return count;
}

Result<std::size_t> merge_runs(const Repository::Core& core, int most) {
  if (!core.abilities.conditional_create || !core.abilities.removes || !core.keys.can_read()) return std::size_t{0};
  HF_ASSIGN(const std::vector<ObjectInfo> listed, core.list("index/"));
  if (listed.size() < kFewestMerged) return std::size_t{0};
  HF_ASSIGN(const std::unique_ptr<Lease> lease, Lease::open(core));
  auto gone = merge_under(core, *lease, most);
  lease->give_up();
  return gone;
}

}  // namespace hf::vault
