#include "remote/aws_profile.h"

namespace hf::remote {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

std::string section_name(std::string_view heading) {
  std::string_view name = trim(heading);
  if (name.starts_with("profile ")) name = trim(name.substr(8));
  return std::string(name);
}

}  // namespace

Result<std::map<std::string, AwsSection>> parse_aws_file(std::string_view text, const std::string& path) {
  std::map<std::string, AwsSection> out;
  AwsSection* section = nullptr;
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view raw = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::string_view line = trim(raw);
    ++number;
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    const auto wrong = [&](const std::string& why) {  // never the line itself: it may hold a secret
      return make_error(ErrorKind::kInvalid, path + ", line " + std::to_string(number) + ": " + why).with_object(path);
    };
    if (line.front() == '[') {
      const std::size_t close = line.find(']');
      if (close == std::string_view::npos) return wrong("a section's name has no ']'");
      section = &out[section_name(line.substr(1, close - 1))];
      continue;
    }
    if (raw.front() == ' ' || raw.front() == '\t') continue;  // a nested block, as that of `s3 =`
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) return wrong("neither [section] nor name = value");
    if (section == nullptr) return wrong("a value before the first [section]");
    (*section)[std::string(trim(line.substr(0, equals)))] = std::string(trim(line.substr(equals + 1)));
  }
  return out;
}

}  // namespace hf::remote
