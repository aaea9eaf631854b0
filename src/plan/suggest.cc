#include "plan/suggest.h"

#include "base/nearest.h"

namespace hf::plan {
namespace {

constexpr std::size_t kMaxListed = 16;

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) { return hf::nearest(word, candidates); }

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  if (std::string near = nearest(word, candidates); !near.empty()) return "Did you mean '" + near + "'?";
  if (candidates.empty()) return "Nothing of that kind is defined.";
  std::string out = "Known: ";
  for (std::size_t i = 0; i < candidates.size() && i < kMaxListed; ++i) out += (i ? ", " : "") + candidates[i];
  return out + (candidates.size() > kMaxListed ? ", ..." : ".");
}

}  // namespace hf::plan
