// A sealed blob: one object in two parts, for WAL and attachments (docs/format/vault-protocol.md, "Sealed blobs").
//
//   head = signed object: object header, body, writer's key, signature    |    data section: sealed bytes to the end
//   body = data length u64 | SHA-256 of the data section (32) | keyed digest of the plain bytes (32) | box(metadata)
//
// The head alone proves who wrote it and what its metadata say, so that listings read some hundred bytes an object. Who
// has only the write bundle can still tell whether two blobs hold the same bytes (by the keyed digest), and whether the
// object is whole. Invariant: every byte of the object is under the signature.
#pragma once

#include <functional>
#include <string>

#include "vault/keys/keys.h"
#include "vault/object/object.h"
#include "vault/store/store.h"

namespace hf::vault {

inline constexpr std::size_t kBlobHeadRead = 4096;       // the first read of a head: nearly always enough
inline constexpr std::size_t kMaxBlobMeta = 1u << 20;

struct BlobHead {
  std::uint64_t data_length = 0;
  crypto::Digest data_sha256{};
  crypto::Digest plain_digest{};
  Bytes box;                       // key of the data and the metadata, sealed to the vault
  crypto::PublicKey writer{};
  std::uint64_t size = 0;          // of the head: the data section begins there
};

struct OpenedHead {                // needs the read key
  ObjectKind kind = ObjectKind::kAttachment;
  Bytes metadata;
  Secret key;
  std::uint64_t plain_length = 0;
  bool compressed = false;
};

// The digest by which equal bytes are known without reading them: HMAC(id key, label || length || SHA-256(bytes)).
crypto::Digest blob_digest(const Keys& keys, ByteView plain);

Result<Bytes> encode_blob(crypto::Entropy& entropy, const Keys& keys, ObjectKind kind, std::string_view name,
                          ByteView metadata, ByteView plain);

// `prefix`: at least the whole head, from the object's first byte; `object_size`: of the whole object.
Result<BlobHead> parse_blob_head(ByteView prefix, std::uint64_t object_size, ObjectKind kind, std::string_view name,
                                 std::span<const crypto::PublicKey> writers);
Result<OpenedHead> open_blob_head(const BlobHead& head, ObjectKind kind, std::string_view name, const Keys& keys);
// `data`: the data section. kCorrupt unless it is exactly what the head says.
Status verify_blob_data(const BlobHead& head, ByteView data, std::string_view name);
Result<Bytes> open_blob_data(const BlobHead& head, const OpenedHead& opened, ByteView data, std::string_view name);
// As far as these keys tell: that the data is what the head says, and, for who can read, that it opens to what was digested.
Status prove_blob_data(const BlobHead& head, ByteView data, ObjectKind kind, std::string_view name, const Keys& keys);

// The same from a store.
Result<BlobHead> read_blob_head(Store& store, const ObjectInfo& object, ObjectKind kind,
                                std::span<const crypto::PublicKey> writers);
struct Blob {
  BlobHead head;
  OpenedHead opened;
  Bytes plain;
};
Result<Blob> read_blob(Store& store, const std::string& name, ObjectKind kind, const Keys& keys,
                       std::span<const crypto::PublicKey> writers);

}  // namespace hf::vault
