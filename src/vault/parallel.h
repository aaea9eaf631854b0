// The same work for many things on all cores.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>

#include "base/result.h"

namespace hf::vault {

std::size_t parallel_threads(std::size_t count);
void run_threads(std::size_t threads, const std::function<void()>& body);

// make() gives each thread a function, which is called with every i below `count`, once, in about this order, from as
// many threads as there are cores (and work). The first error ends it and is returned.
template <class Make>
Status in_parallel(std::size_t count, const Make& make) {
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> failed = false;
  std::mutex mutex;
  std::optional<Error> first;
  run_threads(parallel_threads(count), [&] {
    auto each = make();
    for (std::size_t i = next++; i < count && !failed; i = next++) {
      Status done = each(i);
      if (done) continue;
      failed = true;
      const std::lock_guard lock(mutex);
      if (!first) first = std::move(done).error();
    }
  });
  return first ? Status(std::move(*first)) : ok();
}

}  // namespace hf::vault
