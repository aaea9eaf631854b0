// Inside wal_receiver: one connection to the primary, from choosing where to go on until it breaks.
// Used by the receiver's thread alone, except `Shared`.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>

#include "remote/postgres_replication.h"
#include "sources/wal/receiver.h"
#include "sources/wal/timeline.h"

namespace hf::sources {

// What the receiver's threads share.
struct ReceiverShared {
  std::mutex mutex;  // guards status and session_stop
  WalReceiverStatus status;
  std::stop_source session_stop;         // ends the waits of the session under way
  std::atomic<bool> seal_wanted{false};  // from now on nothing is acknowledged
};

// The timelines of one cluster in the spool.
class SpoolSet {
 public:
  SpoolSet(Files& files, std::string root, WalUploader& uploader)
      : files_(files), root_(std::move(root)), uploader_(uploader) {}
  Status load();  // kBlocked if more than one cluster lies there
  Result<SpoolTimeline*> open(const SpoolKey& key);
  SpoolTimeline* newest();  // nullptr if nothing was received yet
  std::optional<std::uint64_t> system_id() const;

 private:
  Files& files_;
  const std::string root_;
  WalUploader& uploader_;
  std::map<Timeline, std::unique_ptr<SpoolTimeline>> timelines_;
};

class ReceiverSession {
 public:
  ReceiverSession(Env& env, const WalReceiverOptions& options, SpoolSet& spools, WalUploader& uploader,
                  ReceiverShared& shared, std::stop_token stop)
      : env_(env),
        options_(options),
        spools_(spools),
        uploader_(uploader),
        shared_(shared),
        stop_(std::move(stop)) {}

  // Streams until something ends it; ok only when a stop or a seal was asked for.
  Status run();
  bool streamed() const { return streamed_; }

 private:
  struct Start {
    SpoolTimeline* timeline = nullptr;
    Lsn lsn;
  };
  Status identify();
  Status ensure_slot();
  Result<Start> choose();
  Result<Start> choose_first();
  Result<Start> choose_after(SpoolTimeline& newest);
  Status not_sealed_before(Timeline timeline);
  Start resume(SpoolTimeline& timeline) const;
  Result<Start> begin_timeline(Timeline timeline, Lsn lsn);
  Result<TimelineHistory> history(Timeline timeline, Bytes* text = nullptr);
  // The next place, where the timeline ended; nothing where the session is over.
  Result<std::optional<Start>> stream(const Start& start);
  Status prove(SpoolTimeline& timeline, Lsn start, ByteView bytes);
  Status take(SpoolTimeline& timeline, const remote::WalMessage& message);
  Lsn durable_here(const SpoolTimeline& timeline) const;
  Result<bool> take_batch(remote::WalStream& stream, SpoolTimeline& timeline, remote::WalMessage first);
  Status acknowledge(remote::WalStream& stream, SpoolTimeline& timeline);
  Status check_silence(remote::WalStream& stream, SpoolTimeline& timeline);
  bool ended() const { return stop_.stop_requested() || shared_.seal_wanted; }
  void note(const char* primary);

  Env& env_;
  const WalReceiverOptions& options_;
  SpoolSet& spools_;
  WalUploader& uploader_;
  ReceiverShared& shared_;
  std::stop_token stop_;
  std::optional<remote::PgReplication> server_;
  remote::PgSystem system_;
  std::uint64_t segment_size_ = 0;
  std::optional<remote::WalMessage> end_of_timeline_;
  Lsn spooled_;  // end of the spool when the stream began
  Lsn proven_;   // up to here the server's bytes are the spool's; at spooled_ everything may be acknowledged
  bool reply_requested_ = false;
  bool streamed_ = false;
  MonoTime heard_{};
  MonoTime said_{};
};

}  // namespace hf::sources
