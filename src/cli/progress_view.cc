#include "cli/progress_view.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "cli/output.h"
#include "cli/path_json.h"
#include "cli/screen.h"

namespace hf::cli {

namespace {

constexpr auto kRateWindow = std::chrono::seconds(10);         // long enough to be calm, short enough to be of now
constexpr auto kLeastSeen = std::chrono::milliseconds(500);    // before a rate means anything
constexpr auto kQuietAfter = std::chrono::seconds(5);          // a slow disk answers within that
constexpr double kLongestLeftSeconds = 100.0 * 86400;          // beyond, it is as good as unknown

struct UnitName {
  Counted unit;
  const char* one;
  const char* many;
};
constexpr UnitName kCounted[] = {{Counted::kFiles, "file", "files"},
                                 {Counted::kPacks, "pack", "packs"},
                                 {Counted::kSnapshots, "snapshot", "snapshots"}};

std::string whole_seconds(MonoTime from, MonoTime to) {
  return format_duration(std::chrono::floor<Seconds>(to - from));
}

}  // namespace

ProgressView::ProgressView(std::string title, MonoTime began)
    : title_(std::move(title)), began_(began), now_(began), phase_began_(began), moved_(began) {}

void ProgressView::look(ProgressSample sample, MonoTime now) {
  now_ = now;
  const bool other_phase = sample.number != sample_.number;
  if (other_phase) {
    points_.clear();
    phase_began_ = now;
  }
  if (other_phase || sample.done != sample_.done || sample.item != sample_.item) moved_ = now;
  sample_ = std::move(sample);
  points_.push_back({now, sample_.done});
  while (points_.size() > 2 && points_[1].at + kRateWindow <= now) points_.pop_front();
}

std::optional<double> ProgressView::rate(Counted unit) const {
  if (points_.empty() || now_ - points_.front().at < kLeastSeen) return std::nullopt;
  const std::size_t i = slot_of(unit);
  const double span = std::chrono::duration<double>(now_ - points_.front().at).count();
  return static_cast<double>(points_.back().done[i] - points_.front().done[i]) / span;
}

std::optional<Counted> ProgressView::measure() const {
  for (const Counted unit : {Counted::kBytes, Counted::kPacks, Counted::kSnapshots, Counted::kFiles})
    if (total(unit) > 0) return unit;
  return std::nullopt;
}

std::optional<Seconds> ProgressView::left() const {
  const auto unit = measure();
  if (!unit || total(*unit) <= done(*unit)) return std::nullopt;
  const auto speed = rate(*unit);
  if (!speed || *speed <= 0) return std::nullopt;
  const double seconds = std::ceil(static_cast<double>(total(*unit) - done(*unit)) / *speed);
  if (seconds > kLongestLeftSeconds) return std::nullopt;
  return Seconds(static_cast<std::int64_t>(seconds));
}

std::optional<Seconds> ProgressView::quiet() const {
  const bool counts = std::ranges::any_of(sample_.done, [](auto n) { return n > 0; }) || measure();
  if (!counts || now_ - moved_ < kQuietAfter) return std::nullopt;
  return std::chrono::floor<Seconds>(now_ - moved_);
}

std::string ProgressView::head() const {
  return title_ + (sample_.phase.empty() ? "" : ": " + sample_.phase);
}

// "1.2 GiB of 1.9 GiB, 63 %"; empty where the phase counts no bytes.
std::string ProgressView::bytes() const {
  const std::uint64_t done = this->done(Counted::kBytes), total = this->total(Counted::kBytes);
  if (done == 0 && total == 0) return {};
  std::string out = format_bytes(done);
  if (total == 0) return out;
  if (sample_.estimated && done > total) return out + ", more than the estimated " + format_bytes(total);
  const double part = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  out += " of " + std::string(sample_.estimated ? "about " : "") + format_bytes(total) + ", " +
         std::to_string(static_cast<int>(part * 100)) + " %";
  return out + (sample_.estimated ? " (an estimate)" : "");
}

std::string ProgressView::counts() const {
  std::string out;
  for (const UnitName& name : kCounted) {
    const std::uint64_t done = this->done(name.unit), total = this->total(name.unit);
    if (done == 0 && total == 0) continue;
    out += (out.empty() ? "" : ", ") + format_count(done);
    const bool known = total > 0 && !sample_.estimated;
    if (known) out += " of " + format_count(total);
    out += std::string(" ") + ((known ? total : done) == 1 ? name.one : name.many);
  }
  return out;
}

std::string ProgressView::speed() const {
  if (const auto since = quiet()) return "nothing moved for " + format_duration(*since);
  std::string out;
  if (const auto speed = rate(Counted::kBytes); speed && done(Counted::kBytes) > 0)
    out = format_bytes(static_cast<std::uint64_t>(*speed)) + "/s";
  if (const auto rest = left()) out += (out.empty() ? "about " : ", about ") + format_duration(*rest) + " left";
  return out;
}

std::vector<std::string> ProgressView::lines(std::size_t columns) const {
  std::vector<std::string> out = {fitted(head() + "  " + whole_seconds(began_, now_), columns)};
  for (const std::string& text : {bytes(), counts(), speed()})
    if (!text.empty()) out.push_back(fitted("  " + text, columns));
  if (!sample_.item.empty() && columns > 2) out.push_back("  " + fitted_end(shown_path(sample_.item), columns - 2));
  return out;
}

std::string ProgressView::line() const {
  std::string out = head();
  const char* before = ": ";
  for (const std::string& text : {bytes(), counts(), speed()}) {
    if (text.empty()) continue;
    out += before + text;
    before = ", ";
  }
  out += before + whole_seconds(began_, now_) + " so far";
  return sample_.item.empty() ? out : out + ", at " + shown_path(sample_.item);
}

Json ProgressView::event() const {
  Json out = Json::object();
  out.set("phase", sample_.phase).set("elapsed_seconds", std::chrono::floor<Seconds>(now_ - began_).count());
  out.set("done_bytes", done(Counted::kBytes));
  if (total(Counted::kBytes) > 0) out.set("total_bytes", total(Counted::kBytes));
  for (const UnitName& name : kCounted) {
    if (done(name.unit) == 0 && total(name.unit) == 0) continue;
    out.set(name.many, done(name.unit));
    if (total(name.unit) > 0) out.set("total_" + std::string(name.many), total(name.unit));
  }
  if (measure()) out.set("total_is_estimate", sample_.estimated);
  if (const auto speed = rate(Counted::kBytes)) out.set("bytes_per_second", static_cast<std::int64_t>(*speed));
  if (const auto rest = left()) out.set("eta_seconds", rest->count());
  if (!sample_.item.empty()) set_path(out, sample_.item);
  return out;
}

}  // namespace hf::cli
