// Memory and time of a large index: writes runs of a million generated chunks each, opens them as a backup does, looks
// up chunks that are there and chunks that are not, joins as many references with it as prune and check do, and prints what
// that took. The same at a quarter of the size, and the slope. usage: index FOLDER CHUNKS
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rng.h"
#include "vault/index/index.h"
#include "vault/index/references.h"
#include "vault/keys/config.h"

namespace hf::vault {
namespace {

constexpr std::uint64_t kRunChunks = 1'000'000;   // merged runs have one to two millions
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

double peak_mib() {
  struct ::rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

// Every chunk is referred to once, in an order that has nothing to do with the index.
void join_references(const IndexSet& set, std::uint64_t chunks) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::vector<bool>> marked;
  for (const IndexRun& run : set.runs()) marked.emplace_back(run.chunks(), false);
  References references;
  int joins = 0;
  const auto join = [&] {
    ++joins;
    const auto match = [&](std::size_t run, std::uint64_t row, const IndexEntry&) { return marked[run][row] = true, true; };
    if (!references.join(set, match, [] { return ok(); }).value()) std::_Exit(1);
  };
  for (std::uint64_t i = 0; i < chunks; ++i) {
    if (references.add(generated(i))) join();
  }
  join();
  std::printf("mark or check of %llu references: %.2f s in %d joins\n", static_cast<unsigned long long>(chunks),
              seconds_since(start), joins);
}

double measure(const std::string& folder, std::uint64_t chunks) {
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
  join_references(set, chunks);
  std::printf("peak %.1f MiB\n", peak_mib());
  return peak_mib();
}

// In a process of its own, so that its peak is its own.
double measure_alone(const std::string& folder, std::uint64_t chunks) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) std::_Exit(1);
  const pid_t child = ::fork();
  if (child == 0) {
    const double peak = measure(folder, chunks);
    std::fflush(stdout);
    std::_Exit(::write(ends[1], &peak, sizeof peak) == sizeof peak ? 0 : 1);
  }
  double peak = 0;
  if (::read(ends[0], &peak, sizeof peak) != sizeof peak) std::_Exit(1);
  ::waitpid(child, nullptr, 0);
  return peak;
}

int run(const std::string& folder, std::uint64_t chunks) {
  const double small = measure_alone(folder, chunks / 4);
  const double large = measure_alone(folder, chunks);
  const double slope = (large - small) / (static_cast<double>(chunks - chunks / 4) / 1e6);
  std::printf("slope: %.2f MiB for each million chunks; a hundred millions: %.0f MiB\n", slope,
              large + slope * (100 - static_cast<double>(chunks) / 1e6));
  return 0;
}

}  // namespace
}  // namespace hf::vault

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  return hf::vault::run(argv[1], std::strtoull(argv[2], nullptr, 10));
}
