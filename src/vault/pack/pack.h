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

#include "crypto/aead.h"
#include "vault/chunk/chunk.h"
#include "vault/keys/keys.h"
#include "vault/object/compress.h"
#include "vault/object/object.h"
#include "vault/object/range.h"

namespace hf::vault {

enum class PackKind : std::uint8_t { kData = 1, kMetadata = 2 };

// a pack is closed once it is at least this large
inline constexpr std::size_t kDefaultPackBytes = 16 * 1024 * 1024;
inline constexpr std::uint64_t kMaxPackBytes = 1024ULL * 1024 * 1024;
inline constexpr std::size_t kMaxPackHeaderBytes = 192;
inline constexpr std::size_t kPackFooterBytes = 64;
inline constexpr std::size_t kPackEntryBytes = 48;
// of a pack's bytes: damage of so much is repaired without another copy (parity.h)
inline constexpr unsigned kDefaultParityPercent = 3;
inline constexpr unsigned kMaxParityPercent = 20;
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
  crypto::Digest digest{};          // of the whole object: any host can check or copy a pack without keys
  Bytes header;                     // header and TLVs, byte for byte
  std::vector<PackEntry> entries;   // in the order of adding
};

// SHA-256 of the SHA-256 digests of the object's 32 KiB leaves: many at once, as for chunks.
crypto::Digest pack_digest(ByteView object);

// Memory for one pack, not initialised, used again from pack to pack: touching fresh pages costs as much as hashing.
struct PackBuffer {
  std::unique_ptr<std::uint8_t[]> bytes;
  std::size_t capacity = 0;
  static PackBuffer make(std::size_t capacity);
};

// A pack being written, in memory. Its places are given out one after the other; then any thread seals into its own.
class PackWriter {
 public:
  static Result<PackWriter> start(crypto::Entropy& entropy, const VaultId& vault,
                                  const crypto::PublicKey& vault_public, PackKind kind, PackBuffer buffer,
                                  unsigned parity_percent = kDefaultParityPercent);
  PackWriter(PackWriter&&) noexcept;
  PackWriter& operator=(PackWriter&&) noexcept;
  ~PackWriter();

  bool has_room(std::size_t stored) const;         // for one more record of so many bytes before sealing
  // The next place. REQUIRES: has_room(stored), the id is not yet in this pack, one thread at a time.
  PackEntry reserve(const ChunkId& id, std::size_t plain, std::size_t stored, bool compressed);
  // Seals what is stored at that place. Each place exactly once (its offset is the nonce); any thread.
  void seal(const PackEntry& entry, ByteView stored);
  // Opens the record again and compares: catches bad memory before the pack is stored.
  Status verify(const PackEntry& entry, ByteView plain, Decompressor& decompressor, Bytes& scratch) const;
  Status add(const ChunkId& id, ByteView plain, Compressor& compressor);   // all of it, for one thread

  std::uint64_t size() const;                      // of header and records
  std::size_t count() const;
  FinishedPack finish();                           // directory, parity, footer. REQUIRES: all places are sealed
  ByteView bytes() const;                          // after finish(): the object
  PackBuffer take_buffer();                        // for the next pack

 private:
  struct State;
  explicit PackWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// A pack's key, opened. Cheap to copy; cache it per pack.
struct PackKey {
  std::shared_ptr<const crypto::AeadKey> key;   // shared: threads that read one pack outlive its place in a cache
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
  std::uint8_t parity_rows = 0;         // of kind 1: parity blocks of a stripe, and the size of a block
  std::uint8_t parity_block_log2 = 0;
  std::uint64_t total_length = 0;
};
// `footer`: the last 64 bytes of an object of `object_size` bytes. Needs no key.
Result<PackFooter> parse_pack_footer(ByteView footer, std::uint64_t object_size, std::string_view name);
// All entries of the directory, in the order of their offsets, each within the pack.
Result<std::vector<PackEntry>> open_directory(const PackKey& key, const PackFooter& footer, ByteView sealed,
                                              std::string_view name);
// Opens and decompresses a record into `plain`, of its plain length. The id is not yet proven: ChunkHasher::ids() for
// many at once, and only then may anybody believe it.
Status decode_chunk(const PackKey& key, const PackEntry& entry, ByteView stored, Decompressor& decompressor, Bytes& scratch,
                    MutableByteView plain, std::string_view name);
Error wrong_id(const PackEntry& entry, std::string_view name);
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
