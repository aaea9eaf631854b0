// What happens between fork and exec. Everything is prepared before the fork; the child makes system calls only,
// because another thread may have held any lock (malloc's too) at the moment of the fork.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "io/descriptor.h"
#include "io/process.h"

namespace hf {

// Where the child stopped, told to the parent through a pipe that exec closes.
enum class ChildStage : std::int32_t { kSetUp, kFolder, kUser, kExec };
struct ChildFailure {
  ChildStage stage;
  std::int32_t err;
};

struct ChildPlan {
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  std::vector<std::string> programs;  // the paths to try, in order
  std::vector<char*> argv;  // this and envp point into the strings above
  std::vector<char*> envp;
  std::vector<gid_t> groups;
  const ProcessSpec* spec = nullptr;
  Descriptor input, out_read, out_write, err_read, err_write, status_read, status_write;

  static Result<ChildPlan> prepare(const ProcessSpec& spec);
  pid_t start();                                              // fork; the child never returns. -1 and errno
  Error failure(const ChildFailure& f) const;
};

}  // namespace hf
