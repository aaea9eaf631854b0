// Reed-Solomon parity inside a pack (docs/format/vault.md, "Parity").
//
// The bytes before the parity are cut into blocks, dealt out to stripes one after the other; each stripe gets its own
// parity blocks, which continue the dealing. A parity record carries, besides its block, the checksums of all of its
// stripe's blocks and the pack's footer, so that damage is located without any other copy and every single record that
// is left tells how the pack is laid out. Invariant: what repair_pack() returns agrees with every checksum that is left;
// whether it is the pack that was written is for the caller to prove (by the index's digest, or by its seals).
#pragma once

#include <optional>

#include "vault/pack/pack.h"

namespace hf::vault {

inline constexpr std::uint8_t kParityReedSolomon = 1;     // the kind in the footer

struct ParityLayout {
  std::uint64_t covered = 0;          // bytes, from the pack's beginning
  std::uint32_t block = 0;            // bytes
  std::uint64_t blocks = 0;
  std::uint32_t stripes = 0;
  std::uint32_t data = 0;             // blocks of a stripe, at most; the last stripes may have one less
  std::uint32_t parity = 0;           // records of a stripe: as many of its blocks may be lost

  // For `percent` from 1 to kMaxParityPercent: one run of damage of up to so much of the covered bytes is repaired.
  static ParityLayout choose(std::uint64_t covered, unsigned percent);
  // From what a footer says; nothing if that cannot be.
  static std::optional<ParityLayout> of(const PackFooter& footer);
  std::size_t record_bytes() const;
  std::uint64_t records() const { return std::uint64_t{stripes} * parity; }
  std::uint64_t length() const { return records() * record_bytes(); }
  void describe(PackFooter& footer) const;                // kind, length, and what of() needs
};

// Of a pack of so many covered bytes; 0 without parity.
std::uint64_t parity_bytes(std::uint64_t covered, unsigned percent);

// `footer`: the 64 bytes. `covered` and `out` have the lengths of the layout.
void write_parity(const ParityLayout& layout, ByteView footer, ByteView covered, MutableByteView out);

// Every record's own checksum, and that all carry this footer: kCorrupt if not.
Status check_parity(const ParityLayout& layout, ByteView footer, ByteView region, std::string_view name);

struct RepairedPack {
  Bytes object;                       // of the length that the pack had
  std::uint64_t blocks = 0;           // data blocks that were computed anew
  std::uint64_t records = 0;          // parity records that were
  bool footer = false;                // the footer, or the length
  std::uint64_t unknown = 0;          // stripes of which no record is left: taken as they are
};
// `damaged`: all that is left of the object, perhaps cut short or too long. kCorrupt: it has no parity that is readable,
// or more is lost than it can bring back. An object without damage comes back as it is.
Result<RepairedPack> repair_pack(ByteView damaged, std::string_view name);

}  // namespace hf::vault
