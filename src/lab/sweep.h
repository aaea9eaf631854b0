// The end of the lab at once, by a thread beside the one that runs it: every process that comes from this one is killed, and
// the lab's folder removed. For a person who interrupted a second time; nothing is waited for that does not die.
#pragma once

#include <string>

#include "base/time.h"
#include "io/files.h"

namespace hf::lab {

// Takes a few seconds at most; what could not be removed until then stays, and the caller looks. The process ends right
// after it.
void sweep_away(Clock& clock, Files& files, const std::string& root);

}  // namespace hf::lab
