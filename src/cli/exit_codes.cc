#include "cli/exit_codes.h"

namespace hf::cli {

int exit_code_of(const Error& error) {
  if (error.id == kNoPlanId || error.id == kNoVaultId) return kExitNoPlanOrVault;
  switch (error.kind) {
    case ErrorKind::kUsage:
      return kExitUsage;
    case ErrorKind::kBusy:
      return kExitBusy;
    case ErrorKind::kBlocked:
      return kExitBlocked;
    case ErrorKind::kDenied:
      return kExitDenied;
    case ErrorKind::kCorrupt:
      return kExitMismatch;
    case ErrorKind::kCancelled:
      return kExitInterrupted;
    default:
      return kExitFailed;
  }
}

}  // namespace hf::cli
