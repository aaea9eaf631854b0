// Reading a journal's folder without changing it: every frame, every event, the chain of keys and the
// checkpoint. The writer starts from this, and `journal verify` is this. Needs no private key and no lock.
#pragma once

#include <optional>
#include <string>

#include "journal/key_chain.h"
#include "journal/note.h"
#include "journal/segments.h"

namespace hf::journal {

// <folder>/log/*.seg, <folder>/checkpoint, <folder>/key (0600), <folder>/key.pub, <folder>/lock
std::string log_folder(const std::string& folder);
std::string checkpoint_path(const std::string& folder);
std::string origin_of(const JournalId& id);

struct Inspection {
  Segments segments;
  KeyChain keys;
  std::optional<Checkpoint> checkpoint;   // verified: signed by the right key, root of a prefix of the log
  std::string note;                       // the signed note of that checkpoint
  std::optional<Damage> damage;           // the first place that is not what was written
};

// An error only where something could not be read. The log may be empty or absent.
Result<Inspection> inspect(Files& files, const std::string& folder,
                           std::optional<JournalId> expected = std::nullopt);

struct Verification {
  std::uint64_t events = 0;               // intact, from the first on
  std::uint64_t checkpoints = 0;          // verified
  Digest root{};
  std::optional<Damage> first_bad;
};

// kNotFound where there is no journal at all.
Result<Verification> verify_journal(Files& files, const std::string& folder);

}  // namespace hf::journal
