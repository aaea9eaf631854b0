#include "vault/snapshot_record.h"

#include <algorithm>

#include "crypto/hash.h"

namespace hf::vault {
namespace {

constexpr std::string_view kSignedName = "snapshot";               // the same wherever the record is carried
constexpr std::string_view kNoteMagic = "holdfast/v1 snapshot note";   // and a zero byte
constexpr std::string_view kSnapshotInfo = "holdfast/v1 snapshot";
constexpr std::size_t kMaxText = 64 * 1024;
constexpr std::uint64_t kMaxItems = 16 * 1024;

std::int64_t micros(WallTime t) { return t.time_since_epoch().count(); }
WallTime wall(std::int64_t us) { return WallTime(Micros(us)); }

void put_texts(ByteWriter& out, const std::vector<std::string>& texts) {
  out.varint(texts.size());
  for (const std::string& text : texts) out.sized(text);
}

Result<std::vector<std::string>> get_texts(ByteReader& in) {
  HF_ASSIGN(const std::uint64_t count, in.varint());
  if (count > kMaxItems) return in.corrupt("too many items");
  std::vector<std::string> texts;
  for (std::uint64_t i = 0; i < count; ++i) {
    HF_ASSIGN(std::string text, in.sized_text(kMaxText));
    texts.push_back(std::move(text));
  }
  return texts;
}

Result<std::map<std::string, std::string>> get_attributes(ByteReader& in) {
  HF_ASSIGN(const std::uint64_t count, in.varint());
  if (count > kMaxItems) return in.corrupt("too many attributes");
  std::map<std::string, std::string> attributes;
  for (std::uint64_t i = 0; i < count; ++i) {
    HF_ASSIGN(std::string key, in.sized_text(kMaxText));
    HF_ASSIGN(std::string value, in.sized_text(kMaxText));
    if (!attributes.empty() && key <= attributes.rbegin()->first) return in.corrupt("attributes are not in order");
    attributes.emplace(std::move(key), std::move(value));
  }
  return attributes;
}

Status get_meta(ByteReader& in, SnapshotMeta& meta) {
  HF_ASSIGN(const std::uint8_t kind, in.u8());
  if (kind < 1 || kind > 3) return in.corrupt("unknown kind of snapshot");
  meta.kind = static_cast<SnapshotKind>(kind);
  HF_ASSIGN(meta.host, in.sized_text(kMaxText));
  HF_ASSIGN(meta.component, in.sized_text(kMaxText));
  HF_ASSIGN(meta.paths, get_texts(in));
  HF_ASSIGN(meta.tags, get_texts(in));
  HF_ASSIGN(meta.attributes, get_attributes(in));
  HF_ASSIGN(const std::uint8_t has_previous, in.u8());
  if (has_previous > 1) return in.corrupt("bad flag");
  if (has_previous == 1) {
    HF_ASSIGN(ByteView id, in.raw(32));
    meta.previous = to_array<32>(id);
  }
  return ok();
}

}  // namespace

std::string_view to_string(SnapshotKind kind) {
  switch (kind) {
    case SnapshotKind::kFiles: return "files";
    case SnapshotKind::kPostgres: return "postgres";
    case SnapshotKind::kLogical: return "logical";
  }
  return "files";
}

Bytes encode_record(const SnapshotRecord& record) {
  const SnapshotInfo& info = record.info;
  ByteWriter out;
  out.raw(record.session).u8(static_cast<std::uint8_t>(info.meta.kind)).sized(info.meta.host).sized(info.meta.component);
  put_texts(out, info.meta.paths);
  put_texts(out, info.meta.tags);
  out.varint(info.meta.attributes.size());
  for (const auto& [key, value] : info.meta.attributes) out.sized(key).sized(value);
  out.u8(info.meta.previous ? 1 : 0);
  if (info.meta.previous) out.raw(*info.meta.previous);
  out.i64(micros(info.started)).i64(micros(info.finished));
  out.u64(info.files).u64(info.entries).u64(info.source_bytes).u64(info.new_bytes).u64(info.stored_bytes);
  out.u8(info.partial ? 1 : 0);
  out.sized(encode_root(record.tree));
  return out.take();
}

Result<SnapshotRecord> decode_record(ByteView bytes) {
  ByteReader in(bytes, "snapshot record");
  SnapshotRecord record;
  SnapshotInfo& info = record.info;
  HF_ASSIGN(ByteView session, in.raw(16));
  record.session = to_array<16>(session);
  HF_TRY(get_meta(in, info.meta));
  HF_ASSIGN(const std::int64_t started, in.i64());
  HF_ASSIGN(const std::int64_t finished, in.i64());
  info.started = wall(started);
  info.finished = wall(finished);
  HF_ASSIGN(info.files, in.u64());
  HF_ASSIGN(info.entries, in.u64());
  HF_ASSIGN(info.source_bytes, in.u64());
  HF_ASSIGN(info.new_bytes, in.u64());
  HF_ASSIGN(info.stored_bytes, in.u64());
  HF_ASSIGN(const std::uint8_t partial, in.u8());
  if (partial > 1) return in.corrupt("bad flag");
  info.partial = partial == 1;
  HF_ASSIGN(ByteView root, in.sized(kMaxRecordObject));
  HF_TRY(in.expect_end());
  HF_ASSIGN(record.tree, decode_root(root));
  return record;
}

Result<Bytes> seal_record(crypto::Entropy& entropy, const Keys& keys, const SnapshotRecord& record) {
  const Bytes plain = encode_record(record);
  HF_ASSIGN(Bytes box, crypto::box_seal(entropy, keys.vault_public, kSnapshotInfo, plain));
  if (box.size() > kMaxRecordObject / 2) {
    return make_error(ErrorKind::kExhausted, "the snapshot's record would be " + std::to_string(box.size()) +
                      " bytes: its paths, tags and attributes are too many");
  }
  Tlv vault{kTlvVaultId, to_bytes(ByteView(keys.vault))};
  return encode_signed(ObjectKind::kCommit, kSignedName, box, keys.writer, {std::move(vault)});
}

Status verify_sealed_record(ByteView sealed, std::string_view carrier, std::span<const crypto::PublicKey> writers) {
  auto object = decode_signed(sealed, ObjectKind::kCommit, kSignedName, writers);
  if (!object) return Error(std::move(object).error()).with_context(carrier).with_object(std::string(carrier));
  return ok();
}

Result<SnapshotRecord> open_record(ByteView sealed, std::string_view carrier, const Keys& keys,
                                   std::span<const crypto::PublicKey> writers) {
  const auto named = [&](Error error) { return std::move(error).with_context(carrier).with_object(std::string(carrier)); };
  auto object = decode_signed(sealed, ObjectKind::kCommit, kSignedName, writers);
  if (!object) return named(std::move(object).error());
  if (!keys.can_read()) {
    return make_error(ErrorKind::kDenied, "this key may write to the vault, but not read its snapshots")
        .with_hint("Use a passphrase or key file of level read.");
  }
  auto plain = crypto::box_open(*keys.vault_private, kSnapshotInfo, object->body);
  if (!plain) return named(std::move(plain).error());
  auto record = decode_record(*plain);
  if (!record) return named(std::move(record).error());
  record->info.id = id_of_sealed(sealed);
  return record;
}

SnapshotId id_of_sealed(ByteView sealed) { return crypto::sha256(sealed); }

Bytes encode_snapshot_note(const SnapshotRecord& record) {
  SnapshotRecord plain = record;
  plain.info.new_bytes = 0;              // known only once the note itself is stored
  plain.info.stored_bytes = 0;
  ByteWriter out;
  out.raw(as_bytes(kNoteMagic)).u8(0).raw(encode_record(plain));
  return out.take();
}

std::optional<SnapshotRecord> decode_snapshot_note(ByteView chunk) {
  const std::size_t magic = kNoteMagic.size() + 1;
  if (chunk.size() < magic || !std::ranges::equal(chunk.first(kNoteMagic.size()), as_bytes(kNoteMagic)) || chunk[magic - 1] != 0)
    return std::nullopt;
  auto record = decode_record(chunk.subspan(magic));
  return record ? std::optional(std::move(*record)) : std::nullopt;
}

}  // namespace hf::vault
