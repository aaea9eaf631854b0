// The rules that a machine can check: layers, file and function length, banned words, READMEs, dead headers.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFileLines = 800;
constexpr std::size_t kMaxFunctionLines = 70;
constexpr std::size_t kMaxColumns = 130;

struct SourceFile {
  std::string path;    // "vault/pack.cc", below src/
  std::string module;  // "vault"
  std::vector<std::string> lines;
  bool is_test = false;
};

std::vector<std::string> read_lines(const fs::path& path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<SourceFile> all_sources() {
  std::vector<SourceFile> files;
  const fs::path root = fs::path(HF_SOURCE_DIR) / "src";
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    std::string extension = entry.path().extension();
    if (extension != ".cc" && extension != ".h") continue;
    SourceFile f;
    f.path = fs::relative(entry.path(), root);
    f.module = f.path.substr(0, f.path.find('/'));
    f.lines = read_lines(entry.path());
    std::string name = entry.path().filename();
    f.is_test = name.ends_with("_test.cc") || name.starts_with("testing");
    files.push_back(std::move(f));
  }
  std::sort(files.begin(), files.end(), [](auto& a, auto& b) { return a.path < b.path; });
  return files;
}

// What cmake/modules.cmake allows: module -> modules it may include.
std::map<std::string, std::set<std::string>> allowed() {
  std::map<std::string, std::set<std::string>> out;
  for (const std::string& line : read_lines(fs::path(HF_SOURCE_DIR) / "cmake/modules.cmake")) {
    std::istringstream in(line);
    std::string word;
    in >> word;
    if (!word.starts_with("hf_module(")) continue;
    std::string module = word.substr(10);
    out[module] = {module, "base"};
    in >> word;  // DEPS
    while (in >> word && word != "LIBS" && word != "LIBS)") out[module].insert(word);
  }
  return out;
}

TEST(Tidy, IncludesFollowTheTableOfLayers) {
  auto table = allowed();
  ASSERT_GT(table.size(), 10u);
  const std::regex include("^#include \"([a-z]+)/");
  for (const SourceFile& f : all_sources()) {
    ASSERT_TRUE(table.contains(f.module)) << f.path << ": its folder is not in cmake/modules.cmake";
    for (std::size_t i = 0; i < f.lines.size(); ++i) {
      std::smatch m;
      if (std::regex_search(f.lines[i], m, include)) {
        EXPECT_TRUE(table[f.module].contains(m[1])) << f.path << ":" << i + 1 << ": " << f.module << " may not include " << m[1];
      }
    }
  }
}

TEST(Tidy, OnlyTestsIncludeFakes) {
  for (const SourceFile& f : all_sources()) {
    if (f.is_test || f.module == "sim") continue;
    for (const std::string& line : f.lines) {
      EXPECT_FALSE(line.starts_with("#include") && (line.find("/testing") != std::string::npos || line.find("\"sim/") != std::string::npos))
          << f.path << ": " << line;
    }
  }
}

TEST(Tidy, FilesAndLinesAreShort) {
  for (const SourceFile& f : all_sources()) {
    EXPECT_LE(f.lines.size(), kMaxFileLines) << f.path;
    for (std::size_t i = 0; i < f.lines.size(); ++i) {
      EXPECT_LE(f.lines[i].size(), kMaxColumns) << f.path << ":" << i + 1;
      EXPECT_EQ(f.lines[i].find('\t'), std::string::npos) << f.path << ":" << i + 1 << ": a tab";
    }
  }
}

// A function at namespace level starts at column 0, ends its head with '{' and closes with '}' at column 0. A pass list
// may be longer if the line before it says "// pass list".
TEST(Tidy, FunctionsAreShort) {
  const std::regex head("^[A-Za-z].*\\).*\\{$");
  for (const SourceFile& f : all_sources()) {
    for (std::size_t i = 0; i < f.lines.size(); ++i) {
      if (!std::regex_match(f.lines[i], head)) continue;
      std::size_t end = i;
      while (end < f.lines.size() && !f.lines[end].starts_with("}")) ++end;
      bool excused = i > 0 && f.lines[i - 1].find("pass list") != std::string::npos;
      EXPECT_LE(end - i + 1, excused ? 200 : kMaxFunctionLines) << f.path << ":" << i + 1 << ": " << f.lines[i];
      i = end;
    }
  }
}

struct Banned {
  std::string word;
  std::string instead;
  std::set<std::string> allowed_in;  // path prefixes below src/
};

TEST(Tidy, BannedWords) {
  const std::vector<Banned> banned = {
      {"sleep_for(", "Clock::sleep_until", {}},
      {"system_clock::now", "Clock::wall", {"base/time.cc"}},
      {"steady_clock::now", "Clock::mono", {"base/time.cc"}},
      {"random_device", "crypto::Entropy or Rng", {}},
      {"std::cout", "cli/output.h", {}},
      {"std::cerr", "cli/output.h or Log", {}},
      {"getenv(", "an argument", {"cli/", "io/process.cc"}},
      {"#include <iostream>", "cli/output.h or Log", {}},
      {"#include <nlohmann", "base/json.h", {"base/json.cc"}},
      {"#include <CLI", "cli/command.h", {"cli/parser.cc"}},
      {std::string("FIX") + "ME", "an entry in docs/STATUS.md", {}},
      {std::string("TO") + "DO", "an entry in docs/STATUS.md", {}},
      {std::string("GTEST_") + "SKIP", "a failure", {}},
      {std::string("DISABLED") + "_", "a failure", {}},
  };
  for (const SourceFile& f : all_sources()) {
    for (const Banned& b : banned) {
      bool free = std::any_of(b.allowed_in.begin(), b.allowed_in.end(), [&](auto& p) { return f.path.starts_with(p); });
      bool for_tests = b.word.find("::now") != std::string::npos || b.word.starts_with("sleep") || b.word.starts_with("getenv");
      if (free || (f.is_test && for_tests)) continue;
      for (std::size_t i = 0; i < f.lines.size(); ++i)
        EXPECT_EQ(f.lines[i].find(b.word), std::string::npos) << f.path << ":" << i + 1 << ": " << b.word << "; use " << b.instead;
    }
  }
}

TEST(Tidy, EveryModuleHasAReadme) {
  for (const auto& [module, deps] : allowed()) {
    fs::path readme = fs::path(HF_SOURCE_DIR) / "src" / module / "README.md";
    ASSERT_TRUE(fs::exists(readme)) << readme;
    std::size_t n = read_lines(readme).size();
    EXPECT_GE(n, 8u) << readme;
    EXPECT_LE(n, 60u) << readme;
  }
}

TEST(Tidy, EveryFileOpensWithWhatItIs) {
  for (const SourceFile& f : all_sources()) {
    ASSERT_FALSE(f.lines.empty()) << f.path;
    if (!f.path.ends_with(".h")) continue;
    EXPECT_TRUE(f.lines[0].starts_with("//")) << f.path << ": a header opens with a comment that says what it is";
    bool once = std::any_of(f.lines.begin(), f.lines.end(), [](auto& l) { return l == "#pragma once"; });
    EXPECT_TRUE(once) << f.path << ": no #pragma once";
  }
}

TEST(Tidy, NoDeadHeaders) {
  std::set<std::string> included;
  auto sources = all_sources();
  for (const SourceFile& f : sources) {
    std::string own = f.path.substr(0, f.path.rfind('.')) + ".h";
    for (const std::string& line : f.lines) {
      if (!line.starts_with("#include \"")) continue;
      std::string path = line.substr(10, line.rfind('"') - 10);
      if (path != own) included.insert(path);
    }
  }
  for (const char* folder : {"demo", "fuzz", "bench", "tests"}) {
    fs::path root = fs::path(HF_SOURCE_DIR) / folder;
    if (!fs::exists(root)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      if (entry.path().extension() != ".cc") continue;
      for (const std::string& line : read_lines(entry.path()))
        if (line.starts_with("#include \"")) included.insert(line.substr(10, line.rfind('"') - 10));
    }
  }
  for (const SourceFile& f : sources)
    EXPECT_TRUE(!f.path.ends_with(".h") || included.contains(f.path)) << f.path << " is included by nobody but itself";
}

}  // namespace
