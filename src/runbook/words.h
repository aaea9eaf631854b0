// The words of the engine's enumerations, in the order of their values: printing and reading from the same array.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace hf::runbook {

template <class E, std::size_t N>
struct Words {
  std::array<std::string_view, N> words;

  constexpr std::string_view of(E value) const { return words[static_cast<std::size_t>(value)]; }
  constexpr std::optional<E> value(std::string_view word) const {
    for (std::size_t i = 0; i < N; ++i)
      if (words[i] == word) return static_cast<E>(i);
    return std::nullopt;
  }
};

}  // namespace hf::runbook
