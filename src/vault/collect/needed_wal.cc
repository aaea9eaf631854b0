#include "vault/collect/needed_wal.h"

#include <algorithm>

#include "base/hex.h"
#include "base/text.h"
#include "vault/snapshot_record.h"

namespace hf::vault {
namespace {

struct Origin {
  std::string cluster;                         // its folder
  std::uint64_t segment = 0;
  Lsn start;
};

// Nothing for a snapshot that is no base backup.
Result<std::optional<Origin>> origin_of(const Repository::Core& core, const SnapshotInfo& info) {
  const auto& a = info.meta.attributes;
  if (info.meta.kind != SnapshotKind::kPostgres || !a.contains("system_id")) return std::optional<Origin>();
  const auto system = parse_whole<std::uint64_t>(a.at("system_id"));
  const auto start = a.contains("start_lsn") ? parse_lsn(a.at("start_lsn")) : Result<Lsn>(Lsn{});
  const auto segment = a.contains("wal_segment_bytes") ? parse_whole<std::uint64_t>(a.at("wal_segment_bytes")) : std::nullopt;
  if (!system || !start || !segment) return make_error(ErrorKind::kCorrupt, "a base backup does not say where it starts");
  ByteWriter id;
  id.u64(*system);
  return std::optional(Origin{to_hex(core.keyed_name("cluster", id.take())), *segment, *start});
}

}  // namespace

Result<std::vector<RetentionInput>> read_inputs(const Repository::Core& core, const std::vector<CommittedRecord>& commits) {
  std::vector<RetentionInput> out;
  for (const CommittedRecord& commit : commits) {
    HF_ASSIGN(SnapshotRecord record, open_record(commit.sealed, commit.object, core.keys, core.writers));
    record.info.number = commit.number;
    out.push_back({std::move(record.info), commit.written, Pin::kNone, ""});
  }
  return out;
}

Result<std::optional<std::string>> cluster_of(const Repository::Core& core, const SnapshotInfo& info) {
  HF_ASSIGN(const std::optional<Origin> origin, origin_of(core, info));
  return origin ? std::optional(origin->cluster) : std::nullopt;
}

Result<NeededWal> NeededWal::of(const Repository::Core& core, const std::vector<RetentionInput>& snapshots) {
  NeededWal out;
  for (const RetentionInput& snapshot : snapshots) {
    HF_ASSIGN(const std::optional<Origin> origin, origin_of(core, snapshot.info));
    if (!origin) continue;
    Cluster& cluster = out.clusters_[origin->cluster];
    if (cluster.backups.empty()) cluster.segment = origin->segment;
    cluster.backups.push_back({origin->start, snapshot.info.id, snapshot.committed});
  }
  for (auto& [folder, cluster] : out.clusters_) {
    std::ranges::sort(cluster.backups, {}, [](const BaseBackup& b) { return std::pair(b.start, b.committed); });
  }
  return out;
}

Result<NeededWal> NeededWal::read(const Repository::Core& core) {
  HF_ASSIGN(const std::vector<CommittedRecord> commits, read_commits(core, nullptr));
  HF_ASSIGN(const std::vector<RetentionInput> inputs, read_inputs(core, commits));
  return of(core, inputs);
}

std::uint64_t NeededWal::end_of(const WalName& name, const Cluster& cluster) {
  return name.part == WalPart::kSealed ? (name.segment + 1) * cluster.segment : name.end.value;
}

bool NeededWal::is_old(const WalName& name) const {
  if (name.part != WalPart::kSealed && name.part != WalPart::kFrame) return false;
  const auto cluster = clusters_.find(name.cluster);
  return cluster != clusters_.end() && end_of(name, cluster->second) <= cluster->second.backups.front().start.value;
}

std::map<SnapshotId, WallTime> NeededWal::last_points(const std::vector<ObjectInfo>& listed) const {
  std::map<std::string, WallTime> newest;
  for (const ObjectInfo& info : listed) {
    const auto name = parse_wal_name(info.name);
    if (!name || is_old(*name)) continue;
    WallTime& time = newest.try_emplace(name->cluster, info.modified).first->second;
    time = std::max(time, info.modified);
  }
  std::map<SnapshotId, WallTime> out;
  for (const auto& [folder, cluster] : clusters_) {
    const auto last = newest.find(folder);
    if (last == newest.end()) continue;
    for (std::size_t i = 0; i < cluster.backups.size(); ++i) {
      const bool is_newest = i + 1 == cluster.backups.size();
      out[cluster.backups[i].id] = is_newest ? last->second : cluster.backups[i + 1].committed;
    }
  }
  return out;
}

std::vector<LockNeed> NeededWal::needs(const std::vector<ObjectInfo>& listed, const Until& until) const {
  std::vector<LockNeed> out;
  for (const ObjectInfo& info : listed) {
    const auto name = parse_wal_name(info.name);
    if (!name || (name->part != WalPart::kSealed && name->part != WalPart::kHistory) || is_old(*name)) continue;
    const auto cluster = clusters_.find(name->cluster);
    if (cluster == clusters_.end()) continue;
    std::optional<WallTime> need;
    for (const BaseBackup& backup : cluster->second.backups) {
      const bool replays = name->part == WalPart::kHistory || backup.start.value < end_of(*name, cluster->second);
      if (replays) need = std::max(need, std::optional(until(backup.id, backup.committed)));
    }
    if (need) out.push_back({info.name, info.size, *need});
  }
  return out;
}

Result<std::vector<std::string>> find_old_wal(const Repository::Core& core, const std::vector<ObjectInfo>& listed) {
  HF_ASSIGN(const NeededWal needed, NeededWal::read(core));
  std::vector<std::string> old;
  for (const ObjectInfo& info : listed) {
    const auto name = parse_wal_name(info.name);
    if (name && needed.is_old(*name)) old.push_back(info.name);
  }
  return old;
}

}  // namespace hf::vault
