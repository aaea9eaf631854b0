// The reader of plans against any bytes: it must end, within its limits, with findings or a plan; whatever it says must
// be printable.
#include <cstddef>
#include <cstdint>
#include <string>

#include "plan/lint.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf::plan;
  std::string text(reinterpret_cast<const char*>(data), size);
  // A NUL byte splits the input into a plan and a file that merges in.
  std::size_t cut = text.find('\0');
  std::vector<Source> sources{{"holdfast.yaml", text.substr(0, cut)}};
  if (cut != std::string::npos) sources.push_back({"holdfast.d/10.yaml", text.substr(cut + 1)});
  Loaded loaded = load_and_lint(sources, hf::WallTime{});
  for (const Finding& finding : loaded.findings) {
    if (render(finding, sources, true).empty() || hf::dump_json(to_json(finding)).empty()) __builtin_trap();
  }
  return 0;
}
