// Text to a tree with places. The only file that knows YAML's library is yaml.cc.
//
// What the tree holds is the plain core of YAML: maps with text keys, lists, scalars. Anchors, aliases, tags, several
// documents and duplicate keys are findings, so that a plan reads the same to a person as to every program.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plan/load.h"

namespace hf::plan {

struct Member;

struct Node {
  enum class Kind : std::uint8_t { kScalar, kMap, kList };
  Kind kind = Kind::kScalar;
  bool plain = true;  // a scalar without quotes
  std::string text;   // scalars
  Place place;        // of a scalar: all of it; of a map: its first key; of a list: its first item
  std::vector<Member> members;
  std::vector<Node> items;

  const Member* find(std::string_view key) const;
  bool is_empty() const { return kind == Kind::kScalar && plain && text.empty(); }
};

struct Member {
  std::string key;
  Place key_place;
  Node value;
};

// The root of one source. Mistakes go to `findings`; after a syntax error the tree is empty and only that is
// reported. An empty text is an empty map.
Node parse_yaml(const Source& source, std::vector<Finding>& findings);

// Makes a finding of a rule: id and severity come from the table of rules.
Finding make_finding(std::string_view rule, Place place, std::string message, std::string hint = {});

}  // namespace hf::plan
