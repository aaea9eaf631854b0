// "Did you mean": the closest known word by optimal string alignment distance, if it is close enough to be meant.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hf::cli {

std::optional<std::string> suggest(std::string_view said, const std::vector<std::string>& known);

}  // namespace hf::cli
