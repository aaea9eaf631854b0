// Long work in a process of its own, which outlives us. Its session folder holds what a later process needs:
//
//   <session>/output   standard output and errors
//   <session>/result   the exit status, written, synced and renamed into place when the work ends
//
// The handle (pid, start ticks, session) stands in the journal; after a crash it finds the worker, or its result, or
// neither: then what the work did is not known.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "io/env.h"

namespace hf::runbook {

struct WorkerSpec {
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> env;
  Bytes input;          // at most 1 MiB, on standard input
  std::string session;  // folder; the same for the same key
};

struct WorkerState {
  enum class Kind : std::uint8_t { kRunning, kFinished, kLost };
  Kind kind = Kind::kLost;
  int exit_code = 0;
  std::string output;  // the last kWorkerOutputBytes
};

inline constexpr std::size_t kWorkerOutputBytes = 16 << 10;

// Starts it, or finds the one that was started in this session before: the handle is the same.
Result<Json> start_worker(Env& env, const WorkerSpec& spec);
Result<WorkerState> poll_worker(Env& env, const Json& handle);
// SIGTERM to its group; what is gone already is fine.
Status stop_worker(Env& env, const Json& handle);

}  // namespace hf::runbook
