#include "cli/output.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "cli/exit_codes.h"

namespace hf::cli {

namespace {
constexpr auto kRedrawEvery = std::chrono::milliseconds(100);
constexpr auto kHeartbeatEvery = std::chrono::seconds(30);
constexpr int kPipePatienceMs = 1000;  // then it is tried again
constexpr auto kLockPatience = std::chrono::milliseconds(200);
constexpr std::size_t kLeastFolded = 24;  // columns that a folded text needs to be readable

// 0 where nobody looks at a screen.
std::size_t screen_width() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}
}  // namespace

Outcome failed(Error error) {
  Outcome out;
  out.exit_code = exit_code_of(error);
  out.errors.push_back(std::move(error));
  return out;
}

Outcome finished(Json data, int exit_code) {
  Outcome out;
  out.exit_code = exit_code;
  out.data = std::move(data);
  return out;
}

Output::Output(Format format, Clock& clock, bool terminal, bool color)
    : format_(format), clock_(clock), terminal_(terminal), color_(color) {}

void Output::put(int fd, std::string_view text) {
  while (!text.empty()) {
    ssize_t n = ::write(fd, text.data(), text.size());
    if (n > 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
    } else if (n < 0 && errno == EAGAIN) {  // a terminal or pipe that somebody made non-blocking
      pollfd ready{fd, POLLOUT, 0};
      ::poll(&ready, 1, kPipePatienceMs);
    } else if (n == 0 || errno != EINTR) {
      // A reader that went away stops nothing; a disk that is full does.
      if (fd == STDOUT_FILENO && n < 0 && errno != EPIPE) output_errno_ = errno;
      return;
    }
  }
}

namespace {

std::string rows_up(std::size_t rows) { return rows == 0 ? "\r" : "\r\x1b[" + std::to_string(rows) + "A"; }

}  // namespace

// A terminal that became narrower has folded what is too long for it.
std::size_t Output::drawn_rows(std::size_t columns) const {
  std::size_t rows = 0;
  for (const std::size_t width : drawn_) rows += width <= columns ? 1 : (width + columns - 1) / columns;
  return rows;
}

void Output::redraw(const std::vector<std::string>& lines, Screen screen) {
  if (!terminal_ || ended_ || in_background(STDERR_FILENO)) return;
  std::string text = rows_up(drawn_rows(screen.columns));
  drawn_.clear();
  for (const std::string& line : lines) {
    if (drawn_.size() + 1 >= screen.rows) break;         // what scrolled away cannot be drawn over
    text += line + "\x1b[K\r\n";
    drawn_.push_back(columns_of(line));
  }
  put(STDERR_FILENO, text + "\x1b[J");                   // in one write: no half of it is seen
}

void Output::draw(const std::vector<std::string>& lines, Screen screen) {
  const std::lock_guard lock(mutex_);
  if (lines.empty()) clear_progress();
  else redraw(lines, screen);
}

void Output::aside(const std::function<void()>& print) {
  const std::lock_guard lock(mutex_);
  clear_progress();
  print();
}

void Output::clear_progress() {
  if (drawn_.empty()) return;
  const std::size_t rows = drawn_rows(screen_of(STDERR_FILENO).columns);
  std::string text = rows_up(rows);
  for (std::size_t i = 0; i < rows; ++i) text += "\x1b[K\r\n";
  // Not from the top on: some terminals keep a whole screen that is erased in their history.
  put(STDERR_FILENO, text + "\x1b[J" + rows_up(rows));
  drawn_.clear();
}

void Output::line(std::string_view text) {
  std::lock_guard lock(mutex_);
  clear_progress();
  if (format_ == Format::kTable) put(STDOUT_FILENO, std::string(text) + "\n");
}

void Output::table(const std::vector<std::vector<std::string>>& rows) { text(render_table(rows, screen_width())); }

void Output::text(std::string_view text) {
  std::lock_guard lock(mutex_);
  clear_progress();
  if (format_ == Format::kTable) put(STDOUT_FILENO, text);
}

void Output::note(std::string_view text) {
  std::lock_guard lock(mutex_);
  clear_progress();
  put(STDERR_FILENO, std::string(text) + "\n");
}

void Output::event(std::string_view type, Json fields) {
  if (format_ != Format::kJsonl) return;
  Json out = Json::object();
  out.set("type", type).set("time", format_time(clock_.wall()));
  for (const Json::Member& m : fields.members()) out.set(m.first, m.second);
  std::lock_guard lock(mutex_);
  if (!ended_) put(STDOUT_FILENO, dump_json(out) + "\n");      // the result is the last line
}

void Output::progress(std::string_view text) {
  std::lock_guard lock(mutex_);
  MonoTime now = clock_.mono();
  if (terminal_) {
    if (now - last_progress_ < kRedrawEvery) return;
    const Screen screen = screen_of(STDERR_FILENO);
    redraw({fitted(text, screen.columns - 1)}, screen);
  } else {
    if (now - last_progress_ < kHeartbeatEvery) return;
    put(STDERR_FILENO, std::string(text) + "\n");
  }
  last_progress_ = now;
}

void Output::begin(std::string_view command) {
  command_ = command;
  began_ = clock_.wall();
  began_mono_ = last_progress_ = clock_.mono();
  if (format_ == Format::kJsonl) put(STDOUT_FILENO, "{\"type\":\"version\",\"schema\":\"1\"}\n");
}

int Output::end(std::string_view command, const Outcome& outcome, WallTime started, MonoTime started_mono) {
  std::lock_guard lock(mutex_);
  return print_end(command, outcome, started, started_mono);
}

void Output::end_at_once(const Outcome& outcome) {
  std::unique_lock lock(mutex_, kLockPatience);  // who holds it may be stuck in a pipe that nobody reads
  if (lock.owns_lock()) print_end(command_, outcome, began_, began_mono_);
}

int Output::print_end(std::string_view command, const Outcome& outcome, WallTime started, MonoTime started_mono) {
  if (std::exchange(ended_, true)) return outcome.exit_code;
  clear_progress();
  for (const std::string& w : outcome.warnings) put(STDERR_FILENO, "holdfast: warning: " + w + "\n");
  for (const Error& e : outcome.errors) put(STDERR_FILENO, render_error(e));
  if (format_ == Format::kTable) return exit_code_after(outcome);
  Json errors = Json::array();
  for (const Error& e : outcome.errors) errors.push(error_json(e));
  Json warnings = Json::array();
  for (const std::string& w : outcome.warnings) warnings.push(w);
  Json out = Json::object();
  out.set("type", "result")
      .set("command", command)
      .set("ok", outcome.exit_code == 0)
      .set("exit_code", outcome.exit_code);
  out.set("started_at", format_time(started)).set("finished_at", format_time(clock_.wall()));
  double seconds = std::chrono::duration<double>(clock_.mono() - started_mono).count();
  out.set("duration_seconds", static_cast<double>(static_cast<std::int64_t>(seconds * 1000)) / 1000.0);
  out.set("data", outcome.data).set("errors", errors).set("warnings", warnings);
  put(STDOUT_FILENO, dump_json(out) + "\n");
  return exit_code_after(outcome);
}

// What was asked for and did not reach its file is not done, whatever else went well.
int Output::exit_code_after(const Outcome& outcome) {
  // PostgreSQL reads the codes of the WAL commands: there, what is printed is no part of what is asked for.
  if (output_errno_ == 0 || command_.starts_with("wal ")) return outcome.exit_code;
  Error lost = make_error(output_errno_ == ENOSPC ? ErrorKind::kExhausted : ErrorKind::kFailed,
                          std::string("writing standard output: ") + std::strerror(output_errno_))
                   .with_hint("What was printed is not complete. The command's work itself was not undone by this.");
  put(STDERR_FILENO, render_error(lost));
  return outcome.exit_code == kExitOk ? static_cast<int>(kExitFailed) : outcome.exit_code;
}

namespace {

// Breaks at blanks; a word that is longer than a line stays whole.
std::vector<std::string> folded(const std::string& text, std::size_t width) {
  std::vector<std::string> out;
  std::size_t at = 0;
  while (text.size() - at > width) {
    std::size_t cut = text.rfind(' ', at + width);
    if (cut == std::string::npos || cut <= at) cut = text.find(' ', at + width);
    if (cut == std::string::npos) break;
    out.push_back(text.substr(at, cut - at));
    at = cut + 1;
  }
  out.push_back(text.substr(at));
  return out;
}

}  // namespace

std::string render_table(const std::vector<std::vector<std::string>>& rows, std::size_t width) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::size_t before = 0;  // where the last column begins
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) before += widths[i] + 2;
  const bool fold = width >= before + kLeastFolded;
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i + 1 < row.size(); ++i) line += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
    const std::string& last = row.empty() ? line : row.back();
    std::vector<std::string> parts = fold ? folded(last, width - before) : std::vector{last};
    for (std::size_t i = 0; i < parts.size(); ++i) {
      std::string whole = (i == 0 ? line : std::string(before, ' ')) + parts[i];
      while (whole.ends_with(' ')) whole.pop_back();
      out += whole + "\n";
    }
  }
  return out;
}

std::string format_count(std::uint64_t n) {
  std::string digits = std::to_string(n), out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out.push_back(',');
    out.push_back(digits[i]);
  }
  return out;
}

std::string format_count(std::uint64_t n, const std::string& what) {
  return format_count(n) + " " + what + (n == 1 ? "" : "s");
}

void OutputLog::write(LogLevel level, std::string_view module, std::string_view event, std::initializer_list<LogField> fields) {
  if (level < least_) return;
  out_.aside([&] { below_.write(level, module, event, fields); });
}

Json error_json(const Error& e) {
  Json out = Json::object();
  out.set("id", error_id(e)).set("kind", to_string(e.kind)).set("message", e.text).set("hint", e.hint).set("object", e.object);
  if (e.effect == Effect::kMaybe) out.set("effect", "maybe");
  return out;
}

std::string render_error(const Error& e) {
  std::string out = "holdfast: " + e.text + " [" + error_id(e) + "]\n";
  if (e.effect == Effect::kMaybe) out += "  it is not known whether this took effect\n";
  if (!e.hint.empty()) out += "  hint: " + e.hint + "\n";
  return out;
}

}  // namespace hf::cli
