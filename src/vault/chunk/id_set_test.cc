#include "vault/chunk/id_set.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "base/rng.h"

namespace hf::vault {
namespace {

// Against a set of the library; ids that fall on the same places, so that lines grow, wrap round and are closed again.
TEST(IdSet, HoldsWhatWasPutInAndNotTakenOut) {
  Rng rng(11);
  IdSet set;
  std::set<std::uint64_t> model;
  const auto id_of = [](std::uint64_t n) {
    ChunkId id;
    const std::uint64_t near = n % 7 < 3 ? n % 5 : ~std::uint64_t{0} - n % 9;     // homes at both ends of the table
    std::memcpy(id.bytes.data(), &near, sizeof near);
    std::memcpy(id.bytes.data() + 8, &n, sizeof n);
    return id;
  };
  for (int i = 0; i < 200'000; ++i) {
    const std::uint64_t n = rng.u64() % 700;
    if (rng.u64() % 2 == 0) {
      EXPECT_EQ(set.insert(id_of(n)), model.insert(n).second);
    } else {
      set.erase(id_of(n));
      model.erase(n);
    }
    ASSERT_EQ(set.size(), model.size());
    const std::uint64_t other = rng.u64() % 700;
    ASSERT_EQ(set.contains(id_of(other)), model.contains(other)) << i;
  }
}

}  // namespace
}  // namespace hf::vault
