#include <algorithm>
#include <bit>

#include "base/check.h"
#include "base/hex.h"
#include "crypto/aead.h"
#include "vault/index/index.h"
#include "vault/index/index_layout.h"

namespace hf::vault {

namespace {

Error damaged_run(std::string_view name, std::string_view why) {
  return make_error(ErrorKind::kCorrupt, std::string(name) + ": " + std::string(why))
      .with_object(std::string(name));
}

std::uint64_t blocks_of(std::uint64_t rows, std::size_t per_block) {
  return (rows + per_block - 1) / per_block;
}

std::uint64_t big_endian(const std::uint8_t* bytes) {
  std::uint64_t v = 0;
  std::memcpy(&v, bytes, sizeof v);
  return std::endian::native == std::endian::little ? __builtin_bswap64(v) : v;
}

// Is the row's id below this one? Eight bytes decide nearly always.
bool row_below(ByteView block, std::size_t row, const ChunkId& id, std::uint64_t prefix) {
  const std::uint8_t* at = block.data() + row * kIndexEntryBytes;
  const std::uint64_t found = big_endian(at);
  return found != prefix ? found < prefix : std::memcmp(at, id.bytes.data(), id.bytes.size()) < 0;
}

// Index of the first row whose id is not below `id`. Ids are uniform between the block's first one and the next block's
// (`from`, `to`), so the search begins where it should lie: two or three cache lines instead of eight.
std::size_t first_row(ByteView block, const ChunkId& id, std::uint64_t from, std::uint64_t to) {
  const std::uint64_t prefix = id_prefix(id);
  const std::size_t count = block.size() / kIndexEntryBytes;
  std::size_t low = 0;
  std::size_t high = count;
  if (prefix > from && to > from && prefix < to) {
    const double share = static_cast<double>(prefix - from) / static_cast<double>(to - from);
    const std::size_t guess = std::min(count - 1, static_cast<std::size_t>(share * static_cast<double>(count)));
    constexpr std::size_t kNear = 12;
    const std::size_t before = guess > kNear ? guess - kNear : 0;
    const std::size_t after = std::min(count, guess + kNear);
    if (before == 0 || row_below(block, before - 1, id, prefix)) low = before;
    else high = before;
    if (after < count && low == before && !row_below(block, after, id, prefix)) high = after;
  }
  while (low < high) {
    const std::size_t mid = low + (high - low) / 2;
    if (row_below(block, mid, id, prefix)) {
      low = mid + 1;
    } else {
      high = mid;
    }
  }
  return low;
}

ByteView row_at(ByteView block, std::size_t row, std::size_t bytes) {
  return block.subspan(row * bytes, bytes);
}

}  // namespace

std::uint64_t IndexRun::chunk_blocks() const { return blocks_of(chunk_count_, kIndexBlockEntries); }
std::uint64_t IndexRun::pack_blocks() const { return blocks_of(pack_count_, kIndexBlockPacks); }

// Blocks are full but for the last of each table, so that offsets need no list.
std::uint64_t IndexRun::block_offset(std::uint64_t number) const {
  constexpr std::uint64_t kChunkBlock = kIndexBlockEntries * kIndexEntryBytes + crypto::kAeadTagBytes;
  constexpr std::uint64_t kPackBlock = kIndexBlockPacks * kIndexPackBytes + crypto::kAeadTagBytes;
  if (number < chunk_blocks()) return header_size_ + number * kChunkBlock;
  const std::uint64_t chunk_end =
      header_size_ + chunk_count_ * kIndexEntryBytes + chunk_blocks() * crypto::kAeadTagBytes;
  return chunk_end + (number - chunk_blocks()) * kPackBlock;
}

std::size_t IndexRun::block_bytes(std::uint64_t number) const {
  const bool chunks = number < chunk_blocks();
  const std::uint64_t before =
      chunks ? number * kIndexBlockEntries : (number - chunk_blocks()) * kIndexBlockPacks;
  const std::uint64_t rows = chunks ? std::min<std::uint64_t>(kIndexBlockEntries, chunk_count_ - before)
                                    : std::min<std::uint64_t>(kIndexBlockPacks, pack_count_ - before);
  return static_cast<std::size_t>(rows * (chunks ? kIndexEntryBytes : kIndexPackBytes)) +
         crypto::kAeadTagBytes;
}

Result<IndexRun> IndexRun::open(std::string name, std::uint64_t size, RangeReader reader, const Keys& keys,
                                std::span<const crypto::PublicKey> writers, BlockCache& cache) {
  IndexRun run;
  run.name_ = std::move(name);
  run.reader_ = std::move(reader);
  run.cache_ = &cache;
  run.run_ = cache.new_run();
  run.size_ = size;
  if (size < kHeaderBytes + kIndexFooterBytes) return damaged_run(run.name_, "is too short for an index run");
  const auto head = static_cast<std::size_t>(std::min<std::uint64_t>(size, kHeaderBytes + kMaxTlvBytes));
  HF_ASSIGN(const Bytes first, run.reader_(0, head));
  HF_ASSIGN(const DecodedHeader decoded, decode_header(first, ObjectKind::kIndex, run.name_));
  if (decoded.header.payload_length != size - decoded.size)
    return damaged_run(run.name_, "has not the length in its header");
  if (!std::ranges::equal(decoded.header.tlv(kTlvVaultId), keys.vault))
    return damaged_run(run.name_, "belongs to another vault");
  const ByteView salt = decoded.header.tlv(kTlvKeySalt);
  if (salt.size() != kIndexSaltBytes) return damaged_run(run.name_, "has no salt");
  run.header_size_ = decoded.size;
  const bool filters = (decoded.header.flags & kFlagFilters) != 0;
  run.header_digest_ = crypto::sha256(ByteView(first).first(decoded.size));
  run.key_ = object_key(keys, salt, kIndexKeyInfo);
  HF_ASSIGN(const Bytes footer, run.reader_(size - kIndexFooterBytes, kIndexFooterBytes));
  HF_TRY(run.load_fences(footer, filters));
  if (std::ranges::find(writers, run.writer_) == writers.end()) {
    return damaged_run(run.name_, "signed by " + to_hex(run.writer_).substr(0, 16) + ", who is not a writer of this vault");
  }
  return run;
}

// The footer's numbers are believed only after the signature, and the fences only after their digest.
Status IndexRun::load_fences(ByteView footer, bool filters) {
  if (footer.size() != kIndexFooterBytes) return damaged_run(name_, "its last bytes cannot be read");
  ByteReader in(footer, name_);
  HF_ASSIGN(ByteView magic, in.raw(kIndexFooterMagic.size()));
  if (!std::ranges::equal(magic, kIndexFooterMagic)) return damaged_run(name_, "has no footer");
  HF_ASSIGN(chunk_count_, in.u64());
  HF_ASSIGN(pack_count_, in.u32());
  HF_TRY(in.u32());
  HF_ASSIGN(std::uint64_t total, in.u64());
  HF_ASSIGN(ByteView digest, in.raw(sizeof(crypto::Digest)));
  HF_ASSIGN(ByteView writer, in.raw(sizeof(crypto::PublicKey)));
  HF_ASSIGN(ByteView signature, in.raw(sizeof(crypto::Signature)));
  writer_ = to_array<sizeof(crypto::PublicKey)>(writer);
  const Bytes message = index_signed_message(name_, header_digest_, footer.first(kIndexFooterSigned));
  if (!crypto::verify(writer_, message, to_array<sizeof(crypto::Signature)>(signature))) {
    return damaged_run(name_, "its signature does not match");
  }
  if (total != size_ || chunk_count_ > size_ / kIndexEntryBytes || pack_count_ > size_ / kIndexPackBytes) {
    return damaged_run(name_, "its footer does not fit its size");
  }
  const std::uint64_t blocks = chunk_blocks() + pack_blocks();
  const std::uint64_t fences_at = header_size_ + chunk_count_ * kIndexEntryBytes +
                                  std::uint64_t{pack_count_} * kIndexPackBytes +
                                  blocks * crypto::kAeadTagBytes;
  const std::uint64_t filter_bytes = filters ? chunk_blocks() * kFilterBytes : 0;
  const std::uint64_t fence_bytes = blocks * kFenceBytes + filter_bytes + crypto::kAeadTagBytes;
  if (fences_at + fence_bytes + kIndexFooterBytes != size_ ||
      fence_bytes > kMaxFenceSection + crypto::kAeadTagBytes) {
    return damaged_run(name_, "its tables do not fit its size");
  }
  HF_ASSIGN(const Bytes sealed, reader_(fences_at, static_cast<std::size_t>(fence_bytes)));
  if (!std::ranges::equal(crypto::sha256(sealed), digest))
    return damaged_run(name_, "its list of blocks is damaged");
  auto plain = crypto::open(key_, crypto::counter_nonce(fences_at),
                            index_associated(header_digest_, IndexSection::kFences, blocks), sealed);
  if (!plain.has_value()) return damaged_run(name_, "its list of blocks does not open");
  firsts_.resize(blocks);
  digests_.resize(blocks);
  for (std::size_t i = 0; i < firsts_.size(); ++i) {
    const ByteView row = row_at(*plain, i, kFenceBytes);
    firsts_[i] = big_endian(row.data());
    digests_[i] = to_array<sizeof(crypto::Digest)>(row.subspan(8));
  }
  const ByteView rest = ByteView(*plain).subspan(static_cast<std::size_t>(blocks) * kFenceBytes);
  filters_.assign(rest.begin(), rest.end());
  return ok();
}

Result<Bytes> IndexRun::load(std::uint64_t number) const {
  const std::uint64_t offset = block_offset(number);
  const std::size_t length = block_bytes(number);
  HF_ASSIGN(const Bytes sealed, reader_(offset, length));
  if (sealed.size() != length || crypto::sha256(sealed) != digests_[number]) {
    return damaged_run(name_, "block at byte " + std::to_string(offset) + " is damaged");
  }
  const IndexSection section = number < chunk_blocks() ? IndexSection::kChunks : IndexSection::kPacks;
  auto plain = crypto::open(key_, crypto::counter_nonce(offset),
                            index_associated(header_digest_, section, number), sealed);
  if (!plain.has_value()) return damaged_run(name_, "block at byte " + std::to_string(offset) + " does not open");
  return std::move(*plain);
}

Result<const Bytes*> IndexRun::block(std::uint64_t number) const {
  const BlockCache::Key key{run_, number};
  if (const Bytes* cached = cache_->find(key)) return cached;
  HF_ASSIGN(Bytes plain, load(number));
  return cache_->put(key, std::move(plain));
}

// False: the block has no such id.
bool IndexRun::may_hold(std::uint64_t block, const ChunkId& id) const {
  if (filters_.empty()) return true;
  const std::uint8_t* filter = filters_.data() + block * kFilterBytes;
  for (std::size_t probe = 0; probe < kFilterProbes; ++probe) {
    const std::size_t bit = filter_bit(id, probe);
    if ((filter[bit / 8] >> (bit % 8) & 1) == 0) return false;
  }
  return true;
}

Result<IndexEntry> IndexRun::entry(ByteView block, std::size_t row) const {
  HF_ASSIGN(IndexEntry entry, decode_index_entry(row_at(block, row, kIndexEntryBytes), name_));
  if (entry.pack >= pack_count_) return damaged_run(name_, "a chunk names a pack that is not in the table");
  return entry;
}

template <class Visit>
Status IndexRun::each_row(const ChunkId& id, const Visit& visit) const {
  const std::uint64_t prefix = id_prefix(id);
  const auto chunk_blocks_end = firsts_.begin() + static_cast<std::ptrdiff_t>(chunk_blocks());
  const auto not_below = std::lower_bound(firsts_.begin(), chunk_blocks_end, prefix);
  auto number = static_cast<std::size_t>(not_below - firsts_.begin());
  if (number > 0) --number;   // the block before may end with this id
  for (; number < chunk_blocks() && firsts_[number] <= prefix; ++number) {
    if (!may_hold(number, id)) continue;
    HF_ASSIGN(const Bytes* rows, block(number));
    const std::size_t count = rows->size() / kIndexEntryBytes;
    const std::uint64_t next = number + 1 < chunk_blocks() ? firsts_[number + 1] : UINT64_MAX;
    for (std::size_t row = first_row(*rows, id, firsts_[number], next); row < count; ++row) {
      const ByteView found = row_at(*rows, row, kIndexEntryBytes);
      if (std::memcmp(found.data(), id.bytes.data(), id.bytes.size()) != 0) return ok();
      HF_TRY(visit(found));
    }
  }
  return ok();
}

Result<std::vector<IndexEntry>> IndexRun::lookup(const ChunkId& id) const {
  std::vector<IndexEntry> found;
  HF_TRY(each_row(id, [&](ByteView row) -> Status {
    HF_ASSIGN(IndexEntry e, decode_index_entry(row, name_));
    if (e.pack >= pack_count_) return damaged_run(name_, "a chunk names a pack that is not in the table");
    found.push_back(e);
    return ok();
  }));
  return found;
}

Status IndexRun::pack_rows(const ChunkId& id, std::vector<std::uint32_t>& rows) const {
  rows.clear();
  return each_row(id, [&](ByteView row) -> Status {
    std::uint32_t pack = 0;
    for (std::size_t i = 0; i < 4; ++i) pack |= std::uint32_t{row[sizeof(ChunkId) + i]} << (8 * i);
    if (pack >= pack_count_) return damaged_run(name_, "a chunk names a pack that is not in the table");
    rows.push_back(pack);
    return ok();
  });
}

Result<IndexPack> IndexRun::pack(std::uint32_t row) const {
  HF_CHECK(row < pack_count_);
  HF_ASSIGN(const Bytes* rows, block(chunk_blocks() + row / kIndexBlockPacks));
  return decode_index_pack(row_at(*rows, row % kIndexBlockPacks, kIndexPackBytes), name_);
}

Result<std::vector<IndexEntry>> IndexRun::chunk_rows(std::uint64_t block) const {
  HF_ASSIGN(const Bytes bytes, load(block));
  std::vector<IndexEntry> rows;
  for (std::size_t row = 0; row < bytes.size() / kIndexEntryBytes; ++row) {
    HF_ASSIGN(const IndexEntry e, entry(bytes, row));
    rows.push_back(e);
  }
  return rows;
}

Status IndexRun::for_each(const std::function<Status(const IndexEntry&)>& visit) const {
  for (std::uint64_t number = 0; number < chunk_blocks(); ++number) {
    HF_ASSIGN(const Bytes rows,
              load(number));  // not through the cache: a sweep would push everything else out
    for (std::size_t row = 0; row < rows.size() / kIndexEntryBytes; ++row) {
      HF_ASSIGN(const IndexEntry e, entry(rows, row));
      HF_TRY(visit(e));
    }
  }
  return ok();
}

}  // namespace hf::vault
