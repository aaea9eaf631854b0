#include "vault/chunk/chunker.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "crypto/hash.h"
#include "vault/chunk/chunk.h"

namespace hf::vault {

namespace {

constexpr std::size_t kWindow = 64;   // a byte has left h after 64 shifts
constexpr int kNormalisation = 2;     // bits more before the average, bits fewer after it
constexpr std::size_t kLanes = 4;     // scanned side by side; more have no registers
constexpr std::size_t kLaneBytes = 2048;   // of each; together with the others they stay in the first cache

std::uint64_t top_bits(int count) { return ~std::uint64_t{0} << (64 - count); }

}  // namespace

Status check_parameters(const ChunkerParameters& p) {
  const bool sizes = p.min_bytes >= kWindow && p.min_bytes < p.avg_bytes && p.avg_bytes < p.max_bytes;
  if (!sizes || p.max_bytes > kMaxChunkBytes || !std::has_single_bit(p.avg_bytes)) {
    return make_error(ErrorKind::kInvalid, "chunker sizes " + std::to_string(p.min_bytes) + " / " +
                                               std::to_string(p.avg_bytes) + " / " +
                                               std::to_string(p.max_bytes) + " are not usable");
  }
  return ok();
}

GearTable gear_table(const Secret& chunker_key, std::string_view info) {
  GearTable table{};
  const Secret bytes = crypto::hkdf_sha256(chunker_key.reveal(), {}, info, table.size() * 8);
  for (std::size_t i = 0; i < table.size(); ++i) {
    for (std::size_t b = 0; b < 8; ++b)
      table[i] |= static_cast<std::uint64_t>(bytes.reveal()[i * 8 + b]) << (8 * b);
  }
  return table;
}

GearChunker::GearChunker(const GearTable& table, const ChunkerParameters& parameters)
    : table_(table), parameters_(parameters) {
  HF_CHECK(check_parameters(parameters).has_value());
  const int bits = std::bit_width(parameters.avg_bytes) - 1;
  mask_before_ = top_bits(bits + kNormalisation);
  mask_after_ = top_bits(bits - kNormalisation);
}

// The plain scan: one shift-and-add and one test a byte. Returns where it stopped: after the cut, or at `to`.
std::size_t GearChunker::scan_serial(ByteView data, std::size_t from, std::size_t to, std::uint64_t mask, bool& cut) {
  const std::uint8_t* p = data.data() + from;
  const std::uint8_t* const end = data.data() + to;
  const std::uint64_t* const table = table_.data();
  std::uint64_t h = hash_;
  while (p != end) {
    h = (h << 1) + table[*p++];
    if ((h & mask) == 0) {
      cut = true;
      break;
    }
  }
  hash_ = h;
  return static_cast<std::size_t>(p - data.data());
}

// The same, faster: each byte waits for the hash before it, so a core that follows several such chains at once does several
// bytes in the time of one. h looks at the last 64 bytes only, so a chain can begin anywhere. Where any of the lanes cuts,
// which is once in a chunk, the plain scan says where the first cut is.
std::size_t GearChunker::scan(ByteView data, std::size_t from, std::size_t to, std::uint64_t mask, bool& cut) {
  const std::uint64_t* const table = table_.data();
  const std::uint64_t limit = ~mask;                 // (h & mask) == 0 is h <= limit: the mask is of the top bits
  while (to - from >= kLanes * kLaneBytes) {
    const std::uint8_t* const p = data.data() + from;
    std::array<std::uint64_t, kLanes> h{hash_};
    for (std::size_t lane = 1; lane < kLanes; ++lane) {
      for (std::size_t i = lane * kLaneBytes - kWindow; i < lane * kLaneBytes; ++i) h[lane] = (h[lane] << 1) + table[p[i]];
    }
    for (std::size_t i = 0; i < kLaneBytes; ++i) {
#pragma GCC unroll 4
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        h[lane] = (h[lane] << 1) + table[p[lane * kLaneBytes + i]];
        if (h[lane] <= limit) [[unlikely]] return scan_serial(data, from, to, mask, cut);
      }
    }
    hash_ = h[kLanes - 1];
    from += kLanes * kLaneBytes;
  }
  return scan_serial(data, from, to, mask, cut);
}

GearChunker::Step GearChunker::feed(ByteView data) {
  // Phases by byte number n in the chunk: skipped | rolled, not tested (n < min) | strict mask (n < avg) |
  // easy mask | max.
  const std::size_t skip_end = parameters_.min_bytes - kWindow;
  const std::size_t roll_end = parameters_.min_bytes - 1;
  const std::size_t strict_end = parameters_.avg_bytes - 1;
  std::size_t at = 0;
  bool cut = false;
  const auto limit = [&](std::size_t end) { return at + std::min(end - position_, data.size() - at); };
  const auto advance = [&](std::size_t to) {
    position_ += to - at;
    at = to;
  };
  if (position_ < skip_end) advance(limit(skip_end));
  if (position_ >= skip_end && position_ < roll_end) {
    const std::size_t to = limit(roll_end);
    for (std::size_t i = at; i < to; ++i) hash_ = (hash_ << 1) + table_[data[i]];
    advance(to);
  }
  if (position_ >= roll_end && position_ < strict_end)
    advance(scan(data, at, limit(strict_end), mask_before_, cut));
  if (!cut && position_ >= strict_end && position_ < parameters_.max_bytes) {
    advance(scan(data, at, limit(parameters_.max_bytes), mask_after_, cut));
  }
  cut = cut || position_ == parameters_.max_bytes;
  if (cut) restart();
  return {at, cut};
}

}  // namespace hf::vault
