// Charts as SVG text: no script, a title and a description for those who do not see them, readable in print.
#pragma once

#include <string>
#include <vector>

#include "base/time.h"

namespace hf::report {

struct Bar {
  std::string label;
  double start_seconds = 0;  // from the chart's zero
  double end_seconds = 0;
  bool good = true;
};

// Horizontal bars on a common time axis; `limit_seconds` > 0 draws a line for the objective.
std::string timeline_chart(const std::string& title, const std::string& description, const std::vector<Bar>& bars,
                           double limit_seconds);

}  // namespace hf::report
