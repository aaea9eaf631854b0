// zstd in one piece: a frame with its content size, opened only to exactly the size that the caller expects.
#pragma once

#include "base/bytes.h"

namespace hf::vault {

Result<Bytes> zstd_compress(ByteView plain, int level);
Result<Bytes> zstd_decompress(ByteView frame, std::size_t plain_size);   // kCorrupt if it is not that size

}  // namespace hf::vault
