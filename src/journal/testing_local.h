// What the tests of a local journal need around it: a clock that stands, entropy that repeats, and events.
#pragma once

#include "base/rng.h"
#include "journal/local.h"
#include "record/journal_events.h"

namespace hf::journal {

class StandingClock final : public Clock {
 public:
  MonoTime mono() override { return {}; }
  WallTime wall() override { return WallTime(Micros(1777629751000000)); }
  bool sleep_until(MonoTime, std::stop_token) override { return true; }
};

class RepeatingEntropy final : public crypto::Entropy {   // other bytes at every call, the same in every test
 public:
  void fill(MutableByteView out) override {
    for (std::uint8_t& b : out) b = static_cast<std::uint8_t>(rng_.u64());
  }

 private:
  Rng rng_{7};
};

inline record::Event note_event(std::string text, std::string run = "") {
  record::Event e = record::event_of(record::Note{std::move(text)});
  e.time = WallTime(Micros(1777629751000000));
  e.actor.id = "test";
  e.origin.host = "h";
  e.run = std::move(run);
  return e;
}

inline std::string note_text(const Entry& entry) {
  auto note = record::body_of<record::Note>(entry.event);
  return note ? note->text : "(" + entry.event.type + ")";
}

}  // namespace hf::journal
