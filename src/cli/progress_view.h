// How far long work is, in words: the lines that a terminal shows, the line of a log, an event of the jsonl form.
//
// It is given samples and the time, and works out rates and what is left: a rate is that of the last 10 s, and there is none
// where too little was seen. Nothing is drawn, waited for or asked for here.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/progress.h"
#include "base/time.h"

namespace hf::cli {

inline constexpr std::size_t kMaxProgressLines = 6;    // on a terminal; so many are always left to read

class ProgressView {
 public:
  ProgressView(std::string title, MonoTime began);     // "backing up"

  void look(ProgressSample sample, MonoTime now);
  std::vector<std::string> lines(std::size_t columns) const;   // each of so many columns at most
  std::string line() const;
  Json event() const;                                          // without its type

  std::optional<double> rate(Counted unit) const;                 // in a second
  std::optional<Seconds> left() const;
  std::optional<Seconds> quiet() const;                        // for so long nothing moved that should

 private:
  struct Point {
    MonoTime at;
    Counts done{};
  };
  std::uint64_t done(Counted unit) const { return sample_.done[slot_of(unit)]; }
  std::uint64_t total(Counted unit) const { return sample_.total[slot_of(unit)]; }
  std::optional<Counted> measure() const;                         // of what is left
  std::string head() const;
  std::string bytes() const;
  std::string counts() const;
  std::string speed() const;

  std::string title_;
  MonoTime began_;
  MonoTime now_;
  MonoTime phase_began_;
  MonoTime moved_;
  ProgressSample sample_;
  std::deque<Point> points_;                                   // of this phase, oldest first
};

}  // namespace hf::cli
