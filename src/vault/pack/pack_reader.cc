#include <algorithm>

#include "base/check.h"
#include "crypto/aead.h"
#include "vault/object/compress.h"
#include "vault/pack/pack.h"
#include "vault/pack/pack_layout.h"
#include "vault/pack/parity.h"

namespace hf::vault {

namespace {

Error damaged_pack(std::string_view name, std::string_view why) {
  return make_error(ErrorKind::kCorrupt, std::string(name) + ": " + std::string(why))
      .with_object(std::string(name));
}

}  // namespace

Result<PackKey> open_pack(ByteView header, const Keys& keys, std::string_view name) {
  if (!keys.can_read()) {
    return make_error(ErrorKind::kDenied,
                      std::string(name) + ": this credential may write to the vault, not read it")
        .with_hint("Use a passphrase or key of level 'read' or 'admin'.");
  }
  HF_ASSIGN(const DecodedHeader decoded, decode_header(header, ObjectKind::kPack, name));
  if ((decoded.header.flags & kFlagOpenEnded) == 0) return damaged_pack(name, "its header is not that of a pack");
  if (!std::ranges::equal(decoded.header.tlv(kTlvVaultId), keys.vault))
    return damaged_pack(name, "belongs to another vault");
  auto key = crypto::box_open(*keys.vault_private, kPackKeyInfo, decoded.header.tlv(kTlvWrappedKey));
  if (!key.has_value() || key->size() != crypto::kAeadKeyBytes) return damaged_pack(name, "its key does not open");
  PackKey out;
  out.key = std::make_shared<const crypto::AeadKey>(Secret(std::move(*key)));
  out.header_digest = crypto::sha256(header.first(decoded.size));
  out.kind = (decoded.header.flags & kFlagMetadata) != 0 ? PackKind::kMetadata : PackKind::kData;
  out.header_size = decoded.size;
  return out;
}

Result<PackFooter> parse_pack_footer(ByteView footer, std::uint64_t object_size, std::string_view name) {
  if (footer.size() != kPackFooterBytes || object_size > kMaxPackBytes ||
      object_size < kHeaderBytes + kPackFooterBytes) {
    return damaged_pack(name, "has not the size of a pack");
  }
  const ByteView body = footer.first(kPackFooterBody);
  const crypto::Digest check = crypto::sha256(body);
  if (!std::ranges::equal(ByteView(check).first(kPackFooterCheck), footer.last(kPackFooterCheck))) {
    return damaged_pack(name, "its last 64 bytes are damaged, or it ends early");
  }
  if (!std::ranges::equal(body.first(kPackFooterMagic.size()), kPackFooterMagic))
    return damaged_pack(name, "has no footer");
  ByteReader in(body.subspan(kPackFooterMagic.size()), name);
  PackFooter out;
  HF_ASSIGN(out.directory_offset, in.u64());
  HF_ASSIGN(out.directory_length, in.u32());
  HF_ASSIGN(out.count, in.u32());
  HF_ASSIGN(out.parity_offset, in.u64());
  HF_ASSIGN(out.parity_length, in.u32());
  HF_ASSIGN(out.parity_kind, in.u8());
  HF_ASSIGN(out.parity_rows, in.u8());
  HF_ASSIGN(out.parity_block_log2, in.u8());
  HF_TRY(in.raw(1));
  HF_ASSIGN(out.total_length, in.u64());
  const bool inside = out.directory_offset < object_size && out.parity_offset < object_size;
  const std::uint64_t directory = std::uint64_t{out.count} * kPackEntryBytes + crypto::kAeadTagBytes;
  const bool adjacent = inside && out.directory_length == directory && out.directory_offset >= kHeaderBytes &&
                        out.directory_offset + directory == out.parity_offset &&
                        out.parity_offset + out.parity_length + kPackFooterBytes == object_size;
  if (out.total_length != object_size || !adjacent) return damaged_pack(name, "its footer does not fit its size");
  if (out.parity_kind == kParityReedSolomon && !ParityLayout::of(out))
    return damaged_pack(name, "its parity cannot be laid out so");
  return out;
}

Result<std::vector<PackEntry>> open_directory(const PackKey& key, const PackFooter& footer, ByteView sealed,
                                              std::string_view name) {
  if (sealed.size() != footer.directory_length) return damaged_pack(name, "its directory has the wrong length");
  const Bytes end = encode_pack_footer(footer);
  const Bytes associated = directory_associated(key.header_digest, ByteView(end).first(kPackFooterBody));
  Bytes plain(footer.directory_length - crypto::kAeadTagBytes);
  if (!key.key->open(crypto::counter_nonce(footer.directory_offset), associated, sealed, plain))
    return damaged_pack(name, "its directory is damaged");
  ByteReader in(plain, name);
  std::vector<PackEntry> entries;
  entries.reserve(footer.count);
  std::uint64_t at = key.header_size;
  while (!in.at_end()) {
    HF_ASSIGN(PackEntry entry, decode_pack_entry(in));
    HF_TRY(check_pack_entry(entry, name));
    if (entry.offset != at) return damaged_pack(name, "its directory has a gap at byte " + std::to_string(at));
    at += entry.stored_length;
    entries.push_back(entry);
  }
  if (at != footer.directory_offset) return damaged_pack(name, "its directory does not cover it");
  return entries;
}

namespace {

std::string describe(const PackEntry& entry) {
  return "chunk " + to_string(entry.id) + " at byte " + std::to_string(entry.offset);
}

}  // namespace

Status decode_chunk(const PackKey& key, const PackEntry& entry, ByteView stored, Decompressor& decompressor, Bytes& scratch,
                    MutableByteView plain, std::string_view name) {
  HF_TRY(check_pack_entry(entry, name));
  if (stored.size() != entry.stored_length) return damaged_pack(name, describe(entry) + " has the wrong length");
  HF_CHECK(plain.size() == entry.plain_length);
  const bool compressed = (entry.flags & kChunkCompressed) != 0;
  const std::size_t length = stored.size() - crypto::kAeadTagBytes;
  if (compressed && scratch.size() < length) scratch.resize(length);
  const MutableByteView opened = compressed ? MutableByteView(scratch).first(length) : plain;
  const ChunkAssociated associated(key.header_digest, entry);
  if (!key.key->open(crypto::counter_nonce(entry.offset), associated.view(), stored, opened))
    return damaged_pack(name, describe(entry) + " is damaged");
  if (!compressed) return ok();
  Status done = decompressor.decompress(opened, plain);
  return done ? ok() : Status(damaged_pack(name, describe(entry) + ": " + done.error().text));
}

Error wrong_id(const PackEntry& entry, std::string_view name) {
  return damaged_pack(name, describe(entry) + " is not what its id says");
}

Result<Bytes> read_chunk(const PackKey& key, const PackEntry& entry, ByteView stored,
                         const ChunkHasher& hasher, std::string_view name) {
  HF_TRY(check_pack_entry(entry, name));
  Decompressor decompressor;
  Bytes scratch;
  Bytes plain(entry.plain_length);
  HF_TRY(decode_chunk(key, entry, stored, decompressor, scratch, plain, name));
  if (hasher.id(plain) != entry.id) return wrong_id(entry, name);
  return plain;
}

Result<OpenedPack> read_pack_directory(const RangeReader& reader, std::uint64_t object_size, const Keys& keys,
                                       std::string_view name) {
  OpenedPack out;
  if (object_size < kHeaderBytes + kPackFooterBytes) return damaged_pack(name, "is too short for a pack");
  const auto head =
      static_cast<std::size_t>(std::min<std::uint64_t>(object_size, kHeaderBytes + kMaxTlvBytes));
  HF_ASSIGN(out.header, reader(0, head));
  HF_ASSIGN(out.key, open_pack(out.header, keys, name));
  out.header.resize(out.key.header_size);
  HF_ASSIGN(const Bytes footer, reader(object_size - kPackFooterBytes, kPackFooterBytes));
  HF_ASSIGN(out.footer, parse_pack_footer(footer, object_size, name));
  HF_ASSIGN(const Bytes directory, reader(out.footer.directory_offset, out.footer.directory_length));
  HF_ASSIGN(out.entries, open_directory(out.key, out.footer, directory, name));
  return out;
}

}  // namespace hf::vault
