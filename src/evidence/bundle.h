// An evidence bundle: one run's events as they stand in the journal, with everything that a stranger needs to
// check them without us: inclusion proofs against a signed checkpoint, the public key, the plan. Bytes:
// docs/format/evidence.md.
//
// Invariant: every byte of a bundle is checked. What can be derived from the events is derived again and
// compared.
#pragma once

#include <optional>
#include <string>

#include "crypto/keys.h"
#include "evidence/archive.h"
#include "io/files.h"
#include "journal/journal.h"

namespace hf::evidence {

inline constexpr std::string_view kBundleJson = "bundle.json";
inline constexpr std::string_view kEvents = "events.jsonl";
inline constexpr std::string_view kProofs = "proofs.jsonl";
inline constexpr std::string_view kCheckpointFile = "checkpoint";
inline constexpr std::string_view kKeyFile = "key.pub";
inline constexpr std::string_view kControlsJson = "controls.json";
inline constexpr std::string_view kPlanFile = "plan";
inline constexpr std::string_view kSums = "SHA256SUMS";

// The files of the bundle of `run`, signed for by a checkpoint made now. `plan` is the text that the run's
// plan hash was taken of; empty leaves it out. kInvalid if it does not match that hash; kNotFound if the
// journal has no such run.
Result<std::vector<ArchiveFile>> make_bundle(journal::Journal& journal, const std::string& run,
                                             const std::string& plan);
// The same, written to `path` in one step (kExists if it is there).
Status export_bundle(journal::Journal& journal, Files& files, const std::string& run, const std::string& plan,
                     const std::string& path);

struct FirstBad {
  std::string file;  // of the bundle; the bundle's own path where the container is damaged
  std::optional<std::uint64_t> seq;      // of the event, where it is about one
  std::string why;
};

struct Verdict {
  std::uint64_t events = 0;              // proven to be in the journal
  std::uint64_t checkpoints = 0;         // whose signature was verified
  std::optional<FirstBad> first_bad;     // nothing else here counts if it is set
  std::string run;
  std::string origin;                    // of the journal
  std::string verifier_key;              // "name+hash+key", to compare with what is known from elsewhere
  bool key_expected = false;             // the caller gave a key, and it belongs to this journal
  bool finished = false;                 // the run's last event is there
  std::string state;                     // of the run: "succeeded", ...; "running" if it had not finished
  std::string verdict;
};

// Offline: needs no journal, no network, no key but the one in the bundle. With `expected`, that one must be
// the journal's first or current key, else anybody could have made the bundle with a key of his own. An error
// only if the file cannot be read; what is wrong with it stands in first_bad.
Result<Verdict> verify_bundle(Files& files, const std::string& path,
                              std::optional<crypto::PublicKey> expected = std::nullopt);
Verdict check_bundle(ByteView archive, const std::string& path,
                     std::optional<crypto::PublicKey> expected = std::nullopt);

}  // namespace hf::evidence
