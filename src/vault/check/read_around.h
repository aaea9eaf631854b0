// What is left of an object that does not come in one piece, as from a disk with bad sectors.
#pragma once

#include <string>

#include "vault/store/store.h"

namespace hf::vault {

// All of its bytes, with zeros where nothing comes. The error of the store if it is another than kCorrupt, or if more cannot
// be read than any parity brings back.
Result<Bytes> read_around(Store& store, const std::string& object);

}  // namespace hf::vault
