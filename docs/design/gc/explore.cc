// Breadth-first search over an open-addressing table of exact states.
#include "explore.h"

#include <algorithm>

namespace gc_model {
namespace {

constexpr std::uint32_t kNone = 0xffffffffu;

std::uint64_t mix(const Key& key) {
  std::uint64_t h = 0x9e3779b97f4a7c15u;
  for (const std::uint64_t word : key) {
    h ^= word;
    h *= 0xff51afd7ed558ccdu;
    h ^= h >> 32;
  }
  return h;
}

class Table {
 public:
  Table() : slots_(1u << 16, kNone) {}
  // The state's place if it is new, else kNone.
  std::uint32_t insert(const Key& key, std::uint32_t parent) {
    if (states_.size() * 2 >= slots_.size()) grow();
    std::size_t at = mix(key) & (slots_.size() - 1);
    for (; slots_[at] != kNone; at = (at + 1) & (slots_.size() - 1)) {
      if (states_[slots_[at]] == key) return kNone;
    }
    const auto index = static_cast<std::uint32_t>(states_.size());
    slots_[at] = index;
    states_.push_back(key);
    parents_.push_back(parent);
    return index;
  }
  const Key& state(std::uint32_t index) const { return states_[index]; }
  std::uint32_t parent(std::uint32_t index) const { return parents_[index]; }
  std::size_t size() const { return states_.size(); }

 private:
  void grow() {
    std::vector<std::uint32_t> bigger(slots_.size() * 2, kNone);
    for (std::uint32_t i = 0; i < states_.size(); ++i) {
      std::size_t at = mix(states_[i]) & (bigger.size() - 1);
      while (bigger[at] != kNone) at = (at + 1) & (bigger.size() - 1);
      bigger[at] = i;
    }
    slots_ = std::move(bigger);
  }
  std::vector<std::uint32_t> slots_;
  std::vector<Key> states_;
  std::vector<std::uint32_t> parents_;
};

// What led from one state to the next: looked for again, so that no state has to remember it.
std::string label(const State& from, const Key& to, const Config& config) {
  std::string found;
  successors(from, config, [&](const State& next, const char* what, int who) {
    if (found.empty() && canonical(next, config) == to) found = std::string(what) + " " + std::to_string(who);
  });
  return found;
}

std::vector<std::string> trace_to(const Table& table, std::uint32_t index, const Config& config) {
  std::vector<std::string> trace;
  while (table.parent(index) != kNone) {
    const std::uint32_t parent = table.parent(index);
    trace.push_back(label(decode(table.state(parent), config), table.state(index), config));
    index = parent;
  }
  std::ranges::reverse(trace);
  return trace;
}

}  // namespace

Outcome explore(const Config& config, const Bad& bad, std::uint64_t limit) {
  Table table;
  table.insert(canonical(initial(config), config), kNone);
  std::uint32_t found = kNone;
  std::uint32_t at = 0;
  const Emit emit = [&](const State& next, const char*, int) {
    const std::uint32_t index = table.insert(canonical(next, config), at);
    if (index != kNone && found == kNone && bad(next, config)) found = index;
  };
  for (; at < table.size() && found == kNone && table.size() < limit; ++at) {
    successors(decode(table.state(at), config), config, emit);
  }
  Outcome outcome;
  outcome.states = table.size();
  if (found != kNone) {
    outcome.verdict = Verdict::kViolated;
    outcome.trace = trace_to(table, found, config);
  } else if (at < table.size()) {
    outcome.verdict = Verdict::kLimit;
  }
  return outcome;
}

}  // namespace gc_model
