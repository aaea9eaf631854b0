// For tests of the WAL service: a target that can be made to fail, and a receiver running in a thread.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "io/files.h"
#include "remote/testing_postgres.h"
#include "sources/wal/fetch.h"
#include "sources/wal/receiver.h"

namespace hf::sources {

inline constexpr std::uint64_t kTestSegment = 1 << 20;  // of a TestCluster

// WAL that a real server wrote and flushed.
struct RealWal {
  std::uint64_t system_id = 0;
  Lsn start;    // of a segment
  Bytes bytes;
  Lsn end() const { return start + bytes.size(); }
  SpoolKey key() const { return {system_id, 1, kTestSegment}; }
  ByteView from(Lsn lsn, std::uint64_t size) const { return ByteView(bytes).subspan(lsn - start, size); }
};
// Runs `statement` again and again until there are so many bytes.
RealWal make_real_wal(const std::string& statement, std::uint64_t size);
const RealWal& ordinary_wal();  // three segments and a bit of many small records
// Everything that a spool holds.
Bytes spooled_bytes(SpoolTimeline& spool);

// Keeps what it is given; a byte given twice must be the same.
class MemoryTarget final : public WalTarget {
 public:
  Status put_frame(const vault::WalFrame& frame) override;
  Status put_segment(const vault::WalFrame& whole) override;
  Status put_history(std::uint64_t system_id, Timeline timeline, ByteView text) override;
  Status put_seal(const vault::TimelineSeal& seal) override;
  Result<std::vector<vault::TimelineSeal>> read_seals(std::uint64_t system_id, Timeline timeline) override;

  void fail(bool on);
  Bytes bytes(Timeline timeline, Lsn& start);  // contiguous from the first byte it has
  Lsn end(Timeline timeline);
  std::vector<vault::TimelineSeal> seals();
  std::map<Timeline, Bytes> histories();
  std::uint64_t sealed_segments();
  std::uint64_t conflicts();
  vault::WalTimes times();  // of all sealed segments together

 private:
  Status keep(const vault::WalFrame& frame);
  std::mutex mutex_;
  bool failing_ = false;
  struct Stream {
    Lsn start;
    Bytes bytes;
  };
  std::map<Timeline, Stream> bytes_;  // contiguous: a gap is refused
  std::map<Timeline, Bytes> histories_;
  std::vector<vault::TimelineSeal> seals_;
  std::uint64_t sealed_segments_ = 0;
  std::uint64_t conflicts_ = 0;
  vault::WalTimes times_;
};

// Reads what a MemoryTarget got, as the archive would give it.
class MemoryReader final : public WalReader {
 public:
  MemoryReader(MemoryTarget& target, std::uint64_t segment_size)
      : target_(target), segment_size_(segment_size) {}
  Result<vault::WalSegmentData> read_segment(Timeline timeline, std::uint64_t segment) override;
  Result<Bytes> read_history(Timeline timeline) override;
  Result<std::vector<vault::TimelineSeal>> read_seals(Timeline timeline) override;
  Result<bool> has_wal_from(Timeline timeline, Lsn lsn) override { return target_.end(timeline) > lsn; }

 private:
  MemoryTarget& target_;
  const std::uint64_t segment_size_;
};

// Answers a server's restore_command: a script hands each request to this thread, which calls fetch_wal().
class FetchService {
 public:
  FetchService(WalReader& source, std::string data_directory);
  ~FetchService();
  std::string command() const;         // for restore_command
  std::vector<std::string> answers();  // "<name> <exit code>"

 private:
  void serve(std::stop_token stop);
  void answer(const std::string& id);
  WalReader& source_;
  const std::string data_directory_;
  std::string folder_;
  std::mutex mutex_;
  std::vector<std::string> answers_;
  std::jthread thread_;
};

// A receiver in a thread of this process.
class RunningReceiver {
 public:
  // `files`: where its spool lies; null: the real ones. Its lock is a real file all the same.
  RunningReceiver(WalReceiverOptions options, WalTarget& target, Files* files = nullptr);
  ~RunningReceiver();
  Status stop();
  Status finish();  // waits until it ends by itself: for receivers that must refuse
  WalReceiverStatus status() { return receiver_.status(); }
  bool wait_for(const std::function<bool(const WalReceiverStatus&)>& condition, Micros timeout = 120s);
  bool wait_streaming() {
    return wait_for([](const WalReceiverStatus& s) { return s.primary == "streaming"; });
  }
  MemoryLog& log() { return log_; }
  Env& env() { return env_; }

 private:
  SystemClock clock_;
  Rng rng_{1};
  PosixFiles files_;
  PosixProcesses processes_{clock_};
  MemoryLog log_;
  Env env_;
  WalReceiver receiver_;
  Status outcome_ = ok();
  std::jthread thread_;
};

}  // namespace hf::sources
