// What the files of a bundle that derive from the events must say. Used to write a bundle and, by comparison,
// to check it.
#pragma once

#include <span>
#include <string>

#include "evidence/archive.h"
#include "journal/journal.h"
#include "journal/note.h"

namespace hf::evidence {

struct Facts {
  std::string run;
  std::string plan_hash;
  bool finished = false;
  std::string state;      // "running" unless finished
  std::string verdict;
};

// REQUIRES: entries in order. The entries of a bundle are the anchors (event 0, key successions), then the
// run's range.
Facts facts_of(std::span<const journal::Entry> entries, const std::string& run);
Result<std::string> bundle_json(std::span<const journal::Entry> entries, const std::string& run,
                                const journal::Checkpoint& checkpoint);
Result<std::string> controls_json(std::span<const journal::Entry> entries);
// "<sha256>  <name>\n" for each, as sha256sum -c reads it.
std::string sums_of(std::span<const ArchiveFile> files);

}  // namespace hf::evidence
