// The write-ahead log of PostgreSQL clusters in a vault: frames as they come, segments once they are whole.
//
//   wal/<keyed cluster id>/<timeline>/<segment>/<start>-<end>   a frame: some bytes of one segment
//   wal/<keyed cluster id>/<timeline>/<segment>/sealed          the whole segment; frames go only after it was read back
//   wal/<keyed cluster id>/<timeline>/history                   the timeline history file
//   wal/<keyed cluster id>/<timeline>/seals/<keyed receiver>    a receiver's promise to take no more of this timeline
//
// Invariant: bytes of one LSN on one timeline are equal wherever they lie; two objects that disagree are kCorrupt, both
// named. Several receivers may write one segment at the same time: their ranges may overlap and are merged.
// A key file with the write bundle alone can put and seal timelines; reading (and so assembling a segment) needs the
// read bundle. May be used from several threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/lsn.h"
#include "base/result.h"
#include "base/time.h"

namespace hf::vault {

class Repository;

struct WalRestorePoint {
  std::string name;
  Lsn lsn;                       // end of its record
  WallTime time{};
  friend bool operator==(const WalRestorePoint&, const WalRestorePoint&) = default;
};

// What was decoded from the bytes: only commits and aborts of transactions, and restore points.
struct WalTimes {
  std::optional<WallTime> first_commit;
  std::optional<WallTime> last_commit;
  Lsn last_commit_lsn;           // end of the record of last_commit
  std::vector<WalRestorePoint> restore_points;
  friend bool operator==(const WalTimes&, const WalTimes&) = default;
};

struct WalFrame {
  std::uint64_t system_id = 0;
  Timeline timeline = 0;
  std::uint64_t segment_size = 0;   // of the cluster: a power of two, 1 MiB to 1 GiB
  Lsn start;                        // start + bytes.size() does not pass the end of start's segment
  Bytes bytes;                      // at least one
  WalTimes times;
};

struct WalSegmentData {
  Lsn start;                        // the segment's first byte
  Bytes bytes;                      // contiguous from the segment's first byte; may be shorter than the segment
  Lsn end;                          // start + bytes.size()
  bool complete = false;            // the whole segment
  std::uint64_t segment_size = 0;
  WalTimes times;                   // of the objects that the bytes came from
};

struct TimelineSeal {
  std::uint64_t system_id = 0;
  Timeline timeline = 0;
  Lsn lsn;                          // everything before it is durable with this receiver; nothing after it ever will be
  std::string receiver;             // its name, as in synchronous_standby_names
  WallTime at{};
  std::string writer;               // hex of the public key that signed it (filled in by reading)
};

// What one object of the archive says, from its sealed header alone.
struct WalSpan {
  Lsn start;
  Lsn end;                          // one past the last byte
  bool sealed = false;
  WalTimes times;
  std::string object;               // its name in the store
};

struct WalRange {                   // contiguous bytes
  Lsn start;
  Lsn end;
};

struct TimelineCoverage {
  Timeline timeline = 0;
  std::uint64_t segment_size = 0;
  std::vector<WalRange> ranges;             // ascending, merged, not touching
  std::vector<WalSpan> spans;               // ascending by start: the index of commit times and restore points
  std::optional<Bytes> history;             // the history file's bytes
  std::vector<TimelineSeal> seals;

  // The range that holds `lsn`, or ends there; nullptr if none.
  const WalRange* range_of(Lsn lsn) const;
  // The newest commit in the contiguous bytes from `from` on: a time target is reachable when it is not after it.
  std::optional<WallTime> last_commit_from(Lsn from) const;
  // The restore point of that name in the contiguous bytes from `from` on; the last one if there are several.
  std::optional<WalRestorePoint> restore_point_from(Lsn from, const std::string& name) const;
  // The spans (contiguous from `from`) in which a commit at or before `time` may lie; the last one holds the nearest.
  std::optional<WalSpan> nearest_commit_span(Lsn from, WallTime time) const;
};

struct WalCoverage {
  std::uint64_t system_id = 0;
  std::vector<TimelineCoverage> timelines;  // ascending
  const TimelineCoverage* find(Timeline timeline) const;
};

class WalArchive {
 public:
  explicit WalArchive(Repository& repository) : repository_(repository) {}

  // Durable when it returns. The very same range put again is fine where a reader can compare (equal bytes), and
  // kCorrupt naming the object where they differ; a write-only key takes an existing name for its own earlier write.
  Status put_frame(const WalFrame& frame);
  // Assembles all frames of the segment, creates `sealed`, reads it back, then removes the frames. kBlocked if bytes
  // are missing (says which); fine if somebody else sealed it meanwhile with the same bytes.
  // For a caller who has the whole segment at hand (a write-only receiver), `whole` is sealed as it is.
  Status seal_segment(std::uint64_t system_id, Timeline timeline, std::uint64_t segment, std::uint64_t segment_size);
  Status put_segment(const WalFrame& whole);
  Status put_history(std::uint64_t system_id, Timeline timeline, ByteView text);   // equal text again is fine
  Result<Bytes> read_history(std::uint64_t system_id, Timeline timeline);          // kNotFound
  // A receiver seals a timeline once. Sealing again at the same LSN is fine; at another one kExists.
  Status put_seal(const TimelineSeal& seal);
  Result<std::vector<TimelineSeal>> read_seals(std::uint64_t system_id, Timeline timeline);

  // kNotFound if the archive proves to have no byte of it; a segment whose first bytes are missing gives empty `bytes`.
  Result<WalSegmentData> read_segment(std::uint64_t system_id, Timeline timeline, std::uint64_t segment);
  // Reads headers only. kNotFound if the archive knows nothing of that cluster.
  Result<WalCoverage> coverage(std::uint64_t system_id);
  // The clusters in the vault. Needs the read key: names are keyed.
  Result<std::vector<std::uint64_t>> clusters();

  // Name of the cluster's folder: "wal/" + 32 hexadecimal digits of HMAC(id key, system identifier).
  std::string cluster_prefix(std::uint64_t system_id) const;

 private:
  Repository& repository_;
};

}  // namespace hf::vault
