// Statements with deadlines on one connection.
#include "remote/postgres.h"

#include <algorithm>

#include "base/check.h"
#include "remote/postgres_link.h"

namespace hf::remote {
namespace {

PgRows take_rows(const PGresult* result) {
  PgRows out;
  if (result == nullptr) return out;
  out.tag = PQcmdStatus(const_cast<PGresult*>(result));
  int columns = PQnfields(result);
  for (int c = 0; c < columns; ++c) out.columns.emplace_back(PQfname(result, c));
  for (int r = 0; r < PQntuples(result); ++r) {
    auto& row = out.rows.emplace_back();
    for (int c = 0; c < columns; ++c) {
      if (PQgetisnull(result, r, c) != 0) {
        row.emplace_back(std::nullopt);
      } else {
        row.emplace_back(
            std::string(PQgetvalue(result, r, c), static_cast<std::size_t>(PQgetlength(result, r, c))));
      }
    }
  }
  return out;
}

}  // namespace

const std::string& PgRows::text(std::size_t row, std::size_t column) const {
  static const std::string kEmpty;
  HF_CHECK(row < rows.size() && column < rows[row].size());
  return rows[row][column] ? *rows[row][column] : kEmpty;
}

bool PgRows::is_null(std::size_t row, std::size_t column) const {
  HF_CHECK(row < rows.size() && column < rows[row].size());
  return !rows[row][column].has_value();
}

PgConnection::PgConnection(std::unique_ptr<PgLink> link) : link_(std::move(link)) {}
PgConnection::PgConnection(PgConnection&&) noexcept = default;
PgConnection& PgConnection::operator=(PgConnection&&) noexcept = default;
PgConnection::~PgConnection() = default;

Result<PgConnection> PgConnection::connect(const std::string& dsn, Clock& clock,
                                           const PgConnectOptions& options) {
  HF_ASSIGN(std::unique_ptr<PgLink> link, PgLink::open(dsn, clock, options, false));
  return PgConnection(std::move(link));
}

// The server ends the statement a little before we give it up, so that most timeouts are known to have had no
// effect.
Status PgConnection::set_statement_timeout(Micros timeout, MonoTime deadline) {
  if (PQtransactionStatus(link_->raw()) != PQTRANS_IDLE) return ok();
  std::int64_t whole = std::chrono::duration_cast<Millis>(timeout).count();
  std::int64_t ms = std::max<std::int64_t>(1, whole - std::min<std::int64_t>(whole / 5, 500));
  if (ms == statement_timeout_ms_) return ok();
  statement_timeout_ms_ = -1;
  HF_TRY(link_->send("SET statement_timeout = " + std::to_string(ms), {}, deadline));
  HF_TRY(link_->finish(deadline));
  statement_timeout_ms_ = ms;
  return ok();
}

Result<PgRows> PgConnection::query(const std::string& sql, const PgParams& params, Micros timeout) {
  MonoTime deadline = link_->after(timeout);
  if (auto set = set_statement_timeout(timeout, deadline); !set) {
    Error error = std::move(set).error();
    error.effect = Effect::kNone;  // the statement itself was not sent
    return error;
  }
  link_->take_unacknowledged_commit();
  HF_TRY(link_->send(sql, params, deadline));
  HF_ASSIGN(PgResult result, link_->finish(deadline));
  if (link_->take_unacknowledged_commit()) {
    return make_error(ErrorKind::kUnavailable,
                      "committing on postgresql at " + link_->server() +
                          ": committed there, but not acknowledged by the synchronous standbys")
        .with_hint("Somebody cancelled the wait: treat the change as one that may be lost.")
        .with_object(link_->server())
        .maybe_happened();
  }
  return take_rows(result.get());
}

Result<std::string> PgConnection::query_value(const std::string& sql, const PgParams& params,
                                              Micros timeout) {
  HF_ASSIGN(PgRows rows, query(sql, params, timeout));
  if (rows.rows.size() != 1 || rows.columns.size() != 1 || rows.is_null(0, 0)) {
    return make_error(ErrorKind::kFailed, "postgresql at " + link_->server() + " answered " +
                                              std::to_string(rows.rows.size()) +
                                              " rows where one value was expected");
  }
  return rows.text(0, 0);
}

int PgConnection::server_version() const { return PQserverVersion(link_->raw()); }
bool PgConnection::usable() const { return link_->alive(); }
const std::string& PgConnection::server() const { return link_->server(); }

std::string pg_quote_identifier(std::string_view name) {
  std::string out = "\"";
  for (char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

// Standard-conforming: only the quote is doubled (the replication grammar knows no backslashes).
std::string pg_quote_literal(std::string_view text) {
  std::string out = "'";
  for (char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out + "'";
}

}  // namespace hf::remote
