// The WAL that makes a base backup consistent, streamed beside it into the vault's WAL archive: a backup needs no
// receiver and no archive_command to be complete.
//
// A temporary slot, made before the backup starts, keeps the server from recycling what was not yet read. Nothing is
// acknowledged as flushed where the server could take us for a synchronous standby.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "remote/postgres_replication.h"
#include "sources/wal/record.h"
#include "sources/wal/target.h"
#include "vault/wal/wal_archive.h"

namespace hf::sources {

// Where whole segments and pieces go: the vault's archive, or a test's memory.
struct BackupWalTarget {
  std::function<Status(const vault::WalFrame& whole)> put_segment;
  std::function<Status(const vault::WalFrame& part)> put_frame;
};
BackupWalTarget archive_target(vault::WalArchive& archive);

// Cuts a stream of WAL, which begins at a segment's start, into segments and the part that is left.
class WalCutter {
 public:
  WalCutter(std::uint64_t system_id, Timeline timeline, std::uint64_t segment_size, Lsn start, BackupWalTarget target);
  Status take(Lsn start, ByteView bytes);          // kCorrupt if it does not follow what came before
  Status flush();                                  // what is left becomes a frame
  Lsn received() const { return frame_.start + frame_.bytes.size(); }
  Lsn durable() const { return durable_; }

 private:
  Status put();
  const std::uint64_t segment_size_;
  BackupWalTarget target_;
  WalDecoder decoder_;
  vault::WalFrame frame_;                          // of the open segment, or of the open part of it
  Lsn durable_;
};

struct BackupWalOptions {
  std::string dsn;
  remote::PgConnectOptions connect;
  std::uint64_t system_id = 0;
  std::uint64_t segment_size = 0;
  std::string slot;                                // temporary
  bool report_flushed = true;                      // false where '*' stands in synchronous_standby_names
};

class BackupWal {
 public:
  // Connects and makes the slot. Without a free slot it goes on, and says so in warning().
  static Result<std::unique_ptr<BackupWal>> prepare(Clock& clock, const BackupWalOptions& options, BackupWalTarget target);
  ~BackupWal();

  // Streams from the segment of `lsn`, in a thread of its own.
  void begin(Lsn lsn, Timeline timeline);
  // Waits until everything before `stop` is durable in the target; returns how far it is.
  Result<Lsn> finish(Lsn stop, MonoTime deadline, std::stop_token cancel);
  const std::string& warning() const { return warning_; }

 private:
  BackupWal(Clock& clock, BackupWalOptions options, BackupWalTarget target, remote::PgReplication connection)
      : clock_(clock), options_(std::move(options)), target_(std::move(target)), connection_(std::move(connection)) {}
  Status stream(std::stop_token stop, Lsn start, Timeline timeline);
  Status one_message(remote::WalStream& stream, WalCutter& cutter);
  bool enough(const WalCutter& cutter, MonoTime& quiet_since);

  Clock& clock_;
  BackupWalOptions options_;
  BackupWalTarget target_;
  remote::PgReplication connection_;
  std::string warning_;
  std::atomic<std::uint64_t> stop_lsn_{0};         // 0: not known yet
  std::atomic<std::uint64_t> durable_{0};
  std::atomic<bool> done_{false};
  Status result_;                                  // read after done_
  MonoTime last_status_{};
  std::jthread thread_;
};

}  // namespace hf::sources
