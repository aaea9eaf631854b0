// Small questions about text that every module asks: whole numbers, lists written out, parts between separators.
// A number is read only if all of the text is that number and it fits; there is no value for "almost".
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace hf {

// Digits of `base` (after '-' where T is signed), nothing before or after, in range; nullopt for anything else.
template <std::integral T>
std::optional<T> parse_whole(std::string_view text, int base = 10) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value, base);
  if (text.empty() || error != std::errc() || at != end) return std::nullopt;
  return value;
}

// Length of the valid UTF-8 sequence at `i`, 0 if there is none (RFC 3629).
std::size_t utf8_length(std::string_view s, std::size_t i);
// How many bytes from the beginning are valid UTF-8: all of them, or where the first bad byte stands.
std::size_t valid_utf8_prefix(std::string_view s);

// "a, b, c"; `none` for an empty list.
inline std::string join(const std::vector<std::string>& list, std::string_view between = ", ",
                        std::string_view none = "") {
  if (list.empty()) return std::string(none);
  std::string out = list.front();
  for (std::size_t i = 1; i < list.size(); ++i) out.append(between).append(list[i]);
  return out;
}

std::string format_bytes(std::uint64_t bytes);  // "1.4 GiB"

}  // namespace hf
