#include "vault/attachments.h"

#include <algorithm>

#include "base/hex.h"
#include "vault/core.h"
#include "vault/object/blob.h"
#include "vault/object/names.h"
#include "vault/tiers/locks.h"

namespace hf::vault {
namespace {

constexpr std::size_t kMaxKind = 32;
constexpr std::size_t kMaxName = 1024;
constexpr int kPutAttempts = 100;

Status check_words(const std::string& kind, const std::string& name) {
  const bool kind_good = !kind.empty() && kind.size() <= kMaxKind && kind[0] != '-' && std::ranges::all_of(kind, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  if (!kind_good) return make_error(ErrorKind::kInvalid, "'" + kind + "' is no kind of attachment");
  if (name.empty() || name.size() > kMaxName)
    return make_error(ErrorKind::kInvalid, "the name of an attachment has 1 to 1024 bytes");
  return ok();
}

std::string folder(const Repository::Core& core, const std::string& kind, const std::string& name) {
  return "attach/" + kind + "/" + to_hex(core.keyed_name("attachment", as_bytes(kind + "/" + name))) + "/";
}

std::optional<std::uint64_t> version_of(std::string_view object) {
  return parse_number(object.substr(object.rfind('/') + 1));
}

// The newest version's object, or nothing.
Result<std::optional<ObjectInfo>> newest(const Repository::Core& core, const std::string& prefix) {
  HF_ASSIGN(const std::vector<ObjectInfo> objects, core.list(prefix));
  std::optional<ObjectInfo> found;
  for (const ObjectInfo& info : objects) {
    if (version_of(info.name) && (!found || info.name > found->name)) found = info;
  }
  return found;
}

Result<bool> same_bytes(const Repository::Core& core, const ObjectInfo& info, ByteView bytes) {
  HF_ASSIGN(const BlobHead head, read_blob_head(core.store, info, ObjectKind::kAttachment, core.writers));
  return head.plain_digest == blob_digest(core.keys, bytes);
}

// What stands for a put is locked as one.
Status lock_anew(const Repository::Core& core, const ObjectInfo& info) {
  const std::optional<Micros> retain = retain_of(core);
  if (!retain) return ok();
  HF_TRY(renew_locks(core, {{info.name, info.size, core.clock.wall() + *retain}}));
  return ok();
}

}  // namespace

Result<AttachmentMeta> decode_attachment_meta(ByteView bytes, std::string_view object) {
  ByteReader in(bytes, object);
  AttachmentMeta meta;
  HF_ASSIGN(meta.name, in.sized_text(kMaxName));
  HF_ASSIGN(const std::int64_t created, in.i64());
  meta.created = WallTime(Micros(created));
  HF_TRY(in.expect_end());
  return meta;
}

Status Attachments::put_version(const std::string& kind, const std::string& name, std::uint64_t version, ByteView bytes) {
  const Repository::Core& core = repository_.core();
  HF_TRY(check_words(kind, name));
  HF_TRY(core.check_writable());
  HF_TRY(check_retain(core));
  if (version == 0) return make_error(ErrorKind::kInvalid, "versions of attachments begin at 1");
  if (bytes.size() > kMaxAttachmentBytes) {
    return make_error(ErrorKind::kExhausted, "an attachment of " + std::to_string(bytes.size()) + " bytes is too large");
  }
  const std::string object = folder(core, kind, name) + padded(version);
  ByteWriter meta;
  meta.sized(name).i64(core.clock.wall().time_since_epoch().count());
  HF_ASSIGN(const Bytes blob, encode_blob(core.entropy, core.keys, ObjectKind::kAttachment, object, meta.take(), bytes));
  return core.create_once(object, blob);
}

Result<AttachmentInfo> Attachments::put(const std::string& kind, const std::string& name, ByteView bytes) {
  const Repository::Core& core = repository_.core();
  HF_TRY(check_words(kind, name));
  HF_TRY(check_retain(core));
  for (int attempt = 0; attempt < kPutAttempts; ++attempt) {
    HF_ASSIGN(const auto present, newest(core, folder(core, kind, name)));
    const std::uint64_t version = present ? *version_of(present->name) : 0;
    if (present) {
      HF_ASSIGN(const bool same, same_bytes(core, *present, bytes));
      if (same) {
        HF_TRY(lock_anew(core, *present));
        return AttachmentInfo{kind, name, version, bytes.size(), present->modified};
      }
    }
    Status created = put_version(kind, name, version + 1, bytes);
    if (created) return AttachmentInfo{kind, name, version + 1, bytes.size(), core.clock.wall()};
    if (created.error().kind != ErrorKind::kExists) return std::move(created).error();
  }
  return make_error(ErrorKind::kBusy, "attachment " + kind + "/" + name + " is being written by others all the time");
}

Result<Bytes> Attachments::get_version(const std::string& kind, const std::string& name, std::uint64_t version) {
  const Repository::Core& core = repository_.core();
  HF_TRY(check_words(kind, name));
  HF_ASSIGN(Blob blob, read_blob(core.store, folder(core, kind, name) + padded(version),
                                 ObjectKind::kAttachment, core.keys, core.writers));
  return std::move(blob.plain);
}

Result<Bytes> Attachments::get(const std::string& kind, const std::string& name) {
  const Repository::Core& core = repository_.core();
  HF_TRY(check_words(kind, name));
  HF_ASSIGN(const auto present, newest(core, folder(core, kind, name)));
  if (present) return get_version(kind, name, *version_of(present->name));
  return make_error(ErrorKind::kNotFound, "no attachment " + kind + "/" + name + " in the vault at " +
                                              core.store.properties().place);
}

Result<std::vector<AttachmentInfo>> Attachments::list(const std::string& kind, bool all) {
  const Repository::Core& core = repository_.core();
  if (!kind.empty()) HF_TRY(check_words(kind, "x"));
  HF_ASSIGN(const auto objects, core.list(kind.empty() ? "attach/" : "attach/" + kind + "/"));
  std::vector<AttachmentInfo> out;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    const std::string& object = objects[i].name;
    const std::string prefix = object.substr(0, object.rfind('/') + 1);
    const bool last = i + 1 == objects.size() || !objects[i + 1].name.starts_with(prefix);
    const auto version = version_of(object);
    if (!version || (!all && !last)) continue;
    HF_ASSIGN(const BlobHead head, read_blob_head(core.store, objects[i], ObjectKind::kAttachment, core.writers));
    HF_ASSIGN(const OpenedHead opened, open_blob_head(head, ObjectKind::kAttachment, object, core.keys));
    HF_ASSIGN(AttachmentMeta meta, decode_attachment_meta(opened.metadata, object));
    const std::size_t kind_end = object.find('/', 7);
    out.push_back({object.substr(7, kind_end - 7), std::move(meta.name), *version, opened.plain_length, meta.created});
  }
  std::ranges::stable_sort(out, {}, [](const AttachmentInfo& a) { return std::pair(a.kind, a.name); });
  return out;
}

}  // namespace hf::vault
