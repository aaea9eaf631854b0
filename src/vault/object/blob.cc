#include "vault/object/blob.h"

#include <algorithm>

#include "crypto/aead.h"
#include "crypto/hash.h"
#include "vault/object/compress.h"

namespace hf::vault {
namespace {

constexpr std::string_view kBlobInfo = "holdfast/v1 blob";
constexpr std::uint8_t kCompressed = 1;
constexpr int kZstdLevel = 1;
constexpr std::size_t kMaxBox = kMaxBlobMeta + 4096;
constexpr std::size_t kMaxHead = kMaxBox + 8192;

Error named(Error error, std::string_view name) {
  error.object = name;
  return error;
}

Bytes associated_data(ObjectKind kind, std::string_view name) {
  ByteWriter out;
  out.u8(static_cast<std::uint8_t>(kind)).sized(name);
  return out.take();
}

}  // namespace

crypto::Digest blob_digest(const Keys& keys, ByteView plain) {
  ByteWriter out;
  out.raw(as_bytes("holdfast/v1 blob digest")).u8(0).u64(plain.size()).raw(crypto::sha256(plain));
  return crypto::hmac_sha256(keys.id_key.reveal(), out.take());
}

Result<Bytes> encode_blob(crypto::Entropy& entropy, const Keys& keys, ObjectKind kind, std::string_view name,
                          ByteView metadata, ByteView plain) {
  if (metadata.size() > kMaxBlobMeta)
    return make_error(ErrorKind::kExhausted, std::string(name) + ": its metadata are too large");
  const Secret key = entropy.secret(crypto::kAeadKeyBytes);
  const std::optional<Bytes> packed = Compressor(kZstdLevel).compress(plain);
  const ByteView stored = packed.has_value() ? ByteView(*packed) : plain;
  const Bytes data = crypto::seal(key, crypto::counter_nonce(0), associated_data(kind, name), stored);

  ByteWriter inner;
  inner.raw(key.reveal()).u64(plain.size()).u8(packed.has_value() ? kCompressed : 0).sized(metadata);
  Secret secret_inner(inner.take());
  HF_ASSIGN(Bytes box, crypto::box_seal(entropy, keys.vault_public, kBlobInfo, secret_inner.reveal()));
  ByteWriter body;
  body.u64(data.size()).raw(crypto::sha256(data)).raw(blob_digest(keys, plain)).sized(box);
  Tlv vault{kTlvVaultId, to_bytes(ByteView(keys.vault))};
  Bytes out = encode_signed(kind, name, body.take(), keys.writer, {std::move(vault)});
  out.insert(out.end(), data.begin(), data.end());
  return out;
}

Result<BlobHead> parse_blob_head(ByteView prefix, std::uint64_t object_size, ObjectKind kind, std::string_view name,
                                 std::span<const crypto::PublicKey> writers) {
  HF_ASSIGN(const DecodedHeader header, decode_header(prefix, kind, name));
  const std::uint64_t head_size = header.size + header.header.payload_length;
  if (head_size > prefix.size()) return named(make_error(ErrorKind::kCorrupt, std::string(name) + ": cut short"), name);
  HF_ASSIGN(SignedObject object, decode_signed(prefix.first(static_cast<std::size_t>(head_size)), kind, name, writers));
  ByteReader in(object.body, name);
  BlobHead head;
  HF_ASSIGN(head.data_length, in.u64());
  HF_ASSIGN(ByteView sha256, in.raw(32));
  HF_ASSIGN(ByteView digest, in.raw(32));
  HF_ASSIGN(ByteView box, in.sized(kMaxBox));
  HF_TRY(in.expect_end());
  head.data_sha256 = to_array<32>(sha256);
  head.plain_digest = to_array<32>(digest);
  head.box = to_bytes(box);
  head.writer = object.writer;
  head.size = head_size;
  if (head.data_length > kMaxObjectBytes || head.size + head.data_length != object_size) {
    return named(make_error(ErrorKind::kCorrupt, std::string(name) + ": has " + std::to_string(object_size) + " bytes, " +
                            std::to_string(head.size + head.data_length) + " were written"), name);
  }
  return head;
}

Result<OpenedHead> open_blob_head(const BlobHead& head, ObjectKind kind, std::string_view name, const Keys& keys) {
  if (!keys.can_read()) {
    return named(make_error(ErrorKind::kDenied, std::string(name) + ": this key may write to the vault, but not read it"), name);
  }
  auto inner = crypto::box_open(*keys.vault_private, kBlobInfo, head.box);
  if (!inner) return named(std::move(inner).error().with_context(name), name);
  ByteReader in(*inner, name);
  OpenedHead opened;
  opened.kind = kind;
  HF_ASSIGN(ByteView key, in.raw(crypto::kAeadKeyBytes));
  opened.key = Secret(to_bytes(key));
  HF_ASSIGN(opened.plain_length, in.u64());
  HF_ASSIGN(const std::uint8_t flags, in.u8());
  if ((flags & ~kCompressed) != 0 || opened.plain_length > kMaxObjectBytes) return in.corrupt("unknown flags or length");
  opened.compressed = flags == kCompressed;
  HF_ASSIGN(ByteView metadata, in.sized(kMaxBlobMeta));
  opened.metadata = to_bytes(metadata);
  HF_TRY(in.expect_end());
  return opened;
}

Status verify_blob_data(const BlobHead& head, ByteView data, std::string_view name) {
  if (data.size() == head.data_length && crypto::sha256(data) == head.data_sha256) return ok();
  return named(make_error(ErrorKind::kCorrupt, std::string(name) + ": its bytes are not those that were written"), name);
}

Result<Bytes> open_blob_data(const BlobHead& head, const OpenedHead& opened, ByteView data, std::string_view name) {
  HF_TRY(verify_blob_data(head, data, name));
  auto stored = crypto::open(opened.key, crypto::counter_nonce(0), associated_data(opened.kind, name), data);
  if (!stored) return named(std::move(stored).error().with_context(name), name);
  if (!opened.compressed) {
    if (stored->size() == opened.plain_length) return stored;
    return named(make_error(ErrorKind::kCorrupt, std::string(name) + ": wrong length"), name);
  }
  auto plain = decompress(*stored, static_cast<std::size_t>(opened.plain_length));
  if (!plain) return named(std::move(plain).error().with_context(name), name);
  return plain;
}

Status prove_blob_data(const BlobHead& head, ByteView data, ObjectKind kind, std::string_view name, const Keys& keys) {
  if (!keys.can_read()) return verify_blob_data(head, data, name);
  HF_ASSIGN(const OpenedHead opened, open_blob_head(head, kind, name, keys));
  HF_ASSIGN(const Bytes plain, open_blob_data(head, opened, data, name));
  if (blob_digest(keys, plain) == head.plain_digest) return ok();
  return make_error(ErrorKind::kCorrupt, std::string(name) + ": its digest is not that of its bytes");
}

Result<BlobHead> read_blob_head(Store& store, const ObjectInfo& object, ObjectKind kind,
                                std::span<const crypto::PublicKey> writers) {
  std::uint64_t length = std::min<std::uint64_t>(object.size, kBlobHeadRead);
  HF_ASSIGN(Bytes prefix, store.get(object.name, {0, length}));
  HF_ASSIGN(const DecodedHeader header, decode_header(prefix, kind, object.name));
  const std::uint64_t head_size = header.size + header.header.payload_length;
  if (head_size > prefix.size() && head_size <= std::min<std::uint64_t>(object.size, kMaxHead)) {
    HF_ASSIGN(prefix, store.get(object.name, {0, head_size}));
  }
  return parse_blob_head(prefix, object.size, kind, object.name, writers);
}

Result<Blob> read_blob(Store& store, const std::string& name, ObjectKind kind, const Keys& keys,
                       std::span<const crypto::PublicKey> writers) {
  HF_ASSIGN(const Bytes bytes, store.get(name));
  Blob blob;
  HF_ASSIGN(blob.head, parse_blob_head(bytes, bytes.size(), kind, name, writers));
  HF_ASSIGN(blob.opened, open_blob_head(blob.head, kind, name, keys));
  const ByteView data = ByteView(bytes).subspan(static_cast<std::size_t>(blob.head.size));
  HF_ASSIGN(blob.plain, open_blob_data(blob.head, blob.opened, data, name));
  return blob;
}

}  // namespace hf::vault
