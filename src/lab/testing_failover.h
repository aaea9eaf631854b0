// What tests of the real failover share: an environment, the commands of an operator in us-west, and what the world
// looks like afterwards. The programs come from the folder named by HOLDFAST_BUILD; without them a test fails.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "crypto/keys.h"
#include "io/testing_folder.h"
#include "lab/customer.h"
#include "lab/environment.h"
#include "remote/dns.h"

namespace hf::lab {

// One failover plan as it was saved: what `failover apply` takes.
struct SavedPlan {
  std::string file;
  std::string hash;
  Json data;
};

class FailoverBench {
 public:
  explicit FailoverBench(bool with_customer = true);  // starts the environment; reports by gtest
  ~FailoverBench();
  bool ready() const { return lab != nullptr; }

  CommandResult run(const std::vector<std::string>& args, const std::string& crash_after = {});
  SavedPlan plan(const std::string& plan_file = {});
  CommandResult apply(const SavedPlan& saved, const std::string& crash_after = {},
                      const std::vector<std::string>& more = {}, const std::string& plan_file = {});
  CommandResult resume(const std::string& run, const std::string& crash_after = {},
                       const std::vector<std::string>& more = {});
  // Resumes in the background, does `meanwhile` once that run goes on, and waits for its end.
  CommandResult resume_beside(const std::string& run, const std::function<void()>& meanwhile);
  // The newest run of the journal that is not finished.
  std::string open_run();

  void kill_us_east();           // and waits until the standby has noticed
  std::string public_address();  // of orders.demo.test
  std::string zone_serial();
  void set_public_address(const std::string& address);  // by hand, as somebody else would
  std::string value(const std::string& server, const std::string& sql);
  std::size_t acknowledged();
  // Looks again and again until it holds; false after two minutes.
  bool wait_until(const std::function<bool()>& holds);
  // Waits until the customer has acknowledgements from after `t`, ends it, and expects that nothing was lost.
  void expect_orders_flow_and_none_is_lost(WallTime t);
  // us-west is primary on timeline 2, promoted once; the name and the service point there; each step has one outcome.
  void expect_taken_over(const std::string& run_id);
  std::size_t events(const std::string& run_id, const std::string& type, const std::string& step = {});
  std::string text_of(const std::string& path);

  SystemClock clock;
  Rng rng{1};
  PosixFiles files;
  PosixProcesses processes{clock};
  FdLog log{2, clock, LogLevel::kWarning, LogFormat::kText};
  Env env{clock, rng, files, processes, log};
  crypto::SystemEntropy entropy;
  remote::LdnsDnsClient dns{clock, entropy};
  TestFolder folder;
  std::stop_source stop;  // of the environment
  std::unique_ptr<Environment> lab;
};

inline constexpr int kFailedExit = 1, kUsageExit = 2, kBlockedExit = 4, kBusyExit = 11, kDeniedExit = 12, kKilledExit = 128 + 9;

// Everything that a command said, for messages of failing tests.
std::string said(const CommandResult& result);
// A step of a run's report; null if it is not there.
const Json& step_of(const CommandResult& result, const std::string& name);
std::size_t count_of(const std::string& text, const std::string& what);

}  // namespace hf::lab
