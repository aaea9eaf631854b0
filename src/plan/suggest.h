// "Did you mean": the nearest word by edit distance, offered and never applied.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hf::plan {

// The candidate at the smallest Damerau-Levenshtein distance (optimal string alignment), if that is at most a third
// of the word's length (at least 1); empty otherwise.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// "Did you mean 'x'?" or, where nothing is near, "Known: a, b, c." (at most 16 names, then "...").
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace hf::plan
