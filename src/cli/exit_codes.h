// Exit codes are a contract with scripts; docs/commands.md has the table.
#pragma once

#include "base/result.h"

namespace hf::cli {

enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,
  kExitUsage = 2,
  kExitPartial = 3,          // some items failed, and they are listed
  kExitBlocked = 4,          // a precondition does not hold
  kExitObjectiveMissed = 5,  // done, but an objective was missed
  kExitNeedsApproval = 6,
  kExitNoPlanOrVault = 10,
  kExitBusy = 11,
  kExitDenied = 12,    // authentication or wrong key
  kExitMismatch = 13,  // data does not match
  kExitInterrupted = 130,
  kExitStopRecovery = 255,  // wal fetch: neither fetched nor proven absent
};

// Every error has a stable id: its own, or that of its kind. Those of the plan's rules begin at HF1001.
inline constexpr std::string_view kNoPlanId = "HF0010";
inline constexpr std::string_view kNoVaultId = "HF0011";  // these two decide an exit code by themselves
std::string error_id(const Error& error);
// What an id of error_id() means; empty for any other text.
std::string explain_error_id(std::string_view id);

int exit_code_of(const Error& error);

}  // namespace hf::cli
