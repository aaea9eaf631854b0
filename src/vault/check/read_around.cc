#include "vault/check/read_around.h"

#include <algorithm>

namespace hf::vault {
namespace {

constexpr std::uint64_t kSectorBytes = 4096;
constexpr int kMaxBadReads = 2000;       // of one object: a disk may think for seconds about each

class AroundReader {
 public:
  AroundReader(Store& store, const std::string& object) : store_(store), object_(object) {}
  Result<Bytes> read(std::uint64_t size) {
    out_.assign(static_cast<std::size_t>(size), 0);
    HF_TRY(read_range(0, size));
    return std::move(out_);
  }

 private:
  Status read_range(std::uint64_t begin, std::uint64_t length);

  Store& store_;
  const std::string& object_;
  Bytes out_;
  int bad_ = 0;
};

// Halves what cannot be read, down to a sector.
Status AroundReader::read_range(std::uint64_t begin, std::uint64_t length) {
  const auto part = store_.get(object_, {begin, length});
  if (part) {
    std::ranges::copy(*part, out_.begin() + static_cast<std::ptrdiff_t>(begin));
    return ok();
  }
  if (part.error().kind != ErrorKind::kCorrupt || ++bad_ == kMaxBadReads) return part.error();
  if (length <= kSectorBytes) return ok();
  const std::uint64_t half = (length / 2 + kSectorBytes - 1) / kSectorBytes * kSectorBytes;
  HF_TRY(read_range(begin, half));
  return read_range(begin + half, length - half);
}

}  // namespace

Result<Bytes> read_around(Store& store, const std::string& object) {
  HF_ASSIGN(const ObjectInfo info, store.stat(object));
  if (info.size > kMaxObjectBytes)
    return make_error(ErrorKind::kCorrupt, "object " + object + " is larger than any that a vault holds").with_object(object);
  return AroundReader(store, object).read(info.size);
}

}  // namespace hf::vault
