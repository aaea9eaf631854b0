#include "base/lsn.h"

#include <cstdio>
#include <optional>

namespace hf {

namespace {

std::optional<std::uint64_t> hex_number(std::string_view text, std::size_t max_digits) {
  if (text.empty() || text.size() > max_digits) return std::nullopt;
  std::uint64_t v = 0;
  for (char c : text) {
    std::uint64_t digit;
    if (c >= '0' && c <= '9')
      digit = static_cast<std::uint64_t>(c - '0');
    else if (c >= 'A' && c <= 'F')
      digit = static_cast<std::uint64_t>(c - 'A') + 10;
    else if (c >= 'a' && c <= 'f')
      digit = static_cast<std::uint64_t>(c - 'a') + 10;
    else
      return std::nullopt;
    v = v << 4 | digit;
  }
  return v;
}

}  // namespace

std::string format_lsn(Lsn lsn) {
  char buf[32];
  std::snprintf(buf, sizeof buf, "%X/%X", static_cast<unsigned>(lsn.value >> 32), static_cast<unsigned>(lsn.value));
  return buf;
}

Result<Lsn> parse_lsn(std::string_view text) {
  std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    auto hi = hex_number(text.substr(0, slash), 8), lo = hex_number(text.substr(slash + 1), 8);
    if (hi && lo) return Lsn{*hi << 32 | *lo};
  }
  return make_error(ErrorKind::kInvalid, "'" + std::string(text) + "' is not an LSN")
      .with_hint("An LSN looks like 16/B374D848; pg_current_wal_lsn() prints one.");
}

std::string wal_file_name(Timeline timeline, std::uint64_t segment, std::uint64_t segment_size) {
  const std::uint64_t per_log = 0x100000000ULL / segment_size;
  char buf[32];
  std::snprintf(buf, sizeof buf, "%08X%08X%08X", timeline, static_cast<unsigned>(segment / per_log),
                static_cast<unsigned>(segment % per_log));
  return buf;
}

Result<WalFileName> parse_wal_file_name(std::string_view name, std::uint64_t segment_size) {
  Error bad = make_error(ErrorKind::kInvalid, "'" + std::string(name) + "' is not the name of a WAL segment");
  if (name.size() != 24) return bad;
  auto tli = hex_number(name.substr(0, 8), 8), log = hex_number(name.substr(8, 8), 8),
       seg = hex_number(name.substr(16, 8), 8);
  const std::uint64_t per_log = 0x100000000ULL / segment_size;
  if (!tli || !log || !seg || *tli == 0 || *seg >= per_log) return bad;
  return WalFileName{static_cast<Timeline>(*tli), *log * per_log + *seg};
}

}  // namespace hf
