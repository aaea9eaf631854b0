// The local home of a journal: a folder of this machine, one writer at a time, any number of readers.
//
// Opening reads and checks the whole log, heals what a crash left unfinished (and says so in the log itself),
// and refuses damage with the exact place. A checkpoint is signed before an event is acknowledged, but for those by
// which a run only watches: these wait for the next other one, for kCheckpointEvery of them, or for the end.
//
// Invariant: a checkpoint is signed only over events that are synced.
#pragma once

#include <mutex>
#include <optional>

#include "base/log.h"
#include "io/lock.h"
#include "journal/inspect.h"
#include "journal/journal.h"

namespace hf::journal {

// In events: at most as many looks and timers could be rolled back after a crash without being noticed.
inline constexpr std::uint64_t kCheckpointEvery = 16;

struct LocalOptions {
  std::string folder;                                       // "<state>/journal"
  record::Origin here;                                      // where we run, for the journal's own events
  std::optional<crypto::PublicKey> recovery_key;            // named when the journal is made; later ignored
  std::uint64_t segment_bytes = kSegmentBytes;              // smaller ones only make a test shorter
  bool lock = true;  // false only over Files that no other process can see
};

class LocalJournal final : public Journal {
 public:
  // For writing; made if absent. kBusy names the process that has it. Everything given outlives the journal.
  static Result<std::unique_ptr<LocalJournal>> open(Files& files, Clock& clock, Log& log,
                                                    crypto::Entropy& entropy, LocalOptions options);
  // For reading, also beside a writer: what it acknowledged before this call. kNotFound where there is none.
  static Result<std::unique_ptr<LocalJournal>> open_reader(Files& files, std::string folder);
  ~LocalJournal() override;   // signs what is not signed yet

  Result<std::uint64_t> append(const record::Event& event) override;
  Status read(std::uint64_t from, const EntryVisitor& visit) override;
  std::uint64_t size() override;
  // A reader gets the last one signed.
  Result<std::string> checkpoint() override;
  Result<std::vector<Digest>> inclusion_proof(std::uint64_t seq, std::uint64_t size) override;
  Result<std::vector<Digest>> consistency_proof(std::uint64_t old_size, std::uint64_t size) override;
  Identity identity() override;

  // A new signing key, named by an event that the old one signed.
  Status succeed_key(crypto::Entropy& entropy);

 private:
  struct Writer;
  LocalJournal(Files& files, std::string folder, Inspection inspection);
  Status start(const LocalOptions& options);
  Result<std::uint64_t> append_locked(const record::Event& event);
  Result<std::uint64_t> append_own(record::Event event);
  Status sign();
  Status write_public_key();
  bool checkpoint_due(const record::Event& last) const;

  std::mutex mutex_;   // guards the rest
  Files& files_;
  std::string folder_;
  Inspection state_;
  std::unique_ptr<Writer> writer_;   // null for a reader
};

}  // namespace hf::journal
