#include "vault/collect/lease.h"

#include <algorithm>

#include "vault/snapshot_record.h"

namespace hf::vault {
namespace {

constexpr std::size_t kPackRowBytes = 20;
constexpr std::size_t kCondemnedRowBytes = 28;
constexpr std::uint32_t kMaxEpochPacks = 16u << 20;

void put_packs(ByteWriter& out, const std::vector<PackName>& packs) {
  out.u32(static_cast<std::uint32_t>(packs.size()));
  for (const PackName& pack : packs) out.raw(pack.session).u32(pack.number);
}

Result<PackName> get_pack(ByteReader& in) {
  HF_ASSIGN(ByteView session, in.raw(16));
  PackName pack;
  pack.session = to_array<16>(session);
  HF_ASSIGN(pack.number, in.u32());
  return pack;
}

Result<std::vector<PackName>> get_packs(ByteReader& in) {
  HF_ASSIGN(const std::uint32_t count, in.u32());
  if (count > kMaxEpochPacks || count > in.remaining() / kPackRowBytes) return in.corrupt("more packs than bytes");
  std::vector<PackName> packs;
  for (std::uint32_t i = 0; i < count; ++i) {
    HF_ASSIGN(const PackName pack, get_pack(in));
    if (!packs.empty() && !(packs.back() < pack)) return in.corrupt("packs are not in order");
    packs.push_back(pack);
  }
  return packs;
}

Result<std::vector<Condemned>> get_condemned(ByteReader& in, std::uint64_t epoch) {
  HF_ASSIGN(const std::uint32_t count, in.u32());
  if (count > kMaxEpochPacks || count > in.remaining() / kCondemnedRowBytes) return in.corrupt("more packs than bytes");
  std::vector<Condemned> rows;
  rows.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    Condemned row;
    HF_ASSIGN(row.pack, get_pack(in));
    HF_ASSIGN(row.since, in.u64());
    if (row.since == 0 || row.since > epoch) return in.corrupt("condemned by an epoch that is not before it");
    if (!rows.empty() && !(rows.back().pack < row.pack)) return in.corrupt("packs are not in order");
    rows.push_back(row);
  }
  return rows;
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
  if (verdict < 1 || verdict > 4) return in.corrupt("unknown verdict");
  fate.verdict = static_cast<Verdict>(verdict);
  HF_ASSIGN(ByteView sealed, in.sized(kMaxRecordObject));
  if ((fate.verdict == Verdict::kFenced) != sealed.empty()) return in.corrupt("the verdict and the record contradict");
  fate.sealed_record = to_bytes(sealed);
  HF_TRY(in.expect_end());
  return fate;
}

const Condemned* Epoch::find_condemned(const PackName& pack) const {
  const auto at = std::ranges::lower_bound(condemned, pack, {}, &Condemned::pack);
  return at != condemned.end() && at->pack == pack ? &*at : nullptr;
}

bool Epoch::forbids(const PackName& pack) const {
  return find_condemned(pack) != nullptr || std::binary_search(swept.begin(), swept.end(), pack);
}

Bytes encode_epoch(const Epoch& epoch) {
  ByteWriter out;
  out.raw(epoch.nonce).u64(epoch.number).u64(epoch.highest_commit).i64(epoch.published.time_since_epoch().count());
  out.u32(static_cast<std::uint32_t>(epoch.condemned.size()));
  for (const Condemned& row : epoch.condemned) out.raw(row.pack.session).u32(row.pack.number).u64(row.since);
  put_packs(out, epoch.swept);
  return out.take();
}

Result<Epoch> decode_epoch(ByteView body) {
  ByteReader in(body, "epoch");
  Epoch epoch;
  HF_TRY(get_array(in, epoch.nonce));
  HF_ASSIGN(epoch.number, in.u64());
  HF_ASSIGN(epoch.highest_commit, in.u64());
  HF_ASSIGN(const std::int64_t published, in.i64());
  epoch.published = WallTime(Micros(published));
  HF_ASSIGN(epoch.condemned, get_condemned(in, epoch.number));
  HF_ASSIGN(epoch.swept, get_packs(in));
  HF_TRY(in.expect_end());
  return epoch;
}

}  // namespace hf::vault
