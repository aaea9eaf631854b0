// The layout of parity, and computing it. Field: GF(2^8) over x^8 + x^4 + x^3 + x^2 + 1; matrix: Cauchy.
#include "vault/pack/parity.h"

#include <isa-l/crc.h>
#include <isa-l/erasure_code.h>

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "vault/pack/pack_layout.h"
#include "vault/pack/parity_code.h"

namespace hf::vault {

namespace {

constexpr std::uint32_t kSmallestBlock = 512;             // a disk's sector
constexpr std::uint32_t kLargestBlock = 4096;
constexpr std::uint32_t kStripeBlocks = 128;              // data; wider stripes cost no less and lose more at once
constexpr std::uint32_t kFieldBlocks = 255;               // data and parity of a stripe together, by the field
constexpr std::size_t kChecksum = 4;

std::uint64_t divide_up(std::uint64_t a, std::uint64_t b) { return (a + b - 1) / b; }

// What follows from covered bytes and the block's size.
ParityLayout deal(std::uint64_t covered, std::uint32_t block) {
  ParityLayout out;
  out.covered = covered;
  out.block = block;
  out.blocks = divide_up(covered, block);
  out.stripes = static_cast<std::uint32_t>(divide_up(out.blocks, kStripeBlocks));
  out.data = static_cast<std::uint32_t>(divide_up(out.blocks, std::max(out.stripes, 1u)));
  return out;
}

}  // namespace

std::uint32_t crc32c(ByteView bytes) {
  return ~crc32_iscsi(const_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()), 0xffffffffu);
}

ParityLayout ParityLayout::choose(std::uint64_t covered, unsigned percent) {
  HF_CHECK(covered > 0 && covered <= kMaxPackBytes && percent >= 1 && percent <= kMaxParityPercent);
  std::uint32_t block = kSmallestBlock;
  while (block < kLargestBlock && std::uint64_t{block} * kStripeBlocks < covered) block *= 2;
  ParityLayout out = deal(covered, block);
  // A run of damage that begins within a block touches one more than its length has.
  const std::uint64_t lost = divide_up(out.blocks * percent, 100) + 1;
  out.parity = static_cast<std::uint32_t>(divide_up(lost, out.stripes));
  return out;
}

std::optional<ParityLayout> ParityLayout::of(const PackFooter& footer) {
  if (footer.parity_kind != kParityReedSolomon) return std::nullopt;
  if (footer.parity_offset == 0 || footer.parity_offset > kMaxPackBytes) return std::nullopt;
  if (footer.parity_block_log2 < std::bit_width(kSmallestBlock) - 1 ||
      footer.parity_block_log2 > std::bit_width(kLargestBlock) - 1)
    return std::nullopt;
  ParityLayout out = deal(footer.parity_offset, 1u << footer.parity_block_log2);
  out.parity = footer.parity_rows;
  if (out.parity == 0 || out.data + out.parity > kFieldBlocks || out.length() != footer.parity_length) return std::nullopt;
  return out;
}

std::size_t ParityLayout::record_bytes() const { return kPackFooterBytes + data * kChecksum + block + kChecksum; }

void ParityLayout::describe(PackFooter& footer) const {
  footer.parity_kind = kParityReedSolomon;
  footer.parity_rows = static_cast<std::uint8_t>(parity);
  footer.parity_block_log2 = static_cast<std::uint8_t>(std::bit_width(block) - 1);
  footer.parity_length = static_cast<std::uint32_t>(length());
}

std::uint64_t parity_bytes(std::uint64_t covered, unsigned percent) {
  return percent == 0 ? 0 : ParityLayout::choose(covered, percent).length();
}

ParityCode::ParityCode(const ParityLayout& layout) : layout_(layout) {
  const auto rows = static_cast<int>(layout.data + layout.parity);
  const auto data = static_cast<int>(layout.data);
  matrix_.resize(static_cast<std::size_t>(rows) * layout.data);
  gf_gen_cauchy1_matrix(matrix_.data(), rows, data);
  tables_.resize(std::size_t{32} * layout.data * layout.parity);
  ec_init_tables(data, static_cast<int>(layout.parity), matrix_.data() + std::size_t{layout.data} * layout.data,
                 tables_.data());
}

std::uint8_t ParityCode::coefficient(std::uint32_t row, std::uint32_t column) const {
  return matrix_[std::size_t{layout_.data + row} * layout_.data + column];
}

std::uint64_t ParityCode::record_offset(std::uint32_t stripe, std::uint32_t row) const {
  // Record r belongs to stripe (blocks + r) mod stripes: the dealing goes on, so that no run of damage meets a stripe
  // more often than its length says.
  const std::uint32_t first = static_cast<std::uint32_t>(layout_.blocks % layout_.stripes);
  const std::uint32_t r = (stripe + layout_.stripes - first) % layout_.stripes;
  return (std::uint64_t{row} * layout_.stripes + r) * layout_.record_bytes();
}

ByteView ParityCode::block(ByteView covered, std::uint32_t stripe, std::uint32_t column) const {
  const std::uint64_t number = stripe + std::uint64_t{column} * layout_.stripes;
  if (number >= layout_.blocks) return {};
  const std::uint64_t at = number * layout_.block;
  return covered.subspan(at, std::min<std::uint64_t>(layout_.block, layout_.covered - at));
}

ByteView ParityCode::padded(ByteView block, Bytes& scratch) const {
  if (block.size() == layout_.block) return block;
  scratch.assign(layout_.block, 0);
  std::ranges::copy(block, scratch.begin());
  return scratch;
}

// The columns one after the other, so that a block is read once for its checksum and all parity, which stays in the
// nearest cache: twice as fast as all columns side by side, whose equal distances meet in the same lines of it.
void ParityCode::encode_stripe(ByteView covered, std::uint32_t stripe, std::span<std::uint8_t* const> records) {
  const std::size_t table = layout_.data * kChecksum;
  std::vector<std::uint8_t*> blocks(records.begin(), records.end());
  for (std::uint8_t*& at : blocks) {
    at += kPackFooterBytes + table;
    std::fill_n(at, layout_.block, std::uint8_t{0});
  }
  std::uint8_t* const checksums = records[0] + kPackFooterBytes;
  std::fill_n(checksums, table, std::uint8_t{0});
  for (std::uint32_t column = 0; column < layout_.data; ++column) {
    const ByteView bytes = block(covered, stripe, column);
    if (bytes.empty()) continue;
    const std::uint32_t sum = crc32c(bytes);
    for (std::size_t i = 0; i < kChecksum; ++i)
      checksums[column * kChecksum + i] = static_cast<std::uint8_t>(sum >> (8 * i));
    auto* source = const_cast<std::uint8_t*>(padded(bytes, scratch_).data());
    ec_encode_data_update(static_cast<int>(layout_.block), static_cast<int>(layout_.data),
                          static_cast<int>(layout_.parity), static_cast<int>(column), tables_.data(), source,
                          blocks.data());
  }
  for (std::size_t row = 1; row < records.size(); ++row)
    std::copy_n(checksums, table, records[row] + kPackFooterBytes);
}

void write_parity(const ParityLayout& layout, ByteView footer, ByteView covered, MutableByteView out) {
  HF_CHECK(footer.size() == kPackFooterBytes && covered.size() == layout.covered && out.size() == layout.length());
  ParityCode code(layout);
  std::vector<std::uint8_t*> records(layout.parity);
  for (std::uint32_t stripe = 0; stripe < layout.stripes; ++stripe) {
    for (std::uint32_t row = 0; row < layout.parity; ++row) records[row] = out.data() + code.record_offset(stripe, row);
    code.encode_stripe(covered, stripe, records);
    for (std::uint8_t* record : records) {
      std::ranges::copy(footer, record);
      const std::size_t body = layout.record_bytes() - kChecksum;
      const std::uint32_t sum = crc32c({record, body});
      for (std::size_t i = 0; i < kChecksum; ++i) record[body + i] = static_cast<std::uint8_t>(sum >> (8 * i));
    }
  }
}

bool whole_record(const ParityLayout& layout, ByteView footer, ByteView record) {
  const std::size_t body = layout.record_bytes() - kChecksum;
  ByteReader in(record.subspan(body), "parity");
  return record.size() == layout.record_bytes() && in.u32().value_or(0) == crc32c(record.first(body)) &&
         std::ranges::equal(record.first(kPackFooterBytes), footer);
}

Status check_parity(const ParityLayout& layout, ByteView footer, ByteView region, std::string_view name) {
  std::uint64_t bad = 0;
  for (std::uint64_t r = 0; r < layout.records(); ++r) {
    const std::uint64_t at = r * layout.record_bytes();
    const bool there = at + layout.record_bytes() <= region.size();
    if (!there || !whole_record(layout, footer, region.subspan(at, layout.record_bytes()))) ++bad;
  }
  if (bad == 0) return ok();
  return make_error(ErrorKind::kCorrupt, std::string(name) + ": " + std::to_string(bad) + " of its " +
                                             std::to_string(layout.records()) + " parity records are damaged")
      .with_object(std::string(name));
}

}  // namespace hf::vault
