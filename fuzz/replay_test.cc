// Replays one fuzz target without a fuzzer: every file of its corpus, every beginning of it, and the file with each
// single bit turned. Nothing is compared: a target that accepts what it must not, or reads past its input, aborts here
// as it does under libFuzzer. An empty corpus is a failure, because it would check nothing.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

// Variants of one file and kind; a larger file is sampled evenly, its first bytes (the headers) are all taken.
constexpr std::size_t kMaxVariants = 1500;
constexpr std::size_t kDenseBytes = 128;

struct Seed {
  std::string name;
  std::vector<std::uint8_t> bytes;
};

// What is running, for the line that an abort leaves behind.
char g_running[256] = "nothing";

void name_the_input(int signal) {
  const char prefix[] = "\nthe target died on: ";
  (void)!::write(STDERR_FILENO, prefix, sizeof prefix - 1);
  (void)!::write(STDERR_FILENO, g_running, std::strlen(g_running));
  (void)!::write(STDERR_FILENO, "\n", 1);
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

// The programs are called <target>_replay_test and share this file's object code.
std::filesystem::path corpus_folder() {
  std::string target = ::program_invocation_short_name;
  target.resize(std::min(target.size(), target.rfind("_replay_test")));
  return std::filesystem::path(HF_CORPORA) / target;
}

std::vector<Seed> corpus() {
  std::vector<Seed> seeds;
  std::error_code missing;
  for (const auto& file : std::filesystem::directory_iterator(corpus_folder(), missing)) {
    std::ifstream in(file.path(), std::ios::binary);
    seeds.push_back({file.path().filename().string(), {std::istreambuf_iterator<char>(in), {}}});
  }
  std::ranges::sort(seeds, {}, &Seed::name);
  return seeds;
}

// A buffer of exactly the input's size, so that AddressSanitizer sees one byte too far.
void run(const std::string& seed, const char* how, std::size_t at, std::vector<std::uint8_t> input) {
  std::snprintf(g_running, sizeof g_running, "%s, %s %zu", seed.c_str(), how, at);
  input.shrink_to_fit();
  EXPECT_EQ(LLVMFuzzerTestOneInput(input.data(), input.size()), 0) << g_running;
}

// Positions below `count`: all of the first `dense`, then evenly.
template <class Visit>
std::size_t for_positions(std::size_t count, std::size_t dense, Visit visit) {
  const std::size_t step = std::max<std::size_t>(1, count / kMaxVariants);
  std::size_t visited = 0;
  for (std::size_t at = 0; at < count; at += at < dense ? 1 : step, ++visited) visit(at);
  return visited;
}

class Replay : public testing::Test {
 protected:
  void SetUp() override {
    for (int s : {SIGABRT, SIGSEGV, SIGILL, SIGTRAP}) ::signal(s, name_the_input);
    ASSERT_FALSE(seeds_.empty()) << "no file in " << corpus_folder();
  }
  const std::vector<Seed> seeds_ = corpus();
};

TEST_F(Replay, EveryFile) {
  for (const Seed& seed : seeds_) run(seed.name, "whole", seed.bytes.size(), seed.bytes);
  run("the empty input", "whole", 0, {});
}

TEST_F(Replay, EveryBeginning) {
  for (const Seed& seed : seeds_) {
    EXPECT_GT(seed.bytes.size(), 0U) << seed.name;
    for_positions(seed.bytes.size(), kDenseBytes, [&](std::size_t length) {
      const auto end = seed.bytes.begin() + static_cast<std::ptrdiff_t>(length);
      run(seed.name, "cut at byte", length, {seed.bytes.begin(), end});
    });
  }
}

TEST_F(Replay, EveryBitTurned) {
  for (const Seed& seed : seeds_) {
    const std::size_t turned = for_positions(seed.bytes.size() * 8, kDenseBytes * 8, [&](std::size_t bit) {
      std::vector<std::uint8_t> input = seed.bytes;
      input[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
      run(seed.name, "with this bit turned:", bit, std::move(input));
    });
    EXPECT_GT(turned, 0U) << seed.name;
  }
}

}  // namespace
