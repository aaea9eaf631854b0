#include "vault/testing_repository.h"

#include <algorithm>

#include "base/check.h"

namespace hf::vault::testing {
namespace {

class MemorySink final : public RestoreSink {
 public:
  explicit MemorySink(std::vector<TestFile>& files) : files_(files) {}
  Status write(std::uint64_t file, std::uint64_t offset, ByteView bytes) override {
    Bytes& out = files_.at(file).bytes;
    HF_CHECK(offset + bytes.size() <= out.size());
    std::ranges::copy(bytes, out.begin() + static_cast<std::ptrdiff_t>(offset));
    return ok();
  }

 private:
  std::vector<TestFile>& files_;
};

}  // namespace

TestVault::TestVault(std::uint64_t seed) : entropy(seed) {
  InitOptions options;
  options.cost = kCheapCost;
  auto made = Repository::init(context(store), SlotLock(Passphrase{Secret(std::string_view("correct horse"))}), options);
  HF_CHECK(made.has_value());
}

std::unique_ptr<Repository> TestVault::open(Store* through, const std::string& host) {
  auto opened = Repository::open(context(through != nullptr ? *through : store, host), credentials);
  HF_CHECK(opened.has_value());
  return std::move(*opened);
}

Result<SnapshotInfo> backup_files(Repository& repository, const std::vector<TestFile>& files, const std::string& component) {
  SnapshotMeta meta;
  meta.host = "alpha";
  meta.component = component;
  HF_ASSIGN(auto session, repository.begin_backup(std::move(meta)));
  for (const TestFile& file : files) {
    HF_ASSIGN(auto content, session->begin_content(ContentKind::kStream));
    HF_TRY(content->write(file.bytes));
    Entry entry;
    entry.path = file.path;
    entry.mode = 0644;
    HF_TRY(session->add(std::move(entry), std::move(content)));
  }
  return session->commit();
}

Result<std::vector<TestFile>> restore_files(Repository& repository, const SnapshotId& id) {
  HF_ASSIGN(auto reader, repository.open_snapshot(id));
  std::vector<TestFile> files;
  std::vector<RestoreItem> items;
  HF_TRY(reader->each_entry([&](const Entry& entry) {
    items.push_back({files.size(), entry.extents});
    files.push_back({entry.path, Bytes(static_cast<std::size_t>(entry.size))});
    return ok();
  }));
  MemorySink sink(files);
  HF_TRY(reader->restore(items, sink));
  return files;
}

}  // namespace hf::vault::testing
