// Real PostgreSQL servers for tests: loopback-free (a socket folder each), data in a temporary folder,
// unprivileged user where the test is root, always gone with the object. A missing server program aborts the
// test.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "io/process.h"
#include "remote/postgres.h"
#include "remote/postgres_replication.h"

namespace hf::remote {

std::string test_postgres_root();  // holds MAJOR/bin: HOLDFAST_POSTGRES, else Debian's

class TestCluster {
 public:
  using Settings = std::vector<std::pair<std::string, std::string>>;

  TestCluster();
  ~TestCluster();
  TestCluster(const TestCluster&) = delete;
  TestCluster& operator=(const TestCluster&) = delete;

  void init(const Settings& settings = {});                             // 1 MiB segments, trust, checksums
  void copy_from(TestCluster& primary, const Settings& settings = {});  // a standby of it
  void become_standby(const std::string& primary_dsn, const std::string& restore_command);
  void set(const Settings& settings);  // appended to the configuration file
  void start(bool wait = true);
  bool wait_ready(Micros timeout = 60s);  // answers queries
  void stop(int signal_number = SIGINT);  // fast, and waits
  void kill_all();                        // SIGKILL to every process of the server at once
  void freeze();                          // SIGSTOP to every process
  void thaw();
  bool running();
  bool promote();  // and waits until it takes writes

  PgConnection connect(const std::string& name = "test");
  PgReplication replicate(const std::string& name = "test");
  std::string value(const std::string& sql);  // one value; "error: ..." when it fails
  bool wait_value(const std::string& sql, const std::string& wanted, Micros timeout = 120s);
  std::string dsn() const;                    // also for programs of its user
  const std::string& data() const { return data_; }
  const std::string& folder() const { return folder_; }
  std::string log_text() const;

  // Runs a program of the server as its user; its standard output. Aborts unless it exits with 0.
  std::string run(const std::vector<std::string>& argv);

 private:
  std::vector<pid_t> processes();
  void signal_all(int number);
  SystemClock clock_;
  PosixProcesses launcher_{clock_};
  std::string folder_;
  std::string data_;
  std::optional<UserIds> user_;
  std::unique_ptr<Process> server_;
};

// The user that owns test servers (empty: ours), to hand files to it.
std::optional<UserIds> test_server_user();
void give_to_server_user(const std::string& path);  // recursively

}  // namespace hf::remote
