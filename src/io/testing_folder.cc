#include "io/testing_folder.h"

#include <cstdlib>
#include <filesystem>

#include <sys/stat.h>

#include "base/check.h"

namespace hf {

TestFolder::TestFolder() {
  path_ = std::filesystem::temp_directory_path() / "holdfast-test-XXXXXX";
  HF_CHECK(::mkdtemp(path_.data()) != nullptr);
  HF_CHECK(::chmod(path_.c_str(), 0755) == 0);
}

TestFolder::~TestFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace hf
