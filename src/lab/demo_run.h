// Inside lab/demo*: the state that the steps of one demo share, and the steps.
#pragma once

#include <optional>
#include <string>

#include "lab/customer.h"
#include "lab/demo.h"

namespace hf::lab {

// What a step shows: its line (ending in the figure), the lines under it, its figures.
struct Proof {
  std::string line;
  std::vector<std::string> below;
  Json figures = Json::object();
};

class DemoRun {
 public:
  DemoRun(Env& env, const DemoOptions& options, std::stop_token stop)
      : env_(env), options_(options), stop_(std::move(stop)) {}

  Result<Proof> environment();
  Result<Proof> lint();
  Result<Proof> backup();
  Result<Proof> verify();
  Result<Proof> sabotage();
  Result<Proof> disaster();
  Result<Proof> failover();
  Result<Proof> ghost();
  Result<Proof> point_in_time();
  Result<Proof> document();

  // What the end of the demo tells, from the steps' figures.
  void summarize(DemoResult& result) const;
  void end();  // stops everything, or leaves it running with --keep

 private:
  // Runs a command of ours; any other exit code than `expected` is an error with the command's own words.
  Result<Json> command(const std::vector<std::string>& args, int expected = 0, Micros timeout = 60s,
                       const std::vector<std::pair<std::string, std::string>>& extra_env = {});
  Status pause(Micros d);
  Status flip_one_byte(const std::string& path);
  Status overwrite_middle(const std::string& path);
  Result<double> heal_and_restore(const std::vector<std::string>& repair, const std::vector<std::string>& restore,
                                  const std::string& victim, const std::string& how);
  Result<std::string> largest_pack(const std::string& vault);
  Status delete_orders_by_mistake();
  Result<Json> wait_for_detection();
  Result<Json> planned_failover(std::vector<std::string>& lines);
  Result<Json> failover_through_a_crash();
  Result<Proof> failover_proof(const Json& detection, const Json& plan, const Json& run,
                               std::vector<std::string> lines);
  Result<std::uint64_t> restored_rows(const std::vector<std::string>& target, const std::string& dir);
  Status copy_to_results(const std::string& path);

  Env& env_;
  const DemoOptions& options_;
  std::stop_token stop_;
  std::unique_ptr<Environment> lab_;

  struct Mistake {  // the DELETE that point-in-time takes back
    WallTime before{};
    std::string lsn_before;
    std::uint64_t rows_before = 0;
    std::uint64_t rows_after = 0;
  } mistake_;
  std::string snapshot_;
  WallTime killed_at_{};
  std::string run_id_;
  std::string fence_level_;
  std::size_t acknowledged_ = 0, present_ = 0, lost_ = 0, standby_alone_lost_ = 0;
  std::optional<double> rto_seconds_, rpo_seconds_;
};

std::string two_decimals(double v);
Result<std::uint64_t> rows_from(const std::string& count);  // what `select count(*)` answered

}  // namespace hf::lab
