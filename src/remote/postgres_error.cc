// What the server's SQLSTATE means for us. https://www.postgresql.org/docs/current/errcodes-appendix.html
#include <algorithm>
#include <cctype>

#include "remote/postgres_link.h"

namespace hf::remote {
namespace {

struct Meaning {
  std::string_view code;  // five characters, or a class of two
  ErrorKind kind;
  std::string_view hint;
};

// Exact codes stand before their class.
constexpr Meaning kMeanings[] = {
    {"57P03", ErrorKind::kUnavailable,
     "The server is starting, stopping or in recovery: wait for it, or look at its log."},
    {"57P01", ErrorKind::kUnavailable, "Somebody ended this session on the server: look at its log."},
    {"57P02", ErrorKind::kUnavailable, "A server process crashed: look at the server's log."},
    {"57014", ErrorKind::kTimeout,
     "Give the statement more time, or look for what blocks it in pg_stat_activity."},
    {"53300", ErrorKind::kExhausted,
     "Raise max_connections, or max_wal_senders for replication, and restart the server."},
    {"53400", ErrorKind::kExhausted,
     "Raise max_replication_slots, or drop a slot that nobody uses (pg_replication_slots)."},
    {"53100", ErrorKind::kExhausted, "Make room on the server's disk."},
    {"55006", ErrorKind::kBusy, "Find who uses it in pg_stat_replication, or take another name."},
    {"55000", ErrorKind::kBlocked, "Check wal_level, max_replication_slots and the slot's wal_status."},
    {"25006", ErrorKind::kBlocked, "This server is read-only (a standby?): connect to the primary."},
    {"28P01", ErrorKind::kDenied, "Check the password that the plan names for this connection."},
    {"28000", ErrorKind::kDenied,
     "Add a line for this user, database (or 'replication') and address to pg_hba.conf, then reload."},
    {"42501", ErrorKind::kDenied,
     "Grant the role what it lacks (for WAL and base backups: the REPLICATION attribute)."},
    {"3D000", ErrorKind::kNotFound, "Name an existing database in the DSN."},
    {"42704", ErrorKind::kNotFound, ""},
    {"42710", ErrorKind::kExists, ""},
    {"58P01", ErrorKind::kNotFound, ""},
    {"40001", ErrorKind::kUnavailable, "Try the transaction again."},
    {"40P01", ErrorKind::kUnavailable, "Try the transaction again."},
    {"XX001", ErrorKind::kCorrupt, "The server found damaged data: do not overwrite the last good backup."},
    {"XX002", ErrorKind::kCorrupt, "The server found a damaged index: run pg_amcheck."},
    {"08", ErrorKind::kUnavailable, "Check that the server runs and that the network reaches it."},
    {"28", ErrorKind::kDenied, "Check user and authentication method in pg_hba.conf."},
    {"53", ErrorKind::kExhausted, "Look at the limits of the server."},
    {"57", ErrorKind::kUnavailable, "Look at the server's log."},
    {"58", ErrorKind::kFailed, "Look at the server's log."},
    {"0A", ErrorKind::kUnsupported, ""},
    {"42", ErrorKind::kInvalid, ""},
    {"22", ErrorKind::kInvalid, ""},
    {"23", ErrorKind::kInvalid, ""},
    {"26", ErrorKind::kInvalid, ""},
};

constexpr std::string_view kMark = " (SQLSTATE ";

const Meaning* meaning_of(std::string_view code) {
  for (const Meaning& m : kMeanings) {
    if (code.starts_with(m.code)) return &m;
  }
  return nullptr;
}

bool is_code(std::string_view s) {
  // "FATAL" has five capitals too; a state always has a digit.
  return s.size() == 5 && s.find_first_of("0123456789") != s.npos &&
         std::all_of(s.begin(), s.end(), [](char c) {
           return std::isdigit(static_cast<unsigned char>(c)) || std::isupper(static_cast<unsigned char>(c));
         });
}

std::string one_line(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  std::string out(text);
  std::replace(out.begin(), out.end(), '\n', ' ');
  return out;
}

// "... FATAL:  28P01: password authentication failed\nLOCATION: ..." -> code and the bare message.
std::optional<std::pair<std::string, std::string>> split_verbose(std::string_view message) {
  for (std::size_t at = message.find(": "); at != std::string_view::npos; at = message.find(": ", at + 1)) {
    std::size_t start = message.find_first_not_of(' ', at + 1);
    if (start == std::string_view::npos || start + 7 > message.size()) return std::nullopt;
    if (!is_code(message.substr(start, 5)) || message[start + 5] != ':') continue;
    std::string_view rest = message.substr(start + 7);
    return std::pair(std::string(message.substr(start, 5)), one_line(rest.substr(0, rest.find('\n'))));
  }
  return std::nullopt;
}

}  // namespace

Error pg_error(std::string_view sqlstate, std::string_view message, std::string_view server) {
  const Meaning* meaning = meaning_of(sqlstate);
  ErrorKind kind = meaning != nullptr ? meaning->kind : ErrorKind::kFailed;
  std::string text = "postgresql at " + std::string(server) + ": " + one_line(message);
  if (!sqlstate.empty()) text += std::string(kMark) + std::string(sqlstate) + ")";
  Error error = make_error(kind, std::move(text));
  error.object = server;
  if (meaning != nullptr) error.hint = meaning->hint;
  // The server went down under the statement: whether its commit was durable is not known.
  if (sqlstate.starts_with("57P") || sqlstate.starts_with("08")) error.effect = Effect::kMaybe;
  return error;
}

Error pg_connect_error(std::string_view message, std::string_view server) {
  if (auto verbose = split_verbose(message)) {
    Error error = pg_error(verbose->first, verbose->second, server);
    error.effect = Effect::kNone;
    return error;
  }
  std::string text = "connecting to postgresql at " + std::string(server) + ": " + one_line(message);
  Error error = make_error(ErrorKind::kUnavailable, std::move(text));
  error.object = server;
  error.hint = "Check that the server runs, listens at this address, and that the network reaches it.";
  if (message.find("fe_sendauth") != std::string_view::npos ||
      message.find("password") != std::string_view::npos ||
      message.find("certificate") != std::string_view::npos) {
    error.kind = ErrorKind::kDenied;
    error.hint = "The server wants other credentials: name a password or a certificate for this connection.";
  }
  return error;
}

std::string sqlstate_of(const Error& error) {
  std::size_t at = error.text.rfind(kMark);
  if (at == std::string::npos) return "";
  std::string code = error.text.substr(at + kMark.size(), 5);
  return is_code(code) ? code : "";
}

}  // namespace hf::remote
