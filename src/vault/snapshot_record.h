// The snapshot record in bytes (docs/format/vault-protocol.md, "Snapshot record").
//
// Three layers: the plain record; the record sealed to the vault's public key and signed by the writer who made it (this
// form is hashed for the snapshot's id, and is the same in every copy); the commit object or fate that carries it.
#pragma once

#include <span>

#include "vault/keys/keys.h"
#include "vault/snapshot.h"
#include "vault/tree/tree.h"

namespace hf::vault {

inline constexpr std::size_t kMaxRecordObject = 4u << 20;

struct SnapshotRecord {
  SessionId session{};
  SnapshotInfo info;        // id and number stand outside the record
  TreeRoot tree;
};

Bytes encode_record(const SnapshotRecord& record);
Result<SnapshotRecord> decode_record(ByteView bytes);

Result<Bytes> seal_record(crypto::Entropy& entropy, const Keys& keys, const SnapshotRecord& record);
// Signature only, no read key needed: what check and copy do with every commit.
Status verify_sealed_record(ByteView sealed, std::string_view carrier, std::span<const crypto::PublicKey> writers);
// kDenied if `keys` cannot read. `carrier` is the object that it was found in, for errors. Fills in info.id.
Result<SnapshotRecord> open_record(ByteView sealed, std::string_view carrier, const Keys& keys,
                                   std::span<const crypto::PublicKey> writers);
SnapshotId id_of_sealed(ByteView sealed);

// A metadata chunk by which a snapshot is known from packs alone: the plain record as it stood before anything was counted.
inline constexpr std::size_t kMaxSnapshotNote = 4u << 20;
Bytes encode_snapshot_note(const SnapshotRecord& record);
std::optional<SnapshotRecord> decode_snapshot_note(ByteView chunk);    // nothing for any other chunk

}  // namespace hf::vault
