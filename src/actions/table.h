// All actions that are executed today, by the words of the plan.
#pragma once

#include "actions/check.h"
#include "actions/configure.h"
#include "actions/dns.h"
#include "actions/exec.h"
#include "actions/fence.h"
#include "actions/promote.h"
#include "actions/verify.h"

namespace hf::actions {

class Actions {
 public:
  // `resources` and `spools` outlive it.
  Actions(Resources& resources, Spools& spools)
      : check_(resources, spools),
        fence_(resources, spools),
        promote_(resources),
        configure_(resources),
        verify_(resources),
        dns_(resources),
        exec_(resources) {
    table_ = {{"check", &check_},   {"fence", &fence_}, {"promote", &promote_}, {"configure", &configure_},
              {"verify", &verify_}, {"dns", &dns_},     {"exec", &exec_}};
  }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;
  const runbook::ActionTable& table() const { return table_; }

 private:
  CheckAction check_;
  FenceAction fence_;
  PromoteAction promote_;
  ConfigureAction configure_;
  VerifyAction verify_;
  DnsAction dns_;
  ExecAction exec_;
  runbook::ActionTable table_;
};

}  // namespace hf::actions
