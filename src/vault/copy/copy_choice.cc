#include "vault/copy/copy_choice.h"

#include <algorithm>

#include "base/hex.h"
#include "vault/attachments.h"
#include "vault/collect/needed_wal.h"
#include "vault/object/blob.h"
#include "vault/snapshot_record.h"

namespace hf::vault {

Result<CopyChoice> CopyChoice::of(const Repository::Core& from, CopyFilter filter) {
  CopyChoice out(from, std::move(filter));
  if (!out.limits_packs()) return out;
  if (!from.keys.can_read()) {
    return make_error(ErrorKind::kDenied, "this key may not read the vault: it cannot say which snapshots are chosen")
        .with_hint("Copy with a passphrase or key file of level read, or copy everything.");
  }
  HF_TRY(out.look());
  HF_TRY(out.expect_something());
  return out;
}

Status CopyChoice::look() {
  HF_ASSIGN(const std::vector<CommittedRecord> commits, read_commits(from_, nullptr));
  HF_ASSIGN(const std::vector<RetentionInput> snapshots, read_inputs(from_, commits));
  for (const RetentionInput& s : snapshots) {
    components_[s.info.meta.component].insert(std::string(to_string(s.info.meta.kind)));
    HF_ASSIGN(const std::optional<std::string> cluster, cluster_of(from_, s.info));
    if (cluster) clusters_[*cluster].insert(s.info.meta.component);
    if (takes(s.info)) chosen_.insert(s.info.id);
  }
  return ok();
}

std::string CopyChoice::what_is_there() const {
  std::string out;
  for (const auto& [component, kinds] : components_) {
    out += (out.empty() ? "" : ", ") + (component.empty() ? std::string("snapshots of no component") : component) + " (";
    for (const std::string& kind : kinds) out += (kind == *kinds.begin() ? "" : ", ") + kind;
    out += ")";
  }
  return out.empty() ? "There is no snapshot yet." : "There are: " + out + ".";
}

Status CopyChoice::expect_something() const {
  const std::string place = from_.store.properties().place;
  for (const std::string& component : filter_.named) {
    if (components_.contains(component)) continue;
    return make_error(ErrorKind::kNotFound, "no snapshot of component '" + component + "' in the vault at " + place)
        .with_hint(what_is_there());
  }
  if (!filter_.must_match) return ok();
  const bool any_wal = std::ranges::any_of(clusters_, [&](const auto& row) { return takes_wal(row.first); });
  if (!chosen_.empty() || any_wal) return ok();
  return make_error(ErrorKind::kNotFound, "nothing in the vault at " + place + " is what is to be copied")
      .with_hint(what_is_there());
}

bool CopyChoice::takes(const SnapshotInfo& info) const {
  if (filter_.components && !filter_.components->contains(info.meta.component)) return false;
  return !filter_.kinds || filter_.kinds->contains(info.meta.kind);
}

Result<std::vector<CommittedRecord>> CopyChoice::choose(std::vector<CommittedRecord> commits) const {
  if (!limits_packs()) return commits;
  std::vector<CommittedRecord> out;
  for (CommittedRecord& commit : commits) {
    HF_ASSIGN(const SnapshotRecord record, open_record(commit.sealed, commit.object, from_.keys, from_.writers));
    if (takes(record.info)) out.push_back(std::move(commit));
  }
  return out;
}

bool CopyChoice::takes_wal(const std::string& cluster) const {
  if (!filter_.wal || !filter_.components) return filter_.wal;
  const auto known = clusters_.find(cluster);
  if (known == clusters_.end()) return false;
  return std::ranges::any_of(known->second, [&](const std::string& c) { return filter_.components->contains(c); });
}

Result<bool> CopyChoice::takes_attachment(const ObjectInfo& info) const {
  const bool of_snapshot = info.name.starts_with("attach/pin/") || info.name.starts_with("attach/hold/");
  if (!limits_packs() || !of_snapshot) return true;
  HF_ASSIGN(const BlobHead head, read_blob_head(from_.store, info, ObjectKind::kAttachment, from_.writers));
  HF_ASSIGN(const OpenedHead opened, open_blob_head(head, ObjectKind::kAttachment, info.name, from_.keys));
  HF_ASSIGN(const AttachmentMeta meta, decode_attachment_meta(opened.metadata, info.name));
  const auto id = from_hex(meta.name);
  return id && id->size() == sizeof(SnapshotId) && chosen_.contains(to_array<sizeof(SnapshotId)>(*id));
}

}  // namespace hf::vault
