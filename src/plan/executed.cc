#include "plan/executed.h"

#include <algorithm>

#include "base/text.h"

namespace hf::plan {

const std::vector<std::string>& executed_checks() {
  static const std::vector<std::string> kWords = {"standby-healthy", "replica-lag", "vault-fresh", "fence-possible"};
  return kWords;
}

namespace {

std::string checks_left(const Check& check) {
  std::vector<std::string> left;
  for (const std::string& word : check.checks) {
    if (std::ranges::find(executed_checks(), word) == executed_checks().end()) left.push_back(word);
  }
  if (left.empty()) return {};
  return (left.size() == 1 ? "the check " : "the checks ") + join(left);
}

}  // namespace

std::string not_executed(const Step& step) {
  const std::string action = "the action " + std::string(to_string(step.kind()));
  switch (step.kind()) {
    case ActionKind::kCheck: return checks_left(*step.as<Check>());
    case ActionKind::kFence: {
      const FenceLevel level = step.as<Fence>()->level;
      const bool left = level == FenceLevel::kLease || level == FenceLevel::kNetwork || level == FenceLevel::kPower;
      return left ? "the fence level " + std::string(to_string(level)) : std::string();
    }
    case ActionKind::kConfigure: return step.as<Configure>()->file ? std::string() : action + " of Kubernetes";
    case ActionKind::kDns: {
      const Dns* dns = step.as<Dns>();
      if (dns->provider != DnsProvider::kRfc2136) return action + " of " + std::string(to_string(dns->provider));
      return dns->alias ? action + " with an alias" : std::string();
    }
    case ActionKind::kPromote:
    case ActionKind::kVerify:
    case ActionKind::kExec: return {};
    case ActionKind::kAnnounce:
    case ActionKind::kScale:
    case ActionKind::kRestoreServices:
    case ActionKind::kRestore:
    case ActionKind::kResync:
    case ActionKind::kSwitchover: return action;
  }
  return action;
}

}  // namespace hf::plan
