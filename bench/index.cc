// Memory and time of a large index: writes runs of a million generated chunks each, opens them as a backup does, looks
// up chunks that are there and chunks that are not, and prints what that took. usage: index FOLDER CHUNKS
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rng.h"
#include "vault/config.h"
#include "vault/index.h"

namespace hf::vault {
namespace {

constexpr std::uint64_t kRunChunks = 1'000'000;
constexpr std::uint64_t kPackChunks = 4000;
constexpr std::size_t kCacheBytes = 64u << 20;       // as ChunkSource has it
constexpr int kLookups = 200'000;

ChunkId generated(std::uint64_t number) {
  Rng rng(number);
  ChunkId id;
  for (std::size_t i = 0; i < 4; ++i) {
    const std::uint64_t v = rng.u64();
    std::memcpy(id.bytes.data() + 8 * i, &v, 8);
  }
  return id;
}

std::string run_path(const std::string& folder, std::uint64_t run) { return folder + "/run-" + std::to_string(run); }

void write_run(const std::string& folder, std::uint64_t run, std::uint64_t chunks, const Keys& keys) {
  IndexRunWriter writer;
  for (std::uint64_t at = 0; at < chunks; at += kPackChunks) {
    FinishedPack pack;
    pack.header = Bytes(160, 1);
    for (std::uint64_t i = at; i < std::min(chunks, at + kPackChunks); ++i) {
      pack.entries.push_back({generated(run * kRunChunks + i), static_cast<std::uint32_t>(i), 4016, 4000, 0});
    }
    writer.add({SessionId{}, static_cast<std::uint32_t>(at / kPackChunks)}, pack);
  }
  crypto::SystemEntropy entropy;
  const Bytes object = writer.finish(entropy, keys, "index/x").value();
  std::ofstream(run_path(folder, run), std::ios::binary).write(reinterpret_cast<const char*>(object.data()), static_cast<std::streamsize>(object.size()));
}

RangeReader file_range(const std::string& path) {
  return [fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC)](std::uint64_t offset, std::size_t length) -> Result<Bytes> {
    Bytes out(length);
    if (::pread(fd, out.data(), length, static_cast<off_t>(offset)) != static_cast<ssize_t>(length))
      return make_error(ErrorKind::kFailed, "the run cannot be read");
    return out;
  };
}

double resident_mib() {
  std::ifstream in("/proc/self/statm");
  std::uint64_t size = 0, resident = 0;
  in >> size >> resident;
  return static_cast<double>(resident) * 4096 / (1 << 20);
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

int measure(const std::string& folder, std::uint64_t chunks) {
  crypto::SystemEntropy entropy;
  const Keys keys = create_config(entropy, Passphrase{Secret("x")}, "x", 0, crypto::Argon2Cost{8, 1}).value().keys;
  const std::uint64_t runs = (chunks + kRunChunks - 1) / kRunChunks;
  for (std::uint64_t r = 0; r < runs; ++r) {         // in a process of its own, whose memory does not count here
    const pid_t child = ::fork();
    if (child == 0) {
      write_run(folder, r, std::min(kRunChunks, chunks - r * kRunChunks), keys);
      ::_exit(0);
    }
    ::waitpid(child, nullptr, 0);
  }
  const double before = resident_mib();
  BlockCache cache(kCacheBytes);
  IndexSet set;
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t r = 0; r < runs; ++r) {
    struct ::stat st{};
    ::stat(run_path(folder, r).c_str(), &st);
    set.add(IndexRun::open("index/x", static_cast<std::uint64_t>(st.st_size), file_range(run_path(folder, r)), keys,
                           {&keys.writer.public_key, 1}, cache).value());
  }
  const double opened = seconds_since(begin);
  KnownChunks known(set, [](const PackName&, const crypto::PublicKey&) { return true; });
  for (const bool there : {true, false}) {
    Rng rng(7);
    const auto start = std::chrono::steady_clock::now();
    int found = 0;
    for (int i = 0; i < kLookups; ++i) found += known.contains(generated(there ? rng.bounded(chunks) : chunks + i)).value() ? 1 : 0;
    std::printf("%s: %.2f us each (%d of %d found)\n", there ? "known chunks" : "new chunks", seconds_since(start) * 1e6 / kLookups, found, kLookups);
  }
  std::printf("%llu chunks in %llu runs: opened in %.3f s, %.1f MiB resident, %.1f of them the cache\n",
              static_cast<unsigned long long>(chunks), static_cast<unsigned long long>(runs), opened, resident_mib() - before,
              static_cast<double>(cache.bytes()) / (1 << 20));
  return 0;
}

}  // namespace
}  // namespace hf::vault

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  return hf::vault::measure(argv[1], std::strtoull(argv[2], nullptr, 10));
}
