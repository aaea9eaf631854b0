// What computing parity and repairing with it share: the matrix, and where blocks and records lie.
#pragma once

#include "vault/pack/parity.h"

namespace hf::vault {

std::uint32_t crc32c(ByteView bytes);                     // Castagnoli, as iSCSI has it

// One thread's, for packs of one layout.
class ParityCode {
 public:
  explicit ParityCode(const ParityLayout& layout);
  // Of parity row `row` for data column `column` of a stripe: 1 / ((data + row) xor column).
  std::uint8_t coefficient(std::uint32_t row, std::uint32_t column) const;
  std::uint64_t record_offset(std::uint32_t stripe, std::uint32_t row) const;      // in the parity region
  ByteView block(ByteView covered, std::uint32_t stripe, std::uint32_t column) const;   // empty if there is none
  ByteView padded(ByteView block, Bytes& scratch) const;                           // zeros after a short last one
  // Checksums and parity blocks into the records' places; the footers and the records' own checksums are the caller's.
  void encode_stripe(ByteView covered, std::uint32_t stripe, std::span<std::uint8_t* const> records);

 private:
  ParityLayout layout_;
  Bytes matrix_;                                          // identity, then the parity rows
  Bytes tables_;                                          // of the library, for the parity rows
  Bytes scratch_;
};

bool whole_record(const ParityLayout& layout, ByteView footer, ByteView record);

}  // namespace hf::vault
