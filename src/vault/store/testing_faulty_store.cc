#include "vault/store/testing_faulty_store.h"

namespace hf::vault {

template <class Call>
auto FaultyStore::guarded(Call&& call) -> decltype(call()) {
  const std::uint64_t n = ++calls_;
  if (n == faults_.stop_at && !stopped_) {
    if (faults_.stop_after) (void)call();
    stopped_ = true;
    if (faults_.on_stop) faults_.on_stop();
  }
  if (stopped_ || (faults_.stop_at != 0 && n > faults_.stop_at)) {
    return make_error(ErrorKind::kUnavailable, "the store is gone");
  }
  if (n == faults_.fail_at) return make_error(ErrorKind::kUnavailable, "the store failed this call");
  auto result = call();
  if (n == faults_.lose_answer_at) {
    return Error(make_error(ErrorKind::kTimeout, "the store's answer was lost")).maybe_happened();
  }
  return result;
}

Status FaultyStore::put(const std::string& name, ByteView bytes, PutMode mode) {
  if (!faults_.stop_at_put.empty() && name.starts_with(faults_.stop_at_put)) stopped_ = true;
  Status put = guarded([&] { return inner_.put(name, bytes, mode); });
  if (!put && put.error().effect == Effect::kMaybe && mode == PutMode::kCreate) lost_create_ = true;
  return put;
}

Result<Bytes> FaultyStore::get(const std::string& name, ByteRange range) {
  return guarded([&]() -> Result<Bytes> {
    HF_ASSIGN(Bytes bytes, inner_.get(name, range));
    if (name == faults_.truncate) bytes.resize(bytes.size() / 2);
    if (name == faults_.corrupt && !bytes.empty()) bytes[bytes.size() / 2] ^= 1;
    return bytes;
  });
}

Result<ObjectInfo> FaultyStore::stat(const std::string& name) {
  return guarded([&] { return inner_.stat(name); });
}

Status FaultyStore::list(const std::string& prefix, const std::function<Status(const ObjectInfo&)>& each) {
  return guarded([&] { return inner_.list(prefix, each); });
}

Status FaultyStore::remove(const std::string& name) {
  return guarded([&] { return inner_.remove(name); });
}

}  // namespace hf::vault
