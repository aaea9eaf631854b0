// Packs. The first byte chooses: 0 a whole object; 1 the last 64 bytes; 2 the directory's rows, sealed here
// with a known key; 3 a compressed chunk.
#include "base/check.h"
#include "crypto/aead.h"
#include "vault/object/compress.h"
#include "vault/pack/pack.h"
#include "vault/pack/pack_layout.h"
#include "vault_keys.h"

namespace hf::vault {
namespace {

void whole_object(ByteView bytes) {
  static const Keys keys = fuzz::fixed_keys();
  static const ChunkHasher hasher(keys.id_key);
  const auto pack = read_pack_directory(memory_range(bytes), bytes.size(), keys, "pack");
  if (!pack.has_value()) return;
  for (const PackEntry& e : pack->entries) {
    HF_CHECK(std::uint64_t{e.offset} + e.stored_length <= bytes.size());
    const auto chunk = read_chunk(pack->key, e, bytes.subspan(e.offset, e.stored_length), hasher, "pack");
    HF_CHECK(!chunk.has_value() || hasher.id(*chunk) == e.id);
  }
}

void directory_rows(ByteView rows) {
  PackKey key;
  const Secret secret(Bytes(32, 9));
  key.key = std::make_shared<const crypto::AeadKey>(secret);
  key.header_size = 136;
  PackFooter footer;
  footer.count = static_cast<std::uint32_t>(rows.size() / kPackEntryBytes);
  if (rows.size() % kPackEntryBytes != 0 || rows.size() > 1'000'000) return;
  // The offset that fits: where the last row's record ends.
  footer.directory_offset = key.header_size;
  for (std::size_t at = 0; at < rows.size(); at += kPackEntryBytes) {
    ByteReader in(rows.subspan(at, kPackEntryBytes), "row");
    footer.directory_offset += decode_pack_entry(in).value().stored_length;
  }
  footer.directory_length = static_cast<std::uint32_t>(rows.size() + crypto::kAeadTagBytes);
  const Bytes end = encode_pack_footer(footer);
  const Bytes associated = directory_associated(key.header_digest, ByteView(end).first(kPackFooterBody));
  const Bytes sealed =
      crypto::seal(secret, crypto::counter_nonce(footer.directory_offset), associated, rows);
  const auto entries = open_directory(key, footer, sealed, "pack");
  HF_CHECK(!entries.has_value() || entries->size() == footer.count);
}

}  // namespace
}  // namespace hf::vault

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf::vault;
  if (size == 0) return 0;
  const hf::ByteView rest(data + 1, size - 1);
  switch (data[0]) {
    case 0: whole_object(rest); break;
    case 1: (void)parse_pack_footer(rest, 1000, "pack"); break;
    case 2: directory_rows(rest); break;
    case 3:
      if (rest.size() >= 4) {
        hf::ByteReader in(rest, "length");
        const std::uint32_t length = in.u32().value() % (1U << 20);
        (void)decompress(rest.subspan(4), length);
      }
      break;
    default: break;
  }
  return 0;
}
