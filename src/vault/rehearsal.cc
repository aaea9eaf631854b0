#include "vault/rehearsal.h"

#include <atomic>
#include <map>
#include <utility>

#include "vault/attachments.h"
#include "vault/core.h"

namespace hf::vault {
namespace {

constexpr std::string_view kKind = "rehearsal";
constexpr std::string_view kName = "recovery kit";
constexpr std::size_t kBatchFiles = 1024;        // restored together, so that each pack is read once for many of them
constexpr std::uint64_t kRehearsedBatch = 256u << 20;

// Counts what it is handed: opening and proving the chunks is the reader's work, writing files is not what is rehearsed.
class CountingSink final : public RestoreSink {
 public:
  Status write(std::uint64_t, std::uint64_t, ByteView bytes) override {
    bytes_ += bytes.size();
    return ok();
  }
  std::uint64_t bytes() const { return bytes_; }

 private:
  std::atomic<std::uint64_t> bytes_ = 0;
};

std::uint64_t stored_bytes(const Entry& entry) {
  std::uint64_t sum = 0;
  for (const Extent& e : entry.extents) sum += e.hole ? 0 : e.length;
  return sum;
}

class SnapshotRehearsal {
 public:
  SnapshotRehearsal(SnapshotReader& reader, std::function<void(std::uint64_t)> progress, std::stop_token stop)
      : reader_(reader), progress_(std::move(progress)), stop_(std::move(stop)) {}

  Result<RehearsedSnapshot> run() {
    RehearsedSnapshot out{reader_.info().id, reader_.info().meta.component, reader_.info().meta.host, 0, 0};
    while (true) {
      HF_ASSIGN(const EntryView* view, reader_.next_view());
      if (view == nullptr) break;
      HF_ASSIGN(Entry entry, reader_.entry_of_view());
      if (entry.extents.empty()) continue;
      ++out.files;
      expected_ += stored_bytes(entry);
      batch_.push_back({out.files, std::move(entry.extents)});
      if (batch_.size() >= kBatchFiles || expected_ - sink_.bytes() >= kRehearsedBatch) HF_TRY(flush());
    }
    HF_TRY(flush());
    out.bytes = sink_.bytes();
    return out;
  }

 private:
  Status flush() {
    if (stop_.stop_requested()) return make_error(ErrorKind::kCancelled, "the rehearsal was interrupted");
    HF_TRY(reader_.restore(batch_, sink_));
    batch_.clear();
    if (sink_.bytes() != expected_) {
      return make_error(ErrorKind::kCorrupt, "the snapshot gave " + std::to_string(sink_.bytes()) + " bytes where " +
                                                 std::to_string(expected_) + " were backed up");
    }
    progress_(sink_.bytes());
    return ok();
  }

  SnapshotReader& reader_;
  std::function<void(std::uint64_t)> progress_;
  std::stop_token stop_;
  CountingSink sink_;
  std::vector<RestoreItem> batch_;
  std::uint64_t expected_ = 0;
};

Result<std::vector<SnapshotInfo>> newest_of_each(Repository& repository) {
  HF_ASSIGN(const std::vector<SnapshotInfo> all, repository.snapshots());
  std::map<std::pair<std::string, std::string>, SnapshotInfo> newest;  // oldest first: the last one stays
  for (const SnapshotInfo& info : all) newest.insert_or_assign({info.meta.component, info.meta.host}, info);
  if (newest.empty()) {
    return make_error(ErrorKind::kNotFound, "the vault has no snapshot yet, so there is nothing to prove the kit with")
        .with_hint("Make a backup first: holdfast backup run.");
  }
  std::vector<SnapshotInfo> out;
  for (auto& [key, info] : newest) out.push_back(std::move(info));
  return out;
}

}  // namespace

Result<RehearsalReport> rehearse(Repository& repository, const std::function<void(const RehearsalProgress&)>& progress,
                                 std::stop_token stop) {
  if (!repository.can_read()) return make_error(ErrorKind::kDenied, "this credential can write to the vault, not read it");
  HF_ASSIGN(const std::vector<SnapshotInfo> wanted, newest_of_each(repository));
  RehearsalProgress now;
  for (const SnapshotInfo& info : wanted) now.total_bytes += info.source_bytes;
  RehearsalReport report;
  for (const SnapshotInfo& info : wanted) {
    now.what = info.meta.component.empty() ? info.meta.host : info.meta.component;
    const std::uint64_t before = now.bytes;
    auto tell = [&](std::uint64_t bytes) {
      now.bytes = before + bytes;
      progress(now);
    };
    HF_ASSIGN(const std::unique_ptr<SnapshotReader> reader, repository.open_snapshot(info.id));
    HF_ASSIGN(RehearsedSnapshot done, SnapshotRehearsal(*reader, tell, stop).run());
    report.snapshots.push_back(std::move(done));
  }
  const Repository::Core& core = repository.core();
  const std::string note = format_time(core.clock.wall()) + "\n" + core.host + "\n";
  HF_TRY(Attachments(repository).put(std::string(kKind), std::string(kName), as_bytes(note)));
  return report;
}

Result<std::optional<LastRehearsal>> last_rehearsal(Repository& repository) {
  if (!repository.can_read()) return std::nullopt;
  auto note = Attachments(repository).get(std::string(kKind), std::string(kName));
  if (!note) {
    if (note.error().kind == ErrorKind::kNotFound) return std::nullopt;
    return std::move(note).error();
  }
  const std::string text = to_text(*note);
  const std::size_t end = text.find('\n');
  HF_ASSIGN(const WallTime when, parse_time(text.substr(0, end)));
  std::string host = end == std::string::npos ? std::string() : text.substr(end + 1);
  while (host.ends_with('\n')) host.pop_back();
  return LastRehearsal{when, std::move(host)};
}

}  // namespace hf::vault
