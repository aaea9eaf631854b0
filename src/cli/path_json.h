// What a snapshot holds, in machine output and on a terminal: paths, which are bytes that need not be text, and entries' types.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "vault/tree/tree.h"

namespace hf::cli {

// Sets `path`, or `path_base64` where it is not UTF-8.
void set_path(Json& object, const std::string& path);
// One line, without control characters: what is neither printable nor UTF-8 stands as \ooo, a backslash as \\.
std::string shown_path(const std::string& path);
std::string_view entry_word(vault::EntryType type);   // "file", "folder", "link", ...

}  // namespace hf::cli
