// Packs: many sealed chunks in one object (docs/format/vault.md, "Packs").
//
//   object header (flags open-ended, metadata; TLVs vault id, wrapped key) | sealed chunks | sealed directory
//   | parity | footer
//
// Every attempt at a pack has a fresh random key, wrapped to the vault's public key; the nonce of a record is
// its offset in the pack, which never repeats under one key. The AAD binds header, kind of record, offset,
// lengths and chunk id. Invariant: a chunk that read_chunk returns has the id that was asked for.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "vault/chunk.h"
#include "vault/keys.h"
#include "vault/object.h"
#include "vault/range.h"

namespace hf::vault {

enum class PackKind : std::uint8_t { kData = 1, kMetadata = 2 };

// a pack is closed once it is at least this large
inline constexpr std::size_t kDefaultPackBytes = 16 * 1024 * 1024;
inline constexpr std::uint64_t kMaxPackBytes = 1024ULL * 1024 * 1024;
inline constexpr std::size_t kMaxPackHeaderBytes = 192;
inline constexpr std::size_t kPackFooterBytes = 64;
inline constexpr std::size_t kPackEntryBytes = 48;
inline constexpr std::uint8_t kChunkCompressed = 0x01;  // zstd, one frame, with its content size

struct PackEntry {
  ChunkId id;
  std::uint32_t offset = 0;         // of the sealed record in the pack
  std::uint32_t stored_length = 0;  // ciphertext and tag
  std::uint32_t plain_length = 0;   // of the chunk
  std::uint8_t flags = 0;
  friend bool operator==(const PackEntry&, const PackEntry&) = default;
};

// What the index keeps of a pack. With `header` a reader needs no request for the pack's beginning.
struct FinishedPack {
  PackKind kind = PackKind::kData;
  std::uint64_t size = 0;
  crypto::Digest sha256{};          // of the whole object: any host can check or copy a pack without keys
  Bytes header;                     // header and TLVs, byte for byte
  std::vector<PackEntry> entries;   // in the order of adding
};

class PackWriter {
 public:
  using Sink = std::function<Status(ByteView bytes)>;   // receives the pack's bytes in order
  struct Options {
    PackKind kind = PackKind::kData;
    // opens each record again and compares: catches bad memory before upload
    bool decode_after_encode = false;
    int zstd_level = 1;
  };
  static Result<PackWriter> start(crypto::Entropy& entropy, const VaultId& vault,
                                  const crypto::PublicKey& vault_public, Options options, Sink sink);
  PackWriter(PackWriter&&) noexcept;
  PackWriter& operator=(PackWriter&&) noexcept;
  ~PackWriter();

  Status add(const ChunkId& id, ByteView plain);  // REQUIRES: id is the id of plain, and not yet in this pack
  std::uint64_t size() const;                      // bytes given to the sink so far
  std::size_t count() const;
  Result<FinishedPack> finish();                   // directory, parity, footer

 private:
  struct State;
  explicit PackWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// A pack's key, opened. Cheap to copy; cache it per pack.
struct PackKey {
  Secret key;
  crypto::Digest header_digest{};
  PackKind kind = PackKind::kData;
  std::size_t header_size = 0;
};
// `header`: the pack's first bytes, at least the header and TLVs. kDenied if `keys` cannot read; kCorrupt if
// the pack is of another vault or damaged.
Result<PackKey> open_pack(ByteView header, const Keys& keys, std::string_view name);

struct PackFooter {
  std::uint64_t directory_offset = 0;
  std::uint32_t directory_length = 0;   // sealed
  std::uint32_t count = 0;
  std::uint64_t parity_offset = 0;
  std::uint32_t parity_length = 0;
  std::uint8_t parity_kind = 0;         // 0: none
  std::uint64_t total_length = 0;
};
// `footer`: the last 64 bytes of an object of `object_size` bytes. Needs no key.
Result<PackFooter> parse_pack_footer(ByteView footer, std::uint64_t object_size, std::string_view name);
// All entries of the directory, in the order of their offsets, each within the pack.
Result<std::vector<PackEntry>> open_directory(const PackKey& key, const PackFooter& footer, ByteView sealed,
                                              std::string_view name);
// `stored`: exactly the record's bytes. Opens, decompresses, and proves the chunk id.
Result<Bytes> read_chunk(const PackKey& key, const PackEntry& entry, ByteView stored,
                         const ChunkHasher& hasher, std::string_view name);

// The three above over a reader: header, footer, directory. This is how an index is rebuilt from packs.
struct OpenedPack {
  PackKey key;
  PackFooter footer;
  Bytes header;
  std::vector<PackEntry> entries;
};
Result<OpenedPack> read_pack_directory(const RangeReader& reader, std::uint64_t object_size, const Keys& keys,
                                       std::string_view name);

}  // namespace hf::vault
