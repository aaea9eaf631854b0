// The engine's view of the journal: typed facts of runs, appended durably, read in order.
#pragma once

#include <string>
#include <vector>

#include "journal/journal.h"
#include "runbook/fact.h"

namespace hf::runbook {

class History {
 public:
  // `actor` and `origin` go into every event.
  History(journal::Journal& journal, record::Actor actor, record::Origin origin)
      : journal_(journal), actor_(std::move(actor)), origin_(std::move(origin)) {}

  // Durable when it returns the event's number.
  Result<std::uint64_t> append(const Fact& fact);
  // Of one run, in order; events of other kinds are passed over. kNotFound if there is none.
  Result<std::vector<Fact>> read(const std::string& run);
  // Runs that were started and are not finished, oldest first.
  Result<std::vector<RunSpec>> open_runs();

 private:
  journal::Journal& journal_;
  record::Actor actor_;
  record::Origin origin_;
};

}  // namespace hf::runbook
