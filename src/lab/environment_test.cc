// The environment's own processes: a stop does not wait for one that will not end.
#include <gtest/gtest.h>

#include <csignal>

#include "lab/testing_failover.h"

namespace hf::lab {
namespace {

TEST(Environment, AStopKillsAProcessThatDoesNotEnd) {
  FailoverBench bench(false);
  ASSERT_TRUE(bench.ready());
  ProcessSpec deaf;
  deaf.argv = {"sh", "-c", "trap '' TERM; touch deaf; while :; do sleep 1; done"};
  auto process = bench.lab->spawn("us-west/deaf", deaf);
  ASSERT_TRUE(process.has_value());
  const pid_t pid = (*process)->identity().pid;
  ASSERT_TRUE(bench.wait_until([&] { return file_exists(bench.files, bench.lab->root() + "/deaf"); }));
  bench.stop.request_stop();
  const Status ended = bench.lab->end_process("us-west/deaf", SIGTERM);
  ASSERT_FALSE(ended.has_value());
  EXPECT_EQ(ended.error().kind, ErrorKind::kCancelled) << ended.error().text;
  EXPECT_NE(kill(pid, 0), 0);
}

}  // namespace
}  // namespace hf::lab
