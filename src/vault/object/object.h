// How every object of a vault begins: 32 bytes and an area of TLVs, little-endian (docs/format/vault.md,
// "Object header").
//
//   0 magic 89 48 46 56 0d 0a 1a 0a   8 kind u8   9 major u8  10 minor u8  11 suite u8
//  12 flags u16   14 TLV bytes u16   16 payload length u64   24 check: 8 bytes of SHA-256(0..23 || TLVs)
//
// The check is looked at first, then the versions, so that a flipped bit is damage and never "a newer
// format". These 32 bytes mean the same in every major version. Invariant: what decode_header accepts,
// encode_header writes again.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "crypto/hash.h"
#include "crypto/keys.h"

namespace hf::vault {

using VaultId = std::array<std::uint8_t, 16>;     // random, the same in every copy of the vault
using SessionId = std::array<std::uint8_t, 16>;   // random, one per writer's run; shows in names

enum class ObjectKind : std::uint8_t {
  kConfig = 1,
  kPack = 2,
  kIndex = 3,
  kCommit = 4,
  kLeaseOpen = 5,
  kLeaseBeat = 6,
  kLeaseFate = 7,
  kEpoch = 8,
  kWalFrame = 9,
  kWalSegment = 10,
  kWalHistory = 11,
  kAttachment = 12,
  kStore = 13,        // the store's own id and abilities
  kWalSeal = 14,      // a receiver's promise to take no more of a timeline
};
std::string_view to_string(ObjectKind kind);

inline constexpr std::uint8_t kMajor = 1;
inline constexpr std::uint8_t kMinor = 0;
inline constexpr std::uint8_t kSuite = 1;  // SHA-256 leaves, HMAC-SHA-256, AES-256-GCM, X25519, Ed25519, zstd
inline constexpr std::size_t kHeaderBytes = 32;
inline constexpr std::size_t kMaxTlvBytes = 4096;
// in a TLV's type: who does not know it refuses the object
inline constexpr std::uint16_t kCritical = 0x8000;

// Flags 0..7 are critical: who does not know one refuses. Flags 8..15 may be ignored.
// payload length is 0: the payload reaches to the object's end
inline constexpr std::uint16_t kFlagOpenEnded = 0x0001;
inline constexpr std::uint16_t kFlagMetadata = 0x0002;   // packs: chunks of trees, not of files
inline constexpr std::uint16_t kFlagFilters = 0x0004;    // index runs: filters follow the fences

// TLV types, one number space for all kinds. Types below stand in ascending order in the object, each at most
// once.
inline constexpr std::uint16_t kTlvVaultId = kCritical | 1;     // 16 bytes
// box_seal of the object's key to the vault's public key
inline constexpr std::uint16_t kTlvWrappedKey = kCritical | 2;
// 32 random bytes: object key = HKDF(index key, salt, info)
inline constexpr std::uint16_t kTlvKeySalt = kCritical | 3;
// of the store's own object: what the store was found to be able to do (store/probe.h)
inline constexpr std::uint16_t kTlvStoreAbilities = 4;
// of configs: parity of new packs, in percent, u8
inline constexpr std::uint16_t kTlvParityPercent = 5;

struct Tlv {
  std::uint16_t type = 0;
  Bytes value;
  friend bool operator==(const Tlv&, const Tlv&) = default;
};

struct ObjectHeader {
  ObjectKind kind = ObjectKind::kConfig;
  std::uint8_t major = kMajor;
  std::uint8_t minor = kMinor;
  std::uint8_t suite = kSuite;
  std::uint16_t flags = 0;
  std::uint64_t payload_length = 0;
  std::vector<Tlv> tlvs;               // ascending by type

  ByteView tlv(std::uint16_t type) const;                   // empty if absent
  bool newer_minor() const { return minor > kMinor; }  // such a vault is read, never written and never pruned
  friend bool operator==(const ObjectHeader&, const ObjectHeader&) = default;
};

Bytes encode_header(const ObjectHeader& header);   // REQUIRES: TLVs ascending, together at most kMaxTlvBytes

struct DecodedHeader {
  ObjectHeader header;
  std::size_t size = 0;   // bytes of header and TLVs: the payload begins there
};
// `data` begins with the header and may be longer. `name` goes into the errors. kCorrupt: damage, or not the
// kind expected; kUnsupported: higher major, another suite, an unknown critical TLV or flag. `known` lists
// critical TLVs that the caller understands besides the three above.
Result<DecodedHeader> decode_header(ByteView data, ObjectKind expected, std::string_view name,
                                    std::span<const std::uint16_t> known = {});

// Small objects, held in memory as a whole.
Bytes encode_object(ObjectKind kind, ByteView payload, std::vector<Tlv> tlvs = {}, std::uint16_t flags = 0);
struct DecodedObject {
  ObjectHeader header;
  std::size_t header_size = 0;
  Bytes payload;
};
// Refuses an object that is shorter or longer than its header says.
Result<DecodedObject> decode_object(ByteView data, ObjectKind expected, std::string_view name,
                                    std::span<const std::uint16_t> known = {});

// Signed small objects (commits, leases, ...): payload = body || writer's public key (32) || Ed25519
// signature (64) over
//   "holdfast/v1 signed object" 00 || name length u16 || name || SHA-256(header and TLVs) ||
//   SHA-256(body) || public key
// The name is the object's name in the store, so that a signed object cannot be moved to another place.
Bytes encode_signed(ObjectKind kind, std::string_view name, ByteView body, const crypto::SigningKey& writer,
                    std::vector<Tlv> tlvs = {}, std::uint16_t flags = 0);
struct SignedObject {
  ObjectHeader header;
  Bytes body;
  crypto::PublicKey writer{};
};
// kCorrupt: the signature does not match; kDenied: signed by a key that is not among `writers`.
Result<SignedObject> decode_signed(ByteView data, ObjectKind expected, std::string_view name,
                                   std::span<const crypto::PublicKey> writers,
                                   std::span<const std::uint16_t> known = {});

}  // namespace hf::vault
