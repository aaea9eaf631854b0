#include "vault/collect/retention.h"

#include <algorithm>
#include <chrono>

namespace hf::vault {
namespace {

using Series = std::vector<std::size_t>;      // places in the input, newest first

std::string series_of(const SnapshotInfo& info) {
  std::string key = info.meta.host + '\0' + std::string(to_string(info.meta.kind)) + '\0' + info.meta.component;
  if (info.meta.component.empty()) {
    for (const std::string& path : info.meta.paths) key += '\0' + path;
  }
  return key;
}

std::chrono::sys_days day_of(WallTime t) { return std::chrono::floor<std::chrono::days>(t); }

// Buckets by number: two times are in one bucket if and only if the numbers are equal.
std::int64_t hour_of(WallTime t) { return std::chrono::floor<std::chrono::hours>(t).time_since_epoch().count(); }
std::int64_t day_number(WallTime t) { return day_of(t).time_since_epoch().count(); }
std::int64_t week_of(WallTime t) {            // 1970-01-01 was a Thursday: weeks begin on Monday
  const std::int64_t monday = day_number(t) + 3;
  return monday >= 0 ? monday / 7 : (monday - 6) / 7;
}
std::int64_t month_of(WallTime t) {
  const std::chrono::year_month_day date(day_of(t));
  return int{date.year()} * 12 + static_cast<int>(unsigned{date.month()});
}
std::int64_t year_of(WallTime t) { return int{std::chrono::year_month_day(day_of(t)).year()}; }

class Judge {
 public:
  Judge(const std::vector<RetentionInput>& in, const RetentionPolicy& policy, WallTime now, std::vector<RetentionVerdict>& out)
      : in_(in), policy_(policy), now_(now), out_(out) {}

  void series(const Series& newest_first) {
    const SnapshotInfo& sample = in_[newest_first.front()].info;
    for (const std::size_t i : newest_first) unconditional(i);
    const auto exact = policy_.components.find({sample.meta.component, sample.meta.kind});
    const bool listed = exact != policy_.components.end();
    if (!listed && policy_.only_listed) return all(newest_first, "no rule names it");
    const KeepRules& rules = listed ? exact->second : policy_.all;
    if (!rules.any()) return all(newest_first, "no rule says when it goes");
    if (rules.forever) return all(newest_first, "kept forever");
    const auto whole = std::ranges::find_if(newest_first, [&](std::size_t i) { return !in_[i].info.partial; });
    keep(whole == newest_first.end() ? newest_first.front() : *whole, "the newest of its series");
    within(newest_first, rules);
    buckets(newest_first, rules);
    window(newest_first, rules);
  }

 private:
  void keep(std::size_t i, const std::string& rule) {
    RetentionVerdict& verdict = out_[i];
    if (verdict.keep) return;                    // the first rule that keeps it explains it
    verdict.keep = true;
    verdict.rule = rule;
  }
  void all(const Series& series, const std::string& rule) {
    for (const std::size_t i : series) keep(i, rule);
  }
  void unconditional(std::size_t i) {
    const RetentionInput& snapshot = in_[i];
    const std::string reason = snapshot.pin_reason.empty() ? "" : ": " + snapshot.pin_reason;
    if (snapshot.pin == Pin::kHeld) keep(i, "legal hold" + reason);
    if (snapshot.pin == Pin::kPinned) keep(i, "pinned" + reason);
    if (snapshot.info.number == 0) keep(i, "its writer has not finished");
  }
  void within(const Series& series, const KeepRules& rules) {
    if (!rules.within) return;
    for (const std::size_t i : series) {
      if (now_ - in_[i].committed < *rules.within) keep(i, "younger than " + format_duration(*rules.within));
    }
  }
  void bucket(const Series& series, std::uint32_t count, const char* name, std::int64_t (*number)(WallTime)) {
    std::optional<std::int64_t> last;
    std::uint32_t used = 0;
    for (const std::size_t i : series) {
      const std::int64_t n = number(in_[i].committed);
      if (last && *last == n) continue;
      if (used == count) return;
      last = n;
      ++used;
      keep(i, std::string(name) + " " + std::to_string(used) + " of " + std::to_string(count));
    }
  }
  void buckets(const Series& series, const KeepRules& rules) {
    for (std::size_t i = 0; i < series.size() && i < rules.last; ++i) {
      keep(series[i], "last " + std::to_string(i + 1) + " of " + std::to_string(rules.last));
    }
    bucket(series, rules.hourly, "hourly", hour_of);
    bucket(series, rules.daily, "daily", day_number);
    bucket(series, rules.weekly, "weekly", week_of);
    bucket(series, rules.monthly, "monthly", month_of);
    bucket(series, rules.yearly, "yearly", year_of);
  }
  // WAL is replayed from a base backup: the one from which the window's first instant is reached stays.
  void window(const Series& series, const KeepRules& rules) {
    const SnapshotInfo& sample = in_[series.front()].info;
    if (sample.meta.kind != SnapshotKind::kPostgres) return;
    auto wanted = policy_.wal_window.find(sample.meta.component);
    if (wanted == policy_.wal_window.end()) wanted = policy_.wal_window.find("");
    std::optional<Micros> reach = rules.within;
    if (wanted != policy_.wal_window.end()) reach = wanted->second;
    if (!reach) return;
    for (const std::size_t i : series) {
      if (in_[i].info.partial || now_ - in_[i].info.finished < *reach || now_ - in_[i].committed < *reach) continue;
      return keep(i, "any instant of the last " + format_duration(*reach) + " begins with it");
    }
  }

  const std::vector<RetentionInput>& in_;
  const RetentionPolicy& policy_;
  WallTime now_;
  std::vector<RetentionVerdict>& out_;
};

}  // namespace

bool KeepRules::any() const {
  return forever || within || last != 0 || hourly != 0 || daily != 0 || weekly != 0 || monthly != 0 || yearly != 0;
}

std::vector<RetentionVerdict> judge(const std::vector<RetentionInput>& snapshots, const RetentionPolicy& policy, WallTime now) {
  std::vector<RetentionVerdict> verdicts;
  std::map<std::string, Series> all;
  for (std::size_t i = 0; i < snapshots.size(); ++i) {
    verdicts.push_back({snapshots[i].info.id, false, "no rule keeps it"});
    all[series_of(snapshots[i].info)].push_back(i);
  }
  Judge judge(snapshots, policy, now, verdicts);
  for (auto& [name, series] : all) {
    std::ranges::sort(series, [&](std::size_t a, std::size_t b) {
      const auto key = [&](std::size_t i) { return std::pair(snapshots[i].committed, snapshots[i].info.number); };
      return key(a) > key(b);
    });
    judge.series(series);
  }
  return verdicts;
}

}  // namespace hf::vault
