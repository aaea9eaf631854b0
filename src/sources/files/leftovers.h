// The temporary names of a restore, and what one that was killed left under such names.
//
// Invariant: a name says which process made it, and no two restores have the same. What a process that has ended left is
// nobody's, and goes.
#pragma once

#include <string>

#include "base/bytes.h"

namespace hf::sources {

// ".holdfast-", the beginning of the snapshot's id, this process, and what nobody else has; a temporary name goes on with "-"
// and digits, "d" and digits, or "x".
std::string temporary_tag(ByteView snapshot_id);

// Of restores whose process has ended, in one folder, with all that is in it. One of another machine's restore that goes on in
// the same folder at this moment looks the same: it lists what it then misses. Two at once into one place are not for use.
void remove_leftovers(int folder);

}  // namespace hf::sources
