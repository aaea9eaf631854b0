// A finding for a terminal, in the manner of rustc; and as JSON.
#include <algorithm>

#include "plan/load.h"

namespace hf::plan {
namespace {

constexpr std::size_t kMaxColumns = 160;  // longer lines are cut around the place

struct Colors {
  std::string head, bar, bold, off;
};

Colors colors_for(FindingSeverity severity, bool color) {
  if (!color) return {};
  const char* head = severity == FindingSeverity::kError     ? "\x1b[1;31m"
                     : severity == FindingSeverity::kWarning ? "\x1b[1;33m"
                                                             : "\x1b[1;36m";
  return {head, "\x1b[1;34m", "\x1b[1m", "\x1b[0m"};
}

std::string line_of(const std::vector<Source>& sources, const Place& place) {
  auto source = std::ranges::find_if(sources, [&](const Source& s) { return s.name == place.file; });
  if (source == sources.end() || place.line < 1) return {};
  std::size_t at = 0;
  for (int line = 1; line < place.line; ++line) {
    at = source->text.find('\n', at);
    if (at == std::string::npos) return {};
    ++at;
  }
  std::string out = source->text.substr(at, source->text.find('\n', at) - at);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      c = ' ';  // tabs keep columns; control bytes stay away from the terminal
  }
  return out;
}

// Bytes before character `column` (from 1): YAML's columns count characters.
std::size_t byte_of(const std::string& line, int column) {
  std::size_t at = 0;
  for (int i = 1; i < column && at < line.size(); ++i) {
    ++at;
    while (at < line.size() && (static_cast<unsigned char>(line[at]) & 0xC0) == 0x80) ++at;
  }
  return at;
}

// The line and the carets under it, cut where the line is long.
std::pair<std::string, std::string> underline(std::string line, const Place& place) {
  int width = place.end_line == place.line ? std::max(1, place.end_column - place.column) : 1;
  int blanks = std::max(0, place.column - 1);
  if (line.size() > kMaxColumns) {
    int from = std::max(0, blanks - static_cast<int>(kMaxColumns) / 3);
    std::size_t begin = byte_of(line, from + 1), end = byte_of(line, from + 1 + static_cast<int>(kMaxColumns));
    bool more = end < line.size();
    line = (from > 0 ? "..." : "") + line.substr(begin, end - begin) + (more ? "..." : "");
    blanks += (from > 0 ? 3 : 0) - from;
    width = std::min(width, static_cast<int>(kMaxColumns));
  }
  return {line,
          std::string(static_cast<std::size_t>(blanks), ' ') + std::string(static_cast<std::size_t>(width), '^')};
}

}  // namespace

std::string render(const Finding& finding, const std::vector<Source>& sources, bool color) {
  Colors c = colors_for(finding.severity, color);
  std::string out = c.head + std::string(to_string(finding.severity)) + "[" + finding.id + "]" + c.off + c.bold +
                    ": " + finding.message + c.off;
  out += " (" + finding.rule + ")\n";
  const Place& p = finding.place;
  std::string number = std::to_string(p.line);
  std::string pad(number.size(), ' ');
  out += pad + c.bar + "--> " + c.off + p.file + ":" + number + ":" + std::to_string(p.column);
  out += p.path.empty() ? "\n" : "  " + p.path + "\n";
  if (std::string line = finding.hide_source ? "" : line_of(sources, p); !line.empty()) {
    auto [text, carets] = underline(std::move(line), p);
    out += pad + c.bar + " |\n" + number + " | " + c.off + text + "\n";
    out += pad + c.bar + " | " + c.off + c.head + carets + c.off + "\n";
  }
  if (!finding.hint.empty()) out += pad + c.bar + " = " + c.off + "hint: " + finding.hint + "\n";
  if (!finding.waived_by.empty()) out += pad + c.bar + " = " + c.off + "waived by " + finding.waived_by + "\n";
  return out;
}

Json to_json(const Finding& f) {
  Json out = Json::object();
  out.set("id", f.id).set("severity", to_string(f.severity)).set("rule", f.rule).set("file", f.place.file);
  out.set("line", f.place.line)
      .set("column", f.place.column)
      .set("end_line", f.place.end_line)
      .set("end_column", f.place.end_column);
  out.set("at", f.place.path).set("message", f.message).set("hint", f.hint);
  out.set("waived_by", f.waived_by.empty() ? Json() : Json(f.waived_by));
  return out;
}

}  // namespace hf::plan
