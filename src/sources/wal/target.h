// Where received or archived WAL goes for good. The real one is the vault's WAL archive; tests have one that
// fails.
#pragma once

#include "sources/wal/record.h"
#include "vault/wal/wal_archive.h"

namespace hf::sources {

class WalTarget {
 public:
  virtual ~WalTarget() = default;
  // Each is durable when it returns, and may be repeated with the same bytes.
  virtual Status put_frame(const vault::WalFrame& frame) = 0;
  virtual Status put_segment(const vault::WalFrame& whole) = 0;
  virtual Status put_history(std::uint64_t system_id, Timeline timeline, ByteView text) = 0;
  virtual Status put_seal(const vault::TimelineSeal& seal) = 0;
  // Every receiver's; kDenied where the key only writes.
  virtual Result<std::vector<vault::TimelineSeal>> read_seals(std::uint64_t system_id, Timeline timeline) = 0;
};

// Adds what a decoded record says to the index of times that frames and segments carry.
void add_event(vault::WalTimes& times, const WalEvent& event);

}  // namespace hf::sources
