// The spool: WAL that a receiver has made durable, before and until the vault has it.
//
//   <root>/lock                                     held by the one process that writes here
//   <root>/status.json                              what a reader may know, replaced atomically
//   <root>/<system id>/<timeline>/<segment>.wal     bytes from the segment's first one on, appended
//   <root>/<system id>/<timeline>/beginning         from before the first byte until a record that ends was synced: the LSN up
//                                                   to which bytes were, empty for none; nothing behind it is vouched for
//   <root>/<system id>/<timeline>/history           the timeline's history file
//   <root>/<system id>/<timeline>/uploaded          LSN below which the vault has everything, replaced
//   atomically <root>/<system id>/<timeline>/seal              this receiver takes nothing more of this
//   timeline
//
// Invariants: the bytes of a timeline are contiguous; a segment's file is made only after the one before it was
// synced whole; the complete records that sync() returned for survive a power cut; a sealed timeline is never
// appended to, in this process or after it.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"
#include "base/lsn.h"
#include "io/files.h"
#include "sources/wal/record.h"
#include "vault/wal/wal_archive.h"

namespace hf::sources {

using vault::TimelineSeal;

struct SpoolKey {
  std::uint64_t system_id = 0;
  Timeline timeline = 0;
  std::uint64_t segment_size = 0;
};

// One timeline of one cluster. One thread appends; another may read what was synced, below an end told to it.
class SpoolTimeline {
 public:
  // Makes the folders, or takes up what lies there; a torn end (bytes that may never have been synced, and
  // that no checksum vouches for) is cut off.
  static Result<std::unique_ptr<SpoolTimeline>> open(Files& files, const std::string& root,
                                                     const SpoolKey& key);

  const SpoolKey& key() const { return key_; }
  bool empty() const { return end_ == begin_; }
  Lsn begin() const { return Lsn{begin_}; }  // the first byte kept here; any thread
  Lsn end() const { return Lsn{end_}; }      // one past the last byte appended; any thread

  // kBlocked: sealed. kInvalid: `start` is not end() (or, of an empty spool, not a segment's first byte).
  Status append(Lsn start, ByteView bytes);
  Status sync();  // everything appended
  // After an error of append() or sync(): back to what was synced last, so that no doubtful byte stays in the
  // file (a failed fsync may have dropped the bytes and yet succeed the next time). Until it succeeded,
  // append() and sync() refuse. Nothing to do where nothing failed and all is synced.
  Status roll_back();

  Result<Bytes> read(Lsn from, std::size_t size);  // within one segment; all of it, or an error
  Status remove_segments_below(std::uint64_t segment);

  Result<Lsn> uploaded();  // begin() where nothing was
  Status set_uploaded(Lsn lsn);
  Status put_history(ByteView text);
  Result<std::optional<Bytes>> history();

  const std::optional<TimelineSeal>& seal() const { return seal_; }
  // Durable when it returns; from now on append() refuses. An error after which a reader may see the seal all
  // the same binds, too: append() refuses, and the same seal may be put again.
  Status put_seal(const TimelineSeal& seal);

 private:
  SpoolTimeline(Files& files, std::string folder, SpoolKey key)
      : files_(files), folder_(std::move(folder)), key_(key), first_record_(key.segment_size) {}
  Status load();
  Status load_seal();
  Status load_beginning(std::vector<std::uint64_t>& segments);
  Status mark_beginning(const std::string& synced);
  Status vouch_for_beginning();
  Status cut_torn_end(std::uint64_t last_segment);
  Result<Lsn> end_of_proven(Lsn last_start);
  Status feed(WalDecoder& decoder, Lsn stop);
  Status open_segment(std::uint64_t segment);
  Status sync_all();
  Status sync_names();
  std::string segment_path(std::uint64_t segment) const;
  Error not_usable(const std::string& why) const;

  Files& files_;
  const std::string folder_;
  const SpoolKey key_;
  std::atomic<std::uint64_t> begin_{0};
  std::atomic<std::uint64_t> end_{0};
  std::uint64_t synced_ = 0;
  std::optional<TimelineSeal> seal_;
  std::unique_ptr<File> file_;  // the segment being written
  std::uint64_t file_segment_ = 0;
  std::optional<std::string> beginning_;  // what the mark says, where it lies there
  WalDecoder first_record_;               // of what was synced, while the mark lies there
  bool new_name_ = false;   // a name in the folder is not durable yet
  bool doubtful_ = false;   // bytes behind synced_ failed to be written or synced
  bool seal_seen_ = false;  // putting a seal failed, and yet it may stand there
};

// The timelines in a spool, oldest first; empty where nothing was received.
Result<std::vector<SpoolKey>> list_spool(Files& files, const std::string& root);

Json seal_to_json(const TimelineSeal& seal);
Result<TimelineSeal> seal_from_json(const Json& json);

}  // namespace hf::sources
