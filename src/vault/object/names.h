// The names of a vault's objects, built and taken apart in one place. No name shows a host, a path or a component.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "vault/index/index.h"
#include "vault/object/object.h"

namespace hf::vault {

inline constexpr std::string_view kStoreObject = "store";
inline constexpr std::size_t kNumberDigits = 16;

std::string session_text(const SessionId& session);                         // 32 hexadecimal digits
std::string config_name(std::uint64_t number);                              // config/<n>
std::string pack_object_name(const PackName& pack);                         // packs/<first two digits>/<session>-<n>
std::string index_name(const SessionId& session, std::uint32_t number);     // index/<session>-<n>
std::string lease_name(const SessionId& session, std::string_view part);    // leases/<session>/<open|beat|fate>
std::string commit_name(std::uint64_t number);                              // commits/<16-digit n>
std::string epoch_name(std::uint64_t number);                               // epoch/<16-digit n>

std::optional<std::uint64_t> parse_number(std::string_view text);           // decimal digits, no more than 18
std::optional<std::uint64_t> parse_hex_number(std::string_view text);       // 1 to 16 hexadecimal digits
std::optional<SessionId> parse_session(std::string_view text);
std::optional<PackName> parse_pack_name(std::string_view object);
struct LeasePart {
  SessionId session{};
  std::string part;
};
std::optional<LeasePart> parse_lease_name(std::string_view object);
std::optional<std::uint64_t> parse_config_name(std::string_view object);
std::optional<std::uint64_t> parse_commit_name(std::string_view object);
std::optional<std::uint64_t> parse_epoch_name(std::string_view object);

std::string padded(std::uint64_t number);                                   // 16 decimal digits
std::string hex16(std::uint64_t number);                                    // 16 hexadecimal digits
std::string hex8(std::uint32_t number);

}  // namespace hf::vault
