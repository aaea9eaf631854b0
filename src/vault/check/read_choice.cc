#include "vault/check/read_choice.h"

#include "crypto/hash.h"

namespace hf::vault {

std::uint64_t ReadChoice::rank(const std::string& object) const {
  return by_rank() ? options_.hooks->rank(object).value_or(~std::uint64_t{0}) : 0;
}

bool ReadChoice::takes(const std::string& object) const {
  if (by_rank()) return options_.hooks->rank(object).has_value();
  if (!options_.read_data) return false;
  if (options_.read_data_percent >= 100) return true;
  ByteWriter in;
  in.u64(options_.sample_seed).raw(as_bytes(object));
  const crypto::Digest digest = crypto::sha256(in.take());
  return (digest[0] * 256u + digest[1]) * 100u < options_.read_data_percent * 65536u;
}

bool ReadChoice::takes_blob(const std::string& object) const { return by_rank() ? takes(object) : options_.read_data; }

Status ReadChoice::read(const ObjectInfo& object, const std::function<Status()>& read) const {
  if (!by_rank()) return read();
  HF_ASSIGN(const bool turn, options_.hooks->before(object));
  if (!turn) return ok();
  Status whole = read();
  if (whole || whole.error().kind == ErrorKind::kCorrupt) options_.hooks->after(object, whole.has_value());
  return whole;
}

}  // namespace hf::vault
