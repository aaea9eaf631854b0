#include "vault/backup/vouched.h"

#include <algorithm>

#include "base/hex.h"
#include "vault/backup/session_journal.h"
#include "vault/object/names.h"

namespace hf::vault {
namespace {

constexpr std::uint8_t kVouchedVersion = 1;
constexpr std::size_t kMaxVouchedBytes = 256 * 1024;
constexpr std::size_t kMaxVouchedRuns = 4096;        // more: a prune or a merge is due, and look-ups are made until then

std::string vouched_path(const Repository::Core& core, const SnapshotMeta& meta) {
  return join_path(join_path(core.local.folder, "vouched"), lineage_name(core, meta));
}

crypto::Digest vouched_mac(const Repository::Core& core, ByteView body) {
  const Secret key = crypto::hkdf_sha256(core.keys.id_key.reveal(), core.store_id, "holdfast/v1 vouched", 32);
  return crypto::hmac_sha256(key.reveal(), body);
}

template <std::size_t N>
Status get_array(ByteReader& in, std::array<std::uint8_t, N>& out) {
  HF_ASSIGN(const ByteView bytes, in.raw(N));
  out = to_array<N>(bytes);
  return ok();
}

Result<Vouched> decode_vouched(const Repository::Core& core, ByteView bytes) {
  ByteReader in(bytes, "what is vouched for");
  const std::size_t sum = sizeof(crypto::Digest);
  if (bytes.size() < sum) return in.corrupt("too short");
  const ByteView body = bytes.first(bytes.size() - sum);
  if (!std::ranges::equal(vouched_mac(core, body), bytes.last(sum))) return in.corrupt("its checksum is another");
  Vouched out;
  HF_ASSIGN(const std::uint8_t version, in.u8());
  if (version != kVouchedVersion) return in.corrupt("unknown version");
  HF_TRY(get_array(in, out.snapshot));
  HF_TRY(get_array(in, out.tree));
  HF_ASSIGN(out.entries, in.u64());
  HF_TRY(get_array(in, out.writer));
  HF_ASSIGN(out.epoch, in.u64());
  HF_TRY(get_array(in, out.epoch_nonce));
  HF_ASSIGN(const std::uint64_t runs, in.varint());
  if (runs > kMaxVouchedRuns) return in.corrupt("too many index runs");
  for (std::uint64_t i = 0; i < runs; ++i) {
    HF_ASSIGN(std::string name, in.sized_text(kMaxNameBytes));
    out.runs.push_back(std::move(name));
  }
  return out;
}

}  // namespace

std::optional<Vouched> read_vouched(const Repository::Core& core, const SnapshotMeta& meta) {
  if (core.local.files == nullptr) return std::nullopt;
  const auto bytes = read_file(*core.local.files, vouched_path(core, meta), kMaxVouchedBytes);
  if (!bytes) return std::nullopt;
  auto vouched = decode_vouched(core, *bytes);
  if (vouched) return std::move(*vouched);
  core.log.info("vault", "what was vouched for is not used", {{"error", vouched.error().text}});
  return std::nullopt;
}

void write_vouched(const Repository::Core& core, const SnapshotMeta& meta, const Vouched& vouched) {
  if (core.local.files == nullptr || vouched.runs.size() > kMaxVouchedRuns) return;
  ByteWriter out;
  out.u8(kVouchedVersion).raw(vouched.snapshot).raw(vouched.tree).u64(vouched.entries).raw(vouched.writer);
  out.u64(vouched.epoch).raw(vouched.epoch_nonce).varint(vouched.runs.size());
  for (const std::string& name : vouched.runs) out.sized(name);
  const crypto::Digest sum = vouched_mac(core, out.bytes());
  Status kept = core.local.files->make_dirs(join_path(core.local.folder, "vouched"));
  if (kept) kept = write_file_atomic(*core.local.files, vouched_path(core, meta), out.raw(sum).take());
  if (!kept) core.log.info("vault", "nothing is vouched for", {{"error", kept.error().text}});
}

}  // namespace hf::vault
