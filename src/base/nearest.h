// "Did you mean": how far a word is from another, and the known word that is near enough to be meant.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace hf {

// Damerau-Levenshtein, optimal string alignment: insertions, deletions, replacements, and two neighbours swapped.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The candidate at the smallest distance, if that is at most a third of the word's length (at least 1); empty otherwise.
// Words of more than 64 bytes are no typing mistakes.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace hf
