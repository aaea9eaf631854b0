#include "vault/keys/config.h"

#include <algorithm>

#include "base/check.h"
#include "base/hex.h"
#include "vault/chunk/chunk.h"
#include "vault/object/names.h"

namespace hf::vault {

namespace {

constexpr std::size_t kMaxLabel = 64;
constexpr std::size_t kMaxSalt = 64;
constexpr std::size_t kMaxWrapped = 1024;
constexpr std::size_t kPublicKeyBytes = 32;
constexpr std::size_t kSignerFromEnd = sizeof(crypto::PublicKey) + sizeof(crypto::Signature);

void write_chunker(ByteWriter& out, const ChunkerParameters& p) {
  out.u32(p.min_bytes).u32(p.avg_bytes).u32(p.max_bytes);
}

void write_slot(ByteWriter& out, const Slot& slot) {
  out.u32(slot.number).u8(static_cast<std::uint8_t>(slot.kind)).u8(static_cast<std::uint8_t>(slot.level));
  out.u32(slot.cost.memory_kib).u32(slot.cost.passes).raw(slot.recipient).raw(slot.writer);
  out.sized(slot.label).sized(slot.salt).sized(slot.wrapped);
}

Bytes encode_body(const Config& c) {
  ByteWriter out;
  out.raw(c.vault).u64(c.number).i64(c.created_s);
  out.u32(c.parameters.leaf_bytes);
  write_chunker(out, c.parameters.data);
  write_chunker(out, c.parameters.tree);
  out.u32(c.parameters.page_bytes).u32(c.parameters.range_pages);
  out.raw(c.vault_public).raw(c.admin_public).u32(c.next_slot);
  out.u16(static_cast<std::uint16_t>(c.slots.size()));
  for (const Slot& slot : c.slots) write_slot(out, slot);
  out.u16(static_cast<std::uint16_t>(c.writers.size()));
  for (const Writer& w : c.writers) out.raw(w.key).sized(w.label);
  return out.take();
}

Result<crypto::PublicKey> read_public(ByteReader& in) {
  HF_ASSIGN(ByteView view, in.raw(kPublicKeyBytes));
  return to_array<kPublicKeyBytes>(view);
}

Result<ChunkerParameters> read_chunker(ByteReader& in) {
  ChunkerParameters p;
  HF_ASSIGN(p.min_bytes, in.u32());
  HF_ASSIGN(p.avg_bytes, in.u32());
  HF_ASSIGN(p.max_bytes, in.u32());
  if (!check_parameters(p).has_value()) return in.corrupt("chunker sizes are not usable");
  return p;
}

Result<FormatParameters> read_parameters(ByteReader& in) {
  FormatParameters p;
  HF_ASSIGN(p.leaf_bytes, in.u32());
  HF_ASSIGN(p.data, read_chunker(in));
  HF_ASSIGN(p.tree, read_chunker(in));
  HF_ASSIGN(p.page_bytes, in.u32());
  HF_ASSIGN(p.range_pages, in.u32());
  const FormatParameters known;
  if (p.leaf_bytes != known.leaf_bytes || p.page_bytes != known.page_bytes ||
      p.range_pages != known.range_pages) {
    return make_error(ErrorKind::kUnsupported,
                      "vault uses leaf or page sizes that this program does not know")
        .with_hint("Use a newer Holdfast for this vault.");
  }
  return p;
}

Status check_slot(const ByteReader& in, const Slot& slot) {
  const bool passphrase = slot.kind == SlotKind::kPassphrase;
  const std::size_t salt = passphrase ? 16 : slot.kind == SlotKind::kKeyFile ? 32 : 0;
  if (slot.salt.size() != salt) return in.corrupt("slot has a salt of the wrong length");
  const bool no_cost = slot.cost.memory_kib == 0 && slot.cost.passes == 0;
  const bool usable = slot.cost.memory_kib >= 8 && slot.cost.memory_kib <= kMaxArgonKib &&
                      slot.cost.passes >= 1 && slot.cost.passes <= kMaxArgonPasses;
  if (passphrase ? !usable : !no_cost) return in.corrupt("slot asks for a cost that is not allowed");
  return ok();
}

Result<Slot> read_slot(ByteReader& in) {
  Slot slot;
  HF_ASSIGN(slot.number, in.u32());
  HF_ASSIGN(std::uint8_t kind, in.u8());
  if (kind < 1 || kind > 3) return in.corrupt("there is no slot kind " + std::to_string(kind));
  slot.kind = static_cast<SlotKind>(kind);
  HF_ASSIGN(std::uint8_t level, in.u8());
  if (level < 1 || level > 3) return in.corrupt("there is no level " + std::to_string(level));
  slot.level = static_cast<Level>(level);
  HF_ASSIGN(slot.cost.memory_kib, in.u32());
  HF_ASSIGN(slot.cost.passes, in.u32());
  HF_ASSIGN(slot.recipient, read_public(in));
  HF_ASSIGN(slot.writer, read_public(in));
  HF_ASSIGN(slot.label, in.sized_text(kMaxLabel));
  HF_ASSIGN(ByteView salt, in.sized(kMaxSalt));
  slot.salt = to_bytes(salt);
  HF_ASSIGN(ByteView wrapped, in.sized(kMaxWrapped));
  slot.wrapped = to_bytes(wrapped);
  HF_TRY(check_slot(in, slot));
  return slot;
}

Status read_slots(ByteReader& in, Config& c) {
  HF_ASSIGN(c.next_slot, in.u32());
  HF_ASSIGN(std::uint16_t count, in.u16());
  if (count > kMaxSlots) return in.corrupt("more than " + std::to_string(kMaxSlots) + " slots");
  for (std::uint16_t i = 0; i < count; ++i) {
    HF_ASSIGN(Slot slot, read_slot(in));
    const std::uint32_t above = c.slots.empty() ? 0 : c.slots.back().number;
    if (slot.number <= above || slot.number >= c.next_slot) return in.corrupt("slots are out of order");
    c.slots.push_back(std::move(slot));
  }
  return ok();
}

Status read_writers(ByteReader& in, Config& c) {
  HF_ASSIGN(std::uint16_t count, in.u16());
  if (count > kMaxWriters) return in.corrupt("more than " + std::to_string(kMaxWriters) + " writers");
  for (std::uint16_t i = 0; i < count; ++i) {
    Writer w;
    HF_ASSIGN(w.key, read_public(in));
    HF_ASSIGN(w.label, in.sized_text(kMaxLabel));
    c.writers.push_back(std::move(w));
  }
  return ok();
}

Result<Config> decode_body(ByteView body, std::string_view name, bool newer_minor) {
  ByteReader in(body, name);
  Config c;
  c.newer_minor = newer_minor;
  HF_ASSIGN(ByteView vault, in.raw(sizeof(VaultId)));
  c.vault = to_array<sizeof(VaultId)>(vault);
  HF_ASSIGN(c.number, in.u64());
  HF_ASSIGN(c.created_s, in.i64());
  HF_ASSIGN(c.parameters, read_parameters(in));
  HF_ASSIGN(c.vault_public, read_public(in));
  HF_ASSIGN(c.admin_public, read_public(in));
  HF_TRY(read_slots(in, c));
  HF_TRY(read_writers(in, c));
  if (!newer_minor) HF_TRY(in.expect_end());   // a newer minor version may add fields at the end
  return c;
}

Status check_admin(const Config& config, const Keys& admin) {
  if (!admin.can_administer() || admin.admin_public != config.admin_public) {
    return make_error(ErrorKind::kDenied,
                      "changing the slots of a vault needs a credential of level 'admin'");
  }
  if (config.newer_minor) {
    return make_error(ErrorKind::kUnsupported, "vault is of a newer format: it can be read, not changed")
        .with_hint("Use a newer Holdfast for this vault.");
  }
  return ok();
}

std::string_view credential_name(const Credentials& credentials) {
  switch (credentials.index()) {
    case 0: return "passphrase";
    case 1: return "key file";
    default: return "recipient key";
  }
}

SlotKind slot_kind(const Credentials& credentials) { return static_cast<SlotKind>(credentials.index() + 1); }

void list_writer(Config& config, const crypto::PublicKey& key, const std::string& label) {
  if (std::ranges::find(config.writers, key, &Writer::key) == config.writers.end())
    config.writers.push_back({key, label});
}

}  // namespace

std::vector<crypto::PublicKey> Config::writer_keys() const {
  std::vector<crypto::PublicKey> keys;
  for (const Writer& w : writers) keys.push_back(w.key);
  return keys;
}

Result<Config> parse_config(ByteView object, std::string_view name) {
  if (object.size() > kMaxConfigBytes)
    return make_error(ErrorKind::kCorrupt, std::string(name) + ": is too large");
  HF_ASSIGN(const DecodedObject outer, decode_object(object, ObjectKind::kConfig, name));
  if (outer.payload.size() < kSignerFromEnd)
    return make_error(ErrorKind::kCorrupt, std::string(name) + ": has no signature");
  const ByteView tail = ByteView(outer.payload).last(kSignerFromEnd);
  const crypto::PublicKey signer[] = {to_array<kPublicKeyBytes>(tail.first(kPublicKeyBytes))};
  HF_ASSIGN(const SignedObject signed_object, decode_signed(object, ObjectKind::kConfig, name, signer));
  HF_ASSIGN(Config config, decode_body(signed_object.body, name, signed_object.header.newer_minor()));
  if (config.admin_public != signer[0]) {
    return make_error(ErrorKind::kCorrupt,
                      std::string(name) + ": is not signed by the admin key that it names");
  }
  if (name != config_name(config.number)) {
    return make_error(ErrorKind::kCorrupt, std::string(name) + ": holds " + config_name(config.number));
  }
  const ByteView parity = signed_object.header.tlv(kTlvParityPercent);
  if (parity.size() == 1 && parity[0] <= kMaxParityPercent) config.parity_percent = parity[0];
  return config;
}

Bytes encode_config(const Config& config, const crypto::SigningKey& admin) {
  HF_CHECK(admin.public_key == config.admin_public && !config.newer_minor);
  HF_CHECK(config.slots.size() <= kMaxSlots && config.writers.size() <= kMaxWriters);
  std::vector<Tlv> tlvs;
  if (config.parity_percent != kDefaultParityPercent)
    tlvs.push_back({kTlvParityPercent, Bytes{static_cast<std::uint8_t>(config.parity_percent)}});
  return encode_signed(ObjectKind::kConfig, config_name(config.number), encode_body(config), admin, std::move(tlvs));
}

Result<Created> create_config(crypto::Entropy& entropy, const SlotLock& lock, const std::string& label,
                              std::int64_t now_s, crypto::Argon2Cost cost, unsigned parity_percent) {
  if (label.size() > kMaxLabel)
    return make_error(ErrorKind::kInvalid, "label of a slot is longer than 64 bytes");
  Created out;
  Keys& keys = out.keys;
  entropy.fill(keys.vault);
  keys.level = Level::kAdmin;
  keys.id_key = entropy.secret(kPublicKeyBytes);
  keys.chunker_key = entropy.secret(kPublicKeyBytes);
  keys.index_key = entropy.secret(kPublicKeyBytes);
  keys.vault_private = crypto::new_box_key(entropy);
  keys.vault_public = keys.vault_private->public_key;
  keys.admin = crypto::new_signing_key(entropy);
  keys.admin_public = keys.admin->public_key;
  keys.writer = crypto::new_signing_key(entropy);
  Config& config = out.config;
  config.vault = keys.vault;
  config.created_s = now_s;
  config.parity_percent = parity_percent;
  config.vault_public = keys.vault_public;
  config.admin_public = keys.admin_public;
  list_writer(config, keys.writer.public_key, label);
  HF_ASSIGN(Slot slot,
            close_slot(entropy, keys, keys.writer, lock, config.next_slot++, Level::kAdmin, label, cost));
  config.slots.push_back(std::move(slot));
  out.object = encode_config(config, *keys.admin);
  return out;
}

Result<Keys> unlock(const Config& config, const Credentials& credentials) {
  bool tried = false;
  for (const Slot& slot : config.slots) {
    if (slot.kind != slot_kind(credentials)) continue;
    tried = true;
    auto keys = open_slot(slot, config.vault, credentials);
    if (!keys.has_value()) {
      if (keys.error().kind == ErrorKind::kDenied) continue;
      return std::move(keys).error();
    }
    if (keys->admin_public != config.admin_public || keys->vault_public != config.vault_public) {
      return make_error(ErrorKind::kCorrupt,
                        "config of vault " + to_hex(config.vault) +
                            " is not signed by the admin key of this credential: it was replaced")
          .with_hint("Restore config/ of this vault from a copy, and find out who can write to the store.");
    }
    return std::move(*keys);
  }
  const std::string what(credential_name(credentials));
  const std::string vault = to_hex(config.vault);
  if (!tried) {
    return make_error(ErrorKind::kDenied, "vault " + vault + " has no slot for a " + what)
        .with_hint("Give what this vault was made with: a passphrase or a key file.");
  }
  return make_error(ErrorKind::kDenied, "wrong " + what + " for vault " + vault)
      .with_hint("Give the credential that this vault was made with; nothing was changed.");
}

Result<Created> add_slot(crypto::Entropy& entropy, const Config& config, const Keys& admin,
                         const SlotRequest& request) {
  HF_TRY(check_admin(config, admin));
  if (config.slots.size() >= kMaxSlots || config.writers.size() >= kMaxWriters) {
    return make_error(ErrorKind::kExhausted, "vault has as many slots or writers as it can hold")
        .with_hint("Drop a slot that is not used any more: 'holdfast vault key drop'.");
  }
  if (request.label.size() > kMaxLabel)
    return make_error(ErrorKind::kInvalid, "label of a slot is longer than 64 bytes");
  Created out;
  out.config = config;
  out.config.number += 1;
  const crypto::SigningKey writer = request.own_writer ? crypto::new_signing_key(entropy) : admin.writer;
  list_writer(out.config, writer.public_key, request.label);
  HF_ASSIGN(Slot slot, close_slot(entropy, admin, writer, request.lock, out.config.next_slot++, request.level,
                                  request.label, request.cost));
  out.config.slots.push_back(std::move(slot));
  out.object = encode_config(out.config, *admin.admin);
  out.keys = admin;
  out.keys.level = request.level;
  out.keys.writer = writer;
  if (request.level < Level::kRead) out.keys.vault_private.reset();
  if (request.level < Level::kAdmin) out.keys.admin.reset();
  return out;
}

Result<Created> drop_slot(const Config& config, const Keys& admin, std::uint32_t number, bool also_writer) {
  HF_TRY(check_admin(config, admin));
  const auto found = std::ranges::find(config.slots, number, &Slot::number);
  if (found == config.slots.end()) {
    return make_error(ErrorKind::kNotFound, "vault has no slot " + std::to_string(number));
  }
  const crypto::PublicKey writer = found->writer;
  Created out;
  out.config = config;
  out.config.number += 1;
  std::erase_if(out.config.slots, [&](const Slot& s) { return s.number == number; });
  if (std::ranges::none_of(out.config.slots, [](const Slot& s) { return s.level == Level::kAdmin; })) {
    return make_error(ErrorKind::kBlocked, "slot " + std::to_string(number) + " is the last of level 'admin'")
        .with_hint("Add another admin slot first.");
  }
  if (also_writer) {
    if (writer == admin.writer.public_key) {
      return make_error(ErrorKind::kBlocked,
                        "slot " + std::to_string(number) + " has the signing key now in use")
          .with_hint("Open the vault with another slot to revoke this one.");
    }
    std::erase_if(out.config.writers, [&](const Writer& w) { return w.key == writer; });
  }
  out.object = encode_config(out.config, *admin.admin);
  out.keys = admin;
  return out;
}

}  // namespace hf::vault
