// See backup_wal.h.
#include "sources/postgres/backup_wal.h"

#include <algorithm>

namespace hf::sources {
namespace {

constexpr std::uint64_t kWholeLimit = 64ull << 20;     // larger segments are put in parts, to bound memory
constexpr std::uint64_t kPartBytes = 16ull << 20;
constexpr Micros kStopPoll = 200ms;                        // how soon a stop or the end is noticed
constexpr Micros kBackupStatusInterval = 2s;
constexpr Micros kTailPatience = 1s;                   // for the rest of the last segment, once the stop LSN is here

Lsn start_of_segment(Lsn lsn, std::uint64_t segment_size) { return Lsn{lsn.value - lsn.value % segment_size}; }

}  // namespace

BackupWalTarget archive_target(vault::WalArchive& archive) {
  return {[&archive](const vault::WalFrame& whole) { return archive.put_segment(whole); },
          [&archive](const vault::WalFrame& part) { return archive.put_frame(part); }};
}

WalCutter::WalCutter(std::uint64_t system_id, Timeline timeline, std::uint64_t segment_size, Lsn start, BackupWalTarget target)
    : segment_size_(segment_size),
      target_(std::move(target)),
      decoder_(segment_size, [this](const WalEvent& event) { add_event(frame_.times, event); }),
      durable_(start) {
  frame_.system_id = system_id;
  frame_.timeline = timeline;
  frame_.segment_size = segment_size;
  frame_.start = start;
  decoder_.reset(start);
}

Status WalCutter::take(Lsn start, ByteView bytes) {
  if (start != received()) {
    return make_error(ErrorKind::kCorrupt,
                      "WAL at " + format_lsn(start) + " came where " + format_lsn(received()) + " was expected");
  }
  while (!bytes.empty()) {
    const Lsn at = received();
    const std::uint64_t left = segment_size_ - at.value % segment_size_;
    const std::uint64_t part = segment_size_ > kWholeLimit ? kPartBytes - at.value % kPartBytes : left;
    const ByteView piece = bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), part)));
    frame_.bytes.insert(frame_.bytes.end(), piece.begin(), piece.end());
    decoder_.feed(piece);
    bytes = bytes.subspan(piece.size());
    if (piece.size() == part) HF_TRY(put());
  }
  return ok();
}

Status WalCutter::put() {
  if (frame_.bytes.empty()) return ok();
  const Lsn end = received();
  const bool whole = frame_.bytes.size() == segment_size_;
  HF_TRY(whole ? target_.put_segment(frame_) : target_.put_frame(frame_));
  durable_ = end;
  frame_.start = end;
  frame_.bytes.clear();
  frame_.times = {};
  return ok();
}

Status WalCutter::flush() { return put(); }

Result<std::unique_ptr<BackupWal>> BackupWal::prepare(Clock& clock, const BackupWalOptions& options, BackupWalTarget target) {
  HF_ASSIGN(remote::PgReplication connection, remote::PgReplication::connect(options.dsn, clock, options.connect));
  HF_ASSIGN(const remote::PgSystem system, connection.identify_system());
  if (system.system_id != options.system_id) {
    return make_error(ErrorKind::kBlocked, "two connections to the same DSN reached different clusters")
        .with_hint("Name exactly one server in the DSN.");
  }
  std::unique_ptr<BackupWal> wal(new BackupWal(clock, options, std::move(target), std::move(connection)));
  const Status slot = wal->connection_.create_physical_slot(options.slot, true, true);
  if (!slot) {
    if (slot.error().kind != ErrorKind::kExhausted) return slot.error();
    wal->options_.slot.clear();
    wal->warning_ = "no replication slot was free, so the server may recycle WAL before the backup has read it";
  }
  return wal;
}

BackupWal::~BackupWal() = default;   // the thread is asked to stop and joined

void BackupWal::begin(Lsn lsn, Timeline timeline) {
  thread_ = std::jthread([this, lsn, timeline](std::stop_token stop) {
    result_ = stream(stop, start_of_segment(lsn, options_.segment_size), timeline);
    done_.store(true, std::memory_order_release);
  });
}

Status BackupWal::stream(std::stop_token stop, Lsn start, Timeline timeline) {
  WalCutter cutter(options_.system_id, timeline, options_.segment_size, start, target_);
  HF_ASSIGN(remote::WalStream stream, connection_.start_streaming(options_.slot, start, timeline));
  MonoTime quiet_since = clock_.mono();
  while (!enough(cutter, quiet_since)) {
    if (stop.stop_requested()) return make_error(ErrorKind::kCancelled, "streaming the backup's WAL was stopped");
    HF_TRY(one_message(stream, cutter));
    durable_.store(cutter.durable().value, std::memory_order_release);
  }
  HF_TRY(cutter.flush());
  durable_.store(cutter.durable().value, std::memory_order_release);
  return ok();
}

// The stop LSN is here, and the rest of its segment too, or nothing more comes.
bool BackupWal::enough(const WalCutter& cutter, MonoTime& quiet_since) {
  const Lsn stop{stop_lsn_.load(std::memory_order_acquire)};
  if (stop.value == 0 || cutter.received() < stop) {
    quiet_since = clock_.mono();
    return false;
  }
  const Lsn end = start_of_segment(stop + (options_.segment_size - 1), options_.segment_size);
  return cutter.received() >= end || clock_.mono() - quiet_since >= kTailPatience;
}

Status BackupWal::one_message(remote::WalStream& stream, WalCutter& cutter) {
  HF_ASSIGN(const remote::WalMessage message, stream.next(kStopPoll));
  bool reply = clock_.mono() - last_status_ >= kBackupStatusInterval;
  switch (message.kind) {
    case remote::WalMessage::Kind::kWal: HF_TRY(cutter.take(message.start, message.data)); break;
    case remote::WalMessage::Kind::kKeepalive: reply = reply || message.reply_requested; break;
    case remote::WalMessage::Kind::kTimeout: break;
    case remote::WalMessage::Kind::kEndOfTimeline:
      return make_error(ErrorKind::kFailed,
                        "the server changed its timeline at " + format_lsn(message.switch_lsn) + " during the backup")
          .with_hint("It was promoted: run the backup again.");
  }
  if (!reply) return ok();
  last_status_ = clock_.mono();
  return stream.send_status(cutter.received(), options_.report_flushed ? cutter.durable() : Lsn{}, Lsn{});
}

Result<Lsn> BackupWal::finish(Lsn stop, MonoTime deadline, std::stop_token cancel) {
  stop_lsn_.store(stop.value, std::memory_order_release);
  while (!done_.load(std::memory_order_acquire)) {
    if (clock_.mono() >= deadline) {
      return make_error(ErrorKind::kTimeout, "WAL up to " + format_lsn(stop) + ", which the backup needs, did not arrive in time")
          .with_hint("On a standby, a primary that is idle sends nothing: run pg_switch_wal() there.");
    }
    if (!clock_.sleep_until(clock_.mono() + 20ms, cancel)) {
      return make_error(ErrorKind::kCancelled, "waiting for the backup's WAL was stopped");
    }
  }
  HF_TRY(result_);
  return Lsn{durable_.load(std::memory_order_acquire)};
}

}  // namespace hf::sources
