// MemoryJournal: see testing_memory.h.
#include "journal/testing_memory.h"

namespace hf::journal {
namespace {

Error no_tree() { return make_error(ErrorKind::kUnsupported, "a journal in memory has no tree and no key"); }

}  // namespace

void MemoryJournal::fail_append(std::size_t at, bool stored) {
  std::lock_guard lock(mutex_);
  fail_at_ = at;
  stored_ = stored;
}

std::vector<std::string> MemoryJournal::leaves() {
  std::lock_guard lock(mutex_);
  return leaves_;
}

Result<std::uint64_t> MemoryJournal::append(const record::Event& event) {
  std::lock_guard lock(mutex_);
  HF_ASSIGN(std::string leaf, record::encode_event(event));
  std::size_t number = appends_++;
  if (fail_at_ && number >= *fail_at_) {
    Error error = make_error(ErrorKind::kFailed, "append " + std::to_string(number) + " failed on purpose");
    if (number > *fail_at_ || !stored_) return error;
    leaves_.push_back(std::move(leaf));
    return std::move(error).maybe_happened();
  }
  leaves_.push_back(std::move(leaf));
  return leaves_.size() - 1;
}

Status MemoryJournal::read(std::uint64_t from, const EntryVisitor& visit) {
  std::vector<std::string> leaves = this->leaves();
  for (std::uint64_t seq = from; seq < leaves.size(); ++seq) {
    HF_ASSIGN(record::Event event, record::parse_event(leaves[seq]));
    if (!visit(Entry{seq, leaves[seq], std::move(event)})) break;
  }
  return ok();
}

std::uint64_t MemoryJournal::size() {
  std::lock_guard lock(mutex_);
  return leaves_.size();
}

Result<std::string> MemoryJournal::checkpoint() { return no_tree(); }
Result<std::vector<Digest>> MemoryJournal::inclusion_proof(std::uint64_t, std::uint64_t) { return no_tree(); }
Result<std::vector<Digest>> MemoryJournal::consistency_proof(std::uint64_t, std::uint64_t) {
  return no_tree();
}
Identity MemoryJournal::identity() { return {"holdfast/00000000000000000000000000000000", {}}; }

}  // namespace hf::journal
