#include "cli/exit_codes.h"

#include <array>

namespace hf::cli {

namespace {

struct ErrorIdText {
  std::string_view id;
  std::string_view meaning;
};

// By the order of ErrorKind.
constexpr std::array<ErrorIdText, 14> kIdOfKind{{
    {"HF0001", "failed: the work was tried and did not succeed (exit 1)"},
    {"HF0002", "usage: the words of the command line are wrong, or several things could be meant (exit 2)"},
    {"HF0003", "invalid: a file or a value does not parse or breaks a rule (exit 1)"},
    {"HF0004", "not_found: the thing named is not there (exit 1)"},
    {"HF0005", "exists: something is there already, and is not overwritten (exit 1)"},
    {"HF0006", "busy: somebody else holds it; try again, or look who (exit 11)"},
    {"HF0007", "blocked: a precondition does not hold; nothing was changed (exit 4)"},
    {"HF0008", "denied: authentication, permission or a wrong key (exit 12)"},
    {"HF0009", "unavailable: the other side does not answer or refuses for now (exit 1)"},
    {"HF0012", "timeout: a deadline passed (exit 1)"},
    {"HF0013", "exhausted: a disk is full, or a quota or limit is reached (exit 1)"},
    {"HF0014", "corrupt: bytes are not what was written; trust nothing of them (exit 13)"},
    {"HF0015", "unsupported: a newer format, or something that this version does not do (exit 1)"},
    {"HF0016", "cancelled: a stop was asked for (exit 130)"},
}};
constexpr std::array<ErrorIdText, 2> kIdsOfTheirOwn{{
    {kNoPlanId, "there is no plan where it was looked for (exit 10)"},
    {kNoVaultId, "there is no vault at that address (exit 10)"},
}};

}  // namespace

std::string error_id(const Error& error) {
  return error.id.empty() ? std::string(kIdOfKind.at(static_cast<std::size_t>(error.kind)).id) : error.id;
}

std::string explain_error_id(std::string_view id) {
  for (const ErrorIdText& e : kIdOfKind)
    if (e.id == id) return std::string(e.id) + "  " + std::string(e.meaning) + "\n";
  for (const ErrorIdText& e : kIdsOfTheirOwn)
    if (e.id == id) return std::string(e.id) + "  " + std::string(e.meaning) + "\n";
  return "";
}

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
