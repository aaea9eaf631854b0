// Content-defined chunking: keyed 64-bit Gear with normalisation (Xia et al., FastCDC, 2016; top bits as
// mask).
//
// table[i] = u64 i, little-endian, of HKDF-SHA-256(chunker key, no salt, info, 2048 bytes); one info for file
// data, one for trees. In a chunk, h = 0 before byte min - 64; then for every byte h = (h << 1) +
// table[byte]. The chunk ends after byte number n >= min if the top bits of h are zero: log2(avg) + 2 of them
// while n < avg, log2(avg) - 2 from there on; or at max. Invariant: cuts depend on key and content alone,
// never on how the bytes were fed.
#pragma once

#include <array>

#include "base/bytes.h"
#include "base/secret.h"

namespace hf::vault {

struct ChunkerParameters {
  std::uint32_t min_bytes = 256 * 1024;     // >= 64
  std::uint32_t avg_bytes = 1024 * 1024;    // a power of two, between min and max
  std::uint32_t max_bytes = 4096 * 1024;    // <= kMaxChunkBytes
  friend bool operator==(const ChunkerParameters&, const ChunkerParameters&) = default;
};
inline constexpr ChunkerParameters kDataChunker{};
inline constexpr ChunkerParameters kTreeChunker{32 * 1024, 128 * 1024, 512 * 1024};
Status check_parameters(const ChunkerParameters& parameters);

using GearTable = std::array<std::uint64_t, 256>;
inline constexpr std::string_view kDataGearInfo = "holdfast/v1 gear data";
inline constexpr std::string_view kTreeGearInfo = "holdfast/v1 gear tree";
GearTable gear_table(const Secret& chunker_key, std::string_view info);

// Finds the cuts; keeps no bytes.
class GearChunker {
 public:
  GearChunker(const GearTable& table, const ChunkerParameters& parameters);
  struct Step {
    std::size_t consumed = 0;   // bytes taken from the front of what was given
    bool cut = false;           // a chunk ends after them; the next byte begins another
  };
  Step feed(ByteView data);
  std::size_t open_bytes() const { return position_; }   // in the chunk not yet cut
  void restart() { position_ = 0; hash_ = 0; }           // a chunk was ended from outside, as at a file's end

 private:
  std::size_t scan(ByteView data, std::size_t from, std::size_t to, std::uint64_t mask, bool& cut);
  std::size_t scan_serial(ByteView data, std::size_t from, std::size_t to, std::uint64_t mask, bool& cut);
  GearTable table_;
  ChunkerParameters parameters_;
  std::uint64_t mask_before_;
  std::uint64_t mask_after_;
  std::uint64_t hash_ = 0;
  std::size_t position_ = 0;
};

}  // namespace hf::vault
