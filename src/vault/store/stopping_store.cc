#include "vault/store/stopping_store.h"

namespace hf::vault {

Status StoppingStore::going() const {
  return stop_.stop_requested() ? Status(make_error(ErrorKind::kCancelled, "interrupted")) : ok();
}

Status StoppingStore::put(const std::string& name, ByteView bytes, PutMode mode) {
  HF_TRY(going());
  return inner_->put(name, bytes, mode);
}

Result<Bytes> StoppingStore::get(const std::string& name, ByteRange range) {
  HF_TRY(going());
  return inner_->get(name, range);
}

Result<ObjectInfo> StoppingStore::stat(const std::string& name) {
  HF_TRY(going());
  return inner_->stat(name);
}

Status StoppingStore::list(const std::string& prefix, const std::function<Status(const ObjectInfo&)>& each) {
  HF_TRY(going());
  return inner_->list(prefix, [&](const ObjectInfo& info) -> Status {
    HF_TRY(going());
    return each(info);
  });
}

}  // namespace hf::vault
