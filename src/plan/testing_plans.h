// Plans for tests: a small sound one, whose parts a test replaces to break it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plan/lint.h"

namespace hf::plan::testing {

// Lints without any finding.
std::string sound_plan();
// sound_plan() with `from` replaced by `to`; the text must occur exactly once.
std::string changed(std::string_view from, std::string_view to);
// A changed text changed again.
std::string changed_in(std::string text, std::string_view from, std::string_view to);
// All findings at 2026-05-01, waivers applied.
std::vector<Finding> findings_of(const std::string& text);
// "rule@path" of each finding.
std::vector<std::string> names_of(const std::vector<Finding>& findings);
bool has(const std::vector<Finding>& findings, std::string_view rule, std::string_view path = {});
std::string read_text(const std::string& path);

}  // namespace hf::plan::testing
