#include "vault/core.h"

#include <algorithm>

#include "vault/object/names.h"

namespace hf::vault {

Repository::Core::Core(const RepositoryContext& context, Config config_in, Keys keys_in, StoreId store_id_in)
    : store(context.store),
      entropy(context.entropy),
      clock(context.clock),
      log(context.log),
      host(context.host),
      stop(context.stop),
      local(context.local),
      progress(context.progress),
      config(std::move(config_in)),
      keys(std::move(keys_in)),
      store_id(store_id_in),
      writers(config.writer_keys()),
      data_table(gear_table(keys.chunker_key, kDataGearInfo)),
      tree_table(gear_table(keys.chunker_key, kTreeGearInfo)),
      hasher(keys.id_key),
      page_hasher(keys.id_key),
      host_tag(keyed_name("host", as_bytes(host))) {}

std::array<std::uint8_t, 16> Repository::Core::keyed_name(std::string_view what, ByteView text) const {
  ByteWriter in;
  in.raw(as_bytes("holdfast/v1 ")).raw(as_bytes(what)).u8(0).raw(text);
  const crypto::Digest digest = crypto::hmac_sha256(keys.id_key.reveal(), in.take());
  return to_array<16>(ByteView(digest).first(16));
}

Status Repository::Core::check_going() const {
  return stop.stop_requested() ? Status(make_error(ErrorKind::kCancelled, "interrupted")) : ok();
}

Status Repository::Core::check_writable() const {
  if (!config.newer_minor) return ok();
  return make_error(ErrorKind::kUnsupported, "the vault at " + store.properties().place +
                    " was written by a newer version: this one reads it, but does not write to it")
      .with_hint("Update holdfast on this machine.");
}

Status Repository::Core::create_once(const std::string& name, ByteView bytes) const {
  Status put = store.put(name, bytes, PutMode::kCreate);
  if (put) return put;
  const bool taken = put.error().kind == ErrorKind::kExists;
  if (!taken && put.error().effect != Effect::kMaybe) return put;
  auto present = store.get(name);
  if (present && std::ranges::equal(*present, bytes)) return ok();   // every such object has its own nonce or key
  if (present || taken) {
    return make_error(ErrorKind::kExists, "object " + name + " exists in " + store.properties().place).with_object(name);
  }
  if (present.error().kind == ErrorKind::kNotFound) put.error().effect = Effect::kNone;
  return put;
}

Result<SignedObject> Repository::Core::read_signed(const std::string& name, ObjectKind kind) const {
  HF_ASSIGN(const Bytes bytes, store.get(name));
  auto object = decode_signed(bytes, kind, name, writers);
  if (!object) return Error(std::move(object).error()).with_object(name);
  const ByteView vault = object->header.tlv(kTlvVaultId);
  if (!std::ranges::equal(vault, keys.vault)) {
    return make_error(ErrorKind::kCorrupt, name + ": belongs to another vault").with_object(name);
  }
  return object;
}

Bytes Repository::Core::make_signed(const std::string& name, ObjectKind kind, ByteView body) const {
  return encode_signed(kind, name, body, keys.writer, {Tlv{kTlvVaultId, to_bytes(ByteView(keys.vault))}});
}

Result<std::vector<ObjectInfo>> Repository::Core::list(const std::string& prefix) const {
  std::vector<ObjectInfo> found;
  HF_TRY(store.list(prefix, [&](const ObjectInfo& info) {
    found.push_back(info);
    return ok();
  }));
  return found;
}

}  // namespace hf::vault
