// The floor of a backup without a change: lists every folder below one and asks for every file's state, and no more.
// Prints how many it saw.
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

std::size_t walk(int folder) {
  DIR* stream = ::fdopendir(folder);
  if (stream == nullptr) return 0;
  std::size_t seen = 0;
  std::vector<std::string> folders;
  while (const dirent* entry = ::readdir(stream)) {
    if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
    struct ::statx st{};
    if (::statx(::dirfd(stream), entry->d_name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &st) != 0) continue;
    ++seen;
    if (S_ISDIR(st.stx_mode)) folders.emplace_back(entry->d_name);
  }
  for (const std::string& name : folders) {
    const int below = ::openat(::dirfd(stream), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (below >= 0) seen += walk(below);
  }
  ::closedir(stream);
  return seen;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const int folder = ::open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return 1;
  std::printf("%zu\n", walk(folder));
  return 0;
}
