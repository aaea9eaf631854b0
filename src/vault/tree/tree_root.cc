#include <algorithm>

#include "vault/tree/tree.h"

namespace hf::vault {

namespace {

constexpr std::uint8_t kRootVersion = 1;
constexpr std::size_t kMaxIndexChunks = 1024;

}  // namespace

Bytes encode_root(const TreeRoot& root) {
  ByteWriter out;
  out.u8(kRootVersion)
      .varint(root.entries)
      .varint(root.stream_bytes)
      .varint(root.file_bytes)
      .varint(root.index.size());
  for (const ChunkRef& ref : root.index) out.raw(ref.id.bytes).u32(ref.length);
  return out.take();
}

crypto::Digest tree_digest(const TreeRoot& root) { return crypto::sha256(encode_root(root)); }

Result<TreeRoot> decode_root(ByteView data) {
  ByteReader in(data, "root of a tree");
  HF_ASSIGN(std::uint8_t version, in.u8());
  if (version != kRootVersion) {
    return make_error(ErrorKind::kUnsupported, "tree of version " + std::to_string(version) + " is not known")
        .with_hint("Use a newer Holdfast for this vault.");
  }
  TreeRoot root;
  HF_ASSIGN(root.entries, in.varint());
  HF_ASSIGN(root.stream_bytes, in.varint());
  HF_ASSIGN(root.file_bytes, in.varint());
  HF_ASSIGN(std::uint64_t count, in.varint());
  if (count > kMaxIndexChunks) return in.corrupt("too many chunks of the sparse index");
  for (std::uint64_t i = 0; i < count; ++i) {
    ChunkRef ref;
    HF_ASSIGN(ByteView id, in.raw(sizeof(ref.id.bytes)));
    ref.id.bytes = to_array<sizeof(ref.id.bytes)>(id);
    HF_ASSIGN(ref.length, in.u32());
    if (ref.length == 0 || ref.length > kMaxChunkBytes)
      return in.corrupt("chunk of the sparse index has an odd length");
    root.index.push_back(ref);
  }
  HF_TRY(in.expect_end());
  return root;
}

Status set_page_digests(Entry& entry, std::span<const PageDigest> digests, const StoreChunk& store) {
  ByteWriter out;
  for (const PageDigest& digest : digests) out.raw(digest);
  const Bytes bytes = out.take();
  entry.page_digests.clear();
  entry.page_digest_chunks.clear();
  if (bytes.size() <= kInlineDigests) {
    entry.page_digests = bytes;
    return ok();
  }
  for (std::size_t at = 0; at < bytes.size(); at += kDigestChunkBytes) {
    const ByteView part = ByteView(bytes).subspan(at, std::min(kDigestChunkBytes, bytes.size() - at));
    HF_ASSIGN(const ChunkId id, store(part));
    entry.page_digest_chunks.push_back({id, static_cast<std::uint32_t>(part.size())});
  }
  return ok();
}

Result<std::vector<PageDigest>> page_digests(const Entry& entry, const FetchChunk& fetch) {
  Bytes bytes = entry.page_digests;
  for (const ChunkRef& ref : entry.page_digest_chunks) {
    HF_ASSIGN(const Bytes part, fetch(ref));
    if (part.size() != ref.length)
      return make_error(ErrorKind::kCorrupt, "chunk of page digests has the wrong length");
    bytes.insert(bytes.end(), part.begin(), part.end());
  }
  std::vector<PageDigest> out(bytes.size() / sizeof(PageDigest));
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] =
        to_array<sizeof(PageDigest)>(ByteView(bytes).subspan(i * sizeof(PageDigest), sizeof(PageDigest)));
  }
  return out;
}

}  // namespace hf::vault
