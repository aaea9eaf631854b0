// Healing what check or scrub found damaged: by the object's own parity, else from a copy of the vault.
//
// An object gets the very bytes back that were written, or, of a commit, the same sealed record, so that to every rule of
// the protocol the damage never happened (docs/design/gc). Invariant: the damaged bytes are replaced, by one atomic put,
// only after the new ones were proven, stored beside them under a name of their own, and read back from there.
#pragma once

#include <string_view>
#include <vector>

#include "vault/core.h"
#include "vault/index/index.h"
#include "vault/pack/pack.h"
#include "vault/repository.h"

namespace hf::vault {

inline constexpr std::string_view kHealedPrefix = "healed-";    // of what lies beside until the damaged object is replaced

class Healer {
 public:
  // `copies`: stores of the same vault, opened; asked in this order. All outlive the healer.
  Healer(const Repository::Core& core, std::vector<Repository*> copies) : core_(core), copies_(std::move(copies)) {}

  // `row`: what the index says of this pack; null if no run names it. The error says why nothing heals it.
  Result<Healed> heal_pack(const std::string& object, const IndexPack* row, const std::string& why);
  // After heal_pack(): is the pack another one than its row says, because an index was rebuilt while it was damaged, or does no
  // run name it? Then a new run does, with all of its chunks, and runs of this pack alone that say otherwise go: those are told.
  // Nothing if the index was right.
  Result<std::optional<std::vector<Healed>>> index_anew(const std::string& object, const IndexPack* row);
  // Index runs, configs, commits, WAL, attachments, and the store's own object.
  Result<Healed> heal(const std::string& object, const std::string& why);
  Status remove_leftovers();                   // of healings that were cut short

 private:
  using Proof = std::function<Status(ByteView)>;
  Status may_come_back(const std::string& object) const;
  Result<Healed> from_copies(const std::string& object, const std::string& why, const Proof& proof);
  Result<Healed> heal_commit(const std::string& object, const std::string& why);
  Result<const CommittedRecord*> lost_record(const std::string& object, ByteView left,
                                             const std::vector<CommittedRecord>& theirs) const;
  Result<Healed> heal_store_object(const std::string& why);
  Status prove(const std::string& object, ByteView bytes) const;
  Status prove_pack(const std::string& object, ByteView bytes, const IndexPack* row) const;
  Result<std::optional<std::vector<Healed>>> index_under(const Lease& lease, const PackName& name, const FinishedPack& pack);
  Result<OpenedPack> prove_records(const std::string& object, ByteView bytes) const;
  Status prove_run(const std::string& object, ByteView bytes) const;
  Status prove_config(const std::string& object, ByteView bytes) const;
  Status prove_blob(const std::string& object, ByteView bytes) const;
  Status replace(const std::string& object, ByteView bytes);

  const Repository::Core& core_;
  std::vector<Repository*> copies_;
};

// Names that an epoch condemned and the newest does not: those packs went. One that is there all the same was put back by who
// healed it meanwhile, and a collector that was suspended may yet remove it: nothing may refer to it.
Result<std::set<PackName>> gone_for_good(const Repository::Core& core, const Epoch& newest);

// Publishes an epoch that condemns these packs too, but for those of sessions that are under way. `packs`: afterwards those
// that are condemned.
Status condemn_packs(const Repository::Core& core, std::set<PackName>& packs);

// Before a vault can be opened: its newest config or the store's own object is damaged. `copies`: opened. Fills `healed`.
Status heal_opening(const RepositoryContext& context, std::span<Repository* const> copies, std::vector<Healed>& healed);

}  // namespace hf::vault
