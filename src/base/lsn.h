// A PostgreSQL log sequence number: a byte position in the WAL, written "16/B374D848".
// https://www.postgresql.org/docs/current/datatype-pg-lsn.html
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hf {

struct Lsn {
  std::uint64_t value = 0;
  auto operator<=>(const Lsn&) const = default;
};

inline std::uint64_t operator-(Lsn a, Lsn b) { return a.value - b.value; }
inline Lsn operator+(Lsn a, std::uint64_t n) { return Lsn{a.value + n}; }

std::string format_lsn(Lsn lsn);
Result<Lsn> parse_lsn(std::string_view text);  // tolerant of leading zeros: version 19 writes %X/%08X

using Timeline = std::uint32_t;

// "000000010000000000000003": timeline and segment number, 8 hexadecimal digits each of timeline, log, segment.
std::string wal_file_name(Timeline timeline, std::uint64_t segment, std::uint64_t segment_size);
struct WalFileName {
  Timeline timeline = 0;
  std::uint64_t segment = 0;
};
Result<WalFileName> parse_wal_file_name(std::string_view name, std::uint64_t segment_size);

}  // namespace hf
