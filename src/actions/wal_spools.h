// The spools of the WAL receivers of this machine: what lies in their folders, and sealing by sources/wal/seal.h.
#pragma once

#include "actions/spools.h"
#include "io/env.h"
#include "sources/wal/spool.h"

namespace hf::actions {

class WalSpools final : public Spools {
 public:
  explicit WalSpools(Env& env) : env_(env) {}
  // Reads folders and files only, so that a running receiver is not disturbed; `received` may be ahead of what is
  // synced.
  Result<SpoolSeen> look(const std::string& spool) override;
  Result<std::vector<Sealed>> seals(const std::string& spool) override;
  Result<Sealed> seal(const std::string& spool, const std::string& receiver, Micros timeout) override;

 private:
  Result<Sealed> described(const std::string& spool, const sources::TimelineSeal& seal);
  Result<Lsn> last_record_below(const std::string& spool, const sources::TimelineSeal& seal);
  Env& env_;
};

}  // namespace hf::actions
