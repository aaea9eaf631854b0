#include "vault/object/range.h"

namespace hf::vault {

RangeReader memory_range(ByteView object) {
  return [object](std::uint64_t offset, std::size_t length) -> Result<Bytes> {
    if (offset > object.size() || length > object.size() - offset) {
      return make_error(ErrorKind::kCorrupt, "object ends at byte " + std::to_string(object.size()) +
                                                 ", before byte " + std::to_string(offset) + " + " +
                                                 std::to_string(length));
    }
    return to_bytes(object.subspan(offset, length));
  };
}

}  // namespace hf::vault
