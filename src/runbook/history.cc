// Facts in and out of the journal.
#include "runbook/history.h"

#include <algorithm>

namespace hf::runbook {

Result<std::uint64_t> History::append(const Fact& fact) {
  record::Event event = event_of_fact(fact);
  event.actor = actor_;
  event.origin = origin_;
  if (!fact.by.empty()) event.actor = {fact.by, actor_.method};
  auto seq = journal_.append(event);
  if (!seq) return std::move(seq).error().with_context("recording '" + event.type + "' of run " + fact.run);
  return seq;
}

Result<std::vector<Fact>> History::read(const std::string& run) {
  HF_ASSIGN(const std::vector<journal::Entry> entries, journal::events_of_run(journal_, run));
  std::vector<Fact> facts;
  for (const journal::Entry& e : entries) {
    auto fact = fact_of_event(e.event);
    if (!fact && fact.error().kind == ErrorKind::kNotFound) continue;
    if (!fact) return std::move(fact).error();
    fact->seq = e.seq;
    facts.push_back(std::move(*fact));
  }
  if (facts.empty() || facts.front().kind != FactKind::kRunStarted)
    return make_error(ErrorKind::kNotFound, "run '" + run + "' is not in the journal")
        .with_hint("'holdfast run list' shows the runs that are.");
  return facts;
}

Result<std::vector<RunSpec>> History::open_runs() {
  std::vector<RunSpec> open;
  Status broken;
  HF_TRY(journal_.read(0, [&](const journal::Entry& e) {
    if (e.event.type == to_string(FactKind::kRunFinished))
      std::erase_if(open, [&](const RunSpec& s) { return s.id == e.event.run; });
    if (e.event.type != to_string(FactKind::kRunStarted) || !e.event.body["parameters"].is_object()) return true;
    auto fact = fact_of_event(e.event);
    if (fact) open.push_back(std::move(*fact->spec));
    else broken = std::move(fact).error();
    return broken.has_value();
  }));
  HF_TRY(std::move(broken));
  return open;
}

}  // namespace hf::runbook
