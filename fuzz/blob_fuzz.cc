// Sealed blobs: WAL and attachments. The first byte chooses: 0 a whole object; 1 the body of a head and the data behind it,
// signed here; 2 what the box in a head holds, closed here; 3 the plain length and the data section of a blob whose head fits.
#include "base/check.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "vault/object/blob.h"
#include "vault_keys.h"

namespace hf::vault {
namespace {

constexpr std::string_view kName = "attach/fuzz/00/0000000000000001";
constexpr std::size_t kMostPlain = 8 << 20;   // bytes that a compressed blob may claim here

const Keys& blob_keys() {
  static const Keys keys = fuzz::fixed_keys();
  return keys;
}

void whole_blob(ByteView object) {
  const Keys& keys = blob_keys();
  const crypto::PublicKey writers[] = {keys.writer.public_key};
  const auto head = parse_blob_head(object, object.size(), ObjectKind::kAttachment, kName, writers);
  if (!head.has_value()) return;
  HF_CHECK(head->size + head->data_length == object.size());
  const auto opened = open_blob_head(*head, ObjectKind::kAttachment, kName, keys);
  if (!opened.has_value() || opened->plain_length > kMostPlain) return;
  const auto plain = open_blob_data(*head, *opened, object.subspan(head->size), kName);
  HF_CHECK(!plain.has_value() || plain->size() == opened->plain_length);
}

Bytes object_of(ByteView body, ByteView data) {
  Tlv vault{kTlvVaultId, to_bytes(ByteView(blob_keys().vault))};
  Bytes object = encode_signed(ObjectKind::kAttachment, kName, body, blob_keys().writer, {std::move(vault)});
  object.insert(object.end(), data.begin(), data.end());
  return object;
}

void signed_body(ByteView input) {
  ByteReader in(input, "input");
  const auto body = in.sized(input.size());
  if (body.has_value()) whole_blob(object_of(*body, input.subspan(in.offset())));
}

void boxed(ByteView inner, ByteView data) {
  fuzz::FixedEntropy entropy;
  const auto box = crypto::box_seal(entropy, blob_keys().vault_public, "holdfast/v1 blob", inner);
  if (!box.has_value()) return;
  ByteWriter body;
  body.u64(data.size()).raw(crypto::sha256(data)).raw(Bytes(32, 0)).sized(*box);
  whole_blob(object_of(body.take(), data));
}

void data_section(ByteView input) {
  ByteReader in(input, "input");
  const auto length = in.u32();
  const auto flags = in.u8();
  if (!length || !flags) return;
  const Secret key(Bytes(crypto::kAeadKeyBytes, 8));
  ByteWriter associated;
  associated.u8(static_cast<std::uint8_t>(ObjectKind::kAttachment)).sized(kName);
  const Bytes sealed = crypto::seal(key, crypto::counter_nonce(0), associated.take(), input.subspan(in.offset()));
  ByteWriter inner;
  inner.raw(key.reveal()).u64(*length % kMostPlain).u8(*flags % 2).sized(ByteView());
  boxed(inner.take(), sealed);
}

}  // namespace
}  // namespace hf::vault

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const hf::ByteView rest(data + 1, size - 1);
  if (data[0] == 0) hf::vault::whole_blob(rest);
  if (data[0] == 1) hf::vault::signed_body(rest);
  if (data[0] == 2) hf::vault::boxed(rest, {});
  if (data[0] == 3) hf::vault::data_section(rest);
  return 0;
}
