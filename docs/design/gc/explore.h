// Exhaustive exploration: every state that can be reached, each once, held exactly (no hash stands for a state).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "protocol.h"

namespace gc_model {

enum class Verdict : std::uint8_t { kHolds, kViolated, kLimit };   // kLimit: not exhausted

struct Outcome {
  Verdict verdict = Verdict::kHolds;
  std::uint64_t states = 0;
  std::vector<std::string> trace;      // of a violation: the shortest one, step by step
};

using Bad = std::function<bool(const State&, const Config&)>;

// Breadth first, with the shortest trace to the first bad state. About 45 bytes a state.
Outcome explore(const Config& config, const Bad& bad, std::uint64_t limit);

}  // namespace gc_model
