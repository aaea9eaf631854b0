// What repairs packs. The first byte chooses: 0 a damaged object as it is found; 1 a pack that is made here, then damaged as
// the input says. Whatever is repaired agrees with all checksums, and is the pack that was written wherever a parity record of
// each stripe is left.
#include <algorithm>

#include "base/check.h"
#include "vault/pack/pack.h"
#include "vault/pack/pack_layout.h"
#include "vault/pack/parity.h"

namespace hf::vault {
namespace {

constexpr std::size_t kMostCovered = 40'000;   // bytes: several stripes of the smallest blocks
constexpr std::size_t kMostDamage = 64;        // places

// It comes back as it is, and nothing more is found.
void check_stable(const RepairedPack& repaired) {
  const auto again = repair_pack(repaired.object, "pack");
  HF_CHECK(again.has_value() && again->object == repaired.object);
  HF_CHECK(again->blocks == 0 && again->records == 0 && !again->footer && again->unknown == 0);
}

void as_found(ByteView bytes) {
  const auto repaired = repair_pack(bytes, "pack");
  if (repaired.has_value()) check_stable(*repaired);
}

// Chunk records, a directory and parity, as far as repair looks at them.
Bytes made_pack(std::size_t covered, unsigned percent) {
  PackFooter footer;
  footer.count = 1;
  footer.directory_length = kPackEntryBytes + 16;
  footer.directory_offset = covered - footer.directory_length;
  footer.parity_offset = covered;
  const ParityLayout layout = ParityLayout::choose(covered, percent);
  layout.describe(footer);
  footer.total_length = covered + layout.length() + kPackFooterBytes;
  Bytes object(footer.total_length);
  for (std::size_t i = 0; i < covered; ++i) object[i] = static_cast<std::uint8_t>(i * i >> 3 ^ i);
  const Bytes end = encode_pack_footer(footer);
  const MutableByteView all(object);
  write_parity(layout, end, all.first(covered), all.subspan(covered, layout.length()));
  std::ranges::copy(end, object.end() - kPackFooterBytes);
  return object;
}

// Runs of changed bytes, then what is cut off the end or hangs on to it.
Status damage(Bytes& object, ByteReader& in) {
  HF_ASSIGN(const std::uint16_t shorter, in.u16());
  HF_ASSIGN(const std::uint8_t longer, in.u8());
  for (std::size_t n = 0; n < kMostDamage && !in.at_end(); ++n) {
    HF_ASSIGN(const std::uint32_t at, in.u32());
    HF_ASSIGN(const std::uint16_t length, in.u16());
    HF_ASSIGN(const std::uint8_t change, in.u8());
    for (std::size_t i = 0; i < length; ++i) object[(at + i) % object.size()] ^= change;
  }
  object.resize(object.size() - shorter % object.size());
  object.resize(object.size() + longer, 7);
  return ok();
}

void as_made(ByteView input) {
  ByteReader in(input, "input");
  const auto covered = in.u16();
  const auto percent = in.u8();
  if (!covered || !percent) return;
  const Bytes written = made_pack(200 + *covered % kMostCovered, 1 + *percent % kMaxParityPercent);
  Bytes found = written;
  (void)damage(found, in);
  const auto repaired = repair_pack(found, "pack");
  if (!repaired.has_value()) return;
  HF_CHECK(repaired->object.size() == written.size());
  if (repaired->unknown > 0) return;
  HF_CHECK(repaired->object == written);
  check_stable(*repaired);
}

}  // namespace
}  // namespace hf::vault

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const hf::ByteView rest(data + 1, size - 1);
  if (data[0] == 0) hf::vault::as_found(rest);
  if (data[0] == 1) hf::vault::as_made(rest);
  return 0;
}
