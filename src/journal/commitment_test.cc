#include "journal/commitment.h"

#include <gtest/gtest.h>

#include <numeric>

namespace hf::journal {
namespace {

std::array<std::uint8_t, kSaltBytes> counting_salt() {
  std::array<std::uint8_t, kSaltBytes> salt{};
  std::iota(salt.begin(), salt.end(), std::uint8_t{0});
  return salt;
}

// Computed with Python's hashlib over bytes(range(32)) + b"Ada Lovelace", and over the 32 bytes alone.
TEST(Commitment, IsTheHashOfSaltAndData) {
  EXPECT_EQ(commit_to(counting_salt(), as_bytes("Ada Lovelace")).sha256,
            "59af269ca64ec7a253d4b959af644f3e3f274fca7a0ff8021171fcdb4fc7f4ff");
  EXPECT_EQ(commit_to(counting_salt(), {}).sha256,
            "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd");
}

TEST(Commitment, ChangesWithEveryByteOfTheSalt) {
  const record::Commitment committed = commit_to(counting_salt(), as_bytes("Ada Lovelace"));
  for (std::size_t i = 0; i < kSaltBytes; ++i) {
    auto other = counting_salt();
    other[i] ^= 1;
    EXPECT_NE(commit_to(other, as_bytes("Ada Lovelace")), committed) << "byte " << i;
  }
}

}  // namespace
}  // namespace hf::journal
