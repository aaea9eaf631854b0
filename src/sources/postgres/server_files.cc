// Folders, owners and settings of servers that we start. Everything that PostgreSQL's user must read or run is given to
// it here, and nothing is followed through a symbolic link while we are root.
#include <cerrno>
#include <cstdio>
#include <set>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "io/files.h"
#include "sources/postgres/server.h"

namespace hf::sources {
namespace {

constexpr std::size_t kConfigLimit = 4u << 20;       // bytes of a configuration file that we rewrite
constexpr std::size_t kProgramLimit = 512u << 20;    // bytes of a program or key that is copied for another user
constexpr Micros kReachTimeout = 10s;

std::string setting_name(std::string_view line) {
  const auto begin = line.find_first_not_of(" \t");
  if (begin == std::string_view::npos || line[begin] == '#') return {};
  const auto end = line.find_first_of(" \t=", begin);
  std::string name(line.substr(begin, end == std::string_view::npos ? end : end - begin));
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return name;
}

// The lines of `text` that set none of `names`.
std::string without_settings(std::string_view text, const std::set<std::string>& names) {
  std::string kept;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (!names.contains(setting_name(line))) kept.append(line).push_back('\n');
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return kept;
}

Status write_owned(Env& env, const std::string& path, const std::optional<UserIds>& owner, std::string_view text) {
  HF_TRY(write_file_atomic(env.files, path, as_bytes(text), 0600));
  return give_to(path, owner);
}

// The first folder above `path` that `user` may not pass, judged by mode bits; empty if none is found.
std::string closed_folder(const UserIds& user, const std::string& path) {
  for (std::size_t slash = 1; slash < path.size(); ++slash) {
    if (path[slash] != '/') continue;
    const std::string folder = path.substr(0, slash);
    struct stat info{};
    if (::stat(folder.c_str(), &info) != 0) return folder;
    const mode_t bit = info.st_uid == user.uid ? S_IXUSR : info.st_gid == user.gid ? S_IXGRP : S_IXOTH;
    if ((info.st_mode & bit) == 0) return folder;
  }
  return {};
}

Status give_folder(int fd, const std::string& path, const UserIds& owner) {
  DIR* dir = fdopendir(fd);
  if (dir == nullptr) {
    const int err = errno;
    ::close(fd);
    return errno_error(err, "reading", path);
  }
  struct Closer { DIR* d; ~Closer() { closedir(d); } } closer{dir};
  if (fchown(dirfd(dir), owner.uid, owner.gid) != 0) return errno_error(errno, "giving away", path);
  while (const dirent* entry = readdir(dir)) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    const int child = openat(dirfd(dir), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (child >= 0) {
      HF_TRY(give_folder(child, join_path(path, name), owner));
    } else if (fchownat(dirfd(dir), name.c_str(), owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW) != 0) {
      return errno_error(errno, "giving away", join_path(path, name));
    }
  }
  return ok();
}

}  // namespace

Result<std::string> quote_setting(std::string_view value) {
  std::string quoted = "'";
  for (const char c : value) {
    if (c == '\n' || c == '\r' || c == '\0') {
      return make_error(ErrorKind::kInvalid, "a PostgreSQL setting holds a line break or NUL")
          .with_hint("Use a path and a name without line breaks.");
    }
    if (c == '\'' || c == '\\') quoted.push_back(c);
    quoted.push_back(c);
  }
  quoted.push_back('\'');
  return quoted;
}

Status make_owned_dir(const std::string& path, const std::optional<UserIds>& owner, unsigned mode) {
  const std::string parent = parent_path(path);
  struct stat info{};
  if (!parent.empty() && parent != path && ::stat(parent.c_str(), &info) != 0) {
    HF_TRY(make_owned_dir(parent, {}, 0711));
  }
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return errno_error(errno, "creating the folder", path);
  if (::lstat(path.c_str(), &info) != 0) return errno_error(errno, "looking at", path);
  if (!S_ISDIR(info.st_mode)) return make_error(ErrorKind::kBlocked, path + " is not a folder").with_object(path);
  HF_TRY(give_to(path, owner));
  if (::chmod(path.c_str(), mode) != 0) return errno_error(errno, "setting the mode of", path);
  return ok();
}

Status give_to(const std::string& path, const std::optional<UserIds>& owner) {
  if (!owner) return ok();
  if (::lchown(path.c_str(), owner->uid, owner->gid) != 0) return errno_error(errno, "giving to " + owner->name, path);
  return ok();
}

Status give_tree_to(const std::string& path, const std::optional<UserIds>& owner) {
  if (!owner) return ok();
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0) return give_folder(fd, path, *owner);
  if (errno == ENOTDIR || errno == ELOOP) return give_to(path, owner);
  return errno_error(errno, "opening", path);
}

Status reachable_by(Env& env, const std::optional<UserIds>& user, const std::string& path, Reach reach) {
  ProcessSpec spec;
  spec.argv = {"/usr/bin/test", reach == Reach::kRead ? "-r" : "-x", path};
  spec.user = user;
  spec.cwd = std::string("/");
  HF_ASSIGN(const ProcessExit exit, run_process(env.processes, env.clock, spec, kReachTimeout));
  if (exit.code == 0) return ok();
  const std::string who = user ? "user '" + user->name + "'" : "the current user";
  std::string text = who + (reach == Reach::kRead ? " cannot read " : " cannot use ") + path;
  const std::string closed = user ? closed_folder(*user, path) : std::string();
  if (!closed.empty()) text += ", because " + closed + " is closed to it or absent";
  return make_error(ErrorKind::kDenied, std::move(text))
      .with_hint("Put it where PostgreSQL's user can reach it, for example under /usr/local or /var/lib.")
      .with_object(path);
}

Result<std::uint64_t> free_bytes(const std::string& path) {
  struct statvfs space{};
  if (statvfs(path.c_str(), &space) != 0) return errno_error(errno, "asking for the space of", path);
  return static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize;
}

Status copy_for(const std::string& path, const std::string& target, const std::optional<UserIds>& owner, unsigned mode) {
  PosixFiles files;  // programs and keys are bulk copies between real paths
  HF_ASSIGN(const Bytes data, read_file(files, path, kProgramLimit));
  HF_TRY(write_file_atomic(files, target, data, mode));
  return give_to(target, owner);
}

Status write_settings(Env& env, const std::string& data_dir, const std::optional<UserIds>& owner,
                      const PostgresSettings& settings) {
  const std::string path = join_path(data_dir, "postgresql.auto.conf");
  std::string text;
  if (file_exists(env.files, path)) {
    HF_ASSIGN(const Bytes present, read_file(env.files, path, kConfigLimit));
    text = to_text(present);
  }
  std::set<std::string> names;
  for (const auto& [name, value] : settings) names.insert(setting_name(name));
  text = without_settings(text, names);
  for (const auto& [name, value] : settings) {
    HF_ASSIGN(const std::string quoted, quote_setting(value));
    text += name + " = " + quoted + "\n";
  }
  return write_owned(env, path, owner, text);
}

Status write_hba(Env& env, const std::string& data_dir, const std::optional<UserIds>& owner,
                 const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return write_owned(env, join_path(data_dir, "pg_hba.conf"), owner, text);
}

}  // namespace hf::sources
