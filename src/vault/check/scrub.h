// Reading a vault's data again and again, the longest unread first, and remembering what was read when.
//
// The ledger is the reader's own, kept outside the vault: scrubbing then needs no right to write to the store, and who
// may write there cannot say that something was verified. Losing it costs no more than reading everything once more.
// Invariant: an object stands in the ledger only as what was seen when all of it was read.
#pragma once

#include <map>
#include <stop_token>

#include "vault/repository.h"

namespace hf::vault {

struct LedgerEntry {
  std::uint64_t size = 0;
  WallTime verified{};
  bool good = false;
  friend bool operator==(const LedgerEntry&, const LedgerEntry&) = default;
};

struct ScrubLedger {
  std::string store;                         // its id, 32 hexadecimal digits
  std::map<std::string, LedgerEntry> objects;
};
// Lines of text; the last is the SHA-256 of all before.
std::string encode_ledger(const ScrubLedger& ledger);
// kCorrupt if it is not whole, or of another store.
Result<ScrubLedger> parse_ledger(std::string_view text, const std::string& store);

struct ScrubOptions {
  CheckOptions check;                        // repair and copies count
  std::uint32_t limit_percent = 100;         // of the bytes, in this call
  std::optional<Micros> duration;            // no object is begun after so long
  std::optional<std::uint64_t> bytes_per_second;
  std::stop_token stop;
  std::function<Status(const ScrubLedger&)> save;    // now and then, and at the end
};

struct ScrubReport {
  std::uint64_t objects = 0;                 // packs, WAL, attachments: all that there are
  std::uint64_t total_bytes = 0;
  std::uint64_t verified_objects = 0;        // by this call
  std::uint64_t verified_bytes = 0;
  std::uint64_t never_verified = 0;          // after it
  std::optional<WallTime> oldest;            // verification, after it; nothing if some were never verified
  bool interrupted = false;
  CheckReport found;                         // damaged and healed
};

Result<ScrubReport> scrub_vault(Repository& repository, ScrubLedger& ledger, const ScrubOptions& options);

}  // namespace hf::vault
