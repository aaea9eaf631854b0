#include "report/chart.h"

#include <algorithm>
#include <cstdio>

#include "base/markup.h"

namespace hf::report {

namespace {

constexpr double kWidth = 720, kLeft = 120, kRight = 90, kRow = 24, kTop = 30;

std::string number(double v) {
  char buf[40];
  std::snprintf(buf, sizeof buf, "%.1f", v);
  return buf;
}

std::string seconds_text(double v) {
  char buf[40];
  std::snprintf(buf, sizeof buf, v < 10 ? "%.2f s" : "%.1f s", v);
  return buf;
}

std::string text_at(double x, double y, const std::string& anchor, const std::string& text) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" + anchor + "\">" + markup_escaped(text) +
         "</text>\n";
}

}  // namespace

std::string timeline_chart(const std::string& title, const std::string& description, const std::vector<Bar>& bars,
                           double limit_seconds) {
  double last = 0.001;
  for (const Bar& b : bars) last = std::max(last, b.end_seconds);
  bool show_limit =
      limit_seconds > 0 && limit_seconds < 3 * last;  // an objective far away would squeeze everything else
  double scale = (kWidth - kLeft - kRight) / (show_limit ? std::max(last, limit_seconds) : last);
  double height = kTop + kRow * static_cast<double>(bars.size()) + 30;
  std::string out = "<svg role=\"img\" viewBox=\"0 0 " + number(kWidth) + " " + number(height) +
                    "\" xmlns=\"http://www.w3.org/2000/svg\">\n<title>" + markup_escaped(title) + "</title>\n<desc>" +
                    markup_escaped(description) + "</desc>\n";
  out += text_at(0, 16, "start", title);
  for (std::size_t i = 0; i < bars.size(); ++i) {
    double y = kTop + kRow * static_cast<double>(i), x = kLeft + bars[i].start_seconds * scale;
    double width = std::max(2.0, (bars[i].end_seconds - bars[i].start_seconds) * scale);
    out += text_at(kLeft - 8, y + 15, "end", bars[i].label);
    out += "<rect x=\"" + number(x) + "\" y=\"" + number(y + 3) + "\" width=\"" + number(width) + "\" height=\"" +
           number(kRow - 8) + "\" class=\"" + (bars[i].good ? "good" : "bad") + "\"/>\n";
    out += text_at(x + width + 6, y + 15, "start", seconds_text(bars[i].end_seconds - bars[i].start_seconds));
  }
  double axis = kTop + kRow * static_cast<double>(bars.size());
  out += "<line x1=\"" + number(kLeft) + "\" x2=\"" + number(kWidth - kRight) + "\" y1=\"" + number(axis) + "\" y2=\"" +
         number(axis) + "\" class=\"axis\"/>\n";
  out += text_at(kLeft, axis + 18, "middle", "0 s") +
         text_at(kLeft + last * scale, axis + 18, "middle", seconds_text(last));
  if (show_limit) {
    double x = kLeft + limit_seconds * scale;
    out += "<line x1=\"" + number(x) + "\" x2=\"" + number(x) + "\" y1=\"" + number(kTop) + "\" y2=\"" + number(axis) +
           "\" class=\"limit\"/>\n";
    out += text_at(x, kTop - 4, "middle", "objective");
  }
  return out + "</svg>\n";
}

}  // namespace hf::report
