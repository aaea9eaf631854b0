// How far a copy is behind its source, measured in both stores.
#pragma once

#include "vault/copy/copy_choice.h"

namespace hf::vault {

// Lists both. A key that cannot read learns the number of snapshots alone.
Result<CopyLag> measure_lag(const Repository::Core& from, const Repository::Core& to, const CopyChoice& choice);

}  // namespace hf::vault
