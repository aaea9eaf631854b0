#include "vault/check/repairs.h"

#include <iterator>
#include <utility>

#include "vault/object/names.h"

namespace hf::vault {

Result<bool> Repairs::heal(std::string_view prefix) {
  if (!repair_) return false;
  bool any = false;
  for (const Findings::Untried& found : findings_.untried(prefix)) {
    auto healed = heal_one(found);
    if (!healed) {
      if (healed.error().kind != ErrorKind::kCorrupt) return std::move(healed).error();
      findings_.not_healed(found.object, healed.error().text);
      continue;
    }
    core_.log.info("vault", "healed",
                   {{"object", healed->object}, {"why", healed->why}, {"how", healed->how}, {"from", healed->from}});
    healed_.push_back(std::move(*healed));
    findings_.healed(found.object);
    any = true;
  }
  return any;
}

Result<Healed> Repairs::heal_one(const Findings::Untried& found) {
  const auto pack = parse_pack_name(found.object);
  return pack ? heal_pack(found, *pack) : healer_.heal(found.object, found.why);
}

Result<Healed> Repairs::heal_pack(const Findings::Untried& found, const PackName& name) {
  IndexedPack* const indexed = packs_.find(name);
  const IndexPack* const row = indexed == nullptr ? nullptr : &indexed->row;
  HF_ASSIGN(Healed healed, healer_.heal_pack(found.object, row, found.why));
  HF_ASSIGN(std::optional<std::vector<Healed>> runs, healer_.index_anew(found.object, row));
  reindexed_ = reindexed_ || runs.has_value();
  for (Healed& run : runs.value_or(std::vector<Healed>())) healed_.push_back(std::move(run));
  if (indexed != nullptr) {
    indexed->unusable = false;
    indexed->bad.clear();
  }
  return healed;
}

Status Repairs::set_aside() {
  if (!repair_) return ok();
  std::set<PackName> packs;
  if (core_.abilities.conditional_create) packs = findings_.lost_packs();
  if (!packs.empty()) HF_TRY(condemn_packs(core_, packs));
  findings_.set_aside(packs);
  return ok();
}

Status Repairs::remove_leftovers() { return repair_ ? healer_.remove_leftovers() : ok(); }

void Repairs::tell(CheckReport& report) { report.healed = std::move(healed_); }

}  // namespace hf::vault
