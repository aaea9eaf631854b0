// The small values that a plan is made of: places, references to secrets, times of day, retention, money.
//
// All are plain data, made once by the reader from text; durations are microseconds, sizes are bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"

namespace hf::plan {

// Where something stands in the sources. Lines and columns count from 1; the end is exclusive. `path` is the dotted
// name that waivers and `explain` use: "failover.steps.traffic", "components.orders-db.backups.2".
struct Place {
  std::string file;
  int line = 0;
  int column = 0;
  int end_line = 0;
  int end_column = 0;
  std::string path;
};

// A secret is named, never written: "env:NAME", "file:PATH", "command:PROGRAM ARG..." (split at blanks, no shell).
// kLiteral exists only for a DSN without a password.
struct SecretRef {
  enum class Kind : std::uint8_t { kNone, kEnv, kFile, kCommand, kLiteral };
  Kind kind = Kind::kNone;
  std::string value;  // the variable, the path, the command line, the literal
  Place place;

  explicit operator bool() const { return kind != Kind::kNone; }
};

// How a reference was written: "env:NAME". Safe to print: the secret itself is never in it.
std::string to_string(const SecretRef& ref);

// "02:00 UTC", "Sun 03:00 UTC"; weekday counts from Sunday = 0. The zone is UTC or an IANA name.
struct ClockTime {
  std::optional<int> weekday;
  int hour = 0;
  int minute = 0;
  std::string zone = "UTC";
};
std::string to_string(const ClockTime& t);

// "20:00-06:00 UTC": may pass midnight.
struct ClockWindow {
  ClockTime from;
  ClockTime to;
};

// "30d" or "forever".
struct Retention {
  bool forever = false;
  Micros duration{0};
};
std::string to_string(const Retention& keep);

// "3800 USD/month". Minor units are hundredths.
struct Money {
  std::int64_t minor_units = 0;
  std::string currency;
  std::string per;
};

// "all", or a list of names.
struct Selection {
  bool all = false;
  std::vector<std::string> names;

  bool empty() const { return !all && names.empty(); }
};

using Argv = std::vector<std::string>;
using Pairs = std::vector<std::pair<std::string, std::string>>;  // keys in the order of the file

// Targets of recovery. Absent means: not said here, ask the next wider scope (component, class, plan).
struct Objectives {
  std::optional<Micros> rto;
  std::optional<Micros> rpo;
  std::optional<Micros> mttr;
  std::optional<Micros> data_loss;
};

}  // namespace hf::plan
