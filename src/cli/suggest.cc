#include "cli/suggest.h"

#include "base/nearest.h"

namespace hf::cli {

std::optional<std::string> suggest(std::string_view said, const std::vector<std::string>& known) {
  std::string found = nearest(said, known);
  return found.empty() ? std::nullopt : std::optional(std::move(found));
}

}  // namespace hf::cli
