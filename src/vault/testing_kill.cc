#include "vault/testing_kill.h"

#include <filesystem>

#include "base/check.h"

namespace hf::vault::testing {
namespace {

constexpr std::uint64_t kMaxLocalFile = 64u << 20;

void put_back(MemoryStore& store, const std::map<std::string, Bytes>& kept) {
  for (const auto& [name, bytes] : store.snapshot()) {
    if (!kept.contains(name)) HF_CHECK(store.remove(name).has_value());
  }
  for (const auto& [name, bytes] : kept) store.set(name, bytes);      // all of them: a later commit is of a later time
}

}  // namespace

std::string KillPoint::text() const {
  return "killed " + std::string(after ? "after" : "before") + " call " + std::to_string(at) +
         (of_copy ? " of the copy's store" : " of the vault's store");
}

KillWorld::KillWorld() { keep(); }

void KillWorld::keep() {
  kept_ = vault.store.snapshot();
  kept_copy_ = copy.snapshot();
  kept_local_.clear();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
    if (entry.is_regular_file()) kept_local_[entry.path()] = read_file(disk_, entry.path(), kMaxLocalFile).value();
  }
}

void KillWorld::come_back() {
  disarm();
  put_back(vault.store, kept_);
  put_back(copy, kept_copy_);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
    if (entry.is_regular_file() && !kept_local_.contains(entry.path())) std::filesystem::remove(entry.path());
  }
  for (const auto& [path, bytes] : kept_local_) {
    auto file = disk_.open(path, OpenMode::kCreate);
    HF_CHECK(file && (*file)->truncate(0) && (*file)->write_at(0, bytes));
  }
}

void KillWorld::arm(const KillPoint& point) {
  const auto faults = [&](bool of_copy) {
    StoreFaults out;
    if (of_copy != point.of_copy) return out;
    out.stop_at = point.at;
    out.stop_after = point.after;
    out.on_stop = [this, of_copy] {
      (of_copy ? faulty_ : faulty_copy_)->stop();
      local_.set_fault({.at = 0, .for_ever = true});
    };
    return out;
  };
  faulty_ = std::make_unique<FaultyStore>(vault.store, faults(false));
  faulty_copy_ = std::make_unique<FaultyStore>(copy, faults(true));
}

void KillWorld::disarm() {
  faulty_.reset();
  faulty_copy_.reset();
  local_.set_fault({});
}

std::uint64_t KillWorld::calls(bool of_copy) const { return (of_copy ? faulty_copy_ : faulty_)->calls(); }

RepositoryContext KillWorld::context(Store& through, const std::string& host) {
  RepositoryContext out = vault.context(through, host);
  if (journals) out.local = {&local_, folder_.path()};
  return out;
}

Result<std::unique_ptr<Repository>> KillWorld::open_through(Store& through, const std::string& host) {
  Result<std::unique_ptr<Repository>> opened = make_error(ErrorKind::kDenied, "no credential");
  for (const Credentials& one : credentials) {
    opened = Repository::open(context(through, host), one);
    if (opened || opened.error().kind != ErrorKind::kDenied) break;
  }
  return opened;
}

std::map<std::string, Bytes> KillWorld::everything() {
  std::map<std::string, Bytes> out = vault.store.snapshot();
  for (auto& [name, bytes] : copy.snapshot()) out["copy:" + name] = std::move(bytes);
  return out;
}

}  // namespace hf::vault::testing
