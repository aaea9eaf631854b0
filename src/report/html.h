// Markdown to one HTML page that needs nothing from outside. Raw HTML in the Markdown is dropped (cmark-gfm's safe
// mode).
#pragma once

#include <map>
#include <string>

#include "base/result.h"

namespace hf::report {

// A paragraph that consists of one of the keys of `charts` alone is replaced by its SVG.
Result<std::string> render_html(const std::string& title, const std::string& markdown,
                                const std::map<std::string, std::string>& charts);

}  // namespace hf::report
