#include "cli/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace hf::cli {

namespace {

constexpr std::string_view kLeftOut = "...";
constexpr unsigned char kFirstWideLead = 0xe1;     // of UTF-8: from U+1000 on

// Where the characters of a text begin, and how wide they are.
struct Character {
  std::size_t begin = 0;
  std::size_t length = 1;
  std::size_t columns = 1;
};

std::vector<Character> characters_of(std::string_view text) {
  std::vector<Character> out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = std::max<std::size_t>(1, utf8_length(text, i));
    out.push_back({i, length, static_cast<unsigned char>(text[i]) >= kFirstWideLead ? 2u : 1u});
    i += length;
  }
  return out;
}

}  // namespace

Screen screen_of(int fd) {
  Screen out;
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) != 0) return out;
  if (size.ws_col > 0) out.columns = size.ws_col;
  if (size.ws_row > 0) out.rows = size.ws_row;
  return out;
}

bool in_background(int fd) {
  const pid_t front = tcgetpgrp(fd);
  return front > 0 && front != getpgrp();
}

std::size_t columns_of(std::string_view text) {
  std::size_t out = 0;
  for (const Character& c : characters_of(text)) out += c.columns;
  return out;
}

std::string fitted(std::string_view text, std::size_t columns) {
  if (columns_of(text) <= columns) return std::string(text);
  const std::string_view mark = kLeftOut.substr(0, columns);
  std::size_t left = columns - mark.size();
  std::string out;
  for (const Character& c : characters_of(text)) {
    if (c.columns > left) break;
    out += text.substr(c.begin, c.length);
    left -= c.columns;
  }
  return out.append(mark);
}

std::string fitted_end(std::string_view text, std::size_t columns) {
  if (columns_of(text) <= columns) return std::string(text);
  const std::string_view mark = kLeftOut.substr(0, columns);
  std::size_t left = columns - mark.size();
  const std::vector<Character> all = characters_of(text);
  std::size_t begin = text.size();
  for (auto c = all.rbegin(); c != all.rend() && c->columns <= left; ++c) {
    begin = c->begin;
    left -= c->columns;
  }
  return std::string(mark).append(text.substr(begin));
}

}  // namespace hf::cli
