// FaultyFiles: see testing_files.h.
#include "io/testing_files.h"

namespace hf {

std::optional<Error> FaultyFiles::turn(std::string_view call, const std::string& path) {
  std::lock_guard lock(mutex_);
  const std::size_t number = calls_++;
  trace_.push_back(std::string(call) + " " + path);
  if (number < fault_.at || (number > fault_.at && !fault_.for_ever)) return std::nullopt;
  fired_ = true;
  Error e = make_error(fault_.kind, std::string(call) + " " + path + ": failed on purpose (call " +
                                        std::to_string(number) + ")");
  e.object = path;
  return e;
}

template <class R, class Call>
R FaultyFiles::pass(std::string_view name, const std::string& path, Call call) {
  std::optional<Error> error = turn(name, path);
  if (!error) return call();
  bool after = false;
  {
    std::lock_guard lock(mutex_);
    after = fault_.after;
  }
  if (!after) return R(std::move(*error));
  R done = call();
  if (!done) return done;
  return R(std::move(*error).maybe_happened());
}

class FaultyFile final : public File {
 public:
  FaultyFile(FaultyFiles& files, std::unique_ptr<File> inner, std::string path)
      : files_(files), inner_(std::move(inner)), path_(std::move(path)) {}

  Result<std::size_t> read_at(std::uint64_t offset, MutableByteView out) override {
    return files_.pass<Result<std::size_t>>("read", path_, [&] { return inner_->read_at(offset, out); });
  }
  Status write_at(std::uint64_t offset, ByteView data) override {
    std::optional<Error> error = files_.turn("write", path_);
    if (!error) return inner_->write_at(offset, data);
    Fault fault;
    {
      std::lock_guard lock(files_.mutex_);
      fault = files_.fault_;
    }
    if (fault.torn) HF_TRY(inner_->write_at(offset, data.first(data.size() / 2)));
    if (fault.after) HF_TRY(inner_->write_at(offset, data));
    return std::move(*error).maybe_happened();
  }
  Status truncate(std::uint64_t size) override {
    return files_.pass<Status>("truncate", path_, [&] { return inner_->truncate(size); });
  }
  Result<std::uint64_t> size() override {
    return files_.pass<Result<std::uint64_t>>("size", path_, [&] { return inner_->size(); });
  }
  Status sync() override {
    return files_.pass<Status>("sync", path_, [&] { return inner_->sync(); });
  }

 private:
  FaultyFiles& files_;
  std::unique_ptr<File> inner_;
  std::string path_;
};

Result<std::unique_ptr<File>> FaultyFiles::open(const std::string& path, OpenMode mode, unsigned permissions) {
  auto file = pass<Result<std::unique_ptr<File>>>("open", path, [&] { return inner_.open(path, mode, permissions); });
  if (!file) return file;
  return std::unique_ptr<File>(std::make_unique<FaultyFile>(*this, std::move(*file), path));
}

Result<FileInfo> FaultyFiles::stat(const std::string& path) {
  return pass<Result<FileInfo>>("stat", path, [&] { return inner_.stat(path); });
}
Result<std::vector<DirectoryEntry>> FaultyFiles::list(const std::string& path) {
  return pass<Result<std::vector<DirectoryEntry>>>("list", path, [&] { return inner_.list(path); });
}
Status FaultyFiles::make_dirs(const std::string& path, unsigned permissions) {
  return pass<Status>("make_dirs", path, [&] { return inner_.make_dirs(path, permissions); });
}
Status FaultyFiles::move(const std::string& from, const std::string& to, IfExists policy) {
  return pass<Status>("move", from + " to " + to, [&] { return inner_.move(from, to, policy); });
}
Status FaultyFiles::remove(const std::string& path) {
  return pass<Status>("remove", path, [&] { return inner_.remove(path); });
}
Status FaultyFiles::sync_dir(const std::string& path) {
  return pass<Status>("sync_dir", path, [&] { return inner_.sync_dir(path); });
}

void FaultyFiles::set_fault(Fault fault) {
  std::lock_guard lock(mutex_);
  fault_ = fault;
  calls_ = 0;
  fired_ = false;
  trace_.clear();
}
std::size_t FaultyFiles::calls() {
  std::lock_guard lock(mutex_);
  return calls_;
}
bool FaultyFiles::fired() {
  std::lock_guard lock(mutex_);
  return fired_;
}
std::vector<std::string> FaultyFiles::trace() {
  std::lock_guard lock(mutex_);
  return trace_;
}

}  // namespace hf
