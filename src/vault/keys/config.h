// `config/<n>`: the vault's id, its parameters, its slots and its writers, signed by the admin key; the
// newest n counts.
//
// Anybody may replace the file in the store, but not its meaning: a bundle names the admin's public key, and
// unlock() refuses a config that this key did not sign. Parameters never change in a vault.
#pragma once

#include <string>
#include <vector>

#include "vault/chunk/chunker.h"
#include "vault/keys/keys.h"
#include "vault/pack/pack.h"

namespace hf::vault {

inline constexpr std::size_t kMaxConfigBytes = 256 * 1024;
inline constexpr std::size_t kMaxSlots = 64;
inline constexpr std::size_t kMaxWriters = 1024;

struct FormatParameters {
  std::uint32_t leaf_bytes = 32 * 1024;
  ChunkerParameters data = kDataChunker;
  ChunkerParameters tree = kTreeChunker;
  std::uint32_t page_bytes = 8192;
  std::uint32_t range_pages = 32;
  friend bool operator==(const FormatParameters&, const FormatParameters&) = default;
};

struct Writer {
  crypto::PublicKey key{};
  std::string label;        // at most 64 bytes
};

struct Config {
  VaultId vault{};
  std::uint64_t number = 1;                  // the n of config/<n>
  std::int64_t created_s = 0;                // Unix seconds of the vault's creation
  FormatParameters parameters;
  crypto::PublicKey vault_public{};
  crypto::PublicKey admin_public{};
  std::vector<Slot> slots;                   // ascending by number
  std::uint32_t next_slot = 1;
  std::vector<Writer> writers;
  unsigned parity_percent = kDefaultParityPercent;   // of new packs
  bool newer_minor = false;                  // read, but never write to or prune such a vault

  std::vector<crypto::PublicKey> writer_keys() const;
};

// Structure and signature (by the admin key that it names itself: unlock() proves that this is the right
// one).
Result<Config> parse_config(ByteView object, std::string_view name);
// REQUIRES: `admin` is the key that config.admin_public names.
Bytes encode_config(const Config& config, const crypto::SigningKey& admin);

struct Created {
  Config config;
  Bytes object;    // to be stored as config/1
  Keys keys;       // admin level
};
// A new vault with one slot of admin level. `cost` exists so that tests need not pay 64 MiB; never above the
// default.
Result<Created> create_config(crypto::Entropy& entropy, const SlotLock& lock, const std::string& label,
                              std::int64_t now_s, crypto::Argon2Cost cost = {},
                              unsigned parity_percent = kDefaultParityPercent);

// kDenied "wrong passphrase for vault <id>" if no slot opens.
Result<Keys> unlock(const Config& config, const Credentials& credentials);

struct SlotRequest {
  SlotLock lock;
  Level level = Level::kWrite;
  std::string label;
  bool own_writer = true;          // a fresh signing key, listed as a writer; false: the caller's own
  crypto::Argon2Cost cost{};
};
// The next config (number + 1) with one slot more, or without one. `admin` must be of admin level (else
// kDenied). Created::keys are those of the new slot. The last admin slot cannot be dropped. `also_writer`
// takes the slot's signing key off the list of writers: nothing that it signed counts any longer, so it is
// for a stolen key, not for a retired host.
Result<Created> add_slot(crypto::Entropy& entropy, const Config& config, const Keys& admin,
                         const SlotRequest& request);
Result<Created> drop_slot(const Config& config, const Keys& admin, std::uint32_t number, bool also_writer);

}  // namespace hf::vault
