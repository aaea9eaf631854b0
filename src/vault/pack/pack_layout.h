// What the writer and the reader of packs share: associated data, the footer, directory rows.
#pragma once

#include "vault/pack/pack.h"

namespace hf::vault {

inline constexpr std::string_view kPackKeyInfo = "holdfast/v1 pack key";
inline constexpr std::array<std::uint8_t, 8> kPackFooterMagic = {'H', 'F', 'P', 'A', 'C', 'K', 'E', '\n'};
inline constexpr std::size_t kPackFooterBody = 48;    // before the check
inline constexpr std::size_t kPackFooterCheck = 16;   // first bytes of SHA-256 of the body

// The associated data of a record, without an allocation.
class ChunkAssociated {
 public:
  ChunkAssociated(const crypto::Digest& header, const PackEntry& entry);
  ByteView view() const { return bytes_; }

 private:
  std::array<std::uint8_t, 17 + 1 + 32 + 8 + 4 + 1 + 32> bytes_;
};
Bytes directory_associated(const crypto::Digest& header, ByteView footer_body);
Bytes encode_pack_footer(const PackFooter& footer);
void encode_pack_entry(ByteWriter& out, const PackEntry& entry);
Result<PackEntry> decode_pack_entry(ByteReader& in);
// Lengths and flags that cannot be are kCorrupt; flags of a later version kUnsupported.
Status check_pack_entry(const PackEntry& entry, std::string_view name);

}  // namespace hf::vault
