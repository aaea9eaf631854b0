#include "orders/database.h"

namespace orders {

using namespace hf;

namespace {
constexpr Micros kQueryTimeout = 2s;
constexpr Micros kConnectTimeout = 1s;
}  // namespace

Result<Settings> parse_settings(std::string_view text) {
  Settings out;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    std::size_t eq = line.find('=');
    if (line.empty() || line[0] == '#' || eq == std::string_view::npos) continue;
    if (line.substr(0, eq) == "DATABASE_DSN") out.dsn = line.substr(eq + 1);
    if (line.substr(0, eq) == "REGION") out.region = line.substr(eq + 1);
  }
  if (out.dsn.empty()) return make_error(ErrorKind::kInvalid, "the settings name no DATABASE_DSN");
  return out;
}

Result<remote::PgConnection*> Database::connection(const Settings& settings) {
  if (connection_ && connection_->usable() && used_ == settings) return &*connection_;
  connection_.reset();
  remote::PgConnectOptions options;
  options.application_name = "orders";
  options.timeout = kConnectTimeout;
  HF_ASSIGN(remote::PgConnection fresh, remote::PgConnection::connect(settings.dsn, clock_, options));
  connection_.emplace(std::move(fresh));
  used_ = settings;
  return &*connection_;
}

Status Database::insert(const Settings& settings, long number, const std::string& item) {
  HF_ASSIGN(remote::PgConnection * c, connection(settings));
  auto done =
      c->query("insert into orders (number, item) values ($1, $2)", {std::to_string(number), item}, kQueryTimeout);
  if (!done) return std::move(done).error();
  return ok();
}

Result<bool> Database::exists(const Settings& settings, long number) {
  HF_ASSIGN(remote::PgConnection * c, connection(settings));
  HF_ASSIGN(remote::PgRows rows,
            c->query("select 1 from orders where number = $1", {std::to_string(number)}, kQueryTimeout));
  return !rows.rows.empty();
}

Status Database::check_writable(const Settings& settings) {
  HF_ASSIGN(remote::PgConnection * c, connection(settings));
  HF_ASSIGN(std::string in_recovery, c->query_value("select pg_is_in_recovery()::text", {}, kQueryTimeout));
  if (in_recovery != "false") return make_error(ErrorKind::kUnavailable, "the database is read-only");
  return ok();
}

}  // namespace orders
