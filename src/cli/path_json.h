// A path in machine output and on a terminal: bytes that need not be text.
#pragma once

#include <string>

#include "base/json.h"

namespace hf::cli {

// Sets `path`, or `path_base64` where it is not UTF-8.
void set_path(Json& object, const std::string& path);
// One line, without control characters: what is neither printable nor UTF-8 stands as \ooo, a backslash as \\.
std::string shown_path(const std::string& path);

}  // namespace hf::cli
