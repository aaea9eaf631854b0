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

// Stable error ids that decide an exit code by themselves.
inline constexpr std::string_view kNoPlanId = "HF1001";
inline constexpr std::string_view kNoVaultId = "HF1002";

int exit_code_of(const Error& error);

}  // namespace hf::cli
