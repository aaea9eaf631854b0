#include "lab/environment.h"

#include <sys/stat.h>

#include "base/check.h"
#include "base/hex.h"
#include "crypto/keys.h"
#include "remote/postgres.h"

namespace hf::lab {

namespace {

constexpr Micros kCommandTimeout = 300s;  // a command that takes longer hangs
constexpr Micros kServerStartTimeout = 120s;
constexpr Micros kStreamingTimeout = 120s;
constexpr auto kLookAgain = 50ms;

MonoTime in(Clock& clock, Micros d) { return clock.mono() + d; }

constexpr std::uint64_t kSpace = 640ull << 20;  // bytes; the whole demo took 383 MiB at its peak

Status check_space(const std::string& dir) {
  HF_ASSIGN(const std::uint64_t free, sources::free_bytes(dir));
  if (free >= kSpace) return ok();
  return make_error(ErrorKind::kExhausted, "the disk of " + dir + " has " + std::to_string(free >> 20) +
                                               " MiB free, the environment needs " + std::to_string(kSpace >> 20))
      .with_hint("Free space there; nothing was started.");
}

}  // namespace

Environment::Environment(Env& env, EnvironmentOptions options, std::stop_token stop)
    : env_(env), options_(std::move(options)), stop_(std::move(stop)) {
  for (auto [name, net] : {std::pair{"us-east", "127.0.1."}, {"us-west", "127.0.2."}, {"eu-west", "127.0.3."}})
    regions_[name] = {name, std::string(net) + "1", std::string(net) + "2", options_.root + "/" + name};
}

// pass list
Result<std::unique_ptr<Environment>> Environment::start(Env& env, EnvironmentOptions options, std::stop_token stop) {
  std::unique_ptr<Environment> lab(new Environment(env, std::move(options), std::move(stop)));
  HF_TRY(lab->prepare_folders());  // copies of the programs and the key, where PostgreSQL's user can reach them
  HF_TRY(lab->pick_ports());
  HF_TRY(lab->start_name_server());
  HF_TRY(lab->write_plan());
  HF_TRY(lab->create_vaults());   // the standby asks its vault for WAL as soon as it starts
  HF_TRY(lab->create_primary());  // initdb, tables, then cold copies for the replica and the standby
  HF_TRY(lab->start_databases());
  HF_TRY(lab->start_receivers());
  HF_TRY(lab->require_quorum());  // from here on no commit is acknowledged by us-east alone
  HF_TRY(lab->start_services());
  if (lab->options_.probes) HF_TRY(lab->start_probes());
  return lab;
}

Environment::~Environment() {
  if (keep_) {
    for (auto& [name, process] : processes_) process->release();
    for (auto& [name, server] : servers_) server.release();
    if (name_server_) name_server_->process().release();
    return;
  }
  processes_.clear();  // each kills its group
  servers_.clear();
  name_server_.reset();
  chmod((options_.root + "/out-of-reach").c_str(), 0700);
  if (Status gone = remove_tree(env_.files, options_.root); !gone)
    env_.log.error("lab", "folder not removed", {{"path", options_.root}, {"why", gone.error().text}});
}

Status Environment::prepare_folders() {
  HF_ASSIGN(user_, sources::server_user());
  HF_ASSIGN(binaries_, sources::find_postgres({}, options_.postgres_root));
  HF_TRY(sources::make_owned_dir(options_.root, user_, 0755));
  HF_TRY(check_space(options_.root));
  for (const char* below : {"bin", "logs", "coordination", "sockets"})
    HF_TRY(sources::make_owned_dir(join_path(options_.root, below), user_));
  for (auto& [name, region] : regions_) HF_TRY(sources::make_owned_dir(region.dir, user_));
  HF_TRY(sources::copy_for(options_.holdfast, holdfast_program(), user_, 0500));
  HF_TRY(sources::copy_for(options_.orders, orders_program(), user_, 0500));
  crypto::SystemEntropy entropy;
  HF_TRY(write_file_atomic(env_.files, key_file(), entropy.bytes(32), 0400));
  return sources::give_to(key_file(), user_);
}

Status Environment::pick_ports() {
  HF_ASSIGN(postgres_port_, sources::free_port("127.0.1.1"));
  do { HF_ASSIGN(service_port_, sources::free_port("127.0.2.1")); } while (service_port_ == postgres_port_);
  return ok();
}

std::string Environment::server_dir(const std::string& server) const {
  return regions_.at(server == "standby" ? "us-west" : "us-east").dir + "/" + server;
}

std::string Environment::server_address(const std::string& server) const {
  if (server == "standby") return regions_.at("us-west").address;
  return server == "replica" ? regions_.at("us-east").second_address : regions_.at("us-east").address;
}

std::string Environment::dsn(const std::string& server) const {
  return "hostaddr=" + server_address(server) + " port=" + std::to_string(postgres_port_) +
         " user=postgres dbname=orders";
}

std::string Environment::vault(const std::string& name) const {
  return regions_.at(name == "main" ? "us-east" : "eu-west").dir + "/vault";
}

std::string Environment::resolver() const {
  HF_CHECK(name_server_.has_value());
  return to_string(name_server_->endpoint());
}

std::size_t Environment::process_count() const { return processes_.size() + servers_.size() + (name_server_ ? 1 : 0); }

Status Environment::start_name_server() {
  crypto::SystemEntropy entropy;
  remote::LdnsDnsClient dns(env_.clock, entropy);
  remote::BindOptions options;
  options.folder = options_.root + "/dns";
  options.address = "127.0.0.1";  // BIND listens only on addresses that an interface names, and lo names just this one
  options.user = user_;
  options.ttl_seconds = 1;
  const std::string secret = to_base64(entropy.bytes(32));
  options.keys = {{"holdfast", "hmac-sha256", Secret(secret)}};
  remote::BindZone zone{"demo.test", "orders IN A " + regions_.at("us-east").address + "\n", {"holdfast"}};
  for (auto& [name, region] : regions_) zone.records += "orders." + name + " IN A " + region.address + "\n";
  options.zones = {zone};
  auto server = remote::BindServer::start(env_, dns, options, stop_);
  if (!server) return std::move(server).error();
  name_server_.emplace(std::move(*server));
  HF_TRY(write_file_atomic(env_.files, tsig_secret_file(), as_bytes(secret), 0400));
  return sources::give_to(tsig_secret_file(), user_);
}

Status Environment::start_server(const std::string& server) {
  sources::ServerOptions options;
  options.binaries = binaries_;
  options.data_dir = server_dir(server);
  options.owner = user_;
  options.listen_address = server_address(server);
  options.port = postgres_port_;
  options.socket_dir = "";
  options.log_file = options_.root + "/logs/" + server + ".log";
  HF_ASSIGN(sources::PostgresServer started, sources::PostgresServer::start(env_, options));
  servers_.insert_or_assign(server, std::move(started));
  return servers_.at(server).wait_ready(in(env_.clock, kServerStartTimeout), stop_);
}

Status Environment::create_primary() {
  sources::InitOptions init;
  init.owner = user_;
  init.sync = false;
  init.settings = sources::lab_settings();
  HF_TRY(sources::init_cluster(env_, binaries_, server_dir("primary"), init));
  HF_TRY(start_server("primary"));
  std::string maintenance = dsn("primary");
  maintenance.replace(maintenance.find("dbname=orders"), 13, "dbname=postgres");
  HF_ASSIGN(remote::PgConnection first, remote::PgConnection::connect(maintenance, env_.clock));
  HF_TRY(first.query("create database orders"));
  HF_ASSIGN(remote::PgConnection shop, remote::PgConnection::connect(dsn("primary"), env_.clock));
  HF_TRY(
      shop.query("create table orders (number bigint primary key, item text not null, "
                 "created_at timestamptz not null default clock_timestamp())"));
  HF_TRY(shop.query("insert into orders select -n, 'seed ' || md5(n::text) from generate_series(1, " +
                    std::to_string(options_.seed_orders) + ") n"));
  for (const char* slot : {"orders_db_b", "orders_db_dr"})
    HF_TRY(shop.query("select pg_create_physical_replication_slot('" + std::string(slot) + "', true)"));
  return servers_.at("primary").stop(sources::StopMode::kFast, in(env_.clock, kServerStartTimeout));
}

Status Environment::start_databases() {
  for (const char* server : {"replica", "standby"}) {
    ProcessSpec copy;
    copy.argv = {"cp", "-a", server_dir("primary"), server_dir(server)};
    HF_ASSIGN(ProcessExit done, run_process(env_.processes, env_.clock, copy, kCommandTimeout, stop_));
    if (done.code != 0) return make_error(ErrorKind::kFailed, "copying the primary's data folder: " + done.errors);
    bool is_standby = server == std::string("standby");
    sources::StandbyOptions options;
    options.owner = user_;
    options.primary_slot_name = is_standby ? "orders_db_dr" : "orders_db_b";
    options.primary_conninfo = "hostaddr=" + server_address("primary") + " port=" + std::to_string(postgres_port_) +
                               " user=postgres application_name=" + options.primary_slot_name + " connect_timeout=1";
    options.settings = {{"wal_retrieve_retry_interval", "200ms"}};
    if (is_standby)
      options.restore_command =
          holdfast_program() + " wal fetch --vault " + vault("eu") + " --key-file " + key_file() + " %f %p";
    HF_TRY(sources::make_standby(env_, server_dir(server), options));
  }
  for (const char* server : {"primary", "replica", "standby"}) HF_TRY(start_server(server));
  return ok();
}

PlanFacts Environment::plan_facts() const {
  return {options_.root,      resolver(), service_port_, postgres_port_, key_file(),
          tsig_secret_file(), regions_,   vault("main"), vault("eu")};
}

Status Environment::write_plan() {
  HF_TRY(write_file_atomic(env_.files, plan_path(), as_bytes(demo_plan(plan_facts())), 0644));
  return sources::give_to(plan_path(), user_);
}

Status Environment::create_vaults() {
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"vault", "init", "--vault", vault("main"), "--key-file", key_file()},
        std::vector<std::string>{"vault", "init", "--vault", vault("eu"), "--copy-of", vault("main"), "--key-file",
                                 key_file()}}) {
    HF_ASSIGN(CommandResult made, holdfast(args, kCommandTimeout));
    if (made.exit_code != 0) return make_error(ErrorKind::kFailed, "creating a vault: " + made.errors);
  }
  return ok();
}

Status Environment::start_receivers() {
  for (auto [region, name] : {std::pair{"us-west", "receiver_west"}, {"eu-west", "receiver_eu"}}) {
    HF_TRY(start_holdfast(
        region, name,
        {"wal", "receive", "--name", name, "--slot", name, "--dsn",
         "hostaddr=" + server_address("primary") + " port=" + std::to_string(postgres_port_) + " user=postgres",
         "--spool", regions_.at(region).dir + "/spool", "--vault", vault("eu"), "--key-file", key_file()}));
  }
  return ok();
}

// Waits until all three acknowledge, then asks for two of them.
Status Environment::require_quorum() {
  HF_ASSIGN(remote::PgConnection shop, remote::PgConnection::connect(dsn("primary"), env_.clock));
  MonoTime deadline = in(env_.clock, kStreamingTimeout);
  std::string streaming;
  while (streaming != "4") {
    HF_ASSIGN(streaming,
              shop.query_value("select count(*)::text from pg_stat_replication where state = 'streaming' and "
                               "application_name in ('orders_db_b', 'orders_db_dr', 'receiver_west', 'receiver_eu')"));
    if (streaming == "4") break;
    if (env_.clock.mono() > deadline)
      return make_error(ErrorKind::kTimeout,
                        "only " + streaming + " of 4 followers stream from the primary after 30 s");
    if (!env_.clock.sleep_until(env_.clock.mono() + kLookAgain, stop_))
      return make_error(ErrorKind::kCancelled, "stopped");
  }
  HF_TRY(shop.query("alter system set synchronous_standby_names = 'ANY 2 (orders_db_b, receiver_west, receiver_eu)'"));
  HF_TRY(shop.query("select pg_reload_conf()"));
  return ok();
}

Status Environment::start_orders(const std::string& region, const std::string& database_server) {
  const Region& r = regions_.at(region);
  std::string settings = "DATABASE_DSN=" + dsn(database_server) + "\nREGION=" + region + "\n";
  HF_TRY(write_file_atomic(env_.files, r.dir + "/orders.conf", as_bytes(settings), 0644));
  HF_TRY(sources::give_to(r.dir + "/orders.conf", user_));
  ProcessSpec spec;
  spec.argv = {orders_program(), "serve",
               "--settings",     r.dir + "/orders.conf",
               "--address",      r.address,
               "--port",         std::to_string(service_port_),
               "--pid-file",     r.dir + "/orders.pid"};
  return spawn(region + "/orders", spec).has_value()
             ? ok()
             : make_error(ErrorKind::kFailed, "starting the orders service of " + region);
}

Status Environment::start_services() {
  for (auto& [name, region] : regions_) HF_TRY(start_orders(name, "primary"));
  return ok();
}

Status Environment::start_probes() {
  for (auto& [name, region] : regions_) {
    std::vector<std::string> args = {"probe", "run", "--plan", plan_path(), "--region", name};
    if (name == "us-west") args.push_back("--canary");
    HF_TRY(start_holdfast(name, "probe", args));
  }
  return ok();
}

Status Environment::start_customer() {
  ProcessSpec spec;
  spec.argv = {orders_program(),
               "buy",
               "--resolver",
               resolver(),
               "--name",
               "orders.demo.test",
               "--port",
               std::to_string(service_port_),
               "--acknowledgements",
               acknowledgements(),
               "--attempts",
               attempts(),
               "--rate",
               "100"};
  return spawn("eu-west/customer", spec).has_value() ? ok() : make_error(ErrorKind::kFailed, "starting the customer");
}

Status Environment::stop_customer() { return end_process("eu-west/customer", SIGTERM); }

Result<WallTime> Environment::kill_region(const std::string& name) {
  HF_CHECK(name == "us-east");
  WallTime at = env_.clock.wall();
  for (const char* server : {"primary", "replica"}) HF_TRY(servers_.at(server).kill9());
  for (auto& [key, process] : processes_)
    if (key.starts_with(name + "/")) HF_TRY(process->signal(SIGKILL));
  std::erase_if(processes_, [&](auto& p) { return p.first.starts_with(name + "/"); });
  servers_.erase("primary");
  servers_.erase("replica");
  HF_TRY(sources::make_owned_dir(options_.root + "/out-of-reach", {}, 0700));
  HF_TRY(env_.files.move(regions_.at(name).dir, options_.root + "/out-of-reach/" + name, IfExists::kFail));
  return at;
}

Status Environment::start_ghost() {
  HF_TRY(env_.files.move(options_.root + "/out-of-reach/us-east", regions_.at("us-east").dir, IfExists::kFail));
  HF_TRY(start_server("primary"));
  HF_TRY(start_server("replica"));
  return start_orders("us-east", "primary");
}

Status Environment::kill_ghost() {
  for (const char* server : {"primary", "replica"}) HF_TRY(servers_.at(server).kill9());
  servers_.erase("primary");
  servers_.erase("replica");
  return end_process("us-east/orders", SIGKILL);
}

}  // namespace hf::lab
