// Timeline history files: where each timeline of a cluster ended and the next one began.
// Lines are "<timeline> <switch LSN> <reason>"; the file of timeline N lists all its ancestors, oldest first.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/lsn.h"
#include "base/result.h"

namespace hf::sources {

struct TimelineSwitch {
  Timeline from = 0;
  Timeline to = 0;
  Lsn at;  // the last position of `from` that belongs to this history
};

class TimelineHistory {
 public:
  // `timeline` is the one that the file describes; timeline 1 has an empty history.
  static Result<TimelineHistory> parse(Timeline timeline, ByteView file);

  Timeline timeline() const { return timeline_; }
  // How this history leaves `from`; nullptr where it never was on it, or still is.
  const TimelineSwitch* leaves(Timeline from) const;
  bool contains(Timeline t) const { return t == timeline_ || leaves(t) != nullptr; }
  // The timeline that has the byte at `lsn`.
  Timeline at(Lsn lsn) const;

 private:
  Timeline timeline_ = 0;
  std::vector<TimelineSwitch> switches_;
};

}  // namespace hf::sources
