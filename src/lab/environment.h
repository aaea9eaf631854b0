// Three regions on loopback addresses with real servers, in one temporary folder. Front header of the module.
//
//   us-east  127.0.1.x  PostgreSQL primary and synchronous replica, vault `main`, orders service, probe
//   us-west  127.0.2.x  asynchronous standby, WAL receiver, orders service, probe, Holdfast's own state
//   eu-west  127.0.3.x  second WAL receiver, vault `eu` (a copy of `main`), BIND 9, orders service, probe, the customer
//
// Invariant: whatever ends an Environment, every process that it started and its folder go with it, unless keep() was
// called.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "io/env.h"
#include "remote/bind_server.h"
#include "sources/postgres/server.h"

namespace hf::lab {

struct Region {
  std::string name;
  std::string address;         // services, PostgreSQL
  std::string second_address;  // a second server of the region
  std::string dir;
};

struct EnvironmentOptions {
  std::string root;          // created; must not exist
  std::string holdfast;      // this program
  std::string orders;        // the sample service
  std::string postgres_root = sources::kPostgresRoot;
  int seed_orders = 20'000;  // rows before anything starts
  bool probes = true;        // without them nothing is detected, and no canary is written
};

// A text of the plan, and what stands in its place in a variant of it.
using PlanEdits = std::vector<std::pair<std::string, std::string>>;

// What a command of ours answered.
struct CommandResult {
  int exit_code = 0;
  Json result;  // the one object of -o json; null if there was none
  std::string output;
  std::string errors;
  const Json& data() const { return result["data"]; }
};

// What the plan needs to know of the lab.
struct PlanFacts {
  std::string root;
  std::string resolver;
  int service_port = 0;
  int postgres_port = 0;
  std::string key_file;
  std::string tsig_secret_file;
  std::map<std::string, Region> regions;
  std::string vault_main, vault_eu;
};

class Environment {
 public:
  static Result<std::unique_ptr<Environment>> start(Env& env, EnvironmentOptions options, std::stop_token stop);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  // Runs `holdfast ARGS -o json` as an operator in us-west would.
  Result<CommandResult> holdfast(const std::vector<std::string>& args, Micros timeout,
                                 const std::vector<std::pair<std::string, std::string>>& extra_env = {});
  // The same, left running; its output goes to logs/NAME.log (or, with `output`, to that file).
  Result<Process*> start_holdfast(const std::string& region, const std::string& name,
                                  const std::vector<std::string>& args);

  Status start_customer();
  Status stop_customer();
  // kill -9 of every process of the region, then its folder is moved where nobody looks.
  Result<WallTime> kill_region(const std::string& name);
  // SIGSTOP to every process of us-east, as a machine that hangs; thaw_region() lets it go on where it was.
  Status freeze_region(const std::string& name);
  Status thaw_region(const std::string& name);
  Status freeze_name_server();
  Status thaw_name_server();
  // kill -9 of a region's WAL receiver, and its disk is gone too.
  Status lose_receiver(const std::string& region);
  // Another plan file in the lab's folder: the plan with each text replaced, which has to occur. Gives its path.
  Result<std::string> write_plan_variant(const std::string& name, const PlanEdits& edits);
  // The old primary, its replica and its orders service, from the folder that was moved away.
  Status start_ghost();
  Status kill_ghost();
  // Stops the standby's receiving process, later ends it with what it had not read yet: a link that stalls, then
  // breaks.
  Status stall_standby_link();
  Status drop_standby_link();

  const Region& region(const std::string& name) const { return regions_.at(name); }
  std::string root() const { return options_.root; }
  std::string plan_path() const { return options_.root + "/holdfast.yaml"; }
  std::string state_dir() const { return regions_.at("us-west").dir + "/state"; }
  std::string tsig_secret_file() const { return options_.root + "/tsig.key"; }
  std::string key_file() const { return options_.root + "/key"; }
  std::string vault(const std::string& name) const;
  std::string acknowledgements() const { return regions_.at("eu-west").dir + "/acknowledged"; }
  std::string attempts() const { return regions_.at("eu-west").dir + "/attempted"; }
  std::string orders_program() const { return options_.root + "/bin/orders"; }
  std::string holdfast_program() const { return options_.root + "/bin/holdfast"; }
  const std::optional<UserIds>& user() const { return user_; }
  const sources::PostgresBinaries& binaries() const { return binaries_; }
  // libpq keywords for a server of the lab: "primary", "replica", "standby".
  std::string dsn(const std::string& server) const;
  int service_port() const { return service_port_; }
  int postgres_port() const { return postgres_port_; }
  std::string resolver() const;
  std::size_t process_count() const;
  // Spawns as the lab's user; the environment owns the process, under `name`.
  Result<Process*> spawn(const std::string& name, ProcessSpec spec);
  Status end_process(const std::string& name, int signal);
  void keep() { keep_ = true; }

 private:
  Environment(Env& env, EnvironmentOptions options, std::stop_token stop);
  Status prepare_folders();
  Status pick_ports();
  Status start_name_server();
  Status create_primary();
  Status start_databases();
  Status create_vaults();
  Status start_receivers();
  Status require_quorum();
  Status start_services();
  Status start_probes();
  Status start_orders(const std::string& region, const std::string& database_server);
  Status start_server(const std::string& server);
  Status signal_region(const std::string& name, int number);
  PlanFacts plan_facts() const;
  Status write_plan();
  std::string server_dir(const std::string& server) const;
  std::string server_address(const std::string& server) const;

  Env& env_;
  EnvironmentOptions options_;
  std::stop_token stop_;
  std::map<std::string, Region> regions_;
  std::optional<UserIds> user_;
  sources::PostgresBinaries binaries_;
  int service_port_ = 0;
  int postgres_port_ = 0;
  std::optional<remote::BindServer> name_server_;
  std::map<std::string, sources::PostgresServer> servers_;     // by "primary", "replica", "standby"
  std::map<std::string, std::unique_ptr<Process>> processes_;  // by "us-east/orders" and so on
  bool keep_ = false;
};

std::string demo_plan(const PlanFacts& facts);

}  // namespace hf::lab
