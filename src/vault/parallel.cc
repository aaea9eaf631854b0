#include "vault/parallel.h"

#include <algorithm>
#include <thread>
#include <vector>

namespace hf::vault {
namespace {

constexpr std::size_t kMaxThreads = 16;

}  // namespace

std::size_t parallel_threads(std::size_t count) {
  const std::size_t cores = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kMaxThreads);
  return std::min(cores, count);
}

// The calling thread is one of them.
void run_threads(std::size_t threads, const std::function<void()>& body) {
  std::vector<std::jthread> others;
  for (std::size_t i = 1; i < threads; ++i) others.emplace_back(body);
  body();
}

}  // namespace hf::vault
