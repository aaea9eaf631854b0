#include "base/time.h"

#include <condition_variable>
#include <cstdio>
#include <mutex>

namespace hf {

MonoTime SystemClock::mono() {
  return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now());
}

WallTime SystemClock::wall() { return std::chrono::time_point_cast<Micros>(std::chrono::system_clock::now()); }

bool SystemClock::sleep_until(MonoTime when, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any cv;
  std::unique_lock lock(mutex);
  cv.wait_until(lock, stop, when, [] { return false; });
  return !stop.stop_requested();
}

std::string format_time(WallTime t) {
  auto days = std::chrono::floor<std::chrono::days>(t);
  std::chrono::year_month_day ymd(days);
  std::chrono::hh_mm_ss hms(t - days);
  char buf[64];
  int n = std::snprintf(buf, sizeof buf, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(ymd.year()),
                        static_cast<unsigned>(ymd.month()), static_cast<unsigned>(ymd.day()),
                        static_cast<int>(hms.hours().count()), static_cast<int>(hms.minutes().count()),
                        static_cast<int>(hms.seconds().count()));
  std::string out(buf, static_cast<std::size_t>(n));
  if (long us = hms.subseconds().count(); us != 0) {
    std::snprintf(buf, sizeof buf, us % 1000 == 0 ? ".%03ld" : ".%06ld", us % 1000 == 0 ? us / 1000 : us);
    out += buf;
  }
  return out + "Z";
}

namespace {

// Reads exactly `n` digits at `pos`.
std::optional<int> digits(std::string_view text, std::size_t& pos, std::size_t n) {
  if (pos + n > text.size()) return std::nullopt;
  int v = 0;
  for (std::size_t i = 0; i < n; ++i) {
    char c = text[pos + i];
    if (c < '0' || c > '9') return std::nullopt;
    v = v * 10 + (c - '0');
  }
  pos += n;
  return v;
}

bool literal(std::string_view text, std::size_t& pos, char c) {
  if (pos >= text.size() || text[pos] != c) return false;
  ++pos;
  return true;
}

std::optional<Micros> fraction(std::string_view text, std::size_t& pos) {
  if (!literal(text, pos, '.')) return Micros(0);
  long us = 0, scale = 100000;
  std::size_t start = pos;
  while (pos < text.size() && text[pos] >= '0' && text[pos] <= '9') {
    us += scale * (text[pos] - '0');
    scale /= 10;
    ++pos;
  }
  if (pos == start) return std::nullopt;
  return Micros(us);
}

std::optional<Micros> zone(std::string_view text, std::size_t& pos) {
  if (literal(text, pos, 'Z') || literal(text, pos, 'z')) return Micros(0);
  if (pos >= text.size() || (text[pos] != '+' && text[pos] != '-')) return std::nullopt;
  int sign = text[pos++] == '-' ? -1 : 1;
  auto h = digits(text, pos, 2);
  literal(text, pos, ':');
  auto m = pos < text.size() ? digits(text, pos, 2) : std::optional<int>(0);
  if (!h || !m || *h > 23 || *m > 59) return std::nullopt;
  return Micros(std::chrono::hours(sign * *h) + std::chrono::minutes(sign * *m));
}

}  // namespace

Result<WallTime> parse_time(std::string_view text) {
  Error bad = make_error(ErrorKind::kInvalid, "'" + std::string(text) + "' is not a time")
                  .with_hint("Write it as RFC 3339 with a zone, for example 2026-05-01T10:02:31Z.");
  std::size_t pos = 0;
  auto y = digits(text, pos, 4);
  bool a = literal(text, pos, '-');
  auto mo = digits(text, pos, 2);
  bool b = literal(text, pos, '-');
  auto d = digits(text, pos, 2);
  bool t = literal(text, pos, 'T') || literal(text, pos, 't') || literal(text, pos, ' ');
  auto h = digits(text, pos, 2);
  bool c1 = literal(text, pos, ':');
  auto mi = digits(text, pos, 2);
  bool c2 = literal(text, pos, ':');
  auto s = digits(text, pos, 2);
  if (!y || !a || !mo || !b || !d || !t || !h || !c1 || !mi || !c2 || !s) return bad;
  auto us = fraction(text, pos);
  if (!us) return bad;
  literal(text, pos, ' ');
  auto off = zone(text, pos);
  std::chrono::year_month_day ymd{std::chrono::year(*y), std::chrono::month(static_cast<unsigned>(*mo)),
                                  std::chrono::day(static_cast<unsigned>(*d))};
  if (!off || pos != text.size() || !ymd.ok() || *h > 23 || *mi > 59 || *s > 60) return bad;
  return WallTime(std::chrono::sys_days(ymd)) + std::chrono::hours(*h) + std::chrono::minutes(*mi) + Seconds(*s) + *us -
         *off;
}

namespace {

struct Unit {
  std::string_view name;
  Micros length;
};
constexpr Unit kUnits[] = {{"us", Micros(1)},
                           {"ms", Micros(1000)},
                           {"s", Seconds(1)},
                           {"mo", std::chrono::hours(24 * 30)},
                           {"m", std::chrono::minutes(1)},
                           {"h", std::chrono::hours(1)},
                           {"d", std::chrono::hours(24)},
                           {"w", std::chrono::hours(24 * 7)},
                           {"y", std::chrono::hours(24 * 365)}};

const Unit* find_unit(std::string_view name) {
  for (const Unit& u : kUnits)
    if (u.name == name) return &u;
  return nullptr;
}

}  // namespace

Result<Micros> parse_duration(std::string_view text) {
  Error bad = make_error(ErrorKind::kInvalid, "'" + std::string(text) + "' is not a duration")
                  .with_hint("Write a number with a unit, for example 90s, 15m, 4h, 30d.");
  constexpr std::int64_t kMaxMicros = std::int64_t{1} << 61;  // 73,000 years: sums of two never overflow
  Micros total(0);
  std::size_t pos = 0;
  if (text.empty()) return bad;
  while (pos < text.size()) {
    std::size_t start = pos;
    std::int64_t n = 0;
    while (pos < text.size() && text[pos] >= '0' && text[pos] <= '9' && n < kMaxMicros / 10)
      n = n * 10 + (text[pos++] - '0');
    std::size_t unit_start = pos;
    while (pos < text.size() && text[pos] >= 'a' && text[pos] <= 'z') ++pos;
    const Unit* unit = find_unit(text.substr(unit_start, pos - unit_start));
    if (unit_start == start || unit == nullptr || n > kMaxMicros / unit->length.count()) return bad;
    total += unit->length * n;
    if (total.count() > kMaxMicros) return bad;
  }
  return total;
}

std::string format_duration(Micros d) {
  if (d < Micros(0)) return "-" + format_duration(-d);
  char buf[64];
  if (d < Millis(1)) return d.count() == 0 ? "0s" : std::to_string(d.count()) + "us";
  if (d < Seconds(1)) {
    std::snprintf(buf, sizeof buf, d.count() % 1000 == 0 ? "%.0fms" : "%.1fms", static_cast<double>(d.count()) / 1e3);
    return buf;
  }
  if (d < std::chrono::minutes(1)) {
    std::snprintf(buf, sizeof buf, d.count() % 1000000 == 0 ? "%.0fs" : "%.3fs", seconds_of(d));
    return buf;
  }
  auto secs = std::chrono::duration_cast<Seconds>(d).count();
  struct {
    std::int64_t len;
    const char* name;
  } parts[] = {{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}};
  std::string out;
  int used = 0;
  for (auto& p : parts) {
    if (std::int64_t n = secs / p.len; n > 0 && used < 2) {
      out += std::to_string(n) + p.name;
      ++used;
    } else if (used > 0)
      ++used;
    secs %= p.len;
  }
  return out;
}

double seconds_of(Micros d) { return static_cast<double>(d.count()) / 1e6; }

}  // namespace hf
