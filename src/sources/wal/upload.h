// Moves the durable bytes of one timeline's spool into the vault: frames as they come, each whole segment
// once more as a sealed object, then the spool's own copy goes, down to the bound that is kept.
//
// Invariant: `uploaded` moves only after the vault said that it has everything below, and never past a
// segment's end before that segment is sealed. Taken up after a crash, it repeats what it may have done; the
// vault merges that.
#pragma once

#include "base/log.h"
#include "sources/wal/spool.h"
#include "sources/wal/target.h"

namespace hf::sources {

inline constexpr std::size_t kWalFrameBytes = 1 << 20;
inline constexpr std::uint64_t kKeepSegments =
    2;  // whole segments kept behind the one being written, for torn-end checks

class TimelineUpload {
 public:
  // The spool outlives it.
  TimelineUpload(SpoolTimeline& spool, WalTarget& target, Log& log);

  // Everything below `durable` (which the receiver has synced), frame by frame; stops at the first error.
  Status run(Lsn durable);
  Status put_history();  // from the spool; nothing where there is none
  Status put_seal();     // REQUIRES: the spool is sealed. The tail first.
  Result<Lsn> uploaded();
  bool seal_put() const { return seal_put_; }
  // Removes whole segments that the vault has, but the last `keep` behind the end, and those that an unfinished
  // record began in.
  Status trim(std::uint64_t keep);

 private:
  Status begin();
  Status one_frame(Lsn durable);
  Status finish_segment(std::uint64_t segment);

  SpoolTimeline& spool_;
  WalTarget& target_;
  Log& log_;
  bool begun_ = false;
  bool history_put_ = false;
  bool seal_put_ = false;
  bool told_broken_ = false;
  Lsn uploaded_;
  Lsn decoded_from_;  // frames from here on carry their own events
  WalDecoder decoder_;
  vault::WalTimes frame_times_;
  vault::WalTimes segment_times_;
};

}  // namespace hf::sources
