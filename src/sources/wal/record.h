// Reads PostgreSQL WAL as it flows by (pages of 8 KiB, records across pages and segments, CRC-32C checked)
// and tells commits, aborts and restore points; and finds where valid WAL ends in a buffer.
//
// Layout after access/xlog_internal.h and access/xlogrecord.h of PostgreSQL 13 to 18: only what did not
// change between them is used. Invariant: an event is told only for a record whose CRC is right and whose
// predecessor link fits; damage never becomes an event.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>

#include "base/bytes.h"
#include "base/lsn.h"
#include "base/time.h"

namespace hf::sources {

inline constexpr std::uint64_t kWalPageBytes = 8192;

struct WalEvent {
  enum class Kind : std::uint8_t { kCommit, kAbort, kRestorePoint };
  Kind kind = Kind::kCommit;
  Lsn start;
  Lsn end;  // one past the record: a recovery that stops after it has replayed it
  std::uint32_t xid = 0;
  WallTime time{};
  std::string name;  // of the restore point
};

class WalDecoder {
 public:
  using Take = std::function<void(const WalEvent&)>;

  explicit WalDecoder(std::uint64_t segment_size, Take take = {});

  // Starts anew at `lsn`. In the middle of a page, it begins at the next one; a record that began earlier is
  // skipped.
  void reset(Lsn lsn);
  // The next bytes of the stream, any number.
  void feed(ByteView bytes);

  Lsn position() const { return at_; }  // of the next byte
  // End of the last complete, valid record seen since reset(); the start given to reset() if there was none.
  Lsn valid_end() const { return valid_end_; }
  // Not empty once something did not fit; all later bytes are ignored until reset().
  const std::string& broken() const { return broken_; }

  std::uint64_t records() const { return records_; }
  std::uint64_t system_id() const { return system_id_; }     // from the last long page header; 0 before
  Timeline page_timeline() const { return page_timeline_; }  // from the last page header

 private:
  enum class State : std::uint8_t { kSkipToPage, kPageHeader, kBetween, kRecord, kSkipRest, kSkipSegment };

  ByteView step(ByteView bytes);
  ByteView take_header(ByteView bytes);
  void page_header();
  void enter_page(bool continued, bool overwritten, std::uint32_t remaining);
  ByteView take_record(ByteView bytes);
  void begin_record();
  void finish_record();
  void tell();
  void fail(std::string why);
  std::uint64_t left_in_page() const { return kWalPageBytes - at_.value % kWalPageBytes; }

  const std::uint64_t segment_size_;
  Take take_;
  State state_ = State::kSkipToPage;
  Lsn at_;
  Lsn valid_end_;
  std::string broken_;

  Bytes header_;         // of the page, as far as it came
  bool synced_ = false;  // false until the first page header after reset()
  std::uint16_t magic_ = 0;
  std::uint64_t skip_ = 0;  // bytes left of a record that began before reset()

  static constexpr std::size_t kHeadBytes = 256;
  std::array<std::uint8_t, kHeadBytes> head_{};  // the first bytes of the record: enough for what is decoded
  std::uint64_t have_ = 0;                       // bytes of the record that came
  std::uint64_t total_ = 0;                      // its length, once 4 bytes came
  std::uint32_t crc_ = 0;
  Lsn record_start_;
  Lsn previous_;  // start of the record before; 0: not known

  std::uint64_t records_ = 0;
  std::uint64_t system_id_ = 0;
  Timeline page_timeline_ = 0;
};

// Where the valid records in `bytes` end, with the padding behind the last one as far as it is there; `start` is the position
// of its first byte. `start` itself if none is valid.
Lsn end_of_valid_wal(ByteView bytes, Lsn start, std::uint64_t segment_size);

struct WalSegmentHead {
  std::uint64_t system_id = 0;
  std::uint64_t segment_size = 0;
  Lsn start;
};
// The long header at the start of every segment file; kCorrupt if it is none.
Result<WalSegmentHead> read_segment_head(ByteView first_bytes);

// CRC-32C (Castagnoli), as the WAL has it. Start with crc = 0; feed pieces in order.
std::uint32_t crc32c(std::uint32_t crc, ByteView data);

}  // namespace hf::sources
