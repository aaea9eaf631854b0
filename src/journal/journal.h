// The journal: the append-only Merkle log that is the truth about everything that Holdfast did. Runs, audit,
// metrics and documents are projections of it.
//
// Invariant: when append() returns a sequence number, the event is durable, and no later state of the journal
// lacks it or has another event in its place: every checkpoint ever signed is a prefix of the log.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/hash.h"
#include "crypto/keys.h"
#include "record/event.h"

namespace hf::journal {

using crypto::Digest;

struct Entry {
  std::uint64_t seq = 0;     // the leaf's index in the tree, from 0
  std::string leaf;          // its exact bytes
  record::Event event;
};

// Who the log is, and which key signs its checkpoints today.
struct Identity {
  std::string origin;        // "holdfast/<128-bit journal id, 32 hexadecimal digits>"
  crypto::PublicKey public_key{};
};

// Returns false to stop early; that is no error.
using EntryVisitor = std::function<bool(const Entry&)>;

// Any thread may call; appends are put in one order.
class Journal {
 public:
  virtual ~Journal() = default;
  // Durable before it returns. After an error with effect kMaybe the event may be there after a new start;
  // this object then refuses every later append, so that nothing can follow an event whose place is not
  // known.
  virtual Result<std::uint64_t> append(const record::Event& event) = 0;
  // In order, from `from` to the end as it was when the call began.
  virtual Status read(std::uint64_t from, const EntryVisitor& visit) = 0;
  virtual std::uint64_t size() = 0;
  // The signed note over the tree as it is now (see note.h), made durable first.
  virtual Result<std::string> checkpoint() = 0;
  // Merkle proofs of RFC 6962 section 2.1; kInvalid unless seq < size <= size().
  virtual Result<std::vector<Digest>> inclusion_proof(std::uint64_t seq, std::uint64_t size) = 0;
  virtual Result<std::vector<Digest>> consistency_proof(std::uint64_t old_size, std::uint64_t size) = 0;
  virtual Identity identity() = 0;
};

// The entries from `first` on that belong to a run, in order.
Result<std::vector<Entry>> events_of_run(Journal& journal, std::string_view run, std::uint64_t first = 0);
// kNotFound if no run's id begins with `prefix`, kInvalid with the candidates if several do.
Result<std::string> find_run(Journal& journal, std::string_view prefix);

}  // namespace hf::journal
