// "The archive has no such WAL" ends a recovery: it is said only where the archive proved it.
#include <gtest/gtest.h>

#include "vault/store/testing_wrapped_store.h"
#include "vault/testing_repository.h"
#include "vault/wal/wal_archive.h"

namespace hf::vault {
namespace {

using testing::TestVault;

constexpr std::uint64_t kAbsentSize = 1u << 20;
constexpr std::uint64_t kAbsentSystem = 77;

// Lists what lies there, and does not find the frames: a listing that is late, or a folder that came loose.
class ForgetfulStore final : public WrappedStore {
 public:
  using WrappedStore::WrappedStore;
  using Store::get;
  Result<Bytes> get(const std::string& name, ByteRange range) override {
    if (name.starts_with("wal/")) return make_error(ErrorKind::kNotFound, name + " is not there");
    return inner_.get(name, range);
  }
};

TEST(WalAbsence, IsNotProvenByObjectsThatAreListedAndNotFound) {
  TestVault vault;
  auto repository = vault.open();
  ASSERT_TRUE(WalArchive(*repository).put_frame({kAbsentSystem, 1, kAbsentSize, Lsn{kAbsentSize}, Bytes(1000, 7), {}}));
  ForgetfulStore forgetful(vault.store);
  auto through = vault.open(&forgetful);
  WalArchive archive(*through);
  const auto segment = archive.read_segment(kAbsentSystem, 1, 1);
  ASSERT_FALSE(segment);
  EXPECT_EQ(segment.error().kind, ErrorKind::kUnavailable) << segment.error().text;
  const auto coverage = archive.coverage(kAbsentSystem);
  ASSERT_FALSE(coverage);
  EXPECT_EQ(coverage.error().kind, ErrorKind::kUnavailable) << coverage.error().text;
  EXPECT_EQ(archive.read_segment(kAbsentSystem, 1, 2).error().kind, ErrorKind::kNotFound);
}

}  // namespace
}  // namespace hf::vault
