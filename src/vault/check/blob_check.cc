#include "vault/check/blob_check.h"

#include "vault/wal/wal_objects.h"

namespace hf::vault {

Status BlobCheck::check_all() {
  HF_ASSIGN(const std::vector<BlobToCheck> blobs, list());
  Totals all;
  for (const BlobToCheck& blob : blobs) all.bytes += choice_.takes_blob(blob.object.name) ? blob.object.size : 0;
  core_.progress.phase("checking WAL and attachments", all);
  for (const BlobToCheck& blob : blobs) {
    Status checked = check(blob.object, blob.kind);
    if (!checked) HF_TRY(findings_.note(blob.object.name, std::move(checked).error()));
  }
  return ok();
}

Result<std::vector<BlobToCheck>> BlobCheck::list() {
  std::vector<BlobToCheck> out;
  HF_ASSIGN(const std::vector<ObjectInfo> wal, core_.list("wal/"));
  for (const ObjectInfo& info : wal) {
    const auto name = parse_wal_name(info.name);
    if (name) out.push_back({info, kind_of_wal_part(name->part)});
  }
  wal_objects_ = out.size();
  HF_ASSIGN(const std::vector<ObjectInfo> attachments, core_.list("attach/"));
  for (const ObjectInfo& info : attachments) out.push_back({info, ObjectKind::kAttachment});
  attachments_ = attachments.size();
  return out;
}

Status BlobCheck::check(const ObjectInfo& object, ObjectKind kind) {
  Status looked = look(object, kind);
  if (!looked && looked.error().kind == ErrorKind::kNotFound) return ok();
  return looked;
}

Status BlobCheck::look(const ObjectInfo& object, ObjectKind kind) {
  HF_ASSIGN(const BlobHead head, read_blob_head(core_.store, object, kind, core_.writers));
  read_bytes_ += head.size;
  if (!choice_.takes_blob(object.name)) return ok();
  return choice_.read(object, [&] { return read(object.name, kind, head); });
}

Status BlobCheck::read(const std::string& object, ObjectKind kind, const BlobHead& head) {
  HF_ASSIGN(const Bytes data, core_.store.get(object, {head.size, head.data_length}));
  read_bytes_ += data.size();
  core_.progress.add(Counted::kBytes, head.size + data.size());
  return prove_blob_data(head, data, kind, object, core_.keys);
}

void BlobCheck::tell(CheckReport& report) const {
  report.wal_objects = wal_objects_;
  report.attachments = attachments_;
  report.read_bytes += read_bytes_;
}

}  // namespace hf::vault
