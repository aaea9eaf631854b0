// A PostgreSQL connection on which nothing waits without an end: libpq, driven asynchronously with deadlines.
// The replication protocol is in postgres_replication.h.
//
// Invariants: every call returns by its deadline (a host *name* in the DSN is resolved by libc before the
// deadline starts to count: give `hostaddr` or a socket folder where that matters). A statement whose answer
// was lost has Effect::kMaybe. A statement is never cancelled from outside: a cancel that hits a commit
// waiting for its synchronous standbys makes the server report success for what no standby has. Instead
// statement_timeout ends a statement on the server (it does not apply to that wait), and at the deadline the
// connection is given up.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/lsn.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"

namespace hf::remote {

class PgLink;

inline constexpr int kPgOldestVersion = 130000;  // as server_version_num

struct PgConnectOptions {
  std::string application_name = "holdfast";  // replaces the DSN's
  Secret password;  // empty: whatever libpq finds (a peer, a certificate, a password file)
  Micros timeout = 10s;
  std::vector<std::pair<std::string, std::string>> settings;  // sent as "-c name=value"
  std::stop_token stop;  // ends every wait of this connection within 100 ms (kCancelled)
};

using PgParams = std::vector<std::optional<std::string>>;  // text form; nullopt is NULL

struct PgRows {
  std::vector<std::string> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;
  std::string tag;  // "INSERT 0 3"

  // The text of a field; empty for NULL. REQUIRES: row and column exist (HF_CHECK).
  const std::string& text(std::size_t row, std::size_t column) const;
  bool is_null(std::size_t row, std::size_t column) const;
};

class PgConnection {
 public:
  // `dsn` is a libpq connection string or URI. Refused: a password in it (kUsage), a server before 13
  // (kUnsupported).
  static Result<PgConnection> connect(const std::string& dsn, Clock& clock,
                                      const PgConnectOptions& options = {});
  PgConnection(PgConnection&&) noexcept;
  PgConnection& operator=(PgConnection&&) noexcept;
  ~PgConnection();

  // Without parameters several statements may stand in `sql`: the last result is returned.
  Result<PgRows> query(const std::string& sql, const PgParams& params = {}, Micros timeout = 30s);
  // Exactly one row with one field that is not NULL; kFailed otherwise.
  Result<std::string> query_value(const std::string& sql, const PgParams& params = {}, Micros timeout = 30s);

  int server_version() const;         // 150020 for 15.20
  bool usable() const;                // false after a timeout or a lost connection
  const std::string& server() const;  // "host:port", for messages

 private:
  explicit PgConnection(std::unique_ptr<PgLink> link);
  Status set_statement_timeout(Micros timeout, MonoTime deadline);
  std::unique_ptr<PgLink> link_;
  std::int64_t statement_timeout_ms_ = -1;
};

// The SQLSTATE that the server gave for this error; empty if it came from somewhere else.
std::string sqlstate_of(const Error& error);

// Quotes an identifier / a literal for statements that take no parameters (the replication protocol, DDL).
std::string pg_quote_identifier(std::string_view name);
std::string pg_quote_literal(std::string_view text);

}  // namespace hf::remote
