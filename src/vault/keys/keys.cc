#include "vault/keys/keys.h"

#include "base/check.h"
#include "base/hex.h"
#include "crypto/aead.h"
#include "crypto/hash.h"

namespace hf::vault {

namespace {

constexpr std::string_view kSlotContext = "holdfast/v1 slot";
constexpr std::string_view kKeyFileInfo = "holdfast/v1 slot key file";
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kPassphraseSalt = 16;
constexpr std::size_t kKeyFileSalt = 32;
constexpr std::uint8_t kBundleVersion = 1;

template <class... F>
struct Overload : F... { using F::operator()...; };
template <class... F>
Overload(F...) -> Overload<F...>;

// What the seal binds: a slot's parameters cannot be exchanged under its bundle.
Bytes slot_context(const Slot& slot, const VaultId& vault) {
  ByteWriter out;
  out.raw(as_bytes(kSlotContext)).u8(0).raw(vault).u32(slot.number);
  out.u8(static_cast<std::uint8_t>(slot.kind)).u8(static_cast<std::uint8_t>(slot.level));
  out.u32(slot.cost.memory_kib).u32(slot.cost.passes).sized(slot.salt).raw(slot.recipient).raw(slot.writer);
  return out.take();
}

Secret encode_bundle(const Keys& keys, const crypto::SigningKey& writer, Level level) {
  ByteWriter out;
  out.u8(kBundleVersion).u8(static_cast<std::uint8_t>(level)).raw(keys.vault);
  out.raw(keys.id_key.reveal()).raw(keys.chunker_key.reveal()).raw(keys.index_key.reveal());
  out.raw(keys.vault_public).raw(keys.admin_public).raw(writer.seed.reveal());
  if (level >= Level::kRead) out.raw(keys.vault_private->private_key.reveal());
  if (level >= Level::kAdmin) out.raw(keys.admin->seed.reveal());
  return Secret(out.take());
}

Result<Secret> read_key(ByteReader& reader) {
  HF_ASSIGN(ByteView view, reader.raw(kKeyBytes));
  return Secret(to_bytes(view));
}

Result<Keys> decode_bundle(ByteView bundle) {
  ByteReader reader(bundle, "key bundle");
  HF_ASSIGN(std::uint8_t version, reader.u8());
  if (version != kBundleVersion) {
    return make_error(ErrorKind::kUnsupported,
                      "key bundle of version " + std::to_string(version) + " is not known");
  }
  Keys keys;
  HF_ASSIGN(std::uint8_t level, reader.u8());
  if (level < 1 || level > 3) return reader.corrupt("there is no level " + std::to_string(level));
  keys.level = static_cast<Level>(level);
  HF_ASSIGN(ByteView vault, reader.raw(sizeof(VaultId)));
  keys.vault = to_array<sizeof(VaultId)>(vault);
  HF_ASSIGN(keys.id_key, read_key(reader));
  HF_ASSIGN(keys.chunker_key, read_key(reader));
  HF_ASSIGN(keys.index_key, read_key(reader));
  HF_ASSIGN(ByteView vault_public, reader.raw(kKeyBytes));
  keys.vault_public = to_array<kKeyBytes>(vault_public);
  HF_ASSIGN(ByteView admin_public, reader.raw(kKeyBytes));
  keys.admin_public = to_array<kKeyBytes>(admin_public);
  HF_ASSIGN(const Secret writer, read_key(reader));
  keys.writer = crypto::signing_key_from_seed(writer);
  if (keys.level >= Level::kRead) {
    HF_ASSIGN(const Secret private_key, read_key(reader));
    keys.vault_private = crypto::box_key_from_private(private_key);
    if (keys.vault_private->public_key != keys.vault_public)
      return reader.corrupt("the vault's two keys do not match");
  }
  if (keys.level >= Level::kAdmin) {
    HF_ASSIGN(const Secret seed, read_key(reader));
    keys.admin = crypto::signing_key_from_seed(seed);
    if (keys.admin->public_key != keys.admin_public)
      return reader.corrupt("the admin's two keys do not match");
  }
  HF_TRY(reader.expect_end());
  return keys;
}

Secret key_file_secret(const Secret& key, ByteView salt) {
  return crypto::hkdf_sha256(key.reveal(), salt, kKeyFileInfo, kKeyBytes);
}

Error wrong_key_file(std::size_t size) {
  return make_error(ErrorKind::kInvalid, "key file holds " + std::to_string(size) + " bytes, 32 are needed")
      .with_hint("A key file is 32 random bytes: head -c 32 /dev/urandom > FILE");
}

Error denied() { return make_error(ErrorKind::kDenied, "this credential does not open the slot"); }

Result<Bytes> seal_bundle(crypto::Entropy& entropy, Slot& slot, const VaultId& vault, const SlotLock& lock,
                          ByteView bundle) {
  return std::visit(
      Overload{[&](const Passphrase& p) -> Result<Bytes> {
                 slot.kind = SlotKind::kPassphrase;
                 slot.salt = entropy.bytes(kPassphraseSalt);
                 HF_ASSIGN(const Secret key, crypto::argon2id(p.text, slot.salt, slot.cost, kKeyBytes));
                 return crypto::seal(key, crypto::counter_nonce(0), slot_context(slot, vault), bundle);
               },
               [&](const KeyFile& k) -> Result<Bytes> {
                 if (k.key.size() != kKeyBytes) return wrong_key_file(k.key.size());
                 slot.kind = SlotKind::kKeyFile;
                 slot.cost = {0, 0};
                 slot.salt = entropy.bytes(kKeyFileSalt);
                 const Secret key = key_file_secret(k.key, slot.salt);
                 return crypto::seal(key, crypto::counter_nonce(0), slot_context(slot, vault), bundle);
               },
               [&](const crypto::PublicKey& recipient) -> Result<Bytes> {
                 slot.kind = SlotKind::kRecipient;
                 slot.cost = {0, 0};
                 slot.recipient = recipient;
                 const Bytes context = slot_context(slot, vault);
                 return crypto::box_seal(entropy, recipient, as_text(context), bundle);
               }},
      lock);
}

Result<Bytes> open_bundle(const Slot& slot, const VaultId& vault, const Credentials& credentials) {
  const Bytes context = slot_context(slot, vault);
  return std::visit(
      Overload{[&](const Passphrase& p) -> Result<Bytes> {
                 if (slot.kind != SlotKind::kPassphrase) return denied();
                 HF_ASSIGN(const Secret key, crypto::argon2id(p.text, slot.salt, slot.cost, kKeyBytes));
                 return crypto::open(key, crypto::counter_nonce(0), context, slot.wrapped);
               },
               [&](const KeyFile& k) -> Result<Bytes> {
                 if (slot.kind != SlotKind::kKeyFile) return denied();
                 if (k.key.size() != kKeyBytes) return wrong_key_file(k.key.size());
                 return crypto::open(key_file_secret(k.key, slot.salt), crypto::counter_nonce(0), context,
                                     slot.wrapped);
               },
               [&](const Recipient& r) -> Result<Bytes> {
                 if (slot.kind != SlotKind::kRecipient || slot.recipient != r.key.public_key) return denied();
                 return crypto::box_open(r.key, as_text(context), slot.wrapped);
               }},
      credentials);
}

}  // namespace

std::string_view to_string(Level level) {
  switch (level) {
    case Level::kWrite: return "write";
    case Level::kRead: return "read";
    case Level::kAdmin: return "admin";
  }
  return "unknown";
}

Result<Slot> close_slot(crypto::Entropy& entropy, const Keys& keys, const crypto::SigningKey& writer,
                        const SlotLock& lock, std::uint32_t number, Level level, std::string label,
                        crypto::Argon2Cost cost) {
  const crypto::Argon2Cost most;
  if (cost.memory_kib > most.memory_kib || cost.passes > most.passes) {
    return make_error(ErrorKind::kInvalid, "a passphrase slot costs at most 64 MiB and 3 passes");
  }
  if (level > keys.level) {
    return make_error(ErrorKind::kDenied, "a key of level '" + std::string(to_string(keys.level)) +
                                              "' cannot give the level '" + std::string(to_string(level)) +
                                              "'");
  }
  Slot slot;
  slot.number = number;
  slot.level = level;
  slot.label = std::move(label);
  slot.cost = cost;
  slot.writer = writer.public_key;
  const Secret bundle = encode_bundle(keys, writer, level);
  HF_ASSIGN(slot.wrapped, seal_bundle(entropy, slot, keys.vault, lock, bundle.reveal()));
  return slot;
}

Result<Keys> open_slot(const Slot& slot, const VaultId& vault, const Credentials& credentials) {
  auto opened = open_bundle(slot, vault, credentials);
  if (!opened.has_value()) {
    if (opened.error().kind == ErrorKind::kCorrupt)
      return denied();  // a wrong key and a damaged seal look the same
    return std::move(opened).error();
  }
  const Secret bundle(std::move(*opened));
  HF_ASSIGN(Keys keys, decode_bundle(bundle.reveal()));
  if (keys.level != slot.level || keys.vault != vault || keys.writer.public_key != slot.writer) {
    return make_error(ErrorKind::kCorrupt,
                      "slot " + std::to_string(slot.number) + " holds the bundle of another slot");
  }
  return keys;
}

Secret object_key(const Keys& keys, ByteView salt, std::string_view info) {
  return crypto::hkdf_sha256(keys.index_key.reveal(), salt, info, kKeyBytes);
}

}  // namespace hf::vault
