// Commands of the replication protocol, and the WAL stream.
// Message layouts: https://www.postgresql.org/docs/current/protocol-replication.html, START_REPLICATION.
#include "remote/postgres_replication.h"

#include <algorithm>

#include "remote/postgres_link.h"

namespace hf::remote {
namespace {

constexpr Micros kCommandTimeout = 30s;
constexpr Micros kStatusTimeout =
    5s;  // a status message that cannot be sent for so long: the server is not reading
constexpr std::int64_t kPostgresEpochMicros = 946684800LL * 1000000;  // 2000-01-01 in Unix microseconds

std::uint64_t big_endian(ByteView b) {
  std::uint64_t v = 0;
  for (std::uint8_t byte : b) v = (v << 8) | byte;
  return v;
}

void append_big_endian(Bytes& out, std::uint64_t v) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(v >> shift));
}

WallTime from_postgres_time(std::uint64_t v) {
  return WallTime(Micros(static_cast<std::int64_t>(v) + kPostgresEpochMicros));
}

Error protocol_error(std::string_view what) {
  return make_error(ErrorKind::kCorrupt, "replication protocol: " + std::string(what));
}

Result<WalMessage> end_of_timeline(const PGresult* rows) {
  if (PQntuples(rows) != 1 || PQnfields(rows) != 2)
    return protocol_error("unexpected answer at the end of a timeline");
  WalMessage m;
  m.kind = WalMessage::Kind::kEndOfTimeline;
  HF_ASSIGN(m.next_timeline, parse_timeline(PQgetvalue(rows, 0, 0)));
  HF_ASSIGN(m.switch_lsn, parse_lsn(PQgetvalue(rows, 0, 1)));
  return m;
}

Status drain(PgLink& link) {
  for (;;) {
    HF_ASSIGN(PgResult rest, link.next_result(link.after(kCommandTimeout)));
    if (!rest) return ok();
  }
}

}  // namespace

Result<Timeline> parse_timeline(std::string_view text) {
  HF_ASSIGN(std::uint64_t v, parse_u64(text, "timeline"));
  if (v == 0 || v > 0xffffffffULL) return protocol_error("timeline out of range: " + std::string(text));
  return static_cast<Timeline>(v);
}

Result<std::uint64_t> parse_wal_segment_size(std::string_view text) {
  constexpr std::uint64_t kLeast = 1 << 20;
  constexpr std::uint64_t kMost = 1 << 30;
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view unit = text.substr(digits);
  HF_ASSIGN(std::uint64_t value, parse_u64(text.substr(0, digits), "wal_segment_size"));
  int shift = 0;
  for (auto [name, bits] : {std::pair{"kB", 10}, {"MB", 20}, {"GB", 30}})
    if (unit == name) shift = bits;
  if (shift == 0 && !unit.empty() && unit != "B")
    return protocol_error("wal_segment_size in an unknown unit: " + std::string(text));
  if (value > kMost >> shift || value << shift < kLeast || (value & (value - 1)) != 0)
    return protocol_error("wal_segment_size is " + std::string(text));
  return value << shift;
}

// 'w': int64 start, int64 end, int64 clock, bytes.  'k': int64 end, int64 clock, byte reply.  Others are to
// be ignored.
Result<std::optional<WalMessage>> parse_wal_message(ByteView d) {
  WalMessage m;
  if (d.empty()) return protocol_error("empty message");
  if (d[0] == 'w') {
    if (d.size() < 25) return protocol_error("short WAL message");
    m.kind = WalMessage::Kind::kWal;
    m.start = Lsn{big_endian(d.subspan(1, 8))};
    m.end_of_wal = Lsn{big_endian(d.subspan(9, 8))};
    m.server_time = from_postgres_time(big_endian(d.subspan(17, 8)));
    m.data = to_bytes(d.subspan(25));
    return std::optional(std::move(m));
  }
  if (d[0] == 'k') {
    if (d.size() < 18) return protocol_error("short keepalive");
    m.kind = WalMessage::Kind::kKeepalive;
    m.end_of_wal = Lsn{big_endian(d.subspan(1, 8))};
    m.server_time = from_postgres_time(big_endian(d.subspan(9, 8)));
    m.reply_requested = d[17] != 0;
    return std::optional(std::move(m));
  }
  return std::optional<WalMessage>();
}

Result<WalMessage> WalStream::next(Micros timeout) {
  if (ended_) return *ended_;
  if (first_) {
    ended_ = *first_;
    return *std::exchange(first_, std::nullopt);
  }
  MonoTime deadline = link_->after(timeout);
  for (;;) {
    HF_ASSIGN(CopyRead read, link_->read_copy(deadline));
    if (read.kind == CopyRead::Kind::kWait) return WalMessage{};
    if (read.kind == CopyRead::Kind::kEnd) return end_of_stream();
    HF_ASSIGN(std::optional<WalMessage> message, parse_wal_message(read.data));
    if (message) return std::move(*message);
  }
}

// The server sent CopyDone: with the end of a timeline (answer ours, then a row follows) or because it shuts
// down.
Result<WalMessage> WalStream::end_of_stream() {
  MonoTime deadline = link_->after(kCommandTimeout);
  HF_ASSIGN(PgResult result, link_->next_result(deadline));
  if (result && PQresultStatus(result.get()) == PGRES_COPY_IN) {
    HF_TRY(link_->end_copy(deadline));
    HF_ASSIGN(result, link_->next_result(deadline));
  }
  if (result && PQresultStatus(result.get()) == PGRES_TUPLES_OK) {
    HF_ASSIGN(WalMessage m, end_of_timeline(result.get()));
    HF_TRY(drain(*link_));
    ended_ = m;
    return m;
  }
  return link_->give_up(make_error(ErrorKind::kUnavailable, "postgresql at " + link_->server() +
                                                                " ended the WAL stream: it shuts down")
                            .with_object(link_->server()));
}

Status WalStream::send_status(Lsn written, Lsn flushed, Lsn applied, bool reply_requested) {
  if (ended_) return ok();
  Bytes m;
  m.push_back('r');
  append_big_endian(m, written.value);
  append_big_endian(m, flushed.value);
  append_big_endian(m, applied.value);
  auto now = link_->clock().wall().time_since_epoch().count() - kPostgresEpochMicros;
  append_big_endian(m, static_cast<std::uint64_t>(now));
  m.push_back(reply_requested ? 1 : 0);
  return link_->write_copy(m, link_->after(kStatusTimeout));
}

PgReplication::PgReplication(std::unique_ptr<PgLink> link, std::string dsn, Clock& clock,
                             PgConnectOptions options)
    : link_(std::move(link)), dsn_(std::move(dsn)), clock_(&clock), options_(std::move(options)) {}
PgReplication::PgReplication(PgReplication&&) noexcept = default;
PgReplication& PgReplication::operator=(PgReplication&&) noexcept = default;
PgReplication::~PgReplication() = default;

Result<PgReplication> PgReplication::connect(const std::string& dsn, Clock& clock,
                                             const PgConnectOptions& options) {
  HF_ASSIGN(std::unique_ptr<PgLink> link, PgLink::open(dsn, clock, options, true));
  return PgReplication(std::move(link), dsn, clock, options);
}

int PgReplication::server_version() const { return PQserverVersion(link_->raw()); }
bool PgReplication::usable() const { return link_->alive(); }
const std::string& PgReplication::server() const { return link_->server(); }

Result<PgRows> PgReplication::command(const std::string& text, Micros timeout) {
  MonoTime deadline = link_->after(timeout);
  HF_TRY(link_->send(text, {}, deadline));
  HF_ASSIGN(PgResult result, link_->finish(deadline));
  PgRows out;
  if (!result) return out;
  for (int r = 0; r < PQntuples(result.get()); ++r) {
    auto& row = out.rows.emplace_back();
    for (int c = 0; c < PQnfields(result.get()); ++c) {
      bool null = PQgetisnull(result.get(), r, c) != 0;
      auto length = static_cast<std::size_t>(PQgetlength(result.get(), r, c));
      row.push_back(null ? std::nullopt : std::optional(std::string(PQgetvalue(result.get(), r, c), length)));
    }
  }
  return out;
}

Result<PgSystem> PgReplication::identify_system() {
  HF_ASSIGN(PgRows rows, command("IDENTIFY_SYSTEM", kCommandTimeout));
  if (rows.rows.size() != 1 || rows.rows[0].size() < 3)
    return protocol_error("unexpected answer to IDENTIFY_SYSTEM");
  PgSystem system;
  HF_ASSIGN(system.system_id, parse_u64(rows.text(0, 0), "system identifier"));
  HF_ASSIGN(system.timeline, parse_timeline(rows.text(0, 1)));
  HF_ASSIGN(system.flushed, parse_lsn(rows.text(0, 2)));
  return system;
}

Result<std::string> PgReplication::show(const std::string& setting) {
  HF_ASSIGN(PgRows rows, command("SHOW " + pg_quote_identifier(setting), kCommandTimeout));
  if (rows.rows.size() != 1 || rows.rows[0].size() != 1) return protocol_error("unexpected answer to SHOW");
  return rows.text(0, 0);
}

Result<std::uint64_t> PgReplication::wal_segment_size() {
  HF_ASSIGN(std::string text, show("wal_segment_size"));
  return parse_wal_segment_size(text);
}

Result<PgSlot> PgReplication::read_slot(const std::string& name) {
  constexpr int kHasReadSlot = 150000;
  PgRows rows;
  if (server_version() >= kHasReadSlot) {
    HF_ASSIGN(rows, command("READ_REPLICATION_SLOT " + pg_quote_identifier(name), kCommandTimeout));
  } else {
    HF_ASSIGN(PgConnection plain, PgConnection::connect(dsn_, *clock_, options_));
    HF_ASSIGN(
        rows,
        plain.query(
            "SELECT slot_type, restart_lsn, NULL FROM pg_catalog.pg_replication_slots WHERE slot_name = $1",
            {name}, kCommandTimeout));
  }
  PgSlot slot;
  if (rows.rows.empty() || rows.is_null(0, 0)) return slot;
  if (rows.rows[0].size() != 3) return protocol_error("unexpected answer about a slot");
  slot.exists = true;
  slot.physical = rows.text(0, 0) == "physical";
  if (!rows.is_null(0, 1)) { HF_ASSIGN(slot.restart_lsn, parse_lsn(rows.text(0, 1))); }
  if (!rows.is_null(0, 2)) { HF_ASSIGN(slot.restart_timeline, parse_timeline(rows.text(0, 2))); }
  return slot;
}

Status PgReplication::create_physical_slot(const std::string& name, bool reserve_wal, bool temporary) {
  constexpr int kHasOptionList = 150000;
  std::string text = "CREATE_REPLICATION_SLOT " + pg_quote_identifier(name);
  if (temporary) text += " TEMPORARY";
  text += " PHYSICAL";
  if (reserve_wal) text += server_version() >= kHasOptionList ? " (RESERVE_WAL)" : " RESERVE_WAL";
  auto done = command(text, kCommandTimeout);
  if (!done) return Error(std::move(done).error()).with_context("creating replication slot '" + name + "'");
  return ok();
}

Status PgReplication::drop_slot(const std::string& name) {
  auto done = command("DROP_REPLICATION_SLOT " + pg_quote_identifier(name), kCommandTimeout);
  if (!done) return Error(std::move(done).error()).with_context("dropping replication slot '" + name + "'");
  return ok();
}

Result<PgTimelineHistory> PgReplication::timeline_history(Timeline timeline) {
  auto rows = command("TIMELINE_HISTORY " + std::to_string(timeline), kCommandTimeout);
  if (!rows)
    return Error(std::move(rows).error())
        .with_context("reading the history of timeline " + std::to_string(timeline));
  if (rows->rows.size() != 1 || rows->rows[0].size() != 2)
    return protocol_error("unexpected answer to TIMELINE_HISTORY");
  return PgTimelineHistory{rows->text(0, 0), to_bytes(rows->text(0, 1))};
}

Result<WalStream> PgReplication::start_streaming(const std::string& slot, Lsn start, Timeline timeline) {
  std::string text = "START_REPLICATION";
  if (!slot.empty()) text += " SLOT " + pg_quote_identifier(slot);
  text += " PHYSICAL " + format_lsn(start) + " TIMELINE " + std::to_string(timeline);
  MonoTime deadline = link_->after(kCommandTimeout);
  HF_TRY(link_->send(text, {}, deadline));
  auto result = link_->next_result(deadline);
  if (!result) {
    return Error(std::move(result).error())
        .with_context("streaming from " + format_lsn(start) + " on timeline " + std::to_string(timeline));
  }
  if (!*result) return protocol_error("no answer to START_REPLICATION");
  if (PQresultStatus(result->get()) == PGRES_COPY_BOTH) return WalStream(*link_, std::nullopt);
  if (PQresultStatus(result->get()) != PGRES_TUPLES_OK)
    return protocol_error("unexpected answer to START_REPLICATION");
  HF_ASSIGN(WalMessage ended, end_of_timeline(result->get()));  // started exactly where this timeline ends
  HF_TRY(drain(*link_));
  return WalStream(*link_, std::move(ended));
}

}  // namespace hf::remote
