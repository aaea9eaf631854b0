// Writing packs: places given out in order, sealed by any thread, the directory at the end.
#include <algorithm>

#include "base/check.h"
#include "vault/pack/pack.h"
#include "vault/pack/pack_layout.h"
#include "vault/pack/parity.h"

namespace hf::vault {

crypto::Digest pack_digest(ByteView object) {
  std::vector<ByteView> leaves;
  leaves.reserve(object.size() / kLeafBytes + 1);
  for (std::size_t at = 0; at < object.size(); at += kLeafBytes) {
    leaves.push_back(object.subspan(at, std::min(kLeafBytes, object.size() - at)));
  }
  std::vector<crypto::Digest> digests(leaves.size());
  crypto::sha256_leaves(leaves, digests);
  return crypto::sha256({reinterpret_cast<const std::uint8_t*>(digests.data()), digests.size() * sizeof(crypto::Digest)});
}

PackBuffer PackBuffer::make(std::size_t capacity) {
  return {std::make_unique_for_overwrite<std::uint8_t[]>(capacity), capacity};
}

struct PackWriter::State {
  State(const Secret& secret, PackBuffer memory, unsigned percent)
      : key(secret), buffer(std::move(memory)), parity_percent(percent) {}
  void append(ByteView bytes) {
    HF_CHECK(size + bytes.size() <= buffer.capacity);
    std::copy(bytes.begin(), bytes.end(), buffer.bytes.get() + size);
    size += bytes.size();
  }
  MutableByteView at(std::size_t offset, std::size_t length) const { return {buffer.bytes.get() + offset, length}; }

  crypto::AeadKey key;
  PackBuffer buffer;
  unsigned parity_percent;
  crypto::Digest header_digest{};
  std::size_t size = 0;
  bool finished = false;
  FinishedPack pack;
};

PackWriter::PackWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
PackWriter::PackWriter(PackWriter&&) noexcept = default;
PackWriter& PackWriter::operator=(PackWriter&&) noexcept = default;
PackWriter::~PackWriter() = default;

Result<PackWriter> PackWriter::start(crypto::Entropy& entropy, const VaultId& vault,
                                     const crypto::PublicKey& vault_public, PackKind kind, PackBuffer buffer,
                                     unsigned parity_percent) {
  HF_CHECK(buffer.capacity <= kMaxPackBytes && parity_percent <= kMaxParityPercent);
  const Secret key = entropy.secret(crypto::kAeadKeyBytes);
  HF_ASSIGN(Bytes wrapped, crypto::box_seal(entropy, vault_public, kPackKeyInfo, key.reveal()));
  auto state = std::make_unique<State>(key, std::move(buffer), parity_percent);
  ObjectHeader header;
  header.kind = ObjectKind::kPack;
  header.flags = kFlagOpenEnded;
  if (kind == PackKind::kMetadata) header.flags |= kFlagMetadata;
  header.tlvs = {{kTlvVaultId, to_bytes(vault)}, {kTlvWrappedKey, std::move(wrapped)}};
  state->pack.kind = kind;
  state->pack.header = encode_header(header);
  HF_CHECK(state->pack.header.size() <= kMaxPackHeaderBytes);
  state->header_digest = crypto::sha256(state->pack.header);
  state->append(state->pack.header);
  return PackWriter(std::move(state));
}

bool PackWriter::has_room(std::size_t stored) const {
  const std::size_t directory = (count() + 1) * kPackEntryBytes + crypto::kAeadTagBytes;
  const std::size_t covered = state_->size + stored + crypto::kAeadTagBytes + directory;
  return covered + parity_bytes(covered, state_->parity_percent) + kPackFooterBytes <= state_->buffer.capacity;
}

PackEntry PackWriter::reserve(const ChunkId& id, std::size_t plain, std::size_t stored, bool compressed) {
  HF_CHECK(!state_->finished && plain <= kMaxChunkBytes && has_room(stored));
  PackEntry entry;
  entry.id = id;
  entry.offset = static_cast<std::uint32_t>(state_->size);
  entry.stored_length = static_cast<std::uint32_t>(stored + crypto::kAeadTagBytes);
  entry.plain_length = static_cast<std::uint32_t>(plain);
  entry.flags = compressed ? kChunkCompressed : 0;
  state_->size += entry.stored_length;
  state_->pack.entries.push_back(entry);
  return entry;
}

void PackWriter::seal(const PackEntry& entry, ByteView stored) {
  const ChunkAssociated associated(state_->header_digest, entry);
  state_->key.seal(crypto::counter_nonce(entry.offset), associated.view(), stored, state_->at(entry.offset, entry.stored_length));
}

Status PackWriter::verify(const PackEntry& entry, ByteView plain, Decompressor& decompressor, Bytes& scratch) const {
  const std::size_t stored = entry.stored_length - crypto::kAeadTagBytes;
  const bool compressed = (entry.flags & kChunkCompressed) != 0;
  if (scratch.size() < stored + plain.size()) scratch.resize(stored + plain.size());
  const MutableByteView opened = MutableByteView(scratch).first(stored);
  const MutableByteView decoded = MutableByteView(scratch).subspan(stored, plain.size());
  const ChunkAssociated associated(state_->header_digest, entry);
  Status same = state_->key.open(crypto::counter_nonce(entry.offset), associated.view(),
                                 state_->at(entry.offset, entry.stored_length), opened);
  if (same && compressed) same = decompressor.decompress(opened, decoded);
  const ByteView found = compressed ? ByteView(decoded) : ByteView(opened);
  if (same && found.size() == plain.size() && std::equal(found.begin(), found.end(), plain.begin())) return ok();
  return make_error(ErrorKind::kCorrupt, "chunk " + to_string(entry.id) + " changed in memory while it was being written")
      .with_hint("Test this machine's memory; nothing of this pack was kept.");
}

Status PackWriter::add(const ChunkId& id, ByteView plain, Compressor& compressor) {
  const ByteView frame = compressor.try_compress(plain);
  const ByteView stored = frame.empty() ? plain : frame;
  if (!has_room(stored.size())) return make_error(ErrorKind::kExhausted, "the pack is full");
  seal(reserve(id, plain.size(), stored.size(), !frame.empty()), stored);
  return ok();
}

std::uint64_t PackWriter::size() const { return state_->size; }
std::size_t PackWriter::count() const { return state_->pack.entries.size(); }
ByteView PackWriter::bytes() const { return ByteView(state_->buffer.bytes.get(), state_->size); }
PackBuffer PackWriter::take_buffer() { return std::move(state_->buffer); }

FinishedPack PackWriter::finish() {
  State& s = *state_;
  HF_CHECK(!s.finished);
  ByteWriter directory;
  for (const PackEntry& entry : s.pack.entries) encode_pack_entry(directory, entry);
  PackFooter footer;
  footer.directory_offset = s.size;
  footer.directory_length = static_cast<std::uint32_t>(directory.size() + crypto::kAeadTagBytes);
  footer.count = static_cast<std::uint32_t>(count());
  footer.parity_offset = s.size + footer.directory_length;
  std::optional<ParityLayout> parity;
  if (s.parity_percent > 0) {
    parity = ParityLayout::choose(footer.parity_offset, s.parity_percent);
    parity->describe(footer);
  }
  footer.total_length = footer.parity_offset + footer.parity_length + kPackFooterBytes;
  const Bytes end = encode_pack_footer(footer);
  const Bytes associated = directory_associated(s.header_digest, ByteView(end).first(kPackFooterBody));
  HF_CHECK(footer.total_length <= s.buffer.capacity);
  s.key.seal(crypto::counter_nonce(s.size), associated, directory.bytes(), s.at(s.size, footer.directory_length));
  s.size += footer.directory_length;
  if (parity) {
    write_parity(*parity, end, bytes(), s.at(s.size, footer.parity_length));
    s.size += footer.parity_length;
  }
  s.append(end);
  s.finished = true;
  s.pack.size = s.size;
  s.pack.digest = pack_digest(bytes());
  return std::move(s.pack);
}

}  // namespace hf::vault
