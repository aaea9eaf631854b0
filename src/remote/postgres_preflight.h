// What must hold on a PostgreSQL server before WAL can be received from it: each finding names one change to
// make.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "remote/postgres.h"

namespace hf::remote {

struct PgPreflightOptions {
  std::string slot;                        // empty: no slot wanted
  std::optional<std::uint64_t> system_id;  // what the spool or the vault already holds
  std::uint64_t senders = 1;               // WAL senders that have to be free
  bool acknowledges = false;               // commits are to wait for what is received: only a primary's do
};

struct PgPreflightFinding {
  bool fatal = true;  // false: streaming works, something else will not
  Error error;
};

// Reads settings only. An empty list: nothing stands in the way. An error: it could not be found out.
Result<std::vector<PgPreflightFinding>> replication_preflight(PgConnection& connection,
                                                              const PgPreflightOptions& options);

}  // namespace hf::remote
