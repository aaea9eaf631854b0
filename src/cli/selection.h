// What of a tree is meant: the options that `backup run` and `restore` share, read once.
#pragma once

#include "cli/command.h"
#include "sources/files/files.h"

namespace hf::cli {

std::vector<Option> backup_selection_options();
// kUsage, saying which word, where one of them is wrong.
Status select_for_backup(const Arguments& args, sources::TreeBackupOptions& options);

// "100MiB", "2GiB", "512B"; kUsage for a number without its unit, and for anything else.
Result<std::uint64_t> parse_size(const std::string& text);

}  // namespace hf::cli
