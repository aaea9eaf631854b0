// Config, the store's own object, leases and epochs: each is read, and says what its name says.
#pragma once

#include "vault/check/findings.h"
#include "vault/core.h"

namespace hf::vault {

class SmallObjectCheck {
 public:
  SmallObjectCheck(const Repository::Core& core, Findings& findings) : core_(core), findings_(findings) {}
  Status check_all();
  void tell(CheckReport& report) const { report.read_bytes += read_bytes_; }

 private:
  Status check(const std::string& object) const;
  Status check_epoch(const std::string& object, std::uint64_t number) const;
  Status check_lease(const std::string& object, const std::string& part) const;

  const Repository::Core& core_;
  Findings& findings_;
  std::uint64_t read_bytes_ = 0;
};

}  // namespace hf::vault
