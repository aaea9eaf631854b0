// The journal of this installation, for commands that add to it or read it.
#pragma once

#include <memory>

#include "cli/command.h"
#include "journal/local.h"
#include "journal/read_model.h"

namespace hf::cli {

std::string journal_folder(const Context& context);
inline constexpr Micros kWaitForWriter = 10s;
// A run holds the journal until it ends, so it is not waited for; what only appends is done well within this time.
inline constexpr Micros kWaitForRun = 2s;
// For writing; another writer is waited for, then kBusy. Made if absent.
Result<std::unique_ptr<journal::LocalJournal>> open_journal(Context& context, const std::string& region = {},
                                                            Micros wait = kWaitForWriter);
Result<std::unique_ptr<journal::LocalJournal>> read_journal(Context& context);
// Beside the journal, or in memory where this user may not write there.
Result<journal::ReadModel> read_model_of(Context& context, journal::Journal& journal);
// What a list of a journal that is not there answers: an empty one, and a warning that says where it was looked for.
Outcome nothing_recorded(const Error& no_journal, const std::string& list);

record::Actor actor_of(const Context& context);
record::Origin origin_of(const std::string& region);
// Fills in who, where and when.
record::Event stamped(Context& context, record::Event event, const std::string& region = {});

// "f-20260501-100231-4f2a": sorts by time, short enough to type.
std::string new_run_id(Context& context, char kind);

}  // namespace hf::cli
