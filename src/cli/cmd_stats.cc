// vault stats: what each snapshot costs, how much is shared, and how the vault grew.
#include <algorithm>
#include <cstdio>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/vault_access.h"
#include "vault/stats.h"

namespace hf::cli {

namespace {

constexpr std::size_t kDayDigits = 10;     // of "2026-05-01T..."
constexpr std::size_t kMonthDigits = 7;
constexpr std::size_t kMaxDays = 31;       // more than that are shown by month
constexpr std::size_t kBarWidth = 40;

struct Period {
  std::string name;
  std::uint64_t snapshots = 0;
  std::uint64_t added = 0;
  std::uint64_t total = 0;                 // up to its end
};

std::vector<Period> periods_of(const vault::VaultStats& stats, std::size_t digits) {
  std::vector<const vault::SnapshotUse*> by_time;
  for (const vault::SnapshotUse& use : stats.snapshots) by_time.push_back(&use);
  std::ranges::stable_sort(by_time, {}, [](const vault::SnapshotUse* use) { return use->info.finished; });
  std::vector<Period> out;
  std::uint64_t total = 0;
  for (const vault::SnapshotUse* use : by_time) {
    const std::string name = format_time(use->info.finished).substr(0, digits);
    if (out.empty() || out.back().name != name) out.push_back({name});
    total += use->added_bytes;
    ++out.back().snapshots;
    out.back().added += use->added_bytes;
    out.back().total = total;
  }
  return out;
}

std::string ratio_text(double ratio) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", ratio);
  return text;
}

void draw_growth(Context& context, const std::vector<Period>& periods) {
  std::vector<std::vector<std::string>> rows = {{"WHEN", "SNAPSHOTS", "ADDED", "TOTAL", "GROWTH"}};
  const std::uint64_t most = periods.empty() ? 0 : periods.back().total;
  for (const Period& p : periods) {
    const double share = most == 0 ? 0 : static_cast<double>(p.total) / static_cast<double>(most);
    const auto width = static_cast<std::size_t>(share * kBarWidth);
    rows.push_back({p.name, std::to_string(p.snapshots), format_bytes(p.added), format_bytes(p.total),
                    std::string(std::max<std::size_t>(width, p.total > 0 ? 1 : 0), '#')});
  }
  context.out.table(rows);
}

void show(Context& context, const vault::VaultStats& stats, const std::vector<Period>& periods) {
  std::vector<std::vector<std::string>> rows = {{"SNAPSHOT", "TIME", "HOST", "COMPONENT", "SIZE", "ADDED", "UNIQUE", "SHARED"}};
  for (const vault::SnapshotUse& s : stats.snapshots) {
    rows.push_back({short_id(s.info.id), format_time(std::chrono::floor<Seconds>(s.info.finished)), s.info.meta.host,
                    s.info.meta.component, format_bytes(s.info.source_bytes), format_bytes(s.added_bytes),
                    format_bytes(s.unique_bytes), format_bytes(s.referenced_bytes - s.unique_bytes)});
  }
  context.out.table(rows);
  context.out.line("");
  draw_growth(context, periods);
  context.out.line("");
  context.out.line(format_bytes(stats.source_bytes) + " in " + format_count(stats.snapshots.size(), "snapshot") + "; " +
                   format_bytes(stats.plain_bytes) + " after deduplication (" + ratio_text(stats.deduplication()) + " to 1), " +
                   format_bytes(stats.stored_bytes) + " after compression (" + ratio_text(stats.compression()) + " to 1)");
  std::string objects;
  for (const auto& [kind, count] : stats.objects)
    objects += (objects.empty() ? "" : ", ") + kind + " " + format_bytes(count.bytes) + " in " + format_count(count.objects);
  context.out.line("in the store: " + objects + "; " + format_bytes(stats.unreferenced_bytes) +
                   " of chunks that no snapshot needs");
}

Outcome run_stats(Context& context, const Arguments& args) {
  auto vault = open_checked_vault(context, args);
  if (!vault) return failed(std::move(vault).error());
  auto stats = vault::measure_vault(*vault->repository);
  if (!stats) return failed(std::move(stats).error());
  std::vector<Period> periods = periods_of(*stats, kDayDigits);
  if (periods.size() > kMaxDays) periods = periods_of(*stats, kMonthDigits);
  show(context, *stats, periods);
  Json snapshots = Json::array(), growth = Json::array(), objects = Json::array();
  for (const vault::SnapshotUse& s : stats->snapshots) {
    snapshots.push(Json::object()
                       .set("snapshot", long_id(s.info.id)).set("time", format_time(s.info.finished))
                       .set("host", s.info.meta.host).set("component", s.info.meta.component)
                       .set("source_bytes", s.info.source_bytes).set("referenced_bytes", s.referenced_bytes)
                       .set("unique_bytes", s.unique_bytes).set("shared_bytes", s.referenced_bytes - s.unique_bytes)
                       .set("added_bytes", s.added_bytes));
  }
  for (const Period& p : periods)
    growth.push(Json::object()
                    .set("period", p.name).set("snapshots", p.snapshots)
                    .set("added_bytes", p.added).set("total_bytes", p.total));
  for (const auto& [kind, count] : stats->objects)
    objects.push(Json::object().set("kind", kind).set("objects", count.objects).set("bytes", count.bytes));
  Json data = Json::object().set("snapshots", snapshots).set("growth", growth).set("objects", objects);
  data.set("source_bytes", stats->source_bytes).set("chunks", stats->chunks).set("plain_bytes", stats->plain_bytes);
  data.set("stored_bytes", stats->stored_bytes).set("unreferenced_bytes", stats->unreferenced_bytes);
  data.set("deduplication_ratio", stats->deduplication()).set("compression_ratio", stats->compression());
  return finished(data);
}

}  // namespace

std::vector<Command> stats_commands() {
  return {
      {{"vault", "stats"},
       "what each snapshot costs, what is shared, and how the vault grew",
       {"holdfast vault stats --vault /backup/main", "holdfast vault stats -o json | jq .data.deduplication_ratio",
        "HOLDFAST_VAULT=/backup/main holdfast vault stats"},
       checked_vault_options(),
       "",
       0,
       0,
       run_stats},
  };
}

}  // namespace hf::cli
