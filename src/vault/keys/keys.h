// What a credential opens: the vault's keys, by level, and the slots that wrap them.
//
// Write: id key, chunker key, index key, the vault's public key, the writer's signing key. Read adds the
// vault's private key, admin the key that signs the config. "Cannot read" is cryptography: a write bundle
// does not hold what opens a pack.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/secret.h"
#include "crypto/keys.h"
#include "vault/object/object.h"

namespace hf::vault {

enum class Level : std::uint8_t { kWrite = 1, kRead = 2, kAdmin = 3 };
std::string_view to_string(Level level);

struct Keys {
  VaultId vault{};
  Level level = Level::kWrite;
  Secret id_key;                               // 32 bytes: chunk ids, page digests, keyed names
  Secret chunker_key;                          // 32 bytes: Gear tables
  Secret index_key;                            // 32 bytes: index runs
  crypto::PublicKey vault_public{};            // packs and snapshots are sealed to it
  crypto::PublicKey admin_public{};            // whose signature a config must bear
  crypto::SigningKey writer;                   // signs commits, runs, leases
  std::optional<crypto::BoxKey> vault_private; // read and admin
  std::optional<crypto::SigningKey> admin;     // admin

  bool can_read() const { return vault_private.has_value(); }
  bool can_administer() const { return admin.has_value(); }
};

struct Passphrase { Secret text; };            // its bytes as typed, not normalised
struct KeyFile { Secret key; };                // exactly 32 bytes
struct Recipient { crypto::BoxKey key; };      // X25519
using Credentials = std::variant<Passphrase, KeyFile, Recipient>;

// How a slot is closed: for a recipient the public key is enough.
using SlotLock = std::variant<Passphrase, KeyFile, crypto::PublicKey>;

enum class SlotKind : std::uint8_t { kPassphrase = 1, kKeyFile = 2, kRecipient = 3 };

// Readers refuse a slot that asks for more than this: the bytes are not yet authenticated when the cost is
// paid.
inline constexpr std::uint32_t kMaxArgonKib = 256 * 1024;
inline constexpr std::uint32_t kMaxArgonPasses = 16;

struct Slot {
  std::uint32_t number = 0;            // never used again within a vault
  SlotKind kind = SlotKind::kPassphrase;
  Level level = Level::kWrite;
  std::string label;                   // at most 64 bytes, for `vault key list`
  crypto::Argon2Cost cost{0, 0};       // passphrases only
  Bytes salt;                          // 16 bytes for a passphrase, 32 for a key file, else empty
  crypto::PublicKey recipient{};       // recipients only, else zero
  crypto::PublicKey writer{};          // whose signing key the bundle holds
  Bytes wrapped;                       // the sealed bundle
};

// Seals the part of `keys` that `level` may have. `writer` becomes the slot's signing key. Salt is fresh on
// every call.
Result<Slot> close_slot(crypto::Entropy& entropy, const Keys& keys, const crypto::SigningKey& writer,
                        const SlotLock& lock, std::uint32_t number, Level level, std::string label,
                        crypto::Argon2Cost cost = {});
// kDenied if this credential does not open this slot.
Result<Keys> open_slot(const Slot& slot, const VaultId& vault, const Credentials& credentials);

// The key of an object that all writers may read (index runs): HKDF-SHA-256(index key, salt, info, 32).
Secret object_key(const Keys& keys, ByteView salt, std::string_view info);

}  // namespace hf::vault
