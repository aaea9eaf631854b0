// Memory of one tree with very many entries: backs up generated entries that share one content, then checks, walks, plans the
// restore of and prunes that vault, each in a process of its own, and prints its time and peak.
// usage: entries FOLDER ENTRIES
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rng.h"
#include "vault/collect/collect.h"
#include "vault/repository.h"
#include "vault/store/directory_store.h"

namespace hf::vault {
namespace {

constexpr std::uint64_t kInFolder = 1000;
constexpr std::size_t kContentBytes = 1000;

template <class T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "%s\n", result.error().text.c_str());
  std::_Exit(1);
}
void must(const Status& status) {
  if (status) return;
  std::fprintf(stderr, "%s\n", status.error().text.c_str());
  std::_Exit(1);
}

struct Vault {
  explicit Vault(const std::string& folder) : store(files, entropy, folder) {}
  RepositoryContext context() { return {store, entropy, clock, log, "bench"}; }
  std::unique_ptr<Repository> open() { return must(Repository::open(context(), {Passphrase{Secret("bench")}})); }
  PosixFiles files;
  crypto::SystemEntropy entropy;
  SystemClock clock;
  MemoryLog log;
  DirectoryStore store;
};

std::string numbered(char letter, std::uint64_t number) {
  std::string digits = std::to_string(number);
  return letter + std::string(8 - digits.size(), '0') + digits;
}

void back_up(Vault& vault, std::uint64_t entries) {
  auto repository = vault.open();
  auto session = must(repository->begin_backup({.host = "bench"}));
  Rng rng(1);
  Bytes bytes(kContentBytes);
  for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(rng.u64());
  auto writer = must(session->begin_content(ContentKind::kStream));
  must(writer->write(bytes));
  const Content content = must(writer->finish());
  for (std::uint64_t i = 0; i < entries; ++i) {
    Entry entry;
    entry.mode = 0644;
    entry.mtime.seconds = 1'700'000'000 + static_cast<std::int64_t>(i);
    entry.inode = i + 1;
    entry.path = numbered('d', i / kInFolder);
    if (i % kInFolder == 0) {
      Entry folder = entry;
      folder.type = EntryType::kDirectory;
      must(session->add(folder));
    }
    entry.path += "/" + numbered('f', i);
    must(session->add(std::move(entry), content));
  }
  must(session->commit());
}

void read_views(Vault& vault) {
  auto repository = vault.open();
  auto reader = must(repository->open_snapshot(must(repository->find("latest", {})).id));
  while (must(reader->next_view()) != nullptr) {}
}

void require_all(SnapshotReader& reader) {
  std::vector<ChunkId> needed;
  const auto require = [&] {
    must(reader.require(needed));
    needed.clear();
  };
  must(reader.each_entry([&](const Entry& entry) {
    for (const Extent& e : entry.extents) needed.push_back(e.chunk);
    if (needed.size() >= kRequiredAtOnce) require();
    return ok();
  }));
  require();
}

// As a restore of files does: proves that all is there, then plans a window of pieces at a time.
void plan_restore(Vault& vault) {
  struct Sink final : RestoreSink {
    bool concurrent() const override { return true; }
    Status write(std::uint64_t, std::uint64_t, ByteView) override { return ok(); }
  } sink;
  auto repository = vault.open();
  auto reader = must(repository->open_snapshot(must(repository->find("latest", {})).id));
  require_all(*reader);
  std::vector<RestoreItem> items;
  const auto restore = [&] {
    must(reader->restore(items, sink));
    items.clear();
  };
  must(reader->each_entry([&](const Entry& entry) {
    if (!entry.extents.empty()) items.push_back({items.size(), entry.extents});
    if (items.size() >= kRestoreWindow) restore();
    return ok();
  }));
  restore();
}

void check(Vault& vault) {
  const CheckReport report = must(vault.open()->check({}));
  if (!report.damaged.empty()) std::_Exit(1);
}

void prune(Vault& vault) {
  PruneOptions options;
  options.policy.all.last = 1;
  auto repository = vault.open();
  must(prune_vault(*repository, options));
}

int measure(const std::string& what, const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  const pid_t child = ::fork();
  if (child == 0) {
    work();
    std::_Exit(0);
  }
  int status = 0;
  struct ::rusage usage{};
  ::wait4(child, &status, 0, &usage);
  const double cpu = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                     static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  std::printf("%-12s %8.2f s wall %8.2f s CPU %8.1f MiB peak\n", what.c_str(),
              std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(), cpu,
              static_cast<double>(usage.ru_maxrss) / 1024);
  return status == 0 ? 0 : 1;
}

int run(const std::string& folder, std::uint64_t entries) {
  Vault vault(folder);
  must(Repository::init(vault.context(), SlotLock{Passphrase{Secret("bench")}}, {.cost = {8, 1}}));
  int failed = measure("backup", [&] { back_up(vault, entries); });
  failed += measure("walk", [&] { read_views(vault); });
  failed += measure("check", [&] { check(vault); });
  failed += measure("prune", [&] { prune(vault); });
  failed += measure("restore plan", [&] { plan_restore(vault); });
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace hf::vault

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  return hf::vault::run(argv[1], std::strtoull(argv[2], nullptr, 10));
}
