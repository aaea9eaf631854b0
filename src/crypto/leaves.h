// The two ways of sha256_leaves (hash.h), apart, so that a test and a benchmark can compare them.
#pragma once

#include "crypto/hash.h"

namespace hf::crypto {

void sha256_leaves_serial(std::span<const ByteView> pieces,
                          std::span<Digest> out);  // OpenSSL, one after the other
bool sha256_lanes_available();                     // this processor and build have lanes

}  // namespace hf::crypto
