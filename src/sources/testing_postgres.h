// Real PostgreSQL servers in a temporary folder for tests: free ports on loopback, always ended, folder removed.
#pragma once

#include <memory>
#include <string>

#include "base/log.h"
#include "base/rng.h"
#include "base/time.h"
#include "io/env.h"
#include "sources/postgres/server.h"

namespace hf::sources::testing {

PostgresBinaries test_binaries();  // ends the test process where there are none

// The real world, and a folder that PostgreSQL's user can pass.
class World {
 public:
  World();
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  const std::string& folder() const { return folder_; }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  SystemClock clock;
  Rng rng{1};
  PosixFiles files;
  PosixProcesses processes{clock};
  MemoryLog log;
  Env env{clock, rng, files, processes, log};
  std::optional<UserIds> user;        // whom servers run as

  // initdb with lab settings, then a started server that answers. Ends the test process on failure: nothing can go on.
  PostgresServer make_server(const std::string& name, PostgresSettings settings = {});
  ServerOptions server_options(const std::string& data_dir);
  // One statement (or several) by psql as the superuser; rows as text, columns joined by '|'. Failures end up in *error.
  std::string sql(const PostgresServer& server, const std::string& text, std::string* error = nullptr,
                  const std::string& dbname = "postgres");
  MonoTime soon(Micros wait) { return clock.mono() + wait; }

 private:
  std::string folder_;
};

}  // namespace hf::sources::testing
