// See testing_postgres.h.
#include "sources/testing_postgres.h"

#include <cstdio>
#include <cstdlib>

#include <sys/stat.h>

#include "remote/testing_postgres.h"

namespace hf::sources::testing {
namespace {

template <class T>
T must(Result<T> result, const char* what) {
  if (!result) {
    std::fprintf(stderr, "test environment: %s: %s\n", what, result.error().text.c_str());
    std::abort();
  }
  return std::move(*result);
}

void must(Status status, const char* what) {
  if (!status) {
    std::fprintf(stderr, "test environment: %s: %s\n", what, status.error().text.c_str());
    std::abort();
  }
}

}  // namespace

PostgresBinaries test_binaries() {
  return must(find_postgres({}, remote::test_postgres_root()), "finding PostgreSQL");
}

World::World() {
  char name[] = "/tmp/hf-pg-XXXXXX";
  if (mkdtemp(name) == nullptr || chmod(name, 0711) != 0) std::abort();
  folder_ = name;
  user = must(server_user(), "finding PostgreSQL's user");
}

World::~World() { (void)remove_tree(files, folder_); }

ServerOptions World::server_options(const std::string& data_dir) {
  ServerOptions options;
  options.binaries = test_binaries();
  options.data_dir = data_dir;
  options.owner = user;
  options.listen_address = "127.0.0.1";
  options.port = must(free_port(), "finding a port");
  options.socket_dir = path("s" + std::to_string(options.port));
  must(make_owned_dir(options.socket_dir, user), "making the socket folder");
  return options;
}

PostgresServer World::make_server(const std::string& name, PostgresSettings settings) {
  ServerOptions options = server_options(path(name));
  InitOptions init;
  init.owner = user;
  init.sync = false;
  init.settings = lab_settings();
  init.settings.emplace_back("fsync", "off");
  init.settings.insert(init.settings.end(), settings.begin(), settings.end());
  must(init_cluster(env, options.binaries, options.data_dir, init), "initdb");
  PostgresServer server = must(PostgresServer::start(env, options), "starting PostgreSQL");
  must(server.wait_ready(soon(60s)), "waiting for PostgreSQL");
  return server;
}

std::string World::sql(const PostgresServer& server, const std::string& text, std::string* error, const std::string& dbname) {
  ProcessSpec spec;
  spec.argv = {server.options().binaries.program("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
               "-d", server.dsn(dbname), "-c", text};
  spec.cwd = std::string("/");
  const ProcessExit exit = must(run_process(processes, clock, spec, 120s), "running psql");
  if (exit.code != 0) {
    if (error != nullptr) *error = exit.errors;
    else std::fprintf(stderr, "psql: %s: %s\n", text.c_str(), exit.errors.c_str());
    return "<error>";
  }
  std::string out = exit.output;
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

}  // namespace hf::sources::testing
