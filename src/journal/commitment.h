// What stands in an event where personal data would: SHA-256(salt || data). The salt is 32 random bytes of that
// one value, so that nobody who holds the log can try out data against it; erasing salt and data erases them,
// and leaves the tree whole.
#pragma once

#include <array>

#include "base/bytes.h"
#include "record/journal_events.h"

namespace hf::journal {

inline constexpr std::size_t kSaltBytes = 32;

// Deterministic: who is given salt and data computes it again and compares.
record::Commitment commit_to(const std::array<std::uint8_t, kSaltBytes>& salt, ByteView data);

}  // namespace hf::journal
