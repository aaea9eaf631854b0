#include "vault/pack/pack_layout.h"

#include <algorithm>

#include "base/check.h"
#include "crypto/aead.h"

namespace hf::vault {

ChunkAssociated::ChunkAssociated(const crypto::Digest& header, const PackEntry& entry) {
  constexpr std::string_view kWhat = "holdfast/v1 chunk";
  std::uint8_t* to = std::copy(kWhat.begin(), kWhat.end(), bytes_.data());
  *to++ = 0;
  to = std::copy(header.begin(), header.end(), to);
  for (int i = 0; i < 8; ++i) *to++ = static_cast<std::uint8_t>(std::uint64_t{entry.offset} >> (8 * i));
  for (int i = 0; i < 4; ++i) *to++ = static_cast<std::uint8_t>(entry.plain_length >> (8 * i));
  *to++ = entry.flags;
  to = std::copy(entry.id.bytes.begin(), entry.id.bytes.end(), to);
  HF_CHECK(to == bytes_.data() + bytes_.size());
}

Bytes directory_associated(const crypto::Digest& header, ByteView footer_body) {
  ByteWriter out;
  out.raw(as_bytes("holdfast/v1 directory")).u8(0).raw(header).raw(footer_body);
  return out.take();
}

Bytes encode_pack_footer(const PackFooter& f) {
  ByteWriter out;
  out.raw(kPackFooterMagic).u64(f.directory_offset).u32(f.directory_length).u32(f.count);
  out.u64(f.parity_offset).u32(f.parity_length).u8(f.parity_kind).u8(f.parity_rows);
  out.u8(f.parity_block_log2).u8(0).u64(f.total_length);
  HF_CHECK(out.size() == kPackFooterBody);
  const crypto::Digest check = crypto::sha256(out.bytes());
  out.raw(ByteView(check).first(kPackFooterCheck));
  return out.take();
}

void encode_pack_entry(ByteWriter& out, const PackEntry& e) {
  out.raw(e.id.bytes).u32(e.offset).u32(e.stored_length).u32(e.plain_length).u8(e.flags).u8(0).u16(0);
}

Result<PackEntry> decode_pack_entry(ByteReader& in) {
  PackEntry e;
  HF_ASSIGN(ByteView id, in.raw(sizeof(e.id.bytes)));
  e.id.bytes = to_array<sizeof(e.id.bytes)>(id);
  HF_ASSIGN(e.offset, in.u32());
  HF_ASSIGN(e.stored_length, in.u32());
  HF_ASSIGN(e.plain_length, in.u32());
  HF_ASSIGN(e.flags, in.u8());
  HF_TRY(in.raw(3));
  return e;
}

Status check_pack_entry(const PackEntry& e, std::string_view name) {
  if ((e.flags & ~kChunkCompressed) != 0) {
    return make_error(ErrorKind::kUnsupported,
                      std::string(name) + ": a chunk is stored in a way that is not known")
        .with_hint("Use a newer Holdfast for this vault.");
  }
  const std::uint64_t raw = std::uint64_t{e.plain_length} + crypto::kAeadTagBytes;
  const bool compressed = (e.flags & kChunkCompressed) != 0;
  const bool fits =
      compressed ? e.stored_length >= crypto::kAeadTagBytes && e.stored_length < raw : e.stored_length == raw;
  if (!fits || e.plain_length > kMaxChunkBytes) {
    return make_error(ErrorKind::kCorrupt,
                      std::string(name) + ": the lengths of chunk " + to_string(e.id) + " cannot be");
  }
  return ok();
}

}  // namespace hf::vault
