// Kahn's algorithm by waves; a depth-first walk for the path of a cycle.
#include "plan/graph.h"

#include <algorithm>
#include <functional>

namespace hf::plan {

Graph::Graph(std::vector<GraphNode> nodes) : nodes_(std::move(nodes)), needs_(nodes_.size()) {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    for (const std::string& need : nodes_[i].needs) {
      if (int at = index_of(need); at >= 0) needs_[i].push_back(at);
    }
  }
}

int Graph::index_of(std::string_view name) const {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

std::vector<std::vector<std::string>> Graph::waves() const {
  std::vector<std::vector<std::string>> out;
  std::vector<bool> done(nodes_.size(), false);
  std::size_t left = nodes_.size();
  while (left > 0) {
    std::vector<std::size_t> ready;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      bool met = std::ranges::all_of(needs_[i], [&](int n) { return done[static_cast<std::size_t>(n)]; });
      if (!done[i] && met) ready.push_back(i);
    }
    if (ready.empty()) return {};
    std::ranges::stable_sort(ready, {}, [&](std::size_t i) { return nodes_[i].rank; });
    std::vector<std::string>& wave = out.emplace_back();
    for (std::size_t i : ready) {
      done[i] = true;
      wave.push_back(nodes_[i].name);
    }
    left -= ready.size();
  }
  return out;
}

std::vector<std::string> Graph::order() const {
  std::vector<std::string> out;
  for (auto& wave : waves()) out.insert(out.end(), wave.begin(), wave.end());
  return out;
}

std::vector<std::string> Graph::cycle() const {
  enum class Mark : std::uint8_t { kNew, kOpen, kDone };
  std::vector<Mark> marks(nodes_.size(), Mark::kNew);
  for (std::size_t root = 0; root < nodes_.size(); ++root) {
    if (marks[root] != Mark::kNew) continue;
    // An explicit stack: depth is as long as the longest chain, which the file decides.
    std::vector<std::pair<std::size_t, std::size_t>> stack{{root, 0}};
    marks[root] = Mark::kOpen;
    while (!stack.empty()) {
      auto& [at, next] = stack.back();
      if (next == needs_[at].size()) {
        marks[at] = Mark::kDone;
        stack.pop_back();
        continue;
      }
      auto to = static_cast<std::size_t>(needs_[at][next++]);
      if (marks[to] == Mark::kNew) {
        marks[to] = Mark::kOpen;
        stack.emplace_back(to, 0);
      } else if (marks[to] == Mark::kOpen) {
        std::vector<std::string> path;
        auto from = std::ranges::find(stack, to, [](const auto& frame) { return frame.first; });
        for (; from != stack.end(); ++from) path.push_back(nodes_[from->first].name);
        path.push_back(nodes_[to].name);
        return path;
      }
    }
  }
  return {};
}

std::vector<std::string> Graph::ancestors(std::string_view node) const {
  std::vector<bool> seen(nodes_.size(), false);
  std::vector<int> work;
  if (int at = index_of(node); at >= 0) work = needs_[static_cast<std::size_t>(at)];
  while (!work.empty()) {
    auto at = static_cast<std::size_t>(work.back());
    work.pop_back();
    if (seen[at]) continue;
    seen[at] = true;
    work.insert(work.end(), needs_[at].begin(), needs_[at].end());
  }
  std::vector<std::string> out;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (seen[i]) out.push_back(nodes_[i].name);
  }
  return out;
}

bool Graph::after(std::string_view node, std::string_view before) const {
  std::vector<std::string> all = ancestors(node);
  return std::ranges::find(all, before) != all.end();
}

Graph graph_of(const Runbook& runbook) {
  std::vector<GraphNode> nodes;
  for (const Step& step : runbook.steps) nodes.push_back({step.name, step.needs, 0});
  return Graph(std::move(nodes));
}

Graph graph_of(const std::vector<Service>& services) {
  std::vector<GraphNode> nodes;
  for (const Service& s : services) nodes.push_back({s.name, s.needs, static_cast<int>(s.priority)});
  return Graph(std::move(nodes));
}

}  // namespace hf::plan
