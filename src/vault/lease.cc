#include "vault/lease.h"

#include <algorithm>

#include "vault/snapshot_record.h"

namespace hf::vault {
namespace {

constexpr std::size_t kPackRowBytes = 20;
constexpr std::uint32_t kMaxEpochPacks = 16u << 20;

void put_packs(ByteWriter& out, const std::vector<PackName>& packs) {
  out.u32(static_cast<std::uint32_t>(packs.size()));
  for (const PackName& pack : packs) out.raw(pack.session).u32(pack.number);
}

Result<std::vector<PackName>> get_packs(ByteReader& in) {
  HF_ASSIGN(const std::uint32_t count, in.u32());
  if (count > kMaxEpochPacks || count > in.remaining() / kPackRowBytes) return in.corrupt("more packs than bytes");
  std::vector<PackName> packs;
  for (std::uint32_t i = 0; i < count; ++i) {
    HF_ASSIGN(ByteView session, in.raw(16));
    PackName pack;
    pack.session = to_array<16>(session);
    HF_ASSIGN(pack.number, in.u32());
    if (!packs.empty() && !(packs.back() < pack)) return in.corrupt("packs are not in order");
    packs.push_back(pack);
  }
  return packs;
}

template <std::size_t N>
Status get_array(ByteReader& in, std::array<std::uint8_t, N>& out) {
  HF_ASSIGN(ByteView bytes, in.raw(N));
  out = to_array<N>(bytes);
  return ok();
}

}  // namespace

Bytes encode_open(const LeaseOpen& open) {
  ByteWriter out;
  out.raw(open.nonce).raw(open.host).i64(open.opened.time_since_epoch().count());
  return out.take();
}

Result<LeaseOpen> decode_open(ByteView body) {
  ByteReader in(body, "lease");
  LeaseOpen open;
  HF_TRY(get_array(in, open.nonce));
  HF_TRY(get_array(in, open.host));
  HF_ASSIGN(const std::int64_t opened, in.i64());
  open.opened = WallTime(Micros(opened));
  HF_TRY(in.expect_end());
  return open;
}

Bytes encode_beat(const LeaseBeat& beat) {
  ByteWriter out;
  out.u64(beat.count).u64(beat.epoch);
  return out.take();
}

Result<LeaseBeat> decode_beat(ByteView body) {
  ByteReader in(body, "lease beat");
  LeaseBeat beat;
  HF_ASSIGN(beat.count, in.u64());
  HF_ASSIGN(beat.epoch, in.u64());
  HF_TRY(in.expect_end());
  return beat;
}

Bytes encode_fate(const LeaseFate& fate) {
  ByteWriter out;
  out.raw(fate.nonce).raw(fate.host).u8(static_cast<std::uint8_t>(fate.verdict)).sized(fate.sealed_record);
  return out.take();
}

Result<LeaseFate> decode_fate(ByteView body) {
  ByteReader in(body, "lease fate");
  LeaseFate fate;
  HF_TRY(get_array(in, fate.nonce));
  HF_TRY(get_array(in, fate.host));
  HF_ASSIGN(const std::uint8_t verdict, in.u8());
  if (verdict != 1 && verdict != 2) return in.corrupt("unknown verdict");
  fate.verdict = static_cast<Verdict>(verdict);
  HF_ASSIGN(ByteView sealed, in.sized(kMaxRecordObject));
  if ((fate.verdict == Verdict::kCommitted) == sealed.empty()) return in.corrupt("the verdict and the record contradict");
  fate.sealed_record = to_bytes(sealed);
  HF_TRY(in.expect_end());
  return fate;
}

bool Epoch::forbids(const PackName& pack) const {
  return std::binary_search(condemned.begin(), condemned.end(), pack) || std::binary_search(swept.begin(), swept.end(), pack);
}

Bytes encode_epoch(const Epoch& epoch) {
  ByteWriter out;
  out.u64(epoch.number).u64(epoch.highest_commit);
  put_packs(out, epoch.condemned);
  put_packs(out, epoch.swept);
  return out.take();
}

Result<Epoch> decode_epoch(ByteView body) {
  ByteReader in(body, "epoch");
  Epoch epoch;
  HF_ASSIGN(epoch.number, in.u64());
  HF_ASSIGN(epoch.highest_commit, in.u64());
  HF_ASSIGN(epoch.condemned, get_packs(in));
  HF_ASSIGN(epoch.swept, get_packs(in));
  HF_TRY(in.expect_end());
  return epoch;
}

}  // namespace hf::vault
