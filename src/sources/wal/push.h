// `wal push`, PostgreSQL's archive_command: one file from pg_wal into the vault; success only when it is
// durable there.
#pragma once

#include <functional>
#include <string>

#include "io/files.h"
#include "sources/wal/target.h"

namespace hf::sources {

struct WalPushOptions {
  std::string path;  // %p; relative to the data directory
  std::string data_directory = ".";
  // Keeps the small files of the archive that no recovery needs (".backup"). kUnsupported where it is empty.
  std::function<Status(const std::string& name, ByteView bytes)> keep_other;
};

// Whole segments, ".partial" ones (their valid part), ".history" and ".backup" files.
Status push_wal(Files& files, WalTarget& target, const WalPushOptions& options);

}  // namespace hf::sources
