#include "cli/selection.h"

#include "base/text.h"

namespace hf::cli {

std::vector<Option> backup_selection_options() {
  return {{"--include", "PATTERN", "only what matches, as in .gitignore", false, true},
          {"--exclude", "PATTERN", "not what matches, as in .gitignore", false, true},
          {"--exclude-caches", "", "of folders with a CACHEDIR.TAG only that file", false, false},
          {"--exclude-larger-than", "SIZE", "no files of more bytes, for example 2GiB", false, false},
          {"--one-file-system", "", "do not enter what is mounted below a path", false, false}};
}

Result<std::uint64_t> parse_size(const std::string& text) {
  static constexpr std::pair<std::string_view, std::uint64_t> kUnits[] = {
      {"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30}, {"TiB", std::uint64_t{1} << 40}, {"B", 1}};
  for (const auto& [unit, factor] : kUnits) {
    if (!text.ends_with(unit)) continue;
    const auto number = parse_whole<std::uint64_t>(std::string_view(text).substr(0, text.size() - unit.size()));
    if (number && *number <= UINT64_MAX / factor) return *number * factor;
    break;
  }
  return make_error(ErrorKind::kUsage, "'" + text + "' is not a size")
      .with_hint("Write a whole number and its unit: 512B, 64KiB, 100MiB, 2GiB.");
}

Status select_for_backup(const Arguments& args, sources::TreeBackupOptions& options) {
  options.includes = args.all("--include");
  options.excludes = args.all("--exclude");
  options.exclude_caches = args.flag("--exclude-caches");
  options.one_file_system = args.flag("--one-file-system");
  if (const auto text = args.get("--exclude-larger-than")) {
    HF_ASSIGN(options.exclude_larger, parse_size(*text));
  }
  return ok();
}

}  // namespace hf::cli
