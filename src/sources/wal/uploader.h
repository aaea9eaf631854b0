// The thread that brings spooled WAL to the vault, whatever the vault does: it retries with backoff and never
// holds up the receiver, which only tells it how far it has synced. The spool is the queue, and the disk its
// bound.
#pragma once

#include <condition_variable>
#include <list>
#include <mutex>
#include <stop_token>
#include <string>

#include "io/env.h"
#include "sources/wal/upload.h"

namespace hf::sources {

inline constexpr Millis kUploadInterval{250};  // RPO of the vault when a receiver's disk is lost as well
inline constexpr std::uint64_t kUploadAtOnceBytes = 1 << 20;

struct UploadState {
  Timeline timeline = 0;  // the newest one
  Lsn uploaded;
  std::uint64_t backlog_bytes = 0;                   // over all timelines
  std::string error;                                 // of the last attempt; empty: it worked
  std::uint64_t failures = 0;                        // in a row
  std::optional<vault::TimelineSeal> seal_in_vault;  // the newest seal that the vault has
};

class WalUploader {
 public:
  WalUploader(Env& env, WalTarget& target, std::uint64_t keep_segments)
      : env_(env), target_(target), keep_segments_(keep_segments) {}

  void add(SpoolTimeline& timeline);  // it outlives the uploader; what it holds counts as durable
  void durable(SpoolTimeline& timeline, Lsn lsn);
  void sealed(SpoolTimeline& timeline);  // wakes it: the tail and the seal are urgent
  UploadState state();
  WalTarget& target() { return target_; }

  void run(std::stop_token stop);  // until stopped, then one last round
  void round();

 private:
  struct Item {
    Item(SpoolTimeline& t, WalTarget& target, Log& log)
        : timeline(t), upload(t, target, log), durable(t.end()) {}
    SpoolTimeline& timeline;
    TimelineUpload upload;  // this thread's alone
    Lsn durable;
    bool sealed = false;
    bool seal_done = false;
    Lsn uploaded;
  };
  Status upload(Item& item, Lsn durable, bool sealed);
  void report(const Status& outcome);
  bool urgent() const;

  Env& env_;
  WalTarget& target_;
  const std::uint64_t keep_segments_;
  std::mutex mutex_;  // guards what follows, but not the uploads themselves
  std::condition_variable_any changed_;
  std::list<Item> items_;  // grows only
  UploadState state_;
  bool wake_ = false;
};

}  // namespace hf::sources
