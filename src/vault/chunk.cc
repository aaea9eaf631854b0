#include "vault/chunk.h"

#include "base/check.h"
#include "base/hex.h"
#include "vault/object.h"

namespace hf::vault {

std::string to_string(const ChunkId& id) { return to_hex(id.bytes); }

std::size_t ChunkIdHash::operator()(const ChunkId& id) const {
  std::size_t hash = 0;
  std::memcpy(&hash, id.bytes.data(), sizeof hash);
  return hash;
}

ChunkHasher::ChunkHasher(const Secret& id_key) : key_(id_key.reveal()) {}

void ChunkHasher::ids(std::span<const ByteView> chunks, std::span<ChunkId> out) const {
  HF_CHECK(chunks.size() == out.size());
  std::vector<ByteView> leaves;
  for (const ByteView chunk : chunks) {
    HF_CHECK(chunk.size() <= kMaxChunkBytes);
    for (std::size_t at = 0; at < chunk.size(); at += kLeafBytes) {
      leaves.push_back(chunk.subspan(at, std::min(kLeafBytes, chunk.size() - at)));
    }
  }
  std::vector<crypto::Digest> digests(leaves.size());
  crypto::sha256_leaves(leaves, digests);
  std::size_t leaf = 0;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    ByteWriter message;
    message.u8(kSuite).u64(chunks[i].size());
    const std::size_t count = (chunks[i].size() + kLeafBytes - 1) / kLeafBytes;
    for (std::size_t n = 0; n < count; ++n) message.raw(digests[leaf++]);
    out[i].bytes = key_.mac(message.bytes());
  }
}

ChunkId ChunkHasher::id(ByteView chunk) const {
  ChunkId out;
  ids({&chunk, 1}, {&out, 1});
  return out;
}

Status check_extents(std::span<const Extent> extents, std::uint64_t size) {
  std::uint64_t at = 0;
  for (const Extent& e : extents) {
    if (e.offset != at || e.length == 0 || e.length > size - at) {
      return make_error(ErrorKind::kCorrupt,
                        "extents do not cover the file: gap or overlap at byte " + std::to_string(at));
    }
    if (!e.hole && (e.chunk_length > kMaxChunkBytes || e.chunk_offset > e.chunk_length ||
                    e.length > e.chunk_length - e.chunk_offset)) {
      return make_error(ErrorKind::kCorrupt,
                        "extent at byte " + std::to_string(at) + " reaches beyond its chunk");
    }
    at += e.length;
  }
  if (at != size) {
    return make_error(ErrorKind::kCorrupt,
                      "extents end at byte " + std::to_string(at) + " of " + std::to_string(size));
  }
  return ok();
}

}  // namespace hf::vault
