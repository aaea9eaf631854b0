#include "sources/wal/timeline.h"

#include <charconv>
#include <sstream>

namespace hf::sources {

Result<TimelineHistory> TimelineHistory::parse(Timeline timeline, ByteView file) {
  TimelineHistory h;
  h.timeline_ = timeline;
  std::istringstream lines(to_text(file));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string number;
    std::string lsn;
    if (!(words >> number)) continue;
    TimelineSwitch s;
    auto [end, ec] = std::from_chars(number.data(), number.data() + number.size(), s.from);
    bool good = ec == std::errc() && end == number.data() + number.size() && (words >> lsn);
    bool ascending = h.switches_.empty() || h.switches_.back().from < s.from;
    if (!good || !ascending || s.from == 0 || s.from >= timeline) {
      return make_error(ErrorKind::kCorrupt, "the history of timeline " + std::to_string(timeline) +
                                                 " has a line that does not fit: '" + line + "'");
    }
    HF_ASSIGN(s.at, parse_lsn(lsn));
    s.to = timeline;
    if (!h.switches_.empty()) h.switches_.back().to = s.from;
    h.switches_.push_back(s);
  }
  return h;
}

const TimelineSwitch* TimelineHistory::leaves(Timeline from) const {
  for (const TimelineSwitch& s : switches_) {
    if (s.from == from) return &s;
  }
  return nullptr;
}

Timeline TimelineHistory::at(Lsn lsn) const {
  for (const TimelineSwitch& s : switches_) {
    if (lsn < s.at) return s.from;
  }
  return timeline_;
}

}  // namespace hf::sources
