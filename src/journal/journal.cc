// Questions that any home of a journal answers by reading it.
#include "journal/journal.h"

#include <set>

namespace hf::journal {

Result<std::vector<Entry>> events_of_run(Journal& journal, std::string_view run, std::uint64_t first) {
  std::vector<Entry> out;
  HF_TRY(journal.read(first, [&](const Entry& entry) {
    if (entry.event.run == run) out.push_back(entry);
    return true;
  }));
  return out;
}

Result<std::string> find_run(Journal& journal, std::string_view prefix) {
  std::set<std::string> found;
  HF_TRY(journal.read(0, [&](const Entry& entry) {
    if (!entry.event.run.empty() && entry.event.run.starts_with(prefix)) found.insert(entry.event.run);
    return true;
  }));
  if (found.contains(std::string(prefix))) return std::string(prefix);
  if (found.size() == 1) return *found.begin();
  if (found.empty()) {
    return make_error(ErrorKind::kNotFound, "no run '" + std::string(prefix) + "' in the journal")
        .with_hint("See `holdfast run list` for the runs that there are.");
  }
  std::string names;
  for (const std::string& name : found) names += (names.empty() ? "" : ", ") + name;
  return make_error(ErrorKind::kInvalid, "run '" + std::string(prefix) + "' could be " + names)
      .with_hint("Give more of the run's id.");
}

}  // namespace hf::journal
