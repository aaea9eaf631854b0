#include "report/markdown.h"

#include <algorithm>

namespace hf::report {

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\n' || c == '\r')
      out.push_back(' ');
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else {
      if (std::string_view("\\`*_{}[]#|~!").find(c) != std::string_view::npos) out.push_back('\\');
      out.push_back(c);
    }
  }
  return out;
}

void Markdown::heading(int level, std::string_view text) {
  out_ += std::string(static_cast<std::size_t>(level), '#') + " " + std::string(text) + "\n\n";
}

void Markdown::paragraph(std::string_view markdown) { out_ += std::string(markdown) + "\n\n"; }

void Markdown::bullet(std::string_view markdown) { out_ += "- " + std::string(markdown) + "\n"; }

void Markdown::table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows) {
  auto line = [&](const std::vector<std::string>& cells) {
    for (const std::string& c : cells) out_ += "| " + c + " ";
    out_ += "|\n";
  };
  line(head);
  for (std::size_t i = 0; i < head.size(); ++i) out_ += "|---";
  out_ += "|\n";
  for (const auto& row : rows) line(row);
  out_ += "\n";
}

void Markdown::block(std::string_view language, std::string_view text) {
  out_ += "```" + std::string(language) + "\n" + std::string(text) + (text.ends_with('\n') ? "" : "\n") + "```\n\n";
}

std::string Markdown::measured(std::string_view figure, const Provenance& from, std::string_view how) {
  ++figures_;
  std::string note = (from.run.empty() ? "" : "run `" + from.run + "`, ") + "event " + std::to_string(from.seq) +
                     " of the journal, " + minute_of(from.at) + (how.empty() ? "" : ": " + escaped(how));
  auto it = std::find(notes_.begin(), notes_.end(), note);
  std::size_t n = static_cast<std::size_t>(it - notes_.begin()) + 1;
  if (it == notes_.end()) notes_.push_back(note);
  return std::string(figure) + "[^" + std::to_string(n) + "]";
}

std::string Markdown::finish() {
  std::string out = std::move(out_);
  for (std::size_t i = 0; i < notes_.size(); ++i) out += "[^" + std::to_string(i + 1) + "]: " + notes_[i] + "\n";
  return out;
}

std::string date_of(WallTime t) { return format_time(t).substr(0, 10); }

std::string minute_of(WallTime t) {
  std::string text = format_time(t);
  return text.substr(0, 10) + " " + text.substr(11, 8) + " UTC";
}

}  // namespace hf::report
