#include "cli/path_json.h"

#include "base/hex.h"
#include "base/text.h"

namespace hf::cli {

void set_path(Json& object, const std::string& path) {
  if (valid_utf8_prefix(path) == path.size()) object.set("path", path);
  else object.set("path_base64", to_base64(as_bytes(path)));
}

std::string shown_path(const std::string& path) {
  std::string out;
  for (std::size_t i = 0; i < path.size();) {
    const std::size_t length = utf8_length(path, i);
    const auto byte = static_cast<unsigned char>(path[i]);
    const bool c1 = byte == 0xc2 && length == 2 && static_cast<unsigned char>(path[i + 1]) < 0xa0;   // U+0080 to U+009F
    if (length == 0 || byte < 0x20 || byte == 0x7f || c1) {
      for (const int shift : {6, 3, 0}) out += shift == 6 ? "\\" + std::to_string(byte >> 6) : std::to_string(byte >> shift & 7);
      ++i;
      continue;
    }
    out += byte == '\\' ? "\\\\" : path.substr(i, length);
    i += length;
  }
  return out;
}

std::string_view entry_word(vault::EntryType type) {
  static constexpr std::string_view kWords[] = {"file",         "folder", "link",  "hard-link", "character-device",
                                                "block-device", "fifo",   "socket"};
  return kWords[static_cast<std::size_t>(type) - 1];
}

}  // namespace hf::cli
