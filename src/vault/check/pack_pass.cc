#include "vault/check/pack_pass.h"

#include <algorithm>

#include "vault/object/names.h"
#include "vault/parallel.h"
#include "vault/store/keeper.h"

namespace hf::vault {

Status PackPass::run() {
  HF_TRY(choose_packs());
  if (choice_.by_rank()) HF_TRY(choose_blobs());
  std::ranges::stable_sort(tasks_, {}, [&](const Task& task) { return choice_.rank(task.object.name); });
  announce();
  HF_TRY(check());
  for (Task& task : tasks_) {
    if (!task.result) HF_TRY(findings_.note(task.object.name, std::move(task.result).error()));
  }
  return note_missing();
}

Status PackPass::choose_packs() {
  HF_ASSIGN(const std::vector<ObjectInfo> objects, core_.list("packs/"));
  for (const ObjectInfo& object : objects) {
    const auto name = parse_pack_name(object.name);
    if (name) HF_TRY(choose_pack(object, *name));
  }
  return ok();
}

Status PackPass::choose_pack(const ObjectInfo& object, const PackName& name) {
  present_.insert(name);
  ++listed_;
  IndexedPack* const indexed = packs_.find(name);
  if (indexed == nullptr && !choice_.takes(object.name)) return ok();     // of a session that goes on or was given up
  HF_ASSIGN(const bool away, is_away(object));
  if (away && (indexed == nullptr || object.size == indexed->row.size)) {
    ++archived_;
    return ok();
  }
  tasks_.push_back({object, indexed});
  return ok();
}

// In an archive, and not brought back; asked of the store only where the pack is to be read.
Result<bool> PackPass::is_away(const ObjectInfo& object) const {
  if (!is_archive_class(object.storage_class)) return false;
  if (!choice_.takes(object.name)) return true;
  HF_ASSIGN(const KeptState state, core_.store.keeper()->look(object.name));
  return state.readable != KeptState::Readable::kYes;
}

Status PackPass::choose_blobs() {
  HF_ASSIGN(const std::vector<BlobToCheck> blobs, blobs_.list());
  for (const BlobToCheck& blob : blobs) tasks_.push_back({blob.object, nullptr, blob.kind});
  return ok();
}

void PackPass::announce() const {
  Totals chosen;
  for (const Task& task : tasks_) {
    const bool read = choice_.takes(task.object.name);
    if (read) chosen.bytes += task.object.size;
    if (read || !choice_.by_rank()) ++chosen.packs;
  }
  core_.progress.phase(chosen.bytes > 0 ? "reading packs" : "checking packs", chosen);
}

// Each thread has its own task, pack and record reader.
Status PackPass::check() {
  return in_parallel(tasks_.size(), [&] {
    return [&, records = std::make_unique<RecordReader>(core_.hasher)](std::size_t i) {
      Task& task = tasks_[i];
      task.result = task.blob ? blobs_.check(task.object, *task.blob) : check_.check(task.object, task.indexed, *records);
      if (!choice_.by_rank() || choice_.takes(task.object.name)) core_.progress.add(Counted::kPacks);
      return ok();
    };
  });
}

Status PackPass::note_missing() {
  HF_ASSIGN(const Epoch epoch, read_newest_epoch(core_));      // after the packs: what went meanwhile stands in it
  for (const PackName& name : packs_.mark_missing(present_)) {
    if (!epoch.forbids(name)) findings_.missing_pack(name);    // else removed because nothing needed it
  }
  return ok();
}

void PackPass::tell(CheckReport& report) const {
  report.packs = listed_;
  report.archived = archived_;
  check_.tell(report);
}

}  // namespace hf::vault
