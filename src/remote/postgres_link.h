// Inside remote/postgres*: one PGconn in non-blocking mode, with every wait bounded by a deadline.
// After a timeout, a lost connection or a broken protocol it is dead and says so; it is never used half-way.
#pragma once

#include <libpq-fe.h>

#include <functional>

#include "remote/postgres.h"

namespace hf::remote {

struct PgResultDeleter {
  void operator()(PGresult* r) const { PQclear(r); }
};
using PgResult = std::unique_ptr<PGresult, PgResultDeleter>;

struct CopyRead {
  enum class Kind : std::uint8_t { kData, kWait, kEnd };
  Kind kind = Kind::kWait;
  ByteView data;  // valid until the next call
};

class PgLink {
 public:
  static Result<std::unique_ptr<PgLink>> open(const std::string& dsn, Clock& clock,
                                              const PgConnectOptions& options, bool replication);
  ~PgLink();
  PgLink(const PgLink&) = delete;
  PgLink& operator=(const PgLink&) = delete;

  Status send(const std::string& sql, const PgParams& params, MonoTime deadline);
  // Null when the command is over. A result with an error status is returned as that error, after the rest
  // was read.
  Result<PgResult> next_result(MonoTime deadline);
  // Reads results until the command is over; the last result with rows or a tag.
  Result<PgResult> finish(MonoTime deadline);
  // kWait when nothing came until the deadline.
  Result<CopyRead> read_copy(MonoTime deadline);
  Status write_copy(ByteView data, MonoTime deadline);
  Status end_copy(MonoTime deadline);

  PGconn* raw() { return connection_; }
  Clock& clock() { return clock_; }
  MonoTime after(Micros d) { return clock_.mono() + d; }
  bool alive() const { return alive_; }
  const std::string& server() const { return server_; }
  Error give_up(Error error);          // marks it dead
  Error lost(std::string_view doing);  // the connection broke while doing this; kMaybe if sent
  Error server_error(const PGresult* result);
  bool take_unacknowledged_commit();  // a commit stopped waiting for its standbys: see notice()

 private:
  PgLink(PGconn* connection, Clock& clock, std::stop_token stop)
      : connection_(connection), clock_(clock), stop_(std::move(stop)) {}
  Status establish(MonoTime deadline);
  Status flush(MonoTime deadline);
  Status consume(MonoTime deadline, std::string_view doing);  // waits for input, then reads it
  // 0: timed out; else the poll events that are ready.
  Result<short> wait(short events, MonoTime deadline);
  static void notice(void* self, const PGresult* result);

  PGconn* connection_;
  Clock& clock_;
  std::stop_token stop_;
  std::string server_;
  bool alive_ = true;
  bool sent_ = false;  // a command is under way
  bool unacknowledged_commit_ = false;
  char* copy_buffer_ = nullptr;
};

// Maps an error of the server: kind, one hint, and the SQLSTATE at the end of the text.
Error pg_error(std::string_view sqlstate, std::string_view message, std::string_view server);
// Maps the message of a connection that did not come to be; `message` in libpq's verbose form.
Error pg_connect_error(std::string_view message, std::string_view server);

Result<std::uint64_t> parse_u64(std::string_view text, std::string_view what);

}  // namespace hf::remote
