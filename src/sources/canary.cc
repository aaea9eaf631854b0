// See canary.h.
#include "sources/canary.h"


#include "base/hex.h"
#include "base/text.h"
#include "crypto/hash.h"

namespace hf::sources {
namespace {

constexpr std::string_view kContext = "holdfast canary v1";
constexpr std::size_t kLeastKey = 16;                   // bytes
constexpr int kLookBack = 1000;                         // rows tried from the newest on
constexpr const char* kCreate =
    "CREATE SCHEMA IF NOT EXISTS holdfast; "
    "CREATE TABLE IF NOT EXISTS holdfast.canary (number bigint PRIMARY KEY, written_us bigint NOT NULL, "
    "origin text NOT NULL, signature text NOT NULL); "
    "COMMENT ON TABLE holdfast.canary IS 'signed heartbeats: after a restore, the newest one says what was lost'";

Result<std::uint64_t> number(const std::string& text) {
  if (const auto whole = parse_whole<std::uint64_t>(text)) return *whole;
  return make_error(ErrorKind::kCorrupt, "holdfast.canary holds '" + text + "' where a number belongs");
}

Result<std::uint64_t> read_system_id(remote::PgConnection& connection) {
  HF_ASSIGN(const std::string text, connection.query_value("SELECT system_identifier FROM pg_catalog.pg_control_system()"));
  return number(text);
}

Result<CanaryRow> parse_row(const remote::PgRows& rows, std::size_t i) {
  CanaryRow row;
  HF_ASSIGN(row.number, number(rows.text(i, 0)));
  HF_ASSIGN(const std::uint64_t us, number(rows.text(i, 1)));
  row.written = WallTime(Micros(static_cast<std::int64_t>(us)));
  row.origin = rows.text(i, 2);
  return row;
}

}  // namespace

CanarySigner hmac_signer(const Secret& key) {
  return [key](ByteView message) -> Result<Bytes> {
    if (key.size() < kLeastKey) return make_error(ErrorKind::kUsage, "the canary's key has fewer than 16 bytes");
    const crypto::Digest mac = crypto::hmac_sha256(key.reveal(), message);
    return to_bytes(ByteView(mac));
  };
}

CanaryCheck hmac_check(const Secret& key) {
  return [key](ByteView message, ByteView signature) {
    if (key.size() < kLeastKey) return false;
    const crypto::Digest mac = crypto::hmac_sha256(key.reveal(), message);
    return Secret(to_bytes(ByteView(mac))) == Secret(to_bytes(signature));   // constant time
  };
}

Bytes canary_message(std::uint64_t system_id, const CanaryRow& row) {
  ByteWriter out;
  out.sized(kContext).u64(system_id).u64(row.number).i64(row.written.time_since_epoch().count()).sized(row.origin);
  return out.take();
}

Status CanaryWriter::connect() {
  if (connection_ && connection_->usable()) return ok();
  connection_.reset();
  next_ = 0;
  remote::PgConnectOptions options;
  options.application_name = "holdfast canary";
  options.password = options_.password;
  options.timeout = options_.statement_timeout;
  HF_ASSIGN(connection_, remote::PgConnection::connect(options_.dsn, env_.clock, options));
  HF_ASSIGN(system_id_, read_system_id(*connection_));
  return ok();
}

Status CanaryWriter::prepare() {
  HF_TRY(connect());
  HF_TRY(connection_->query(kCreate, {}, options_.statement_timeout));
  return ok();
}

Result<CanaryRow> CanaryWriter::write() {
  HF_TRY(connect());
  if (next_ == 0) {
    HF_ASSIGN(const std::string last, connection_->query_value("SELECT coalesce(max(number), 0) FROM holdfast.canary"));
    HF_ASSIGN(const std::uint64_t value, number(last));
    next_ = value + 1;
  }
  CanaryRow row{next_, env_.clock.wall(), options_.origin};
  HF_ASSIGN(const Bytes signature, options_.sign(canary_message(system_id_, row)));
  next_ = 0;                                            // unless the answer comes
  const std::string us = std::to_string(row.written.time_since_epoch().count());
  HF_TRY(connection_->query("INSERT INTO holdfast.canary (number, written_us, origin, signature) VALUES ($1, $2, $3, $4)",
                            {std::to_string(row.number), us, row.origin, to_hex(signature)}, options_.statement_timeout));
  next_ = row.number + 1;
  if (row.number % 1000 == 0 && row.number > kCanaryKept) {
    HF_TRY(connection_->query("DELETE FROM holdfast.canary WHERE number <= $1", {std::to_string(row.number - kCanaryKept)},
                              options_.statement_timeout));
  }
  return row;
}

void CanaryWriter::run(std::stop_token stop, const std::function<void(const Result<CanaryRow>&)>& each) {
  MonoTime next = env_.clock.mono();
  while (!stop.stop_requested()) {
    const auto row = write();
    if (!row) env_.log.warning("sources", "canary_not_written", {{"why", row.error().text}});
    if (each) each(row);
    const MonoTime now = env_.clock.mono();
    while (next <= now) next += options_.interval;      // no burst after a stall
    if (!env_.clock.sleep_until(next, stop)) return;
  }
}

Result<CanaryFinding> find_canary(remote::PgConnection& connection, const CanaryCheck& check) {
  CanaryFinding finding;
  HF_ASSIGN(const std::string present, connection.query_value("SELECT to_regclass('holdfast.canary') IS NOT NULL"));
  if (present != "t") return finding;
  HF_ASSIGN(const std::uint64_t system_id, read_system_id(connection));
  HF_ASSIGN(const std::string count, connection.query_value("SELECT count(*) FROM holdfast.canary"));
  HF_ASSIGN(finding.rows, number(count));
  HF_ASSIGN(const remote::PgRows rows,
            connection.query("SELECT number, written_us, origin, signature FROM holdfast.canary ORDER BY number DESC LIMIT " +
                             std::to_string(kLookBack)));
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    HF_ASSIGN(CanaryRow row, parse_row(rows, i));
    const auto signature = from_hex(rows.text(i, 3));
    if (check && signature && check(canary_message(system_id, row), *signature)) {
      finding.newest = std::move(row);
      return finding;
    }
    ++finding.unsigned_rows;
  }
  return finding;
}

}  // namespace hf::sources
