// Markdown as it is written: escaped text, tables, footnotes that say where a figure comes from.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/figures.h"

namespace hf::report {

// Text that means itself: Markdown's and HTML's special characters are escaped, line breaks become blanks.
std::string escaped(std::string_view text);

class Markdown {
 public:
  void heading(int level, std::string_view text);
  void paragraph(std::string_view markdown);  // taken as it is
  void bullet(std::string_view markdown);
  void table(const std::vector<std::string>& head,
             const std::vector<std::vector<std::string>>& rows);  // cells as they are
  void block(std::string_view language, std::string_view text);

  // "1.52 s[^3]": the figure and the number of the note that says its run and event. Equal sources share a note.
  std::string measured(std::string_view figure, const Provenance& from, std::string_view how = {});
  int figures() const { return figures_; }
  std::string finish();  // with the notes

 private:
  std::string out_;
  std::vector<std::string> notes_;
  int figures_ = 0;
};

std::string date_of(WallTime t);    // "2026-05-01"
std::string minute_of(WallTime t);  // "2026-05-01 10:02:31 UTC"

}  // namespace hf::report
