#include "vault/index/index_layout.h"

#include "base/check.h"
#include "vault/pack/pack_layout.h"

namespace hf::vault {

Bytes index_associated(const crypto::Digest& header, IndexSection section, std::uint64_t block) {
  ByteWriter out;
  out.raw(as_bytes("holdfast/v1 index block"))
      .u8(0)
      .raw(header)
      .u8(static_cast<std::uint8_t>(section))
      .u64(block);
  return out.take();
}

Bytes encode_index_footer(const IndexFooter& f) {
  ByteWriter out;
  out.raw(kIndexFooterMagic)
      .u64(f.chunks)
      .u32(f.packs)
      .u32(0)
      .u64(f.total_length)
      .raw(f.fences)
      .raw(f.writer);
  HF_CHECK(out.size() == kIndexFooterSigned);
  return out.take();
}

Bytes index_signed_message(std::string_view name, const crypto::Digest& header, ByteView footer) {
  ByteWriter out;
  out.raw(as_bytes("holdfast/v1 index run"))
      .u8(0)
      .u16(static_cast<std::uint16_t>(name.size()))
      .raw(as_bytes(name));
  out.raw(header).raw(footer);
  return out.take();
}

void encode_index_entry(ByteWriter& out, const IndexEntry& e) {
  const PackEntry& c = e.chunk;
  out.raw(c.id.bytes)
      .u32(e.pack)
      .u32(c.offset)
      .u32(c.stored_length)
      .u32(c.plain_length)
      .u8(c.flags)
      .u8(0)
      .u16(0);
}

Result<IndexEntry> decode_index_entry(ByteView row, std::string_view name) {
  ByteReader in(row, name);
  IndexEntry e;
  HF_ASSIGN(ByteView id, in.raw(sizeof(e.chunk.id.bytes)));
  e.chunk.id.bytes = to_array<sizeof(e.chunk.id.bytes)>(id);
  HF_ASSIGN(e.pack, in.u32());
  HF_ASSIGN(e.chunk.offset, in.u32());
  HF_ASSIGN(e.chunk.stored_length, in.u32());
  HF_ASSIGN(e.chunk.plain_length, in.u32());
  HF_ASSIGN(e.chunk.flags, in.u8());
  HF_TRY(check_pack_entry(e.chunk, name));
  return e;
}

void encode_index_pack(ByteWriter& out, const IndexPack& p) {
  HF_CHECK(p.header.size() <= kMaxPackHeaderBytes);
  out.raw(p.name.session).u32(p.name.number).u8(static_cast<std::uint8_t>(p.kind)).u8(0);
  out.u16(static_cast<std::uint16_t>(p.header.size())).u64(p.size).raw(p.digest).raw(p.header);
  out.raw(Bytes(kMaxPackHeaderBytes - p.header.size(), 0));
}

Result<IndexPack> decode_index_pack(ByteView row, std::string_view name) {
  ByteReader in(row, name);
  IndexPack p;
  HF_ASSIGN(ByteView session, in.raw(sizeof(SessionId)));
  p.name.session = to_array<sizeof(SessionId)>(session);
  HF_ASSIGN(p.name.number, in.u32());
  HF_ASSIGN(std::uint8_t kind, in.u8());
  if (kind != 1 && kind != 2) return in.corrupt("there is no pack kind " + std::to_string(kind));
  p.kind = static_cast<PackKind>(kind);
  HF_TRY(in.u8());
  HF_ASSIGN(std::uint16_t header, in.u16());
  if (header > kMaxPackHeaderBytes) return in.corrupt("a pack's header is too long");
  HF_ASSIGN(p.size, in.u64());
  HF_ASSIGN(ByteView digest, in.raw(sizeof(p.digest)));
  p.digest = to_array<sizeof(p.digest)>(digest);
  HF_ASSIGN(ByteView bytes, in.raw(header));
  p.header = to_bytes(bytes);
  return p;
}

std::uint64_t id_prefix(const ChunkId& id) {
  std::uint64_t v = 0;
  for (std::size_t i = 0; i < 8; ++i) v = (v << 8) | id.bytes[i];
  return v;
}

}  // namespace hf::vault
