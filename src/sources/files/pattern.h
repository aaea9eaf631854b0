// Patterns that choose paths, as in gitignore(5): the last one that matches decides, "!" turns it round.
//
// "*.tmp" matches a name at any depth; "build/" only folders; "/srv/cache" from the root; "a/b" and "**/a/b" at any depth;
// "a/**" what lies below a, not a itself; "*", "?", "[a-z]" and "[[:digit:]]" do not match '/', "**" does; "\\" takes the
// next character as it is. What lies below a matched folder is matched, too.
#pragma once

#include <optional>
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
  // The same, or one of the folders above it matches: for leaving out. "!" cannot bring back what lies in such a folder.
  bool covers(std::string_view path, bool is_directory) const;
  // What the deepest part of the path says of which a rule says anything: for choosing. "!" takes a part of a folder away.
  bool chooses(std::string_view path, bool is_directory) const;
  // Folders that hold all that could be chosen, where every rule begins at the root with plain names; else none.
  std::vector<std::string> anchors() const;

 private:
  struct Rule {
    std::vector<std::string> parts;
    bool negated = false;
    bool directories_only = false;
  };
  std::optional<bool> verdict(std::string_view path, bool is_directory) const;
  std::vector<Rule> rules_;
};

}  // namespace hf::sources
