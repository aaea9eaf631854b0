// Patterns that choose paths, from plans and command lines. Up to the first empty line: one pattern a line; then one path a
// line. Whatever they are, an answer comes in time that grows with their lengths, not with a power of the stars in them.
#include <algorithm>

#include "base/check.h"
#include "base/text.h"
#include "sources/files/pattern.h"

namespace hf::sources {
namespace {

constexpr std::size_t kMostText = 4096;   // bytes of an input: as much as a line of a plan and a path hold

std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

void choose(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (line.empty()) break;
    lines.emplace_back(line);
  }
  const auto patterns = PathPatterns::parse(lines);
  if (!patterns) return;
  (void)patterns->anchors();
  while (!text.empty()) {
    const std::string_view path = take_line(text);
    if (path.empty() || path.front() == '/') continue;
    for (const bool folder : {false, true}) {
      if (patterns->matches(path, folder)) HF_CHECK(patterns->covers(path, folder) && patterns->chooses(path, folder));
    }
  }
}

}  // namespace
}  // namespace hf::sources

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > hf::sources::kMostText) return 0;
  hf::sources::choose({reinterpret_cast<const char*>(data), size});
  return 0;
}
