// Text inside XML and HTML.
#pragma once

#include <string>
#include <string_view>

namespace hf {

// The four characters that end text or a quoted attribute, as entities (XML 1.0, section 2.4).
std::string markup_escaped(std::string_view text);

}  // namespace hf
