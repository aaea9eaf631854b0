// Reading a part of an object, from whatever holds it: a store, a local file, memory.
#pragma once

#include <functional>

#include "base/bytes.h"

namespace hf::vault {

// Exactly `length` bytes at `offset`, or an error, also where the object ends before. Never more than one
// call at a time.
using RangeReader = std::function<Result<Bytes>(std::uint64_t offset, std::size_t length)>;

// For an object already in memory, which must outlive the reader.
RangeReader memory_range(ByteView object);

}  // namespace hf::vault
