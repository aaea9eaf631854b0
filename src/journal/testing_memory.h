// A journal without a disk, for the tests of its users. It can fail one append, before or after the event is
// stored, as a process killed at that moment would see it: take a new MemoryJournal from leaves() to
// continue.
#pragma once

#include <mutex>
#include <optional>

#include "journal/journal.h"

namespace hf::journal {

class MemoryJournal final : public Journal {
 public:
  MemoryJournal() = default;
  explicit MemoryJournal(std::vector<std::string> leaves) : leaves_(std::move(leaves)) {}

  // Append number `at` (counted from 0, over this object's life) and every later one fails; the event of that
  // append is kept if `stored`, and its error then says kMaybe.
  void fail_append(std::size_t at, bool stored);
  std::vector<std::string> leaves();

  Result<std::uint64_t> append(const record::Event& event) override;
  Status read(std::uint64_t from, const EntryVisitor& visit) override;
  std::uint64_t size() override;
  Result<std::string> checkpoint() override;                                                  // kUnsupported
  Result<std::vector<Digest>> inclusion_proof(std::uint64_t, std::uint64_t) override;         // kUnsupported
  Result<std::vector<Digest>> consistency_proof(std::uint64_t, std::uint64_t) override;       // kUnsupported
  Identity identity() override;

 private:
  std::mutex mutex_;  // guards the rest
  std::vector<std::string> leaves_;
  std::size_t appends_ = 0;
  std::optional<std::size_t> fail_at_;
  bool stored_ = false;
};

}  // namespace hf::journal
