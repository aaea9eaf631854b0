#include "vault/chunker.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "crypto/hash.h"
#include "vault/chunk.h"

namespace hf::vault {

namespace {

constexpr std::size_t kWindow = 64;   // a byte has left h after 64 shifts
constexpr int kNormalisation = 2;     // bits more before the average, bits fewer after it

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

// One shift-and-add (a single lea) and one test a byte. Returns where it stopped: after the cut, or at `to`.
std::size_t GearChunker::scan(ByteView data, std::size_t from, std::size_t to, std::uint64_t mask,
                              bool& cut) {
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
