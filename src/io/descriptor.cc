#include "io/descriptor.h"

#include <algorithm>

namespace hf {

int poll_millis(MonoTime now, MonoTime deadline) {
  if (now >= deadline) return 0;
  constexpr std::int64_t kLongestMillis = 60'000;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now).count();
  return static_cast<int>(std::min<std::int64_t>(left, kLongestMillis));
}

}  // namespace hf
