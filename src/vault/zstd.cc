#include "vault/zstd.h"

#include <zstd.h>

namespace hf::vault {

Result<Bytes> zstd_compress(ByteView plain, int level) {
  Bytes out(ZSTD_compressBound(plain.size()));
  const std::size_t n = ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), level);
  if (ZSTD_isError(n)) return make_error(ErrorKind::kFailed, std::string("compressing: ") + ZSTD_getErrorName(n));
  out.resize(n);
  return out;
}

Result<Bytes> zstd_decompress(ByteView frame, std::size_t plain_size) {
  Bytes out(plain_size);
  const std::size_t n = ZSTD_decompress(out.data(), out.size(), frame.data(), frame.size());
  if (ZSTD_isError(n) || n != plain_size) {
    return make_error(ErrorKind::kCorrupt, std::string("decompressing: ") + (ZSTD_isError(n) ? ZSTD_getErrorName(n) : "wrong size"));
  }
  return out;
}

}  // namespace hf::vault
