#include "journal/commitment.h"

#include "base/hex.h"
#include "crypto/hash.h"

namespace hf::journal {

record::Commitment commit_to(const std::array<std::uint8_t, kSaltBytes>& salt, ByteView data) {
  crypto::Sha256 hash;   // no copy of the data is left behind
  hash.update(salt);
  hash.update(data);
  return {to_hex(hash.finish())};
}

}  // namespace hf::journal
