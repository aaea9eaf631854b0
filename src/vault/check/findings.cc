#include "vault/check/findings.h"

#include "vault/object/names.h"

namespace hf::vault {
namespace {

constexpr std::string_view kPackMissing = "pack is missing";

}  // namespace

void Findings::damage(const std::string& object, const std::string& why) {
  Finding finding;
  finding.why = why;
  damaged_.try_emplace(object, std::move(finding));
}

void Findings::missing_pack(const PackName& pack) { damage(pack_object_name(pack), std::string(kPackMissing)); }

void Findings::hit(const std::string& object, const std::string& snapshot, const std::string& path) {
  damage(object, "a snapshot cannot be read by it");
  Finding& finding = damaged_[object];
  finding.snapshots.insert(snapshot);
  if (path.empty()) return;
  const bool counted = !finding.files.empty() && finding.files.back().snapshot == snapshot && finding.files.back().path == path;
  if (counted) return;                       // the last one that was named: its other chunks
  if (finding.files.size() < kMaxDamagedFiles) finding.files.push_back({snapshot, path});
  ++finding.files_total;
}

void Findings::hit_runs(const std::string& snapshot, const std::string& path) {
  for (const auto& [object, found] : damaged_) {
    if (object.starts_with("index/")) hit(object, snapshot, path);
  }
}

Status Findings::note(const std::string& object, Error error) {
  if (!is_damage(error.kind)) return error;
  damage(object, error.text);
  return ok();
}

bool Findings::is_damage(ErrorKind kind) {
  return kind == ErrorKind::kCorrupt || kind == ErrorKind::kUnsupported || kind == ErrorKind::kInvalid;
}

std::vector<Findings::Untried> Findings::untried(std::string_view prefix) const {
  std::vector<Untried> out;
  for (const auto& [object, found] : damaged_) {
    if (!found.not_healed && object.starts_with(prefix)) out.push_back({object, found.why});
  }
  return out;
}

void Findings::not_healed(const std::string& object, const std::string& why) { damaged_.at(object).not_healed = why; }

std::set<PackName> Findings::lost_packs() const {
  std::set<PackName> packs;
  for (const auto& [object, found] : damaged_) {
    const auto name = parse_pack_name(object);
    if (name && found.not_healed && found.why != kPackMissing) packs.insert(*name);
  }
  return packs;
}

void Findings::set_aside(const std::set<PackName>& packs) {
  for (auto& [object, found] : damaged_) {
    if (const auto name = parse_pack_name(object)) found.set_aside = packs.contains(*name) || found.why == kPackMissing;
  }
}

void Findings::tell(CheckReport& report) {
  for (auto& [object, found] : damaged_) {
    Damage damage;
    damage.object = object;
    damage.why = std::move(found.why);
    damage.snapshots.assign(found.snapshots.begin(), found.snapshots.end());
    damage.files = std::move(found.files);
    damage.files_total = found.files_total;
    damage.not_healed = std::move(found.not_healed).value_or("");
    damage.set_aside = found.set_aside;
    report.damaged.push_back(std::move(damage));
  }
}

}  // namespace hf::vault
