// The bytes of a restore: folder, marker, files, WAL or the way to it, settings; PG_VERSION and the marker's end last.
#include "sources/postgres/restore.h"

#include <algorithm>
#include <cerrno>
#include <list>
#include <set>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/files.h"
#include "sources/postgres/restore_files.h"
#include "vault/restore.h"

namespace hf::sources {
namespace {

constexpr std::size_t kSmallFile = 1u << 20;           // bytes of PG_VERSION, tablespace_map
constexpr std::uint64_t kSpare = 64ull << 20;          // bytes that a starting server needs beside the restored ones

// Folders whose content no backup holds; the server expects them.
constexpr const char* kEmptyFolders[] = {"pg_wal",       "pg_wal/archive_status", "pg_replslot", "pg_notify",
                                         "pg_serial",    "pg_snapshots",          "pg_stat_tmp", "pg_subtrans",
                                         "pg_dynshmem",  "pg_tblspc",             "pg_stat",     "pg_commit_ts",
                                         "pg_twophase",  "pg_logical",            "pg_logical/snapshots",
                                         "pg_logical/mappings"};

struct Layout {
  std::vector<std::pair<std::string, unsigned>> folders;      // absolute, with mode
  std::vector<RestoredFile> files;
  std::vector<vault::RestoreItem> items;
  std::optional<vault::Entry> version;                        // PG_VERSION, written last
  std::optional<vault::Entry> tablespace_map;
  std::uint64_t bytes = 0;
};

std::string tablespace_dir(const PostgresRestoreOptions& options, const std::string& oid) {
  for (const auto& [number, path] : options.tablespaces) {
    if (std::to_string(number) == oid) return path;
  }
  return join_path(join_path(options.data_dir, "tablespaces"), oid);
}

// Where an entry of the snapshot goes; empty for what is not restored.
std::string place_of(const std::string& path, const PostgresRestoreOptions& options) {
  const std::string data = std::string(kDataTree) + "/";
  const std::string spaces = std::string(kTablespaceTree) + "/";
  if (path.starts_with(data)) return join_path(options.data_dir, path.substr(data.size()));
  if (!path.starts_with(spaces)) return {};
  const std::string rest = path.substr(spaces.size());
  const auto slash = rest.find('/');
  const std::string root = tablespace_dir(options, rest.substr(0, slash));
  return slash == std::string::npos ? root : join_path(root, rest.substr(slash + 1));
}

Status check_empty(const std::string& dir) {
  DIR* open = opendir(dir.c_str());
  if (open == nullptr) return errno == ENOENT ? ok() : errno_error(errno, "opening", dir);
  bool empty = true;
  while (const dirent* entry = readdir(open)) {
    const std::string_view name = entry->d_name;
    empty = empty && (name == "." || name == "..");
  }
  closedir(open);
  if (empty) return ok();
  return make_error(ErrorKind::kBlocked, dir + " is not empty")
      .with_hint("Restore into a new folder, or move what is there away: nothing is ever overwritten.")
      .with_object(dir);
}

Status check_space(const RestorePlan& plan, const PostgresRestoreOptions& options) {
  std::uint64_t needed = plan.base.source_bytes + kSpare;
  if (options.wal.key_file.empty()) {
    for (const WalPiece& piece : plan.wal) needed += piece.to - piece.from;
  }
  HF_ASSIGN(const std::uint64_t free, free_bytes(options.data_dir));
  if (free >= needed) return ok();
  return make_error(ErrorKind::kExhausted, options.data_dir + " has " + std::to_string(free) + " bytes free, the restore needs " +
                                               std::to_string(needed))
      .with_hint("Free space or restore to a larger disk; nothing was written.")
      .with_object(options.data_dir);
}

Result<Layout> lay_out(vault::SnapshotReader& reader, const PostgresRestoreOptions& options) {
  Layout layout;
  static const std::set<std::string> left_out = {"data/postmaster.pid", "data/postmaster.opts"};
  HF_TRY(reader.each_entry([&](const vault::Entry& entry) -> Status {
    const std::string place = place_of(entry.path, options);
    if (place.empty() || left_out.contains(entry.path)) return ok();
    if (entry.type == vault::EntryType::kDirectory) {
      layout.folders.emplace_back(place, entry.mode == 0 ? 0700 : entry.mode & 0750);
    } else if (entry.type == vault::EntryType::kFile) {
      if (entry.path == "data/PG_VERSION") {
        layout.version = entry;
        return ok();
      }
      if (entry.path == "data/tablespace_map") {
        layout.tablespace_map = entry;
        return ok();
      }
      layout.items.push_back({layout.files.size(), entry.extents});
      layout.files.push_back({place, entry.mode == 0 ? 0600 : entry.mode & 0640, entry.size});
      layout.bytes += entry.size;
    } else if (!entry.path.starts_with("data/pg_tblspc/")) {   // those links are made from tablespace_map
      return make_error(ErrorKind::kUnsupported, "'" + entry.path + "' is neither a file nor a folder");
    }
    return ok();
  }));
  if (!layout.version) return make_error(ErrorKind::kCorrupt, "the snapshot holds no PG_VERSION");
  return layout;
}

Status prepare_target(Env& env, const RestorePlan& plan, const PostgresRestoreOptions& options) {
  HF_TRY(check_empty(options.data_dir));
  for (const auto& [oid, path] : options.tablespaces) HF_TRY(check_empty(path));
  HF_TRY(make_owned_dir(options.data_dir, options.owner));
  HF_TRY(check_space(plan, options));
  HF_TRY(reachable_by(env, options.owner, options.data_dir, Reach::kTraverse));
  return write_file_atomic(env.files, join_path(options.data_dir, kRestoreMarker),
                           as_bytes("A restore into this folder did not end. Remove the folder and restore again.\n"));
}

Status make_folders(const Layout& layout, const PostgresRestoreOptions& options) {
  for (const auto& [path, mode] : layout.folders) HF_TRY(make_owned_dir(path, options.owner, mode));
  for (const char* name : kEmptyFolders) {
    const std::string path = join_path(options.data_dir, name);
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0) HF_TRY(make_owned_dir(path, options.owner));
  }
  return ok();
}

// "<oid> <path>" a line, where a backslash stands before a line break or a backslash of the path.
Status write_tablespace_map(Env& env, vault::SnapshotReader& reader, const vault::Entry& entry,
                            const PostgresRestoreOptions& options) {
  HF_ASSIGN(const Bytes old, reader.read_whole(entry, kSmallFile));
  std::string text;
  std::string line;
  const auto flush = [&] {
    const std::string oid = line.substr(0, line.find(' '));
    if (!oid.empty()) text += oid + " " + tablespace_dir(options, oid) + "\n";
    line.clear();
  };
  for (std::size_t i = 0; i < old.size(); ++i) {
    const char c = static_cast<char>(old[i]);
    if (c == '\\' && i + 1 < old.size()) line.push_back(static_cast<char>(old[++i]));
    else if (c == '\n') flush();
    else line.push_back(c);
  }
  flush();
  return write_file_atomic(env.files, join_path(options.data_dir, "tablespace_map"), as_bytes(text));
}

Status write_if_absent(Env& env, const std::string& path, std::string_view text) {
  return file_exists(env.files, path) ? ok() : write_file_atomic(env.files, path, as_bytes(text));
}

// Everything is on the disk before the two steps that make the folder a data directory.
Status publish(Env& env, vault::SnapshotReader& reader, const Layout& layout, const PostgresRestoreOptions& options) {
  HF_TRY(give_tree_to(options.data_dir, options.owner));
  for (const auto& [oid, path] : options.tablespaces) HF_TRY(give_tree_to(path, options.owner));
  HF_TRY(sync_file_system(options.data_dir));
  for (const auto& [oid, path] : options.tablespaces) HF_TRY(sync_file_system(path));
  HF_ASSIGN(const Bytes version, reader.read_whole(*layout.version, kSmallFile));
  const std::string path = join_path(options.data_dir, "PG_VERSION");
  HF_TRY(write_file_atomic(env.files, path, version));
  HF_TRY(give_to(path, options.owner));
  HF_TRY(env.files.remove(join_path(options.data_dir, kRestoreMarker)));
  return env.files.sync_dir(options.data_dir);
}

Status write_recovery(Env& env, vault::Repository& repository, const RestorePlan& plan, const PostgresRestoreOptions& options) {
  std::string staged;
  if (options.wal.key_file.empty()) {
    staged = join_path(join_path(options.data_dir, kRecoveryFolder), "wal");
    HF_TRY(stage_wal(env, repository, plan, staged, options.stop));
  }
  WalAccess source = options.wal;
  HF_TRY(make_reachable(env, options, source));
  PostgresSettings settings = {{"restore_command", restore_command(source, staged)},
                               {"recovery_target_action", options.action},
                               {"recovery_end_command", ""},
                               {"archive_cleanup_command", ""},
                               {"archive_mode", "off"},
                               {"primary_conninfo", ""},
                               {"primary_slot_name", ""},
                               {"synchronous_standby_names", ""}};
  for (const char* name : {"recovery_target", "recovery_target_time", "recovery_target_lsn", "recovery_target_name",
                           "recovery_target_xid"}) {
    settings.emplace_back(name, "");                   // none of the source's may be left beside ours
  }
  settings.emplace_back("recovery_target_inclusive", "on");
  for (const auto& [name, value] : plan.info.limits) settings.emplace_back(name, value);
  constexpr int kHasSyncMethod = 140000;
  if (plan.info.server_version >= kHasSyncMethod) settings.emplace_back("recovery_init_sync_method", "syncfs");
  for (const PostgresSettings* more : {&plan.recovery, &options.settings}) {
    for (const auto& [name, value] : *more) {
      std::erase_if(settings, [&](const auto& s) { return s.first == name; });
      settings.emplace_back(name, value);
    }
  }
  HF_TRY(write_if_absent(env, join_path(options.data_dir, "postgresql.conf"),
                         "# The source kept its configuration outside of the data directory.\n"));
  HF_TRY(write_if_absent(env, join_path(options.data_dir, "pg_hba.conf"), "local all all peer\n"));
  HF_TRY(write_if_absent(env, join_path(options.data_dir, "pg_ident.conf"), ""));
  HF_TRY(write_settings(env, options.data_dir, options.owner, settings));
  return write_file_atomic(env.files, join_path(options.data_dir, "recovery.signal"), {});
}

}  // namespace

Result<PostgresRestoreReport> restore_postgres(Env& env, vault::Repository& repository, const RestorePlan& plan,
                                               const PostgresRestoreOptions& options) {
  HF_ASSIGN(const auto reader, repository.open_snapshot(plan.base.id));
  HF_ASSIGN(const Layout layout, lay_out(*reader, options));
  HF_TRY(prepare_target(env, plan, options));
  HF_TRY(make_folders(layout, options));
  const Progress progress = repository.progress();
  progress.phase("writing the data directory", {.bytes = layout.bytes});
  FileSetSink sink(layout.files, options.stop, progress);
  HF_TRY(sink.create_all());
  HF_ASSIGN(const vault::RestoreTotals totals, reader->restore(layout.items, sink));
  HF_TRY(sink.close());
  progress.phase("laying out recovery");
  if (layout.tablespace_map) HF_TRY(write_tablespace_map(env, *reader, *layout.tablespace_map, options));
  HF_TRY(write_recovery(env, repository, plan, options));
  progress.phase("syncing the disk");
  HF_TRY(publish(env, *reader, layout, options));
  PostgresRestoreReport report;
  report.snapshot = plan.base.id;
  report.recovery_point = plan.recovery_point;
  report.lsn = plan.end;
  report.timeline = plan.timeline;
  report.files = layout.files.size() + 1 + (layout.tablespace_map ? 1 : 0);
  report.bytes = totals.bytes;
  env.log.info("sources", "postgres_restore", {{"target", describe(plan.target)}, {"data_dir", options.data_dir},
                                               {"files", std::to_string(report.files)}, {"bytes", std::to_string(report.bytes)}});
  return report;
}

}  // namespace hf::sources
