// `wal receive`: streams a primary's WAL to this machine's disk and acknowledges it, so that it can be named
// in synchronous_standby_names; the vault gets it within a second.
//
// Invariants: a byte is acknowledged only after it was synced to the spool; nothing is acknowledged of a
// sealed timeline; the vault never decides whether a commit is acknowledged. Nothing is ever claimed to be
// applied, so commits with synchronous_commit = remote_apply must not count on it.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "base/secret.h"
#include "io/env.h"
#include "sources/wal/seal.h"
#include "sources/wal/uploader.h"

namespace hf::sources {

struct WalReceiverOptions {
  std::string dsn;
  Secret password;
  std::string name;  // application_name, as in synchronous_standby_names; also in its seals
  std::string slot;
  bool create_slot = true;
  std::string spool;
  std::optional<std::uint64_t> system_id;  // refuse any other cluster, even with an empty spool
  Micros status_interval = 1s;
  Micros silence_limit = 15s;  // nothing heard for so long: the connection is given up
  std::uint64_t keep_segments = kKeepSegments;
};

// What status.json says; docs/postgres-wal.md has its form.
struct WalReceiverStatus {
  std::string name;
  std::string primary = "not connected";  // "connecting", "streaming", "not connected", "sealed"
  std::uint64_t system_id = 0;
  Timeline timeline = 0;
  Lsn received;    // appended
  Lsn flushed;     // synced: the most that was ever acknowledged
  Lsn server_end;  // the server's end of WAL, as it last said
  UploadState upload;
  std::optional<TimelineSeal> seal;  // of the newest timeline
  std::string error;                 // of the last session
};

class WalReceiver {
 public:
  WalReceiver(Env& env, WalReceiverOptions options, WalTarget& target);
  ~WalReceiver();
  WalReceiver(const WalReceiver&) = delete;
  WalReceiver& operator=(const WalReceiver&) = delete;

  // Until stopped (ok). Errors that no waiting mends end it: kBusy (the spool has another process), and, in
  // its first session: a wrong cluster, wrong credentials, a server too old, settings that do not allow it.
  Status run(std::stop_token stop);
  WalReceiverStatus status();  // any thread

 private:
  class State;
  std::unique_ptr<State> state_;
};

Json status_to_json(const WalReceiverStatus& status, WallTime now);

}  // namespace hf::sources
