#include <algorithm>

#include "base/check.h"
#include "crypto/aead.h"
#include "vault/compress.h"
#include "vault/pack.h"
#include "vault/pack_layout.h"

namespace hf::vault {

namespace {

Error given_up() {
  return make_error(ErrorKind::kFailed, "pack was given up after an error: begin another one");
}

}  // namespace

struct PackWriter::State {
  State(Options o, Sink s) : options(o), sink(std::move(s)), compressor(o.zstd_level) {}
  Status write(ByteView bytes);
  Status verify(const PackEntry& entry, ByteView sealed, ByteView plain) const;

  Options options;
  Sink sink;
  Compressor compressor;
  Secret key;
  crypto::Digest header_digest{};
  crypto::Sha256 hash;
  std::uint64_t size = 0;
  bool finished = false;
  bool broken = false;
  FinishedPack pack;
};

Status PackWriter::State::write(ByteView bytes) {
  // until the sink has taken it: a record may never be sealed again at the same offset (its nonce)
  broken = true;
  HF_TRY(sink(bytes));
  broken = false;
  hash.update(bytes);
  size += bytes.size();
  return ok();
}

// Memory that flips bits is found here, before the only good copy (the source) may be gone.
Status PackWriter::State::verify(const PackEntry& entry, ByteView sealed, ByteView plain) const {
  const auto opened =
      crypto::open(key, crypto::counter_nonce(entry.offset), chunk_associated(header_digest, entry), sealed);
  const bool compressed = (entry.flags & kChunkCompressed) != 0;
  const auto decoded = opened.has_value() && compressed ? decompress(*opened, entry.plain_length) : opened;
  if (decoded.has_value() && std::ranges::equal(*decoded, plain)) return ok();
  return make_error(ErrorKind::kCorrupt,
                    "chunk " + to_string(entry.id) + " changed in memory while it was being written")
      .with_hint("Test this machine's memory; nothing of this pack was kept.");
}

PackWriter::PackWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
PackWriter::PackWriter(PackWriter&&) noexcept = default;
PackWriter& PackWriter::operator=(PackWriter&&) noexcept = default;
PackWriter::~PackWriter() = default;

Result<PackWriter> PackWriter::start(crypto::Entropy& entropy, const VaultId& vault,
                                     const crypto::PublicKey& vault_public, Options options, Sink sink) {
  auto state = std::make_unique<State>(options, std::move(sink));
  state->key = entropy.secret(crypto::kAeadKeyBytes);
  HF_ASSIGN(Bytes wrapped, crypto::box_seal(entropy, vault_public, kPackKeyInfo, state->key.reveal()));
  ObjectHeader header;
  header.kind = ObjectKind::kPack;
  header.flags = kFlagOpenEnded;
  if (options.kind == PackKind::kMetadata) header.flags |= kFlagMetadata;
  header.tlvs = {{kTlvVaultId, to_bytes(vault)}, {kTlvWrappedKey, std::move(wrapped)}};
  state->pack.kind = options.kind;
  state->pack.header = encode_header(header);
  HF_CHECK(state->pack.header.size() <= kMaxPackHeaderBytes);
  state->header_digest = crypto::sha256(state->pack.header);
  HF_TRY(state->write(state->pack.header));
  return PackWriter(std::move(state));
}

Status PackWriter::add(const ChunkId& id, ByteView plain) {
  State& s = *state_;
  HF_CHECK(!s.finished && plain.size() <= kMaxChunkBytes);
  if (s.broken) return given_up();
  const std::uint64_t after = s.size + plain.size() + crypto::kAeadTagBytes + (count() + 1) * kPackEntryBytes;
  if (after > kMaxPackBytes - crypto::kAeadTagBytes - kPackFooterBytes) {
    return make_error(ErrorKind::kExhausted, "a pack cannot be larger than 1 GiB");
  }
  PackEntry entry;
  entry.id = id;
  entry.offset = static_cast<std::uint32_t>(s.size);
  entry.plain_length = static_cast<std::uint32_t>(plain.size());
  const auto compressed = s.compressor.compress(plain);
  if (compressed.has_value()) entry.flags = kChunkCompressed;
  const ByteView encoded = compressed.has_value() ? ByteView(*compressed) : plain;
  entry.stored_length = static_cast<std::uint32_t>(encoded.size() + crypto::kAeadTagBytes);
  const Bytes sealed = crypto::seal(s.key, crypto::counter_nonce(entry.offset),
                                    chunk_associated(s.header_digest, entry), encoded);
  if (s.options.decode_after_encode) HF_TRY(s.verify(entry, sealed, plain));
  HF_TRY(s.write(sealed));
  s.pack.entries.push_back(entry);
  return ok();
}

std::uint64_t PackWriter::size() const { return state_->size; }
std::size_t PackWriter::count() const { return state_->pack.entries.size(); }

Result<FinishedPack> PackWriter::finish() {
  State& s = *state_;
  HF_CHECK(!s.finished);
  if (s.broken) return given_up();
  ByteWriter directory;
  for (const PackEntry& entry : s.pack.entries) encode_pack_entry(directory, entry);
  PackFooter footer;
  footer.directory_offset = s.size;
  footer.directory_length = static_cast<std::uint32_t>(directory.size() + crypto::kAeadTagBytes);
  footer.count = static_cast<std::uint32_t>(count());
  footer.parity_offset = s.size + footer.directory_length;
  footer.total_length = footer.parity_offset + kPackFooterBytes;
  const Bytes end = encode_pack_footer(footer);
  const Bytes associated = directory_associated(s.header_digest, ByteView(end).first(kPackFooterBody));
  HF_TRY(s.write(crypto::seal(s.key, crypto::counter_nonce(s.size), associated, directory.bytes())));
  HF_TRY(s.write(end));
  s.finished = true;
  s.pack.size = s.size;
  s.pack.sha256 = s.hash.finish();
  return std::move(s.pack);
}

}  // namespace hf::vault
