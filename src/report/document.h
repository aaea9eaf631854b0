// The Disaster Recovery Plan as a document: what the plan says, and what really happened.
#pragma once

#include <string>
#include <vector>

#include "plan/plan.h"
#include "record/event.h"

namespace hf::report {

// An event with its number in the journal.
struct NumberedEvent {
  std::uint64_t seq = 0;
  record::Event event;
};

struct DocumentInput {
  const plan::Plan& plan;
  std::string plan_hash;
  std::vector<NumberedEvent> events;  // in order
  std::string journal_origin;         // "holdfast/4f2a..."
  WallTime now{};
};

struct Document {
  std::string markdown;
  std::string html;
  int measured = 0;                       // figures with a footnote
  std::vector<std::string> not_measured;  // what the plan aims at and nothing has measured yet
};

// kInvalid if a body of an event that the document needs cannot be read.
Result<Document> build_document(const DocumentInput& input);

}  // namespace hf::report
