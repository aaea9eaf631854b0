#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace hf {

void check_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "holdfast: internal error: check failed: %s (%s:%d)\n", expression, file, line);
  std::abort();
}

}  // namespace hf
