#include "sources/files/pattern.h"

#include <cctype>
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

using Predicate = int (*)(int);
// "[:digit:]" at class_text[0]; how long it is, or 0 if it is no named class.
std::size_t match_named(std::string_view text, unsigned char c, bool& in) {
  static constexpr std::pair<std::string_view, Predicate> kNamed[] = {
      {"[:alnum:]", std::isalnum}, {"[:alpha:]", std::isalpha}, {"[:blank:]", std::isblank}, {"[:cntrl:]", std::iscntrl},
      {"[:digit:]", std::isdigit}, {"[:graph:]", std::isgraph}, {"[:lower:]", std::islower}, {"[:print:]", std::isprint},
      {"[:punct:]", std::ispunct}, {"[:space:]", std::isspace}, {"[:upper:]", std::isupper}, {"[:xdigit:]", std::isxdigit}};
  for (const auto& [name, predicate] : kNamed) {
    if (!text.starts_with(name)) continue;
    in = in || (c < 0x80 && predicate(c) != 0);
    return name.size();
  }
  return 0;
}

// "[a-z]", "[!x]" at pattern[0]; how long it is, or 0 if it is no class.
std::size_t match_class(std::string_view pattern, char c, bool& matched) {
  std::size_t i = 1;
  const auto wanted = static_cast<unsigned char>(c);
  const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (negated) ++i;
  bool in = false;
  for (bool first = true; i < pattern.size() && (first || pattern[i] != ']'); first = false) {
    if (const std::size_t named = match_named(pattern.substr(i), wanted, in); named != 0) {
      i += named;
      continue;
    }
    if (pattern[i] == '\\' && i + 1 < pattern.size()) ++i;
    const auto low = static_cast<unsigned char>(pattern[i]);
    unsigned char high = low;
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      high = static_cast<unsigned char>(pattern[i + 2]);
      i += 2;
    }
    in = in || (low <= wanted && wanted <= high);
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

// As match_name, with "**" for what it has "*" for.
bool match_parts(std::span<const std::string> pattern, std::span<const std::string> path) {
  std::size_t p = 0, n = 0, star = std::string_view::npos, mark = 0;
  while (n < path.size()) {
    if (p < pattern.size() && pattern[p] == "**") {
      if (p + 1 == pattern.size()) return true;            // what lies below, not the folder itself
      star = p++;
      mark = n;
    } else if (p < pattern.size() && match_name(pattern[p], path[n])) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++mark;
    } else {
      return false;
    }
  }
  return p == pattern.size();
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

// What the last rule that matches says of this very path.
std::optional<bool> PathPatterns::verdict(std::string_view path, bool is_directory) const {
  if (rules_.empty()) return std::nullopt;
  const std::vector<std::string> parts = split_path(path);
  for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule) {
    if (rule->directories_only && !is_directory) continue;
    if (match_parts(rule->parts, parts)) return !rule->negated;
  }
  return std::nullopt;
}

bool PathPatterns::matches(std::string_view path, bool is_directory) const {
  return verdict(path, is_directory).value_or(false);
}

bool PathPatterns::covers(std::string_view path, bool is_directory) const {
  if (matches(path, is_directory)) return true;
  for (std::size_t slash = path.rfind('/'); slash != std::string::npos && slash > 0; slash = path.rfind('/', slash - 1)) {
    if (matches(path.substr(0, slash), true)) return true;
  }
  return false;
}

bool PathPatterns::chooses(std::string_view path, bool is_directory) const {
  if (const auto said = verdict(path, is_directory)) return *said;
  for (std::size_t slash = path.rfind('/'); slash != std::string::npos && slash > 0; slash = path.rfind('/', slash - 1)) {
    if (const auto said = verdict(path.substr(0, slash), true)) return *said;
  }
  return false;
}

std::vector<std::string> PathPatterns::anchors() const {
  std::vector<std::string> out;
  for (const Rule& rule : rules_) {
    if (rule.negated) continue;
    std::string anchor;
    for (const std::string& part : rule.parts) {
      if (part.find_first_of("*?[\\") != std::string::npos) break;
      anchor += (anchor.empty() ? "" : "/") + part;
    }
    if (anchor.empty()) return {};
    out.push_back(std::move(anchor));
  }
  return out;
}

}  // namespace hf::sources
