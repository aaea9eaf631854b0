// Questions answered by reading, asked of the journal in memory.
#include <gtest/gtest.h>

#include "journal/testing_memory.h"
#include "record/journal_events.h"

namespace hf::journal {
namespace {

record::Event note(std::string run, std::string text) {
  record::Event e = record::event_of(record::Note{std::move(text)});
  e.actor.id = "test";
  e.origin.host = "h";
  e.run = std::move(run);
  return e;
}

TEST(Journal, EventsOfARun) {
  MemoryJournal journal;
  for (auto [run, text] : {std::pair{"a1", "x"}, {"b", "y"}, {"a1", "z"}, {"a2", "w"}})
    ASSERT_TRUE(journal.append(note(run, text)));
  auto events = events_of_run(journal, "a1");
  ASSERT_TRUE(events);
  ASSERT_EQ(events->size(), 2u);
  EXPECT_EQ((*events)[1].seq, 2u);
  EXPECT_EQ(events_of_run(journal, "a1", 1)->size(), 1u);
  EXPECT_EQ(*find_run(journal, "b"), "b");
  EXPECT_EQ(find_run(journal, "a").error().text, "run 'a' could be a1, a2");
  EXPECT_EQ(find_run(journal, "c").error().kind, ErrorKind::kNotFound);
}

TEST(Journal, MemoryFailsOnPurpose) {
  MemoryJournal journal;
  journal.fail_append(1, true);
  EXPECT_EQ(*journal.append(note("", "a")), 0u);
  EXPECT_EQ(journal.append(note("", "b")).error().effect, Effect::kMaybe);
  EXPECT_FALSE(journal.append(note("", "c")));
  EXPECT_EQ(journal.size(), 2u);
  MemoryJournal again(journal.leaves());
  EXPECT_EQ(*again.append(note("", "c")), 2u);
}

}  // namespace
}  // namespace hf::journal
