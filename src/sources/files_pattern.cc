#include "sources/files_pattern.h"

#include <span>

namespace hf::sources {
namespace {

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    if (slash != 0) parts.emplace_back(path.substr(0, slash));
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  return parts;
}

// "[a-z]", "[!x]" at pattern[0]; how long it is, or 0 if it is no class.
std::size_t match_class(std::string_view pattern, char c, bool& matched) {
  std::size_t i = 1;
  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (negated) ++i;
  bool in = false;
  for (bool first = true; i < pattern.size() && (first || pattern[i] != ']'); first = false) {
    const unsigned char low = static_cast<unsigned char>(pattern[i]);
    unsigned char high = low;
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      high = static_cast<unsigned char>(pattern[i + 2]);
      i += 2;
    }
    in = in || (low <= static_cast<unsigned char>(c) && static_cast<unsigned char>(c) <= high);
    ++i;
  }
  if (i >= pattern.size()) return 0;
  matched = in != negated;
  return i + 1;
}

// Iterative, with one point to come back to: linear for one '*', quadratic at worst.
bool match_name(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0, star = std::string_view::npos, mark = 0;
  while (n < name.size()) {
    bool matched = false;
    std::size_t step = 0;
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = n;
      continue;
    }
    if (p < pattern.size()) {
      step = 1;
      const std::size_t length = pattern[p] == '[' ? match_class(pattern.substr(p), name[n], matched) : 0;
      if (length != 0) {
        step = length;
      } else if (pattern[p] == '\\' && p + 1 < pattern.size()) {
        matched = pattern[p + 1] == name[n];
        step = 2;
      } else {
        matched = pattern[p] == '?' || pattern[p] == name[n];
      }
    }
    if (matched) {
      p += step;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool match_parts(std::span<const std::string> pattern, std::span<const std::string> path) {
  if (pattern.empty()) return path.empty();
  if (pattern.front() == "**") {
    for (std::size_t skip = 0; skip <= path.size(); ++skip) {
      if (match_parts(pattern.subspan(1), path.subspan(skip))) return true;
    }
    return false;
  }
  return !path.empty() && match_name(pattern.front(), path.front()) && match_parts(pattern.subspan(1), path.subspan(1));
}

}  // namespace

Result<PathPatterns> PathPatterns::parse(const std::vector<std::string>& patterns) {
  PathPatterns out;
  for (const std::string& text : patterns) {
    std::string_view rest = text;
    Rule rule;
    rule.negated = rest.starts_with('!');
    if (rule.negated) rest.remove_prefix(1);
    rule.directories_only = rest.ends_with('/');
    const bool from_root = rest.starts_with('/');
    rule.parts = split_path(rest);
    if (rule.parts.empty()) return make_error(ErrorKind::kUsage, "the pattern '" + text + "' matches nothing");
    if (!from_root && rule.parts.front() != "**") rule.parts.insert(rule.parts.begin(), "**");
    out.rules_.push_back(std::move(rule));
  }
  return out;
}

bool PathPatterns::matches(std::string_view path, bool is_directory) const {
  if (rules_.empty()) return false;
  const std::vector<std::string> parts = split_path(path);
  bool matched = false;
  for (const Rule& rule : rules_) {
    if (rule.directories_only && !is_directory) continue;
    if (rule.negated != matched) continue;      // it could change nothing
    if (match_parts(rule.parts, parts)) matched = !rule.negated;
  }
  return matched;
}

bool PathPatterns::covers(std::string_view path, bool is_directory) const {
  if (matches(path, is_directory)) return true;
  for (std::size_t slash = path.rfind('/'); slash != std::string_view::npos && slash > 0; slash = path.rfind('/', slash - 1)) {
    if (matches(path.substr(0, slash), true)) return true;
  }
  return false;
}

}  // namespace hf::sources
