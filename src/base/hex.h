// Hexadecimal (lower case) and base64 (RFC 4648, padded) text of bytes.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace hf {

std::string to_hex(ByteView bytes);
Result<Bytes> from_hex(std::string_view text);
std::string to_base64(ByteView bytes);
Result<Bytes> from_base64(std::string_view text);

}  // namespace hf
