// What the writer and the reader of index runs share.
#pragma once

#include "vault/index/index.h"

namespace hf::vault {

inline constexpr std::string_view kIndexKeyInfo = "holdfast/v1 index run";
inline constexpr std::array<std::uint8_t, 8> kIndexFooterMagic = {'H', 'F', 'I', 'D', 'X', 'E', 'N', '\n'};
inline constexpr std::size_t kIndexFooterSigned = 96;   // before the signature
inline constexpr std::size_t kIndexSaltBytes = 32;

enum class IndexSection : std::uint8_t { kChunks = 1, kPacks = 2, kFences = 3 };

struct IndexFooter {
  std::uint64_t chunks = 0;
  std::uint32_t packs = 0;
  std::uint64_t total_length = 0;
  crypto::Digest fences{};          // SHA-256 of the sealed fences
  crypto::PublicKey writer{};
};

Bytes index_associated(const crypto::Digest& header, IndexSection section, std::uint64_t block);
Bytes encode_index_footer(const IndexFooter& footer);   // 96 bytes: all but the signature
Bytes index_signed_message(std::string_view name, const crypto::Digest& header, ByteView footer);
void encode_index_entry(ByteWriter& out, const IndexEntry& entry);
Result<IndexEntry> decode_index_entry(ByteView row, std::string_view name);
void encode_index_pack(ByteWriter& out, const IndexPack& pack);
Result<IndexPack> decode_index_pack(ByteView row, std::string_view name);
// Bit `probe` of an id in a filter: ids are uniform, so their bytes from the eighth on need no hash; those before it say
// which block it would be in.
inline std::size_t filter_bit(const ChunkId& id, std::size_t probe) {
  static_assert(8 + 2 * kFilterProbes <= sizeof(ChunkId) && kFilterBytes * 8 <= 0x10000);
  const std::size_t at = 8 + 2 * probe;
  return (id.bytes[at] | std::size_t{id.bytes[at + 1]} << 8) % (kFilterBytes * 8);
}
std::uint64_t id_prefix(const ChunkId& id);             // first 8 bytes, big-endian: ordered like the ids

}  // namespace hf::vault
