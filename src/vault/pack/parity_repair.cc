// Repairing a pack by its parity: find a footer, find what is damaged by the checksums, solve for it.
#include <isa-l/erasure_code.h>

#include <algorithm>

#include "base/check.h"
#include "vault/pack/pack_layout.h"
#include "vault/pack/parity_code.h"

namespace hf::vault {
namespace {

Error beyond(std::string_view name, const std::string& why) {
  return make_error(ErrorKind::kCorrupt, std::string(name) + ": " + why).with_object(std::string(name));
}

struct FoundFooter {
  PackFooter footer;
  ParityLayout layout;
  Bytes bytes;
};

// A footer that is whole and says where it lies itself: at the end, or at the beginning of a parity record.
std::optional<FoundFooter> footer_at(ByteView object, std::uint64_t at, std::string_view name) {
  if (at + kPackFooterBytes > object.size()) return std::nullopt;
  FoundFooter out;
  out.bytes = to_bytes(object.subspan(at, kPackFooterBytes));
  ByteReader in(ByteView(out.bytes).subspan(kPackFooterBody - 8, 8), name);
  const std::uint64_t total = in.u64().value_or(0);
  auto footer = parse_pack_footer(out.bytes, total, name);
  if (!footer) return std::nullopt;
  const auto layout = ParityLayout::of(*footer);
  if (!layout) return std::nullopt;
  out.footer = *footer;
  out.layout = *layout;
  const bool at_end = at + kPackFooterBytes == total;
  const bool in_record = at >= layout->covered && at < layout->covered + layout->length() &&
                         (at - layout->covered) % layout->record_bytes() == 0;
  if (!at_end && !in_record) return std::nullopt;
  return out;
}

std::optional<FoundFooter> find_footer(ByteView object, std::string_view name) {
  if (object.size() >= kPackFooterBytes) {
    if (auto found = footer_at(object, object.size() - kPackFooterBytes, name)) return found;
  }
  auto from = object.begin();
  while (true) {
    from = std::search(from, object.end(), kPackFooterMagic.begin(), kPackFooterMagic.end());
    if (from == object.end()) return std::nullopt;
    if (auto found = footer_at(object, static_cast<std::uint64_t>(from - object.begin()), name)) return found;
    ++from;
  }
}

class Repair {
 public:
  Repair(FoundFooter found, ByteView damaged, std::string_view name)
      : layout_(found.layout), footer_(std::move(found.bytes)), code_(layout_), name_(name) {
    out_.object.assign(static_cast<std::size_t>(found.footer.total_length), 0);
    const std::size_t kept = std::min(damaged.size(), out_.object.size());
    std::copy_n(damaged.begin(), kept, out_.object.begin());
    out_.footer = damaged.size() != out_.object.size() || !std::ranges::equal(tail(), footer_);
  }

  Result<RepairedPack> run() {
    for (std::uint32_t stripe = 0; stripe < layout_.stripes; ++stripe) HF_TRY(repair_stripe(stripe));
    Bytes region(layout_.length());
    write_parity(layout_, footer_, covered(), region);
    for (std::uint64_t r = 0; r < layout_.records(); ++r) {
      const std::size_t at = r * layout_.record_bytes();
      if (!std::ranges::equal(parity().subspan(at, layout_.record_bytes()), ByteView(region).subspan(at, layout_.record_bytes())))
        ++out_.records;
    }
    std::ranges::copy(region, out_.object.begin() + static_cast<std::ptrdiff_t>(layout_.covered));
    std::ranges::copy(footer_, out_.object.end() - kPackFooterBytes);
    return std::move(out_);
  }

 private:
  ByteView tail() const { return ByteView(out_.object).last(kPackFooterBytes); }
  ByteView covered() const { return ByteView(out_.object).first(layout_.covered); }
  ByteView parity() const { return ByteView(out_.object).subspan(layout_.covered, layout_.length()); }
  ByteView record(std::uint32_t stripe, std::uint32_t row) const {
    return parity().subspan(code_.record_offset(stripe, row), layout_.record_bytes());
  }
  ByteView checksum(ByteView record, std::uint32_t column) const { return record.subspan(kPackFooterBytes + 4 * column, 4); }

  // The columns whose bytes are not those that a record tells of. Without any record nothing is known to be lost.
  std::vector<std::uint32_t> lost_columns(std::uint32_t stripe, ByteView told) const {
    std::vector<std::uint32_t> lost;
    for (std::uint32_t column = 0; column < layout_.data; ++column) {
      const ByteView block = code_.block(covered(), stripe, column);
      if (!block.empty() && !matches(block, told, column)) lost.push_back(column);
    }
    return lost;
  }
  bool matches(ByteView block, ByteView told, std::uint32_t column) const {
    ByteReader in(checksum(told, column), name_);
    return in.u32().value_or(0) == crc32c(block);
  }

  Status repair_stripe(std::uint32_t stripe) {
    std::vector<std::uint32_t> rows;
    for (std::uint32_t row = 0; row < layout_.parity; ++row) {
      if (whole_record(layout_, footer_, record(stripe, row))) rows.push_back(row);
    }
    if (rows.empty()) {
      ++out_.unknown;
      return ok();
    }
    const Bytes told = to_bytes(record(stripe, rows[0]));
    const std::vector<std::uint32_t> lost = lost_columns(stripe, told);
    if (lost.empty()) return ok();
    if (lost.size() > rows.size()) {
      return beyond(name_, std::to_string(lost.size()) + " blocks of one stripe are lost, and its parity brings back " +
                               std::to_string(rows.size()));
    }
    rows.resize(lost.size());
    HF_TRY(solve(stripe, rows, lost));
    for (const std::uint32_t column : lost) {
      if (!matches(code_.block(covered(), stripe, column), told, column))
        return beyond(name_, "what its parity brings back does not match its checksums");
    }
    out_.blocks += lost.size();
    return ok();
  }

  // parity row = sum of coefficient x column: what the columns at hand add to a row is taken off, and the rest is a
  // system of as many equations as columns are lost. Every square part of a Cauchy matrix can be inverted.
  Status solve(std::uint32_t stripe, const std::vector<std::uint32_t>& rows, const std::vector<std::uint32_t>& lost) {
    const std::size_t n = lost.size();
    std::vector<Bytes> sums = remainders(stripe, rows, lost);
    Bytes matrix;
    for (const std::uint32_t row : rows) {
      for (const std::uint32_t column : lost) matrix.push_back(code_.coefficient(row, column));
    }
    Bytes inverse(n * n);
    if (gf_invert_matrix(matrix.data(), inverse.data(), static_cast<int>(n)) != 0)
      return beyond(name_, "its parity cannot be solved");
    Bytes tables(32 * n * n);
    ec_init_tables(static_cast<int>(n), static_cast<int>(n), inverse.data(), tables.data());
    std::vector<Bytes> found(n, Bytes(layout_.block));
    std::vector<std::uint8_t*> from, to;
    for (Bytes& b : sums) from.push_back(b.data());
    for (Bytes& b : found) to.push_back(b.data());
    ec_encode_data(static_cast<int>(layout_.block), static_cast<int>(n), static_cast<int>(n), tables.data(), from.data(),
                   to.data());
    for (std::size_t i = 0; i < n; ++i) {
      const ByteView block = code_.block(covered(), stripe, lost[i]);
      const auto at = static_cast<std::size_t>(block.data() - out_.object.data());
      std::copy_n(found[i].begin(), block.size(), out_.object.begin() + static_cast<std::ptrdiff_t>(at));
    }
    return ok();
  }

  std::vector<Bytes> remainders(std::uint32_t stripe, const std::vector<std::uint32_t>& rows,
                                const std::vector<std::uint32_t>& lost) {
    const std::size_t n = rows.size();
    std::vector<Bytes> sums;
    std::vector<std::uint8_t*> to;
    for (const std::uint32_t row : rows) {
      sums.push_back(to_bytes(record(stripe, row).subspan(kPackFooterBytes + 4 * std::size_t{layout_.data}, layout_.block)));
    }
    for (Bytes& b : sums) to.push_back(b.data());
    Bytes coefficients;
    for (const std::uint32_t row : rows) {
      for (std::uint32_t column = 0; column < layout_.data; ++column) coefficients.push_back(code_.coefficient(row, column));
    }
    Bytes tables(32 * n * layout_.data), scratch;
    ec_init_tables(static_cast<int>(layout_.data), static_cast<int>(n), coefficients.data(), tables.data());
    for (std::uint32_t column = 0; column < layout_.data; ++column) {
      const ByteView block = code_.block(covered(), stripe, column);
      if (block.empty() || std::ranges::find(lost, column) != lost.end()) continue;
      auto* source = const_cast<std::uint8_t*>(code_.padded(block, scratch).data());
      ec_encode_data_update(static_cast<int>(layout_.block), static_cast<int>(layout_.data), static_cast<int>(n),
                            static_cast<int>(column), tables.data(), source, to.data());
    }
    return sums;
  }

  ParityLayout layout_;
  Bytes footer_;
  ParityCode code_;
  std::string_view name_;
  RepairedPack out_;
};

}  // namespace

Result<RepairedPack> repair_pack(ByteView damaged, std::string_view name) {
  auto found = find_footer(damaged, name);
  if (!found) return beyond(name, "has no parity that can be read");
  return Repair(std::move(*found), damaged, name).run();
}

}  // namespace hf::vault
