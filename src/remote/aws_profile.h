// The files of the AWS command line: ~/.aws/credentials and ~/.aws/config. Sections of `name = value` lines.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hf::remote {

inline constexpr std::size_t kAwsFileLimitBytes = 1 << 20;

using AwsSection = std::map<std::string, std::string>;

// Section -> its values. "[profile x]" of the config file is "x". Later lines win. kInvalid with the line that is
// wrong.
Result<std::map<std::string, AwsSection>> parse_aws_file(std::string_view text, const std::string& path);

}  // namespace hf::remote
