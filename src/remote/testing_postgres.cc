#include "remote/testing_postgres.h"

#include <unistd.h>

#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/check.h"

namespace hf::remote {
namespace {

namespace fs = std::filesystem;

constexpr Micros kProgramTimeout = 120s;

std::string server_programs() {
  for (int version = 19; version >= 13; --version) {
    std::string folder = test_postgres_root() + "/" + std::to_string(version) + "/bin";
    if (fs::exists(folder + "/initdb")) return folder;
  }
  std::fprintf(stderr, "PostgreSQL's server programs are missing under %s\n", test_postgres_root().c_str());
  std::abort();
}

void own(const fs::path& path, const UserIds& user) {
  HF_CHECK(::lchown(path.c_str(), user.uid, user.gid) == 0);
}

[[noreturn]] void give_up(const std::string& what, const std::string& why) {
  std::fprintf(stderr, "%s: %s\n", what.c_str(), why.c_str());
  std::abort();
}

}  // namespace

std::string test_postgres_root() {
  const char* given = std::getenv("HOLDFAST_POSTGRES");
  return given == nullptr || *given == '\0' ? "/usr/lib/postgresql" : given;
}

std::optional<UserIds> test_server_user() {
  if (::geteuid() != 0) return std::nullopt;
  auto user = find_user("postgres");
  if (!user) give_up("the user 'postgres'", user.error().text);
  return *user;
}

void give_to_server_user(const std::string& path) {
  auto user = test_server_user();
  if (!user) return;
  own(path, *user);
  if (!fs::is_directory(path)) return;
  for (const auto& entry : fs::recursive_directory_iterator(path)) own(entry.path(), *user);
}

TestCluster::TestCluster() : user_(test_server_user()) {
  folder_ = (fs::temp_directory_path() / "holdfast-pg-XXXXXX").string();
  HF_CHECK(::mkdtemp(folder_.data()) != nullptr);
  data_ = folder_ + "/data";
  give_to_server_user(folder_);
}

TestCluster::~TestCluster() {
  kill_all();
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

std::string TestCluster::run(const std::vector<std::string>& argv) {
  ProcessSpec spec;
  spec.argv = argv;
  spec.argv[0] = server_programs() + "/" + argv[0];
  spec.user = user_;
  spec.cwd = folder_;
  spec.capture_limit = 64 << 20;
  auto done = run_process(launcher_, clock_, spec, kProgramTimeout);
  if (!done) give_up(argv[0], done.error().text);
  if (done->code != 0) give_up(argv[0], done->output + done->errors);
  return done->output;
}

void TestCluster::init(const Settings& settings) {
  run({"initdb", "-D", data_, "-U", "postgres", "-A", "trust", "--no-sync", "-k", "--wal-segsize=1", "-E",
       "UTF8", "--locale=C"});
  set({{"listen_addresses", "''"},
       {"unix_socket_directories", "'" + folder_ + "'"},
       {"shared_buffers", "16MB"},
       {"dynamic_shared_memory_type", "mmap"},  // a killed server leaves nothing in /dev/shm
       {"fsync", "off"},  // processes are killed here, machines are not
       {"autovacuum", "off"},
       {"wal_level", "replica"},
       {"max_wal_senders", "8"},
       {"max_replication_slots", "8"},
       {"hot_standby", "on"},
       {"wal_keep_size", "256MB"},
       {"max_connections", "40"},
       {"logging_collector", "off"}});
  set(settings);
}

void TestCluster::copy_from(TestCluster& primary, const Settings& settings) {
  run({"pg_basebackup", "-d", primary.dsn(), "-D", data_, "-c", "fast", "-X", "stream", "--no-sync"});
  set({{"unix_socket_directories", "'" + folder_ + "'"}});
  set(settings);
  become_standby(primary.dsn(), "");
}

void TestCluster::become_standby(const std::string& primary_dsn, const std::string& restore_command) {
  set({{"primary_conninfo", "'" + primary_dsn + " application_name=standby'"},
       {"restore_command", "'" + restore_command + "'"}});
  std::ofstream(data_ + "/standby.signal").close();
  give_to_server_user(data_ + "/standby.signal");
}

void TestCluster::set(const Settings& settings) {
  std::ofstream conf(data_ + "/postgresql.conf", std::ios::app);
  for (const auto& [name, value] : settings) conf << name << " = " << value << "\n";
}

void TestCluster::start(bool wait) {
  ProcessSpec spec;
  spec.argv = {server_programs() + "/postgres", "-D", data_};
  spec.user = user_;
  spec.cwd = folder_;
  spec.output_file = folder_ + "/log";
  auto process = launcher_.spawn(spec);
  if (!process) give_up("starting postgres", process.error().text);
  server_ = std::move(*process);
  if (wait && !wait_ready()) give_up("postgres does not answer", log_text());
}

bool TestCluster::wait_ready(Micros timeout) {
  MonoTime deadline = clock_.mono() + timeout;
  while (clock_.mono() < deadline && running()) {
    if (value("SELECT 1") == "1") return true;
    ::usleep(20'000);
  }
  return false;
}

bool TestCluster::running() { return server_ && !server_->poll(); }

void TestCluster::stop(int signal_number) {
  if (!server_) return;
  ::kill(server_->identity().pid, signal_number);
  if (!server_->wait(clock_.mono() + 30s, {})) kill_all();
  server_.reset();
}

// The postmaster and its children; each child leads a process group of its own, so the group of the first is
// not all.
std::vector<pid_t> TestCluster::processes() {
  std::vector<pid_t> out;
  if (!running()) return out;
  pid_t postmaster = server_->identity().pid;
  out.push_back(postmaster);
  for (const auto& entry : fs::directory_iterator("/proc")) {
    if (std::isdigit(static_cast<unsigned char>(entry.path().filename().c_str()[0])) == 0) continue;
    std::ifstream stat(entry.path() / "stat");
    std::string text((std::istreambuf_iterator<char>(stat)), {});
    std::size_t after_name = text.rfind(')');
    if (after_name == std::string::npos) continue;
    std::istringstream rest(text.substr(after_name + 1));
    char state = 0;
    pid_t parent = 0;
    rest >> state >> parent;
    if (parent == postmaster) out.push_back(static_cast<pid_t>(std::atol(text.c_str())));
  }
  return out;
}

void TestCluster::signal_all(int number) {
  for (pid_t pid : processes()) ::kill(pid, number);
}

void TestCluster::kill_all() {
  if (!server_) return;
  // Stopped first, so that nobody acts on the death of another.
  signal_all(SIGSTOP);
  signal_all(SIGKILL);
  (void)server_->wait(clock_.mono() + 30s, {});
  server_.reset();
}

void TestCluster::freeze() { signal_all(SIGSTOP); }
void TestCluster::thaw() { signal_all(SIGCONT); }

bool TestCluster::promote() {
  if (value("SELECT pg_promote(true, 60)") != "t") return false;
  return value("SELECT NOT pg_is_in_recovery()") == "t";
}

std::string TestCluster::dsn() const { return "host=" + folder_ + " user=postgres dbname=postgres"; }

PgConnection TestCluster::connect(const std::string& name) {
  PgConnectOptions options;
  options.application_name = name;
  auto c = PgConnection::connect(dsn(), clock_, options);
  if (!c) give_up("connecting", c.error().text + "\n" + log_text());
  return std::move(*c);
}

PgReplication TestCluster::replicate(const std::string& name) {
  PgConnectOptions options;
  options.application_name = name;
  auto c = PgReplication::connect(dsn(), clock_, options);
  if (!c) give_up("connecting", c.error().text + "\n" + log_text());
  return std::move(*c);
}

std::string TestCluster::value(const std::string& sql) {
  auto c = PgConnection::connect(dsn(), clock_);
  if (!c) return "error: " + c.error().text;
  auto rows = c->query(sql, {}, 60s);
  if (!rows) return "error: " + rows.error().text;
  if (rows->rows.empty() || rows->rows[0].empty()) return "";
  return rows->text(0, 0);
}

bool TestCluster::wait_value(const std::string& sql, const std::string& wanted, Micros timeout) {
  for (const MonoTime deadline = clock_.mono() + timeout; clock_.mono() < deadline; ::usleep(10'000)) {
    if (value(sql) == wanted) return true;
  }
  std::fprintf(stderr, "%s: %s, not %s\n", sql.c_str(), value(sql).c_str(), wanted.c_str());
  return false;
}

std::string TestCluster::log_text() const {
  std::ifstream log(folder_ + "/log");
  return std::string((std::istreambuf_iterator<char>(log)), {});
}

}  // namespace hf::remote
