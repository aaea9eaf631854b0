// Heartbeat rows in the protected database: numbered without gaps, signed, written every interval. After a restore the
// newest one that is found says how much was lost, in seconds and in rows, without trusting anybody's clock but the
// writer's own. Table holdfast.canary; the newest kCanaryKept rows stay.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "base/bytes.h"
#include "base/secret.h"
#include "io/env.h"
#include "remote/postgres.h"

namespace hf::sources {

inline constexpr std::uint64_t kCanaryKept = 100000;    // rows: a day and more at one a second

struct CanaryRow {
  std::uint64_t number = 0;
  WallTime written{};                                   // the writer's clock
  std::string origin;                                   // who wrote it: a host, a region
  friend bool operator==(const CanaryRow&, const CanaryRow&) = default;
};

using CanarySigner = std::function<Result<Bytes>(ByteView message)>;
using CanaryCheck = std::function<bool(ByteView message, ByteView signature)>;
// HMAC-SHA-256 with a key of at least 16 bytes; Ed25519 is the caller's own pair of functions.
CanarySigner hmac_signer(const Secret& key);
CanaryCheck hmac_check(const Secret& key);

// What is signed: it names the cluster, so that a row copied from another one does not count.
Bytes canary_message(std::uint64_t system_id, const CanaryRow& row);

struct CanaryOptions {
  std::string dsn;
  Secret password;
  std::string origin;
  Micros interval = 1s;
  Micros statement_timeout = 10s;
  CanarySigner sign;
};

class CanaryWriter {
 public:
  CanaryWriter(Env& env, CanaryOptions options) : env_(env), options_(std::move(options)) {}
  // Makes schema and table where they are missing.
  Status prepare();
  // The next row. After an error (the commit may have happened) the next call looks at the table again.
  Result<CanaryRow> write();
  // Until a stop is asked for; errors are logged and the next interval tries again. `each` may be empty.
  void run(std::stop_token stop, const std::function<void(const Result<CanaryRow>&)>& each);

 private:
  Status connect();
  Env& env_;
  CanaryOptions options_;
  std::optional<remote::PgConnection> connection_;
  std::uint64_t system_id_ = 0;
  std::uint64_t next_ = 0;                              // 0: not known
};

struct CanaryFinding {
  std::optional<CanaryRow> newest;                      // with a signature that holds
  std::uint64_t rows = 0;
  std::uint64_t unsigned_rows = 0;                      // newer ones than `newest` whose signature does not hold
};
// No table: an empty finding. `check` empty: no row counts.
Result<CanaryFinding> find_canary(remote::PgConnection& connection, const CanaryCheck& check);

}  // namespace hf::sources
