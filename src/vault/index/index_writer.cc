#include <algorithm>

#include "base/check.h"
#include "crypto/aead.h"
#include "vault/index/index.h"
#include "vault/index/index_layout.h"

namespace hf::vault {

namespace {

// Appends sealed blocks to the object and their fences beside it.
struct BlockSealer {
  const Secret& key;
  const crypto::Digest& header_digest;
  Bytes& object;
  ByteWriter fences;
  std::uint64_t block = 0;

  crypto::Digest seal(IndexSection section, ByteView plain) {
    const std::size_t at = object.size();
    crypto::seal_append(key, crypto::counter_nonce(at), index_associated(header_digest, section, block++),
                        plain, object);
    return crypto::sha256(ByteView(object).subspan(at));
  }
  void seal_block(IndexSection section, std::uint64_t first, ByteView plain) {
    const crypto::Digest digest = seal(section, plain);
    for (int shift = 56; shift >= 0; shift -= 8) fences.u8(static_cast<std::uint8_t>(first >> shift));
    fences.raw(digest);
  }
};

std::array<std::uint8_t, kFilterBytes> filter_of(std::span<const IndexEntry> block) {
  std::array<std::uint8_t, kFilterBytes> filter{};
  for (const IndexEntry& entry : block) {
    for (std::size_t probe = 0; probe < kFilterProbes; ++probe) {
      const std::size_t bit = filter_bit(entry.chunk.id, probe);
      filter[bit / 8] |= static_cast<std::uint8_t>(1u << (bit % 8));
    }
  }
  return filter;
}

}  // namespace

void IndexRunWriter::add(const PackName& name, const FinishedPack& pack) {
  const auto row = static_cast<std::uint32_t>(packs_.size());
  packs_.push_back({name, pack.kind, pack.size, pack.digest, pack.header});
  for (const PackEntry& entry : pack.entries) entries_.push_back({entry, row});
}

Result<Bytes> IndexRunWriter::finish(crypto::Entropy& entropy, const Keys& keys, std::string_view name, bool filters) {
  HF_CHECK(name.size() <= 0xffff);
  std::ranges::sort(entries_, [](const IndexEntry& a, const IndexEntry& b) {
    return std::tie(a.chunk.id, a.pack, a.chunk.offset) < std::tie(b.chunk.id, b.pack, b.chunk.offset);
  });
  const auto [first, last] = std::ranges::unique(entries_);
  entries_.erase(first, last);
  const std::size_t chunk_blocks = (entries_.size() + kIndexBlockEntries - 1) / kIndexBlockEntries;
  const std::size_t pack_blocks = (packs_.size() + kIndexBlockPacks - 1) / kIndexBlockPacks;
  const std::size_t fence_bytes = (chunk_blocks + pack_blocks) * kFenceBytes + (filters ? chunk_blocks * kFilterBytes : 0);
  if (fence_bytes > kMaxFenceSection)
    return make_error(ErrorKind::kExhausted, "index run has too many chunks");
  ObjectHeader header;
  header.kind = ObjectKind::kIndex;
  header.flags = filters ? kFlagFilters : 0;
  header.payload_length = entries_.size() * kIndexEntryBytes + packs_.size() * kIndexPackBytes + fence_bytes +
                          (chunk_blocks + pack_blocks + 1) * crypto::kAeadTagBytes + kIndexFooterBytes;
  const Bytes salt = entropy.bytes(kIndexSaltBytes);
  header.tlvs = {{kTlvVaultId, to_bytes(keys.vault)}, {kTlvKeySalt, salt}};
  Bytes object = encode_header(header);
  const crypto::Digest header_digest = crypto::sha256(object);
  const std::size_t total = object.size() + header.payload_length;
  object.reserve(total);
  const Secret key = object_key(keys, salt, kIndexKeyInfo);
  BlockSealer sealer{key, header_digest, object, {}, 0};
  ByteWriter filter_rows;
  for (std::size_t at = 0; at < entries_.size(); at += kIndexBlockEntries) {
    ByteWriter block;
    const std::size_t end = std::min(entries_.size(), at + kIndexBlockEntries);
    for (std::size_t i = at; i < end; ++i) encode_index_entry(block, entries_[i]);
    if (filters) filter_rows.raw(filter_of(std::span(entries_).subspan(at, end - at)));
    sealer.seal_block(IndexSection::kChunks, id_prefix(entries_[at].chunk.id), block.bytes());
  }
  for (std::size_t at = 0; at < packs_.size(); at += kIndexBlockPacks) {
    ByteWriter block;
    const std::size_t end = std::min(packs_.size(), at + kIndexBlockPacks);
    for (std::size_t i = at; i < end; ++i) encode_index_pack(block, packs_[i]);
    sealer.seal_block(IndexSection::kPacks, 0, block.bytes());
  }
  IndexFooter footer;
  footer.chunks = entries_.size();
  footer.packs = static_cast<std::uint32_t>(packs_.size());
  footer.total_length = total;
  const Bytes fences = sealer.fences.raw(filter_rows.bytes()).take();
  footer.fences = sealer.seal(IndexSection::kFences, fences);
  footer.writer = keys.writer.public_key;
  const Bytes end = encode_index_footer(footer);
  const crypto::Signature signature =
      crypto::sign(keys.writer, index_signed_message(name, header_digest, end));
  object.insert(object.end(), end.begin(), end.end());
  object.insert(object.end(), signature.begin(), signature.end());
  HF_CHECK(object.size() == total);
  return object;
}

}  // namespace hf::vault
