// The waiting: every loop here ends at its deadline, when a stop is asked for, or when the socket says
// something.
#include "remote/postgres_link.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "base/check.h"
#include "base/text.h"

namespace hf::remote {
namespace {

constexpr Millis kStopSlice{25};  // how late a stop request may be noticed

struct ConninfoDeleter {
  void operator()(PQconninfoOption* o) const { PQconninfoFree(o); }
};
using Conninfo = std::unique_ptr<PQconninfoOption, ConninfoDeleter>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

bool has(const Pairs& pairs, std::string_view key) {
  return std::any_of(pairs.begin(), pairs.end(), [&](const auto& p) { return p.first == key; });
}

void put(Pairs& pairs, const std::string& key, std::string value) {
  for (auto& p : pairs) {
    if (p.first == key) {
      p.second = std::move(value);
      return;
    }
  }
  pairs.emplace_back(key, std::move(value));
}

Result<Pairs> parse_dsn(const std::string& dsn) {
  char* message = nullptr;
  Conninfo parsed(PQconninfoParse(dsn.c_str(), &message));
  if (!parsed) {
    std::string text = message != nullptr ? message : "out of memory";
    PQfreemem(message);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return make_error(ErrorKind::kUsage, "parsing the postgresql connection string: " + text)
        .with_hint("Write it as 'host=... port=... user=... dbname=...' or as a postgresql:// URI.");
  }
  Pairs pairs;
  for (const PQconninfoOption* o = parsed.get(); o->keyword != nullptr; ++o) {
    if (o->val == nullptr) continue;
    if (std::string_view(o->keyword) == "password") {
      return make_error(ErrorKind::kUsage, "the postgresql connection string contains a password")
          .with_hint("Give the password as a secret reference (env:, file:, command:), never in the DSN.");
    }
    pairs.emplace_back(o->keyword, o->val);
  }
  return pairs;
}

// A blank or a backslash in a value of "options" is escaped with a backslash.
std::string escape_option(std::string_view value) {
  std::string out;
  for (char c : value) {
    if (c == ' ' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

Pairs complete(Pairs pairs, const PgConnectOptions& options, bool replication) {
  std::string settings = "-c datestyle=ISO -c timezone=UTC";
  for (const auto& [name, value] : options.settings) settings += " -c " + name + "=" + escape_option(value);
  for (const auto& [key, value] : pairs) {
    if (key == "options") settings += " " + value;
  }
  put(pairs, "options", settings);
  put(pairs, "client_encoding", "UTF8");
  if (!options.application_name.empty()) put(pairs, "application_name", options.application_name);
  if (!options.password.empty()) put(pairs, "password", options.password.reveal_text());
  if (replication) put(pairs, "replication", "true");
  if (!has(pairs, "keepalives_idle")) put(pairs, "keepalives_idle", "10");
  if (!has(pairs, "keepalives_interval")) put(pairs, "keepalives_interval", "5");
  if (!has(pairs, "keepalives_count")) put(pairs, "keepalives_count", "3");
  if (!has(pairs, "tcp_user_timeout")) put(pairs, "tcp_user_timeout", "30000");
  return pairs;
}

std::string name_server(const Pairs& pairs) {
  std::string host = "local socket";
  std::string port = "5432";
  for (const auto& [key, value] : pairs) {
    if (key == "host" || (key == "hostaddr" && !has(pairs, "host"))) host = value;
    if (key == "port") port = value;
  }
  return host + ":" + port;
}

}  // namespace

Result<std::unique_ptr<PgLink>> PgLink::open(const std::string& dsn, Clock& clock,
                                             const PgConnectOptions& options, bool replication) {
  HF_ASSIGN(Pairs pairs, parse_dsn(dsn));
  std::string server = name_server(pairs);
  pairs = complete(std::move(pairs), options, replication);
  std::vector<const char*> keys;
  std::vector<const char*> values;
  for (const auto& [key, value] : pairs) {
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  keys.push_back(nullptr);
  values.push_back(nullptr);
  PGconn* connection = PQconnectStartParams(keys.data(), values.data(), 0);
  HF_CHECK(connection != nullptr);  // null only without memory
  std::unique_ptr<PgLink> link(new PgLink(connection, clock, options.stop));
  link->server_ = server;
  PQsetErrorVerbosity(connection, PQERRORS_VERBOSE);
  PQsetNoticeReceiver(connection, &PgLink::notice, link.get());
  HF_TRY(link->establish(clock.mono() + options.timeout));
  PQsetErrorVerbosity(connection, PQERRORS_DEFAULT);
  if (PQserverVersion(connection) < kPgOldestVersion) {
    return make_error(ErrorKind::kUnsupported, "postgresql at " + server + " is version " +
                                                   std::to_string(PQserverVersion(connection) / 10000) +
                                                   ", older than 13")
        .with_hint("Upgrade the server to PostgreSQL 13 or later.")
        .with_object(server);
  }
  PQsetnonblocking(connection, 1);
  return link;
}

PgLink::~PgLink() {
  if (copy_buffer_ != nullptr) PQfreemem(copy_buffer_);
  PQfinish(connection_);
}

Status PgLink::establish(MonoTime deadline) {
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK) {
    if (state == PGRES_POLLING_FAILED || PQstatus(connection_) == CONNECTION_BAD) {
      return give_up(pg_connect_error(PQerrorMessage(connection_), server_));
    }
    HF_ASSIGN(short ready, wait(state == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline));
    if (ready == 0) {
      return give_up(
          make_error(ErrorKind::kTimeout, "connecting to postgresql at " + server_ + ": no answer in time")
              .with_hint("Check that the server runs and that no firewall drops the packets.")
              .with_object(server_));
    }
    state = PQconnectPoll(connection_);
  }
  return ok();
}

Error PgLink::give_up(Error error) {
  alive_ = false;
  return error;
}

Error PgLink::lost(std::string_view doing) {
  std::string why = PQerrorMessage(connection_);
  Error error = pg_connect_error(why.empty() ? "the connection was lost" : why, server_);
  if (sqlstate_of(error).empty()) error.kind = ErrorKind::kUnavailable;
  error.effect = sent_ ? Effect::kMaybe : Effect::kNone;
  return give_up(std::move(error).with_context(doing));
}

Error PgLink::server_error(const PGresult* result) {
  const char* code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  if (code == nullptr || message == nullptr) {  // made by libpq itself, not sent by the server
    Error error = pg_connect_error(PQresultErrorMessage(result), server_);
    error.effect = Effect::kMaybe;
    return PQstatus(connection_) == CONNECTION_BAD ? give_up(std::move(error)) : error;
  }
  Error error = pg_error(code, message, server_);
  if (PQstatus(connection_) == CONNECTION_BAD) alive_ = false;
  return error;
}

// The server warns, and then reports success, when a commit stops waiting for its synchronous standbys
// because somebody cancelled it. The source function tells it in every language.
void PgLink::notice(void* self, const PGresult* result) {
  const char* function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
  if (function != nullptr && std::string_view(function) == "SyncRepWaitForLSN") {
    static_cast<PgLink*>(self)->unacknowledged_commit_ = true;
  }
}

bool PgLink::take_unacknowledged_commit() { return std::exchange(unacknowledged_commit_, false); }

Result<short> PgLink::wait(short events, MonoTime deadline) {
  for (;;) {
    if (stop_.stop_requested()) {
      Error error = make_error(ErrorKind::kCancelled,
                               "waiting for postgresql at " + server_ + ": a stop was asked for");
      error.effect = sent_ ? Effect::kMaybe : Effect::kNone;
      return give_up(std::move(error));
    }
    auto left = std::chrono::ceil<Millis>(deadline - clock_.mono());
    auto slice = std::clamp(left, Millis(0), kStopSlice);
    pollfd p{PQsocket(connection_), events, 0};
    int n = ::poll(&p, 1, static_cast<int>(slice.count()));
    if (n > 0) return p.revents;
    if (n < 0 && errno != EINTR) return give_up(errno_error(errno, "waiting for", server_));
    if (clock_.mono() >= deadline) return short{0};
  }
}

Status PgLink::flush(MonoTime deadline) {
  for (;;) {
    int state = PQflush(connection_);
    if (state == 0) return ok();
    if (state < 0) return lost("sending to postgresql");
    HF_ASSIGN(short ready, wait(POLLIN | POLLOUT, deadline));
    if (ready == 0) {
      return give_up(
          make_error(ErrorKind::kTimeout, "sending to postgresql at " + server_ + ": it does not read")
              .with_object(server_)
              .maybe_happened());
    }
    if ((ready & POLLIN) != 0 && PQconsumeInput(connection_) == 0) return lost("sending to postgresql");
  }
}

Status PgLink::consume(MonoTime deadline, std::string_view doing) {
  HF_ASSIGN(short ready, wait(POLLIN, deadline));
  if (ready == 0) {
    return give_up(
        make_error(ErrorKind::kTimeout,
                   std::string(doing) + " postgresql at " + server_ + ": no answer in time")
            .with_hint("Look for what blocks the statement in pg_stat_activity, or give it more time.")
            .with_object(server_)
            .maybe_happened());
  }
  if (PQconsumeInput(connection_) == 0) return lost(doing);
  return ok();
}

Status PgLink::send(const std::string& sql, const PgParams& params, MonoTime deadline) {
  if (!alive_) {
    return make_error(ErrorKind::kUnavailable,
                      "the connection to postgresql at " + server_ + " was given up earlier")
        .with_object(server_);
  }
  sent_ = false;
  int sent = 0;
  if (params.empty()) {
    sent = PQsendQuery(connection_, sql.c_str());
  } else {
    std::vector<const char*> values;
    for (const auto& p : params) values.push_back(p ? p->c_str() : nullptr);
    sent = PQsendQueryParams(connection_, sql.c_str(), static_cast<int>(values.size()), nullptr,
                             values.data(), nullptr, nullptr, 0);
  }
  if (sent == 0) return lost("sending a statement");
  sent_ = true;
  return flush(deadline);
}

Result<PgResult> PgLink::next_result(MonoTime deadline) {
  while (PQisBusy(connection_) != 0) HF_TRY(consume(deadline, "waiting for"));
  PgResult result(PQgetResult(connection_));
  if (!result) {
    sent_ = false;
    if (PQstatus(connection_) == CONNECTION_BAD) alive_ = false;
    return result;
  }
  switch (PQresultStatus(result.get())) {
    case PGRES_FATAL_ERROR:
    case PGRES_BAD_RESPONSE: {
      Error error = server_error(result.get());
      while (alive_) {  // the rest of the command: nothing but the end is left after an error
        while (PQisBusy(connection_) != 0) HF_TRY(consume(deadline, "waiting for"));
        PgResult rest(PQgetResult(connection_));
        if (!rest || PQstatus(connection_) == CONNECTION_BAD) break;
      }
      sent_ = false;
      return error;
    }
    default: return result;
  }
}

Result<PgResult> PgLink::finish(MonoTime deadline) {
  PgResult last;
  for (;;) {
    HF_ASSIGN(PgResult result, next_result(deadline));
    if (!result) return last;
    ExecStatusType status = PQresultStatus(result.get());
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
      return give_up(make_error(ErrorKind::kInvalid, "a COPY cannot be run as a query").maybe_happened());
    }
    last = std::move(result);
  }
}

Result<CopyRead> PgLink::read_copy(MonoTime deadline) {
  if (!alive_)
    return make_error(ErrorKind::kUnavailable, "the connection to postgresql at " + server_ + " is gone");
  for (;;) {
    if (copy_buffer_ != nullptr) PQfreemem(std::exchange(copy_buffer_, nullptr));
    int n = PQgetCopyData(connection_, &copy_buffer_, 1);
    if (n > 0) {
      return CopyRead{CopyRead::Kind::kData,
                      as_bytes(std::string_view(copy_buffer_, static_cast<std::size_t>(n)))};
    }
    if (n == -1) return CopyRead{CopyRead::Kind::kEnd, {}};
    if (n < -1) return lost("reading a stream from postgresql");
    HF_ASSIGN(short ready, wait(POLLIN, deadline));
    if (ready == 0) return CopyRead{CopyRead::Kind::kWait, {}};
    if (PQconsumeInput(connection_) == 0) return lost("reading a stream from postgresql");
  }
}

Status PgLink::write_copy(ByteView data, MonoTime deadline) {
  if (!alive_)
    return make_error(ErrorKind::kUnavailable, "the connection to postgresql at " + server_ + " is gone");
  std::string_view text = as_text(data);
  for (;;) {
    int n = PQputCopyData(connection_, text.data(), static_cast<int>(text.size()));
    if (n > 0) return flush(deadline);
    if (n < 0) return lost("writing a stream to postgresql");
    HF_TRY(flush(deadline));
  }
}

Status PgLink::end_copy(MonoTime deadline) {
  for (;;) {
    int n = PQputCopyEnd(connection_, nullptr);
    if (n > 0) return flush(deadline);
    if (n < 0) return lost("ending a stream to postgresql");
    HF_TRY(flush(deadline));
  }
}

Result<std::uint64_t> parse_u64(std::string_view text, std::string_view what) {
  if (const auto whole = parse_whole<std::uint64_t>(text)) return *whole;
  return make_error(ErrorKind::kInvalid, std::string(what) + " is not a number: '" + std::string(text) + "'");
}

}  // namespace hf::remote
