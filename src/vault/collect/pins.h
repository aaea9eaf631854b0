// Pins and legal holds: snapshots that stay whatever the policy says. Each is an attachment (kind `pin` or `hold`, named by
// the snapshot's id) whose newest version counts, so that it lies in every copy, tells who set and released it, and is signed.
//
// Value: version u8 (1) | on u8 | reason sized | host sized.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "vault/collect/retention.h"
#include "vault/repository.h"

namespace hf::vault {

struct PinState {
  bool on = false;
  std::string reason;
  std::string host;                      // of who said so
  WallTime since{};
  std::uint64_t version = 0;
};
struct PinStates {
  PinState pin;
  PinState hold;
  Pin strongest() const { return hold.on ? Pin::kHeld : pin.on ? Pin::kPinned : Pin::kNone; }
  std::string reason() const { return hold.on ? hold.reason : pin.on ? pin.reason : ""; }
};

inline constexpr std::size_t kMaxPinReason = 1024;

// The value alone: neither its time nor its version.
Result<PinState> decode_pin(ByteView value);

// Of every snapshot that ever had one. kDenied for a key that cannot read.
Result<std::map<SnapshotId, PinStates>> read_pins(Repository& repository);
// `kind`: kPinned or kHeld. Then looks whether the snapshot is still there: kNotFound if a prune was faster.
Status set_pin(Repository& repository, const SnapshotId& id, Pin kind, bool on, const std::string& reason);

}  // namespace hf::vault
