#include "vault/check/snapshot_check.h"

#include "base/hex.h"

namespace hf::vault {

Status SnapshotCheck::check(const std::vector<CommittedRecord>& commits) {
  core_.progress.phase("walking snapshots", {.snapshots = commits.size()});
  HF_ASSIGN(const bool whole, all_can_be_had(commits));
  if (!whole) core_.progress.phase("finding what is hit", {.snapshots = commits.size()});
  for (const CommittedRecord& commit : commits) HF_TRY(check_one(commit, whole));
  return ok();
}

// Is everything that the snapshots refer to in a pack that gives it? If not, they are walked once more, to tell what is hit.
Result<bool> SnapshotCheck::all_can_be_had(const std::vector<CommittedRecord>& commits) {
  if (!core_.keys.can_read()) return false;
  bool all = true;
  References references;
  const auto join_now = [&]() -> Status {
    HF_ASSIGN(const bool found, join(references));
    all = all && found;
    return ok();
  };
  const auto look = [&]() -> Status {
    for (const CommittedRecord& commit : commits) {
      HF_TRY(refer(commit, [&](const ChunkId& id) { return references.add(id) ? join_now() : ok(); }));
      core_.progress.add(Counted::kSnapshots);
    }
    return join_now();
  };
  Status looked = look();
  if (looked) return all;
  const ErrorKind kind = looked.error().kind;
  // The walk names it; what came and went meanwhile, check_vault() looks at again.
  if (Findings::is_damage(kind) || kind == ErrorKind::kNotFound) return false;
  return std::move(looked).error();
}

Status SnapshotCheck::refer(const CommittedRecord& commit, const std::function<Status(const ChunkId&)>& add) {
  HF_ASSIGN(const SnapshotRecord record, open_record(commit.sealed, commit.object, core_.keys, core_.writers));
  for (const ChunkRef& chunk : record.tree.index) HF_TRY(add(chunk.id));
  HF_ASSIGN(TreeReader tree, TreeReader::open(record.tree, packs_.source().fetcher()));
  while (true) {
    HF_ASSIGN(const std::optional<Entry> entry, tree.next());
    if (!entry) return ok();
    for (const Extent& extent : entry->extents) {
      if (!extent.hole) HF_TRY(add(extent.chunk));
    }
    for (const ChunkRef& chunk : entry->page_digest_chunks) HF_TRY(add(chunk.id));
  }
}

Result<bool> SnapshotCheck::join(References& references) {
  HF_ASSIGN(const auto rows, packs_.rows());          // each time: reading a tree may have taken up other runs
  const auto gives = [&](std::size_t run, std::uint64_t, const IndexEntry& entry) {
    const IndexedPack* const pack = rows[run][entry.pack];
    return pack != nullptr && pack->gives(entry.chunk.id);
  };
  return references.join(packs_.source().index(), gives, [this] { return core_.check_going(); });
}

Status SnapshotCheck::check_one(const CommittedRecord& commit, bool whole) {
  ++snapshots_;
  read_bytes_ += commit.sealed.size();
  if (!core_.keys.can_read()) {
    Status verified = verify_sealed_record(commit.sealed, commit.object, core_.writers);
    return verified ? ok() : findings_.note(commit.object, std::move(verified).error());
  }
  const auto record = open_record(commit.sealed, commit.object, core_.keys, core_.writers);
  if (!record) return findings_.note(commit.object, record.error());
  if (whole) return ok();
  HF_TRY(walk_.walk(*record, commit.object, to_hex(commit.id)));
  core_.progress.add(Counted::kSnapshots);
  return ok();
}

void SnapshotCheck::tell(CheckReport& report) const {
  report.snapshots = snapshots_;
  report.read_bytes += read_bytes_;
}

}  // namespace hf::vault
