// The WAL receivers' spools, as fencing and checks see them: what is durable there, and the request to seal it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "actions/fence_verdict.h"
#include "base/time.h"

namespace hf::actions {

struct SpoolSeen {
  std::uint64_t system_id = 0;
  Timeline timeline = 0;  // the newest
  Lsn received;           // durable here, of that timeline
  Lsn uploaded;           // in the vault
};

struct Sealed {
  SealSeen seal;
  Lsn replay_to;       // end of the last complete record below the seal: how far a standby can get
  std::string digest;  // SHA-256 (hex) of the durable seal record
};

class Spools {
 public:
  virtual ~Spools() = default;
  // kNotFound where nothing was ever received, kUnavailable or kDenied where the spool is out of reach.
  virtual Result<SpoolSeen> look(const std::string& spool) = 0;
  // The seals that stand there; empty where none does.
  virtual Result<std::vector<Sealed>> seals(const std::string& spool) = 0;
  // Durable when it returns; the same seal again for a spool that is sealed.
  virtual Result<Sealed> seal(const std::string& spool, const std::string& receiver, Micros timeout) = 0;
};

}  // namespace hf::actions
