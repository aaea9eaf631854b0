// Patterns that choose paths, as in gitignore(5): the last one that matches decides, "!" turns it round.
//
// "*.tmp" matches a name at any depth; "build/" only folders; "/srv/cache" from the root; "a/b" and "**/a/b" at any depth;
// "*", "?" and "[a-z]" do not match '/', "**" does. What lies below a matched folder is matched, too.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hf::sources {

class PathPatterns {
 public:
  static Result<PathPatterns> parse(const std::vector<std::string>& patterns);
  bool empty() const { return rules_.empty(); }
  // `path` without leading '/'. Says what the rules say of this very path, not of the folders above it.
  bool matches(std::string_view path, bool is_directory) const;
  // The same, or one of the folders above it matches.
  bool covers(std::string_view path, bool is_directory) const;

 private:
  struct Rule {
    std::vector<std::string> parts;
    bool negated = false;
    bool directories_only = false;
  };
  std::vector<Rule> rules_;
};

}  // namespace hf::sources
