#include "vault/object/names.h"

#include <cstdio>

#include "base/hex.h"
#include "base/text.h"

namespace hf::vault {
namespace {

std::optional<std::uint64_t> padded_after(std::string_view object, std::string_view prefix) {
  if (!object.starts_with(prefix) || object.size() != prefix.size() + kNumberDigits) return std::nullopt;
  return parse_number(object.substr(prefix.size()));
}

std::string formatted(const char* format, unsigned long long number) {
  char text[24];
  const int n = std::snprintf(text, sizeof text, format, number);
  return std::string(text, static_cast<std::size_t>(n));
}

}  // namespace

std::string padded(std::uint64_t number) { return formatted("%016llu", number); }
std::string hex16(std::uint64_t number) { return formatted("%016llx", number); }
std::string hex8(std::uint32_t number) { return formatted("%08llx", number); }
std::string session_text(const SessionId& session) { return to_hex(session); }
std::string config_name(std::uint64_t number) { return "config/" + std::to_string(number); }
std::string commit_name(std::uint64_t number) { return "commits/" + padded(number); }
std::string epoch_name(std::uint64_t number) { return "epoch/" + padded(number); }

std::string pack_object_name(const PackName& pack) {
  const std::string session = session_text(pack.session);
  return "packs/" + session.substr(0, 2) + "/" + session + "-" + std::to_string(pack.number);
}

std::string index_name(const SessionId& session, std::uint32_t number) {
  return "index/" + session_text(session) + "-" + std::to_string(number);
}

std::string lease_name(const SessionId& session, std::string_view part) {
  return "leases/" + session_text(session) + "/" + std::string(part);
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  if (text.size() > 18) return std::nullopt;
  return parse_whole<std::uint64_t>(text);
}

std::optional<std::uint64_t> parse_hex_number(std::string_view text) {
  if (text.size() > 16) return std::nullopt;
  return parse_whole<std::uint64_t>(text, 16);
}

std::optional<SessionId> parse_session(std::string_view text) {
  if (text.size() != 32) return std::nullopt;
  auto bytes = from_hex(text);
  if (!bytes) return std::nullopt;
  return to_array<16>(*bytes);
}

std::optional<PackName> parse_pack_name(std::string_view object) {
  constexpr std::string_view prefix = "packs/";
  if (!object.starts_with(prefix) || object.size() < prefix.size() + 37) return std::nullopt;
  auto session = parse_session(object.substr(9, 32));
  auto number = parse_whole<std::uint32_t>(object.substr(42));
  if (!session || !number) return std::nullopt;
  PackName name{*session, *number};
  if (pack_object_name(name) != object) return std::nullopt;
  return name;
}

std::optional<LeasePart> parse_lease_name(std::string_view object) {
  constexpr std::string_view prefix = "leases/";
  if (!object.starts_with(prefix) || object.size() < prefix.size() + 34) return std::nullopt;
  auto session = parse_session(object.substr(prefix.size(), 32));
  if (!session || object[prefix.size() + 32] != '/') return std::nullopt;
  return LeasePart{*session, std::string(object.substr(prefix.size() + 33))};
}

std::optional<std::uint64_t> parse_config_name(std::string_view object) {
  constexpr std::string_view prefix = "config/";
  if (!object.starts_with(prefix)) return std::nullopt;
  return parse_number(object.substr(prefix.size()));
}

std::optional<std::uint64_t> parse_commit_name(std::string_view object) { return padded_after(object, "commits/"); }
std::optional<std::uint64_t> parse_epoch_name(std::string_view object) { return padded_after(object, "epoch/"); }

}  // namespace hf::vault
