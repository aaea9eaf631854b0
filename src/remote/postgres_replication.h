// The physical replication protocol of PostgreSQL 13 and later: identification, slots, WAL streaming, base
// backup. https://www.postgresql.org/docs/current/protocol-replication.html
//
// One command at a time on a connection. While a WalStream or a base backup runs, nothing else may be called.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "remote/postgres.h"

namespace hf::remote {

struct PgSystem {
  std::uint64_t system_id = 0;
  Timeline timeline = 0;
  Lsn flushed;  // the server's own flush position
};

struct PgSlot {
  bool exists = false;
  bool physical = false;
  std::optional<Lsn> restart_lsn;            // nothing is pinned where it is absent
  std::optional<Timeline> restart_timeline;  // known from 15 on
};

struct PgTimelineHistory {
  std::string file_name;  // "00000002.history"
  Bytes content;
};

struct WalMessage {
  enum class Kind : std::uint8_t { kWal, kKeepalive, kEndOfTimeline, kTimeout };
  Kind kind = Kind::kTimeout;
  Lsn start;                     // kWal: position of the first byte of data
  Bytes data;                    // kWal
  Lsn end_of_wal;                // kWal, kKeepalive: the server's end of WAL
  WallTime server_time{};        // kWal, kKeepalive
  bool reply_requested = false;  // kKeepalive: answer now, or the server closes the connection
  Timeline next_timeline = 0;    // kEndOfTimeline; may skip numbers
  Lsn switch_lsn;                // kEndOfTimeline; bytes past it may have been sent already
};

// A message of the stream as the server sent it; nothing for one that is to be ignored.
Result<std::optional<WalMessage>> parse_wal_message(ByteView message);
// A timeline as the server writes it; kCorrupt for what is none.
Result<Timeline> parse_timeline(std::string_view text);
// "16MB", "1GB": SHOW prints the largest unit that divides the value. A power of two from 1 MiB to 1 GiB, in bytes.
Result<std::uint64_t> parse_wal_segment_size(std::string_view text);

// WAL being streamed. Ends with kEndOfTimeline, after which the connection takes commands again, or with an
// error, after which the connection is dead. The PgReplication outlives it.
class WalStream {
 public:
  // Waits at most `timeout` (0: looks only). kUnavailable when the server shut down or the connection was
  // lost.
  Result<WalMessage> next(Micros timeout);
  // Claims what was written and flushed; a claimed flush is an acknowledgement for synchronous commits. A
  // receiver applies nothing: it passes Lsn{} for `applied`, which the server reads as "never reported".
  Status send_status(Lsn written, Lsn flushed, Lsn applied, bool reply_requested = false);

 private:
  friend class PgReplication;
  WalStream(PgLink& link, std::optional<WalMessage> first) : link_(&link), first_(std::move(first)) {}
  Result<WalMessage> end_of_stream();
  PgLink* link_;
  std::optional<WalMessage> first_;
  std::optional<WalMessage> ended_;
};

struct BaseBackupOptions {
  std::string label = "holdfast";
  bool fast_checkpoint = true;
  bool progress = true;           // sizes of tablespaces, and on_progress from 15 on
  bool wait_for_archive = false;  // true: the server waits for its own archive_command at the end
  bool verify_checksums = true;
  bool manifest = false;
  std::string manifest_checksums = "CRC32C";  // NONE, CRC32C, SHA256...
  std::uint64_t max_rate_kib = 0;             // KiB a second; 0: no limit
  Micros idle_timeout = 60s;                  // no byte for so long: kTimeout
  Micros start_timeout = 30min;               // the checkpoint at the start
};

struct PgTablespace {
  std::uint32_t oid = 0;                    // 0: the main data directory
  std::string location;                     // empty for the main data directory
  std::optional<std::uint64_t> size_bytes;  // an estimate, with `progress`
};

struct BaseBackupStart {
  Lsn lsn;
  Timeline timeline = 0;
  std::vector<PgTablespace> tablespaces;
};

struct BaseBackupEnd {
  Lsn start_lsn;
  Timeline start_timeline = 0;
  Lsn end_lsn;  // WAL up to here makes the backup consistent
  Timeline end_timeline = 0;
};

// What receives a base backup. An error from any of them ends the backup with that error. An archive ends
// where the next one, the manifest, or the backup ends. Archives are tar; before 15 the two final zero blocks
// are missing.
struct BaseBackupSink {
  std::function<Status(const BaseBackupStart&)> on_start;
  std::function<Status(const std::string& name, const std::string& tablespace_path)>
      on_archive;  // "base.tar", ""
  std::function<Status(ByteView)> on_data;
  std::function<Status(ByteView)> on_manifest;                // pieces of the JSON manifest
  std::function<void(std::uint64_t bytes_done)> on_progress;  // may be empty
};

class PgReplication {
 public:
  static Result<PgReplication> connect(const std::string& dsn, Clock& clock,
                                       const PgConnectOptions& options = {});
  PgReplication(PgReplication&&) noexcept;
  PgReplication& operator=(PgReplication&&) noexcept;
  ~PgReplication();

  Result<PgSystem> identify_system();
  Result<std::string> show(const std::string& setting);  // a GUC by name
  Result<std::uint64_t> wal_segment_size();              // bytes
  Result<PgSlot> read_slot(const std::string& name);     // before 15 by a second, ordinary connection
  // kExists if it is there; kExhausted at max_replication_slots.
  Status create_physical_slot(const std::string& name, bool reserve_wal = true, bool temporary = false);
  Status drop_slot(const std::string& name);  // kNotFound, kBusy
  // kNotFound if the server has no such file (always for timeline 1).
  Result<PgTimelineHistory> timeline_history(Timeline timeline);
  // `slot` may be empty. kBusy: somebody else uses the slot. kNotFound: that WAL is gone.
  Result<WalStream> start_streaming(const std::string& slot, Lsn start, Timeline timeline);
  Result<BaseBackupEnd> base_backup(const BaseBackupOptions& options, const BaseBackupSink& sink);

  int server_version() const;
  bool usable() const;
  const std::string& server() const;

 private:
  PgReplication(std::unique_ptr<PgLink> link, std::string dsn, Clock& clock, PgConnectOptions options);
  Result<PgRows> command(const std::string& text, Micros timeout);
  std::unique_ptr<PgLink> link_;
  std::string dsn_;
  Clock* clock_;
  PgConnectOptions options_;
};

}  // namespace hf::remote
