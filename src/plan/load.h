// From text to a plan, strictly: every mistake is a finding with a place, and all are reported in one run.
//
// A syntax error is one finding and nothing after it is looked at; of everything after it, all mistakes are found.
// Pure: no file is opened here. Limits: 4 MiB of text for all sources together, depth 32, no anchors or aliases.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "plan/plan.h"

namespace hf::plan {

inline constexpr std::size_t kMaxSourceBytes = std::size_t{4} << 20;

enum class FindingSeverity : std::uint8_t { kInfo, kWarning, kError };
std::string_view to_string(FindingSeverity v);

// A diagnostic. `rule` is the slug that waivers name, `id` its stable number.
struct Finding {
  std::string id;  // "HF2001"
  FindingSeverity severity = FindingSeverity::kError;
  std::string rule;
  Place place;  // place.path is what a waiver's `at` names
  std::string message;
  std::string hint;
  std::string waived_by;     // the person, where a waiver covers it
  bool hide_source = false;  // the line holds a secret: render() does not show it
};

struct Source {
  std::string name;  // shown in findings: "holdfast.yaml"
  std::string text;
};

struct Loaded {
  Plan plan;  // what could be read; usable only if ok()
  std::vector<Finding> findings;
  std::string canonical;  // the merged plan as one line of canonical JSON: what a plan hash is made of

  bool ok() const;  // no error among the findings (waived ones do not count)
};

// The first source is the plan, the others (holdfast.d/*.yaml, in the order of names) merge in: maps merge, lists
// append, a scalar given twice is an error.
Loaded load(const std::vector<Source>& sources);

// rustc-style, for a terminal: the message, the line, a caret under the place, the hint.
std::string render(const Finding& finding, const std::vector<Source>& sources, bool color);

// One entry of `findings[]` of the machine output.
Json to_json(const Finding& finding);

}  // namespace hf::plan
