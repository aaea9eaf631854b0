// "The archive has no such WAL" ends a recovery: it is said only where the archive proved it.
#include <gtest/gtest.h>

#include "vault/testing_repository.h"
#include "vault/wal/wal_archive.h"

namespace hf::vault {
namespace {

using testing::TestVault;

constexpr std::uint64_t kAbsentSize = 1u << 20;
constexpr std::uint64_t kAbsentSystem = 77;

// Lists what lies there, and does not find the frames: a listing that is late, or a folder that came loose.
class ForgetfulStore final : public Store {
 public:
  explicit ForgetfulStore(Store& inner) : inner_(inner) {}
  using Store::get;
  Status put(const std::string& name, ByteView bytes, PutMode mode) override { return inner_.put(name, bytes, mode); }
  Result<Bytes> get(const std::string& name, ByteRange range) override {
    if (name.starts_with("wal/")) return make_error(ErrorKind::kNotFound, name + " is not there");
    return inner_.get(name, range);
  }
  Result<ObjectInfo> stat(const std::string& name) override { return inner_.stat(name); }
  Status list(const std::string& prefix, const std::function<Status(const ObjectInfo&)>& each) override {
    return inner_.list(prefix, each);
  }
  Status remove(const std::string& name) override { return inner_.remove(name); }
  StoreProperties properties() const override { return inner_.properties(); }

 private:
  Store& inner_;
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
