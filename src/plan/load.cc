// Loading: limits, each source to a tree, the trees merged, the tree to types, names resolved.
#include "plan/load.h"

#include <algorithm>
#include <set>

#include "plan/fields.h"
#include "plan/names.h"

namespace hf::plan {
namespace {

bool same_shape(const Node& a, const Node& b) { return a.kind == b.kind; }

void merge(Node& into, Node from, const std::string& path, std::vector<Finding>& findings);

void merge_member(Node& into, Member member, const std::string& path, std::vector<Finding>& findings) {
  auto mine = std::ranges::find_if(into.members, [&](const Member& m) { return m.key == member.key; });
  std::string at = path.empty() ? member.key : path + "." + member.key;
  if (mine == into.members.end()) {
    into.members.push_back(std::move(member));
    return;
  }
  const Place& first = mine->key_place;
  bool same = same_shape(mine->value, member.value);
  if (same && mine->value.kind != Node::Kind::kScalar) {
    merge(mine->value, std::move(member.value), at, findings);
    return;
  }
  Place place = member.key_place;
  place.path = at;
  findings.push_back(
      make_finding("merge-conflict", place, "'" + at + "' " + (same ? "is given twice" : "has two shapes"),
                   "It stands at " + first.file + ":" + std::to_string(first.line) + " already. Keep one."));
}

// Maps merge, lists append, a scalar given twice is an error.
void merge(Node& into, Node from, const std::string& path, std::vector<Finding>& findings) {
  if (into.kind == Node::Kind::kList) {
    for (Node& item : from.items) into.items.push_back(std::move(item));
    return;
  }
  for (Member& member : from.members) merge_member(into, std::move(member), path, findings);
}

// Scalars stay texts: the field table, not the writing, decides types.
Json to_canonical(const Node& node) {
  if (node.kind == Node::Kind::kScalar) return Json(node.text);
  if (node.kind == Node::Kind::kList) {
    Json out = Json::array();
    for (const Node& item : node.items) out.push(to_canonical(item));
    return out;
  }
  Json out = Json::object();
  for (const Member& member : node.members) out.set(member.key, to_canonical(member.value));
  return out;
}

bool within_limits(const std::vector<Source>& sources, std::vector<Finding>& findings) {
  std::size_t bytes = 0;
  for (const Source& source : sources) {
    bytes += source.text.size();
    if (bytes <= kMaxSourceBytes) continue;
    findings.push_back(make_finding("input-limit", {source.name, 1, 1, 1, 1, ""},
                                    "the sources are larger than 4 MiB together",
                                    "A plan is text that people read; take generated parts out."));
    return false;
  }
  return true;
}

// One tree of all sources; false after a syntax error, which is then the only finding.
bool read_tree(const std::vector<Source>& sources, Node& root, std::vector<Finding>& findings) {
  root.kind = Node::Kind::kMap;
  root.place = {sources.empty() ? "plan" : sources[0].name, 1, 1, 1, 1, ""};
  for (const Source& source : sources) {
    std::vector<Finding> own;
    Node tree = parse_yaml(source, own);
    if (!own.empty() && (own.back().rule == "yaml-syntax" || own.back().rule == "input-limit")) {
      findings = {own.back()};
      return false;
    }
    findings.insert(findings.end(), own.begin(), own.end());
    if (tree.kind == Node::Kind::kMap) {
      if (root.members.empty()) root.place = tree.place;
      merge(root, std::move(tree), "", findings);
      continue;
    }
    findings.push_back(make_finding("wrong-type", tree.place, "a plan is a map", "Begin with 'plan: 1'."));
  }
  return true;
}

// A line with a secret in it is shown by no finding.
void hide_secrets(std::vector<Finding>& findings) {
  std::set<std::pair<std::string, int>> secret_lines;
  for (const Finding& f : findings) {
    for (int line = f.place.line; f.rule == "secret-in-plan" && line <= f.place.end_line; ++line) {
      secret_lines.insert({f.place.file, line});
    }
  }
  for (Finding& f : findings) f.hide_source = secret_lines.contains({f.place.file, f.place.line});
}

}  // namespace

bool Loaded::ok() const {
  return std::ranges::none_of(
      findings, [](const Finding& f) { return f.severity == FindingSeverity::kError && f.waived_by.empty(); });
}

Loaded load(const std::vector<Source>& sources) {
  Loaded out;
  Node root;
  if (!within_limits(sources, out.findings) || !read_tree(sources, root, out.findings)) return out;
  Reader reader;
  reader.findings = std::move(out.findings);
  reader.object(plan_type(), root, "", &out.plan);
  if (out.plan.failover) out.plan.failover->name = "failover";
  if (out.plan.failback) out.plan.failback->name = "failback";
  resolve_names(out.plan, reader);
  out.findings = std::move(reader.findings);
  hide_secrets(out.findings);
  out.plan.places = std::move(reader.places);
  if (auto text = canonical_json(to_canonical(root))) out.canonical = std::move(*text);
  return out;
}

}  // namespace hf::plan
