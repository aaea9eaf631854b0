// The screen of a terminal: its size, and text that fits on a line of it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hf::cli {

struct Screen {
  std::size_t columns = 80;
  std::size_t rows = 24;
};
// As the terminal says; what it does not say is as above.
Screen screen_of(int fd);
// Is this process in the background of its terminal, where somebody else writes now?
bool in_background(int fd);

// Columns that valid UTF-8 takes: never too few. Letters of East Asia and signs beside them count two.
std::size_t columns_of(std::string_view text);
std::string fitted(std::string_view text, std::size_t columns);        // the beginning, "..." for what is left out
std::string fitted_end(std::string_view text, std::size_t columns);    // the end of it: of a path, the name

}  // namespace hf::cli
