#include "vault/check/pack_pass.h"

#include <algorithm>
#include <memory>
#include <set>

#include "vault/object/names.h"
#include "vault/parallel.h"
#include "vault/store/keeper.h"

namespace hf::vault {

Status PackPass::run() {
  HF_ASSIGN(const std::vector<ObjectInfo> objects, core_.list("packs/"));
  HF_ASSIGN(std::vector<Task> tasks, choose(objects));
  std::vector<BlobToCheck> blobs;
  if (choice_.by_rank()) {
    HF_ASSIGN(blobs, blobs_.list());
  }
  for (const BlobToCheck& blob : blobs) tasks.push_back({&blob.object, nullptr, blob.kind});
  std::ranges::stable_sort(tasks, {}, [&](const Task& task) { return choice_.rank(task.object->name); });
  announce(tasks);
  HF_TRY(check(tasks));
  for (Task& task : tasks) {
    if (!task.result) HF_TRY(findings_.note(task.object->name, std::move(task.result).error()));
  }
  return note_missing(objects);
}

Result<std::vector<PackPass::Task>> PackPass::choose(const std::vector<ObjectInfo>& objects) {
  std::vector<Task> tasks;
  for (const ObjectInfo& object : objects) {
    const auto name = parse_pack_name(object.name);
    if (!name) continue;
    ++listed_;
    IndexedPack* const indexed = packs_.find(*name);
    // No run names it: of a session that goes on or was given up. Who cannot read has nothing to hold it against.
    if (indexed == nullptr && (!choice_.takes(object.name) || !core_.keys.can_read())) continue;
    HF_ASSIGN(const bool away, is_away(object, indexed));
    if (away) ++archived_;
    else tasks.push_back({&object, indexed});
  }
  return tasks;
}

// In an archive, not brought back, and of the right size; asked of the store only where the pack is to be read.
Result<bool> PackPass::is_away(const ObjectInfo& object, const IndexedPack* indexed) const {
  if (!is_archive_class(object.storage_class)) return false;
  const bool right_size = indexed == nullptr || object.size == indexed->row.size;
  if (!choice_.takes(object.name)) return right_size;
  HF_ASSIGN(const KeptState state, core_.store.keeper()->look(object.name));
  return right_size && state.readable != KeptState::Readable::kYes;
}

void PackPass::announce(const std::vector<Task>& tasks) const {
  Totals chosen;
  for (const Task& task : tasks) {
    const bool read = choice_.takes(task.object->name);
    if (read) chosen.bytes += task.object->size;
    if (read || !choice_.by_rank()) ++chosen.packs;
  }
  core_.progress.phase(chosen.bytes > 0 ? "reading packs" : "checking packs", chosen);
}

// Each thread has its own record reader, and each task its own pack.
Status PackPass::check(std::span<Task> tasks) {
  return in_parallel(tasks.size(), [&] {
    return [&, records = std::make_unique<RecordReader>(core_.hasher)](std::size_t i) {
      Task& task = tasks[i];
      task.result = task.blob ? blobs_.check(*task.object, *task.blob) : check_.check(*task.object, task.indexed, *records);
      if (!choice_.by_rank() || choice_.takes(task.object->name)) core_.progress.add(Counted::kPacks);
      return ok();
    };
  });
}

Status PackPass::note_missing(const std::vector<ObjectInfo>& objects) {
  std::set<PackName> present;
  for (const ObjectInfo& object : objects) {
    if (const auto name = parse_pack_name(object.name)) present.insert(*name);
  }
  HF_ASSIGN(const Epoch epoch, read_newest_epoch(core_));      // after the packs: what went meanwhile stands in it
  for (const PackName& name : packs_.mark_missing(present)) {
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
