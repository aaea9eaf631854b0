#include "vault/chunk/chunk.h"

#include <algorithm>

#include "base/check.h"
#include "base/hex.h"
#include "vault/object/object.h"

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
  std::size_t count = 0;
  for (const ByteView chunk : chunks) count += (chunk.size() + kLeafBytes - 1) / kLeafBytes;
  std::vector<ByteView> leaves;
  leaves.reserve(count);
  for (const ByteView chunk : chunks) {
    HF_CHECK(chunk.size() <= kMaxChunkBytes);
    for (std::size_t at = 0; at < chunk.size(); at += kLeafBytes) {
      leaves.push_back(chunk.subspan(at, std::min(kLeafBytes, chunk.size() - at)));
    }
  }
  std::vector<crypto::Digest> digests(leaves.size());
  crypto::sha256_leaves(leaves, digests);
  std::array<std::uint8_t, 1 + 8 + kMaxChunkBytes / kLeafBytes * sizeof(crypto::Digest)> message;
  const std::uint8_t* next = reinterpret_cast<const std::uint8_t*>(digests.data());
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const std::size_t bytes = (chunks[i].size() + kLeafBytes - 1) / kLeafBytes * sizeof(crypto::Digest);
    message[0] = kSuite;
    for (int b = 0; b < 8; ++b) message[1 + b] = static_cast<std::uint8_t>(std::uint64_t{chunks[i].size()} >> (8 * b));
    std::copy_n(next, bytes, message.data() + 9);
    next += bytes;
    out[i].bytes = key_.mac(ByteView(message).first(9 + bytes));
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
