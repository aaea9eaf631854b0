#include "sources/files/leftovers.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/hex.h"
#include "crypto/keys.h"
#include "io/descriptor.h"

namespace hf::sources {
namespace {

constexpr std::string_view kPrefix = ".holdfast-";
constexpr std::size_t kIdBytes = 4;

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// Takes eight hexadecimal digits and a '-'.
bool take_id(std::string_view& name) {
  const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (name.size() <= 2 * kIdBytes || name[2 * kIdBytes] != '-') return false;
  if (!std::ranges::all_of(name.substr(0, 2 * kIdBytes), hex)) return false;
  name.remove_prefix(2 * kIdBytes + 1);
  return true;
}

// The process that made a thing of this name; none where it is not a restore's.
std::optional<pid_t> maker_of(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  if (!take_id(name)) return std::nullopt;
  pid_t process = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), process);
  if (error != std::errc() || process <= 0) return std::nullopt;
  name.remove_prefix(static_cast<std::size_t>(end - name.data()));
  if (!name.starts_with('-')) return std::nullopt;
  name.remove_prefix(1);
  if (!take_id(name)) return std::nullopt;
  const bool ours = name == "x" || all_digits(name) || (name.starts_with('d') && all_digits(name.substr(1)));
  return ours ? std::optional(process) : std::nullopt;
}

// Of this process there is one restore at a time: what has its number was another's, in an earlier life of the container.
bool has_ended(pid_t process) { return process == ::getpid() || (::kill(process, 0) < 0 && errno == ESRCH); }

}  // namespace

std::string temporary_tag(ByteView snapshot_id) {
  crypto::SystemEntropy entropy;
  return std::string(kPrefix) + to_hex(snapshot_id.first(kIdBytes)) + "-" + std::to_string(::getpid()) + "-" +
         to_hex(entropy.bytes(kIdBytes));
}

void remove_leftovers(int folder) {
  Descriptor own(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, int (*)(DIR*)> names(own ? ::fdopendir(own.get()) : nullptr, ::closedir);
  if (!names) return;
  (void)own.release();
  std::vector<std::string> left;
  while (const dirent* item = ::readdir(names.get())) {
    const std::optional<pid_t> maker = maker_of(item->d_name);
    if (maker && has_ended(*maker)) left.emplace_back(item->d_name);
  }
  for (const std::string& name : left) {
    if (::unlinkat(folder, name.c_str(), 0) == 0) continue;
    std::error_code ignored;                   // best effort: it is in nobody's way
    std::filesystem::remove_all("/proc/self/fd/" + std::to_string(folder) + "/" + name, ignored);
  }
}

}  // namespace hf::sources
