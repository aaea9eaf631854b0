// Orders in PostgreSQL. An order counts only when its commit was acknowledged; with synchronous standbys that is after
// they have it.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "remote/postgres.h"

namespace orders {

// The service's settings: KEY=VALUE lines.
//   DATABASE_DSN   libpq keywords of the database to write to
//   REGION         told by /health
struct Settings {
  std::string dsn;
  std::string region;
  friend bool operator==(const Settings&, const Settings&) = default;
};
hf::Result<Settings> parse_settings(std::string_view text);

// One connection, made when needed and again after it broke. One thread.
class Database {
 public:
  explicit Database(hf::Clock& clock) : clock_(clock) {}
  // kUnavailable or kTimeout: the order may or may not be there; it is not acknowledged.
  hf::Status insert(const Settings& settings, long number, const std::string& item);
  hf::Result<bool> exists(const Settings& settings, long number);
  // Healthy only if it takes writes.
  hf::Status check_writable(const Settings& settings);

 private:
  hf::Result<hf::remote::PgConnection*> connection(const Settings& settings);
  hf::Clock& clock_;
  std::optional<hf::remote::PgConnection> connection_;
  Settings used_;
};

}  // namespace orders
