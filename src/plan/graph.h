// A small directed graph by names: order of steps and services, cycles with their path.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plan/plan.h"

namespace hf::plan {

struct GraphNode {
  std::string name;
  std::vector<std::string> needs;
  int rank = 0;  // among nodes that are ready together, lower first
};

class Graph {
 public:
  explicit Graph(std::vector<GraphNode> nodes);

  // Every node after all it needs; ties by rank, then by the order given. Empty if there is a cycle.
  std::vector<std::string> order() const;
  // Groups that may run together, in order. Empty if there is a cycle.
  std::vector<std::vector<std::string>> waves() const;
  // "a, b, a" of one cycle; empty if there is none.
  std::vector<std::string> cycle() const;
  // True if `node` comes after `before` whatever happens (through needs).
  bool after(std::string_view node, std::string_view before) const;
  // All that `node` needs, through needs.
  std::vector<std::string> ancestors(std::string_view node) const;

 private:
  int index_of(std::string_view name) const;  // -1: needs may name what does not exist
  std::vector<GraphNode> nodes_;
  std::vector<std::vector<int>> needs_;
};

Graph graph_of(const Runbook& runbook);
Graph graph_of(const std::vector<Service>& services);  // rank is the priority

}  // namespace hf::plan
